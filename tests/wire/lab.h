/* The server under test: options named in text, a few small apps, and a log of what they see. */
#ifndef WIRE_LAB_H
#define WIRE_LAB_H

#include "base/arena.h"
#include "base/buf.h"
#include "sio.h"

typedef struct lab {
    sio_server *io;
    arena strings;          /* of the options */
    buf log;                /* lines, 0-terminated each, in the order of the events */
    size_t read;            /* what lab_log_next gave out */
    const char *allow;      /* allow_request: NULL lets in, "" refuses, else refuses with this message */
    const char *on_request; /* "fail", "reply" or NULL */
    const char *header;     /* value of X-First or X-Later on every answer */
    uint32_t allow_ms;      /* allow_request answers so much later */
    bool logs_any;
} lab;

void lab_init(lab *l);
void lab_fini(lab *l); /* after the server */
/* Applies words like "ping_interval=300 cors=any credentials" to o; false with *bad at the unknown one. */
bool lab_options(lab *l, const char *words, sio_options *o, const char **bad);
/* Sets the hooks that those words asked for, and the context. */
void lab_hooks(lab *l, sio_options *o);
/* Adds the named apps ("echo rooms") to a server whose context is l; false for an unknown name. */
bool lab_attach(lab *l, sio_server *io, const char *apps);
void lab_note(lab *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next line of the log or NULL. */
const char *lab_log_next(lab *l);

#endif
