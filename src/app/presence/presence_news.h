/* When others are told that somebody came, went, or chose a status. Changes go in as they happen, tellings
 * come out such that
 *
 *   - a user is told of at most once in interval_ms, and then as the user is by that time,
 *   - who is again as was told last is not told of, unless a status was chosen, even the same one,
 *   - with a rate, no more than it allows are told of; the others wait in the order they came.
 *
 * So a storm of reconnects costs each listener what the rate says, and never a message for every change.
 * Pure: no clock, no sockets. One thread. */
#ifndef APP_PRESENCE_PRESENCE_NEWS_H
#define APP_PRESENCE_PRESENCE_NEWS_H

#include "app/presence/presence_store.h"

typedef struct presence_news presence_news;

typedef struct presence_told {
    sio_str       user;
    presence_seen seen;
    bool          chosen;    /* by the user; else the user came or went */
    sio_str       chosen_by; /* the only socket that chose since the last telling; p NULL: several or none */
} presence_told;
typedef void presence_tell_fn(void *arg, const presence_told *t);

/* NULL without memory. Once it runs it aborts without. */
presence_news *presence_news_new(int64_t interval_ms, presence_tell_fn *tell, void *arg);
void           presence_news_free(presence_news *n); /* NULL is allowed */
void           presence_news_add(presence_news *n, const presence_change *ch);

#define PRESENCE_ANY_RATE INT64_MAX
/* Tells what may be told at now_ms. rate: tellings in 1000 seconds, 1 to 10^12; at most a second's worth
 * is saved up, or one. True when it wants to be called again, within PRESENCE_TICK_MS. */
bool presence_news_flush(presence_news *n, int64_t now_ms, int64_t rate);

#endif
