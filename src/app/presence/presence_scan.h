/* Reads a register, some hundred sockets at a time. What is in it all the while is found, perhaps more than
 * once; what comes or goes meanwhile may be. */
#ifndef APP_PRESENCE_PRESENCE_SCAN_H
#define APP_PRESENCE_PRESENCE_SCAN_H

#include "app/presence/presence_shared.h"

typedef struct presence_entry {
    sio_str socket, user;
} presence_entry;

typedef struct presence_scan presence_scan;

/* The next entries (0), or how it ended before all were found. Runs in a later turn, or as the client is
 * freed. */
typedef void presence_scan_fn(presence_scan *s, int err);

/* The caller's memory; whoever gives it back frees `entries` before. */
struct presence_scan {
    redis            *r;
    presence_scan_fn *fn;
    presence_entry   *entries; /* with their texts, until the next are asked for */
    unsigned          n;
    char              key[PRESENCE_REGISTER_MAX], cursor[24];
};

/* Asks for the first entries: 0, or the error of redis_command, and fn is not called. */
int presence_scan_begin(presence_scan *s, redis *r, const char *key, presence_scan_fn *fn);
/* Asks for the next ones, when there are more. */
int presence_scan_next(presence_scan *s);
bool presence_scan_is_over(const presence_scan *s);

#endif
