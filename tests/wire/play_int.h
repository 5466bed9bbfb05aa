/* What the files of the player share. */
#ifndef WIRE_PLAY_INT_H
#define WIRE_PLAY_INT_H

#include "lab.h"
#include "script.h"
#include "sio/rig_test.h"
#include "vars.h"

#define MAX_CLIENTS 32
#define MAX_TEXT    ((size_t)64 << 20)

typedef struct actor {
    char name[16];
    peer p;
    buf headers; /* of the next request */
    buf taken;   /* behind reply */
    peer_reply reply;
    bool is_websocket;
} actor;

typedef struct player {
    rig r;
    lab lab;
    const scenario *scenario;
    variant v;
    const step *at;
    vars vars;
    actor actor[MAX_CLIENTS];
    unsigned nactors;
} player;

/* Fails the scenario at the step it is at. */
void wrong(const player *pl, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
/* "word rest": the rest when the text starts with word, else NULL. */
const char *behind(const char *text, const char *word);
/* The text with everything filled in; to be given back with buf_fini. */
buf expand(const player *pl, const char *text);

/* play_client.c: the words behind `>` and `<`. */
void client_does(player *pl, actor *a, const char *what);
void client_sees(player *pl, actor *a, const char *what);

#endif
