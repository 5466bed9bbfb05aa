/* The way to other servers, as the settings say. */
#ifndef MAIN_CLUSTER_H
#define MAIN_CLUSTER_H

#include "main/config.h"
#include "sio_redis.h"

typedef struct cluster_join {
    char  code[5];                       /* this server's name among the others, new at each start */
    void (*on_up)(void *arg);            /* Redis is back, or there for the first time; loop 0; may be NULL */
    void *arg;
} cluster_join;

/* Draws the code and, when REDIS_URL is set, makes the adapter; else *out is NULL. 0 or SIO_E*. j stays where it is as long as
 * the server lives. */
int cluster_make(cluster_join *j, sio_adapter **out, const config *c);

#endif
