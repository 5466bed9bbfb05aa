/* What the routes of the demo share. */
#ifndef MAIN_DEMO_INT_H
#define MAIN_DEMO_INT_H

#include "sio.h"

#define DEMO_BODY_MAX 4096
#define DEMO_JSON     "Content-Type: application/json\r\nCache-Control: no-store\r\n"
#define DEMO_CSP                                                                                           \
    "Content-Security-Policy: default-src 'self'; img-src 'self' data:; base-uri 'none'; "                 \
    "form-action 'self'; frame-ancestors 'none'\r\n"                                                       \
    "X-Content-Type-Options: nosniff\r\n"

/* Answers {key: text}. */
void demo_reply_text(sio_request *r, int status, const char *key, sio_str text);
/* A text of the object v. `scratch` has DEMO_BODY_MAX bytes and backs *out. False when there is none, or
 * it is longer. */
bool demo_get_text(sio_val v, const char *key, char *scratch, sio_str *out);

/* POST /demo/media, /demo/notify, /demo/status. The server's context is the app. 0 or the error of
 * sio_http. */
int demo_party_attach(sio_server *io);
/* GET /demo-media/NAME.svg: a picture for each name. 0 or the error of sio_http. */
int demo_photo_attach(sio_server *io);

#endif
