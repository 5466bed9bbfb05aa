#include "app/party/party_hall.h"
#include "base/list.h"
#include "base/map.h"

#include <stdlib.h>

typedef struct viewer {
    uint32_t devices;
    uint32_t id_len;
    char     id[];
} viewer;

/* A party with viewers, or one whose count was told not long ago. */
typedef struct hall {
    list     link;     /* in cooling, or in none */
    int64_t  told_ms;  /* cooling: when the count was told */
    bool     changed;  /* since then, without being announced */
    map      viewers;
    uint32_t id_len;
    char     id[];
} hall;

struct party_hall {
    party_rules    rules;
    map            halls;   /* by party */
    list           cooling; /* counts told less than an interval ago, in that order */
    party_tell_fn *tell;
    void          *arg;
};

static sio_str viewer_key(const void *object)
{
    const viewer *v = object;

    return (sio_str){v->id, v->id_len};
}

static sio_str hall_key(const void *object)
{
    const hall *h = object;

    return (sio_str){h->id, h->id_len};
}

/* ---- life ------------------------------------------------------------------------------------------ */

party_hall *party_hall_new(const party_rules *r, party_tell_fn *tell, void *arg)
{
    party_hall *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->rules = *r;
    map_init(&p->halls, hall_key);
    list_init(&p->cooling);
    p->tell = tell;
    p->arg = arg;
    return p;
}

static void hall_free(hall *h)
{
    uint32_t at = 0;
    viewer *v;

    while ((v = map_next(&h->viewers, &at)))
        free(v);
    map_fini(&h->viewers);
    free(h);
}

void party_hall_free(party_hall *p)
{
    uint32_t at = 0;
    hall *h;

    if (!p)
        return;
    while ((h = map_next(&p->halls, &at)))
        hall_free(h);
    map_fini(&p->halls);
    free(p);
}

static hall *hall_of(party_hall *p, sio_str id)
{
    hall *h = map_get(&p->halls, id);

    if (h)
        return h;
    h = calloc(1, sizeof(*h) + id.n);
    if (!h)
        abort();
    list_init(&h->link);
    map_init(&h->viewers, viewer_key);
    h->id_len = (uint32_t)id.n;
    memcpy(h->id, id.p, id.n);
    if (map_put(&p->halls, h) < 0)
        abort();
    return h;
}

static void forget_if_empty(party_hall *p, hall *h)
{
    if (h->viewers.n > 0 || !list_empty(&h->link))
        return;
    map_del(&p->halls, hall_key(h));
    hall_free(h);
}

/* ---- telling --------------------------------------------------------------------------------------- */

static void tell_count(party_hall *p, hall *h, int64_t now_ms)
{
    h->changed = false;
    h->told_ms = now_ms;
    list_del(&h->link);
    list_add_tail(&p->cooling, &h->link);
    p->tell(p->arg, &(party_told){.party = hall_key(h), .count = h->viewers.n});
}

/* Somebody came or went. */
static void announce(party_hall *p, hall *h, party_told *t, int64_t now_ms)
{
    t->party = hall_key(h);
    t->count = h->viewers.n;
    if (t->count <= p->rules.announce_limit) {
        h->changed = false; /* everybody has the count now */
        p->tell(p->arg, t);
    } else if (list_empty(&h->link)) {
        tell_count(p, h, now_ms);
    } else {
        h->changed = true;
    }
}

bool party_hall_tick(party_hall *p, int64_t now_ms)
{
    while (!list_empty(&p->cooling)) {
        hall *h = container_of(p->cooling.next, hall, link);

        if (now_ms - h->told_ms < p->rules.interval_ms)
            return true;
        list_del(&h->link);
        if (h->changed)
            tell_count(p, h, now_ms);
        forget_if_empty(p, h);
    }
    return false;
}

/* ---- coming and going ------------------------------------------------------------------------------ */

static viewer *viewer_new(hall *h, sio_str user)
{
    viewer *v = calloc(1, sizeof(*v) + user.n);

    if (!v)
        abort();
    v->id_len = (uint32_t)user.n;
    memcpy(v->id, user.p, user.n);
    if (map_put(&h->viewers, v) < 0)
        abort();
    return v;
}

int64_t party_hall_join(party_hall *p, sio_str party, sio_str user, sio_str socket, int64_t now_ms)
{
    hall *h = hall_of(p, party);
    viewer *v = map_get(&h->viewers, user);
    bool is_new = !v;

    if (is_new)
        v = viewer_new(h, user);
    v->devices++;
    if (is_new)
        announce(p, h, &(party_told){.user = user, .socket = socket}, now_ms);
    return h->viewers.n;
}

int64_t party_hall_leave(party_hall *p, sio_str party, sio_str user, int64_t now_ms)
{
    hall *h = map_get(&p->halls, party);
    viewer *v = h ? map_get(&h->viewers, user) : NULL;
    int64_t count;

    if (!v)
        return h ? h->viewers.n : 0;
    if (--v->devices == 0) {
        map_del(&h->viewers, user);
        announce(p, h, &(party_told){.user = user, .left = true}, now_ms);
        free(v); /* not before: user may be a view of it */
    }
    count = h->viewers.n;
    forget_if_empty(p, h);
    return count;
}

int64_t party_hall_count(const party_hall *p, sio_str party)
{
    const hall *h = map_get(&p->halls, party);

    return h ? h->viewers.n : 0;
}
