/* What the HTTP API does, for other ways in: the event bus and job queues. */
#ifndef APP_API_API_ACT_H
#define APP_API_API_ACT_H

#include "app/app.h"

/* POST of `body` to `target` (behind /api/v1). key: under an Idempotency-Key, so that it is done once for all
 * servers that share the database; n 0: none, at most API_ACT_KEY_MAX bytes. here: what it emits reaches the
 * clients of this server only. Texts are copied. */
#define API_ACT_KEY_MAX 128
typedef struct api_act {
    sio_str target, body, key;
    bool    here;
} api_act;

/* status and answer are those of HTTP; status 0: without memory. */
typedef void api_acted_fn(void *arg, int status, sio_str answer);
/* On a loop; fn runs once on the same one, perhaps before this returns. Works without an API_KEY. */
void api_act_go(app *a, const api_act *act, api_acted_fn *fn, void *arg);

#endif
