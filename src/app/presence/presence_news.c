#include "app/presence/presence_news.h"
#include "base/list.h"
#include "base/map.h"

#include <stdlib.h>

#define SOCKET_ID_MAX 20
#define COST          1000000 /* of a telling, in the unit that rate * milliseconds has */
#define PASSED_MAX    1000000 /* milliseconds: more than any rate needs for one telling */

/* A user with news, or one that was told of not long ago. */
typedef struct item {
    list                 link;      /* in ready or cooling */
    int64_t              told_ms;   /* cooling: since when */
    enum presence_status told;      /* what the others believe */
    presence_seen        now;
    bool                 chosen, several;
    uint8_t              by_len;    /* chosen by one socket: its id */
    char                 by[SOCKET_ID_MAX];
    uint32_t             id_len;
    char                 id[];
} item;

struct presence_news {
    map               items;   /* by user */
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
    list_init(&n->ready);
    list_init(&n->cooling);
    n->interval_ms = interval_ms;
    n->tell = tell;
    n->arg = arg;
    return n;
}

static void item_free(presence_news *n, item *it)
{
    list_del(&it->link);
    map_del(&n->items, key_of(it));
    free(it);
}

void presence_news_free(presence_news *n)
{
    uint32_t at = 0;
    item *it;

    if (!n)
        return;
    while ((it = map_next(&n->items, &at)))
        free(it);
    map_fini(&n->items);
    free(n);
}

/* ---- in -------------------------------------------------------------------------------------------- */

static item *item_of(presence_news *n, const presence_change *ch)
{
    item *it = map_get(&n->items, ch->user);

    if (it)
        return it;
    it = calloc(1, sizeof(*it) + ch->user.n);
    if (!it)
        abort();
    it->told = ch->before;
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
    bool same = it->by_len == by.n && memcmp(it->by, by.p, by.n) == 0;

    it->several = it->several || by.n > SOCKET_ID_MAX || (it->chosen && !same);
    it->chosen = true;
    if (it->several)
        return;
    it->by_len = (uint8_t)by.n;
    memcpy(it->by, by.p, by.n);
}

void presence_news_add(presence_news *n, const presence_change *ch)
{
    item *it = item_of(n, ch);

    it->now = ch->now;
    if (ch->chosen_by.p)
        note_chooser(it, ch->chosen_by);
    else if (ch->now.status == PRESENCE_OFFLINE)
        it->chosen = it->several = false; /* what was chosen is over */
}

/* ---- out ------------------------------------------------------------------------------------------- */

static bool is_news(const item *it) { return it->chosen || it->now.status != it->told; }

static void tell(presence_news *n, item *it, int64_t now_ms)
{
    presence_told t = {.user = key_of(it), .seen = it->now, .chosen = it->chosen};

    if (it->chosen && !it->several)
        t.chosen_by = (sio_str){it->by, it->by_len};
    n->tell(n->arg, &t);
    it->told = it->now.status;
    it->told_ms = now_ms;
    it->chosen = it->several = false;
    it->by_len = 0;
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
