/* The question of a loop to the database: how far do the logs of these rooms go, and what is in them behind
 * what was delivered? For rooms where nothing is missing that is one row. */
#include "app/chat/chat_relay_int.h"

#define ENTRIES_MAX 500   /* of all rooms in one answer */
#define MISSED_MAX  20000 /* a room that has missed more passes over the rest: chat:sync has it */

static void items_free(relay_ask *a)
{
    while (a->items) {
        chat_item *next = a->items->next;

        free(a->items);
        a->items = next;
    }
}

void relay_read_clear(relay_read *r)
{
    for (unsigned i = 0; i < r->n; i++)
        items_free(&r->ask[i]);
    r->n = 0;
}

static int read_room(db_conn *c, relay_ask *a, const chat_head *h, int64_t *left)
{
    chat_item **tail = &a->items;
    int64_t after = a->after, n;

    if (h->seq - after > MISSED_MAX)
        after = h->seq - MISSED_MAX;
    n = h->seq - after < CHAT_PAGE_MAX ? h->seq - after : CHAT_PAGE_MAX;
    if (n > *left)
        n = *left;
    a->upto = after + n;
    *left -= n;
    return n > 0 ? chat_log_replay(c, h->room_id, after, a->upto, &tail) : 0;
}

/* Runs possibly twice, so what the first run left is cleared. */
static int on_run(db_job *job, db_conn *c)
{
    relay_read *r = container_of(job, relay_read, job);
    int64_t left = ENTRIES_MAX;
    int err = chat_log_heads(c, r->head, r->n);

    for (unsigned i = 0; i < r->n && err == 0; i++) {
        relay_ask *a = &r->ask[i];

        items_free(a);
        a->upto = a->after;
        if (a->after >= 0 && r->head[i].seq > a->after)
            err = read_room(c, a, &r->head[i], &left);
    }
    return err;
}

int relay_read_start(relay_read *r, db *d, void (*done)(db_job *job))
{
    r->job = (db_job){.run = on_run, .done = done};
    db_job_here(&r->job);
    return db_read(d, &r->job);
}
