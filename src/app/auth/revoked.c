#include "app/auth/revoked.h"
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct entry {
    int64_t at_ms, until_ms;
    size_t n;
    char key[1 + REVOKED_ID_MAX]; /* 'u' or 't', and the id */
} entry;

struct revoked {
    int64_t ttl_ms;
    pthread_mutex_t lock; /* of map: taken when a client comes, and only while there are entries */
    map map;
    atomic_uint n;
};

static sio_str key_of(const void *object)
{
    return (sio_str){((const entry *)object)->key, ((const entry *)object)->n};
}

revoked *revoked_new(int64_t ttl_ms)
{
    revoked *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->ttl_ms = ttl_ms;
    pthread_mutex_init(&r->lock, NULL);
    map_init(&r->map, key_of);
    return r;
}

/* Frees the entries that were over at that time. */
static void sweep(revoked *r, int64_t now_ms)
{
    entry **old = calloc(r->map.n ? r->map.n : 1, sizeof(*old)), *e;
    uint32_t at = 0;
    size_t n = 0;

    if (!old)
        return;
    while ((e = map_next(&r->map, &at))) {
        if (e->until_ms <= now_ms)
            old[n++] = e;
    }
    for (size_t i = 0; i < n; i++)
        free(map_del(&r->map, key_of(old[i])));
    free(old);
    atomic_store(&r->n, r->map.n);
}

void revoked_free(revoked *r)
{
    if (!r)
        return;
    sweep(r, INT64_MAX);
    map_fini(&r->map);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static bool make_key(entry *e, char kind, sio_str id)
{
    if (!id.p || id.n < 1 || id.n > REVOKED_ID_MAX)
        return false;
    e->key[0] = kind;
    memcpy(e->key + 1, id.p, id.n);
    e->n = 1 + id.n;
    return true;
}

/* Under lock. */
static int put(revoked *r, const entry *like)
{
    entry *e = map_get(&r->map, key_of(like));
    int err;

    if (!e && r->map.n >= REVOKED_MAX)
        sweep(r, like->at_ms);
    if (!e && r->map.n >= REVOKED_MAX)
        return SIO_ELIMIT;
    if (e) {
        *e = *like;
        return 0;
    }
    if (!(e = malloc(sizeof(*e))))
        return SIO_ENOMEM;
    *e = *like;
    err = map_put(&r->map, e);
    if (err < 0)
        free(e);
    atomic_store(&r->n, r->map.n);
    return err;
}

static int add(revoked *r, char kind, sio_str id, int64_t now_ms)
{
    entry like = {.at_ms = now_ms, .until_ms = now_ms + r->ttl_ms};
    int err;

    if (!make_key(&like, kind, id))
        return SIO_EINVAL;
    pthread_mutex_lock(&r->lock);
    err = put(r, &like);
    pthread_mutex_unlock(&r->lock);
    return err;
}

int revoked_add_user(revoked *r, sio_str id, int64_t now_ms)
{
    return add(r, 'u', id, now_ms);
}
int revoked_add_token(revoked *r, sio_str jti, int64_t now_ms)
{
    return add(r, 't', jti, now_ms);
}

static bool find(revoked *r, char kind, sio_str id, int64_t now_ms, int64_t *at_ms)
{
    const entry *e;
    entry like;

    if (!make_key(&like, kind, id) || !(e = map_get(&r->map, key_of(&like))) || e->until_ms <= now_ms)
        return false;
    *at_ms = e->at_ms;
    return true;
}

bool revoked_has(revoked *r, sio_str user_id, int64_t issued_ms, sio_str jti, int64_t now_ms)
{
    int64_t at_ms = 0;
    bool has;

    if (!atomic_load(&r->n))
        return false;
    pthread_mutex_lock(&r->lock);
    has = find(r, 't', jti, now_ms, &at_ms) ||
          (find(r, 'u', user_id, now_ms, &at_ms) && issued_ms / 1000 <= at_ms / 1000);
    pthread_mutex_unlock(&r->lock);
    return has;
}
