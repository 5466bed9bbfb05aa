#include "app/presence/presence_news.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

#include <stdlib.h>

#define SOCKET_ID_MAX 24 /* with its length, what the heap gives at least */
#define COST          1000000 /* of a telling, in the unit that rate * milliseconds has */
#define PASSED_MAX    1000000 /* milliseconds: more than any rate needs for one telling */

/* The socket that has chosen a status. */
typedef struct chooser {
    uint8_t n;
    char    id[SOCKET_ID_MAX - 1];
} chooser;

/* A user with news, or one that was told of not long ago. With a rate they may be all that are connected, for
 * hours: small. */
typedef struct item {
    list     link;     /* in ready or cooling */
    int64_t  told_ms;  /* cooling: since when */
    int64_t  wall;     /* of presence_seen */
    chooser *by;       /* chosen by one socket, or NULL */
    uint32_t id_len;
    uint8_t  told;     /* enum presence_status: what the others believe */
    uint8_t  status;   /* how it is now */
    bool     chosen : 1, several : 1;
    char     id[];
} item;

struct presence_news {
    map               items;   /* by user */
    pool              pool;    /* of them */
    list              ready;   /* to be told of, in the order of their changes */
    list              cooling; /* told of less than interval_ms ago, in that order */
    int64_t           interval_ms;
    int64_t           credit;  /* at most a second's worth */
    int64_t           filled_ms;
    bool              started;
    presence_tell_fn *tell;
    void             *arg;
};

static sio_str key_of(const void *object)
{
    const item *it = object;

    return (sio_str){it->id, it->id_len};
}

presence_news *presence_news_new(int64_t interval_ms, presence_tell_fn *tell, void *arg)
{
    presence_news *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    map_init(&n->items, key_of);
    pool_init(&n->pool);
    list_init(&n->ready);
    list_init(&n->cooling);
    n->interval_ms = interval_ms;
    n->tell = tell;
    n->arg = arg;
    return n;
}

static size_t item_size(size_t id_len) { return offsetof(item, id) + id_len; }

static void forget_chooser(item *it)
{
    free(it->by);
    it->by = NULL;
    it->chosen = it->several = false;
}

static void item_drop(presence_news *n, item *it)
{
    forget_chooser(it);
    pool_put(&n->pool, it, item_size(it->id_len));
}

static void item_free(presence_news *n, item *it)
{
    list_del(&it->link);
    map_del(&n->items, key_of(it));
    item_drop(n, it);
}

void presence_news_free(presence_news *n)
{
    uint32_t at = 0;
    item *it;

    if (!n)
        return;
    while ((it = map_next(&n->items, &at)))
        item_drop(n, it);
    map_fini(&n->items);
    free(n);
}

/* ---- in -------------------------------------------------------------------------------------------- */

static item *item_of(presence_news *n, const presence_change *ch)
{
    item *it = map_get(&n->items, ch->user);

    if (it)
        return it;
    it = pool_get(&n->pool, item_size(ch->user.n));
    if (!it)
        abort();
    it->told = (uint8_t)ch->before;
    it->id_len = (uint32_t)ch->user.n;
    memcpy(it->id, ch->user.p, ch->user.n);
    if (map_put(&n->items, it) < 0)
        abort();
    list_init(&it->link);
    list_add_tail(&n->ready, &it->link);
    return it;
}

static void note_chooser(item *it, sio_str by)
{
    bool same = it->by && it->by->n == by.n && memcmp(it->by->id, by.p, by.n) == 0;

    it->several = it->several || by.n > sizeof(it->by->id) || (it->chosen && !same);
    it->chosen = true;
    if (it->several || it->by)
        return;
    if (!(it->by = malloc(sizeof(*it->by))))
        abort();
    it->by->n = (uint8_t)by.n;
    memcpy(it->by->id, by.p, by.n);
}

void presence_news_add(presence_news *n, const presence_change *ch)
{
    item *it = item_of(n, ch);

    it->status = (uint8_t)ch->now.status;
    it->wall = ch->now.wall;
    if (ch->chosen_by.p)
        note_chooser(it, ch->chosen_by);
    else if (ch->now.status == PRESENCE_OFFLINE)
        forget_chooser(it); /* what was chosen is over */
}

/* ---- out ------------------------------------------------------------------------------------------- */

static bool is_news(const item *it) { return it->chosen || it->status != it->told; }

static void tell(presence_news *n, item *it, int64_t now_ms)
{
    presence_told t = {.user = key_of(it), .chosen = it->chosen};

    t.seen = (presence_seen){.status = it->status, .wall = it->wall};
    if (it->chosen && !it->several)
        t.chosen_by = (sio_str){it->by->id, it->by->n};
    n->tell(n->arg, &t);
    it->told = it->status;
    it->told_ms = now_ms;
    forget_chooser(it);
    list_del(&it->link);
    list_add_tail(&n->cooling, &it->link);
}

static void end_cooling(presence_news *n, int64_t now_ms)
{
    while (!list_empty(&n->cooling)) {
        item *it = container_of(n->cooling.next, item, link);

        if (now_ms - it->told_ms < n->interval_ms)
            return;
        list_del(&it->link);
        if (is_news(it))
            list_add_tail(&n->ready, &it->link);
        else
            item_free(n, it);
    }
}

static void fill(presence_news *n, int64_t now_ms, int64_t rate)
{
    int64_t most = rate * 1000 > COST ? rate * 1000 : COST;
    int64_t passed = n->started ? now_ms - n->filled_ms : PASSED_MAX;

    n->credit += rate * (passed < PASSED_MAX ? passed : PASSED_MAX);
    n->filled_ms = now_ms;
    if (n->credit > most)
        n->credit = most;
    n->started = true;
}

bool presence_news_flush(presence_news *n, int64_t now_ms, int64_t rate)
{
    bool limited = rate != PRESENCE_ANY_RATE;

    if (limited)
        fill(n, now_ms, rate);
    end_cooling(n, now_ms);
    while (!list_empty(&n->ready)) {
        item *it = container_of(n->ready.next, item, link);

        if (!is_news(it)) {
            item_free(n, it);
            continue;
        }
        if (limited && n->credit < COST)
            break;
        if (limited)
            n->credit -= COST;
        tell(n, it, now_ms);
    }
    return !list_empty(&n->ready) || !list_empty(&n->cooling);
}
