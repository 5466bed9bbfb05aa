/* The demo: the page of a small Party Gallery, tokens for everybody who asks, and what a party's other
 * services would do: pictures, notifications, parties that begin and end. Never for real use. */
#ifndef MAIN_DEMO_H
#define MAIN_DEMO_H

#include "main/auth.h"
#include "sio.h"

/* Adds POST /demo/token, the routes of demo_party.c and demo_photo.c and, when the page is installed, its
 * files at /. Before the server runs; `a` must outlive it. One server a process. 0 or a SIO_E*. */
int demo_attach(sio_server *io, const auth *a, const config *c);

/* Finds a directory that comes with the program: `in_tree` below the source tree when the program runs from a
 * build directory in it, else `installed` below share/partyline. False when neither is there. */
bool demo_find_dir(const char *in_tree, const char *installed, char *out, size_t n);

#endif
