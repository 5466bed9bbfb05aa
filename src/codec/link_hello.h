/* The first words on a connection between two of our servers: each shows the other that it knows the
 * secret they share, and which node it is. Sans-IO, no memory of its own, any thread.
 *
 *   dialer   -> "SIOLINK1", its code, the code of the node it wants, 32 random bytes
 *   listener -> 32 random bytes
 *   dialer   -> HMAC-SHA256(secret, "siolink1 dialer\0", both codes, both randoms)
 *   listener -> HMAC-SHA256(secret, "siolink1 listen\0", the same)
 *
 * The dialer goes first with its proof, so that who merely finds the port learns nothing to guess secrets
 * with. The roles differ, so that no proof can be sent back, and the codes are in it, so that a node that
 * has another's address now is not mistaken for it. */
#ifndef CODEC_LINK_HELLO_H
#define CODEC_LINK_HELLO_H

#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_HELLO_CODE   4
#define LINK_HELLO_RANDOM 32
#define LINK_HELLO_MAX    64 /* bytes of the longest message */

typedef struct link_hello {
    sio_str secret;
    char    code[2][LINK_HELLO_CODE];     /* of the dialer, of the listener */
    uint8_t random[2][LINK_HELLO_RANDOM]; /* of the dialer, of the listener */
    char    in[LINK_HELLO_MAX];
    uint8_t nin, state;
    bool    dials;
} link_hello;

/* What is to be sent now. */
typedef struct link_words {
    char    p[LINK_HELLO_MAX];
    uint8_t n;
} link_words;

/* secret outlives h; own and wanted: LINK_HELLO_CODE bytes; random: LINK_HELLO_RANDOM fresh ones. */
void link_hello_dial(link_hello *h, sio_str secret, const char *own, const char *wanted,
                     const uint8_t *random, link_words *say);
void link_hello_listen(link_hello *h, sio_str secret, const char *own, const uint8_t *random);
/* Takes bytes of the other end: *used of them were for this. 1 = it has shown who it is, what follows is
 * another protocol; 0 = more is needed; SIO_EPARSE: it is somebody else, end the connection without a
 * word. In all cases but the last, *say is to be sent. */
int  link_hello_feed(link_hello *h, const char *p, size_t n, size_t *used, link_words *say);

#endif
