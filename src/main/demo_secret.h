/* The key of the demo: random, made once, kept in a file of mode 0600 beside the database, so that `partyline
 * token` in another shell signs with the same one. */
#ifndef MAIN_DEMO_SECRET_H
#define MAIN_DEMO_SECRET_H

#include "main/config.h"

#define DEMO_SECRET_LEN 43 /* 258 bits of [A-Za-z0-9_-] */

typedef struct demo_secret {
    char path[4200];
    char text[DEMO_SECRET_LEN + 1];
} demo_secret;

/* Reads the key that belongs to the configured database, and with `make` makes it when there is none. 0, or
 * -1 with *err set. Safe when two processes do it at once. */
int demo_secret_load(demo_secret *s, const config *c, bool make, config_error *err);

#endif
