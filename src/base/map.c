#include "base/map.h"

#include "base/rand.h"
#include "base/siphash.h"
#include "sio_err.h"

#include <stdlib.h>

#define MAP_FIRST 8

void map_init(map *m, map_key_fn *key_of)
{
    *m = (map){.key_of = key_of};
    rand_bytes(m->seed, sizeof(m->seed));
}

void map_fini(map *m)
{
    free(m->object);
    m->object = NULL;
    m->cap = m->n = 0;
}

/* The hashes of a table; 0 = a free slot. */
static uint32_t *hashes_of(void **object, uint32_t cap)
{
    return (uint32_t *)(object + cap);
}

static uint32_t map_hash(const map *m, sio_str key)
{
    uint32_t hash = (uint32_t)siphash13(m->seed, key.p, key.n);

    return hash ? hash : 1;
}

/* The slot that holds the key, or the free one where the probe for it ends. The table is never full. */
static uint32_t map_find(const map *m, sio_str key, uint32_t hash)
{
    const uint32_t *hashes = hashes_of(m->object, m->cap);
    uint32_t mask = m->cap - 1;
    uint32_t i = hash & mask;

    while (hashes[i]) {
        if (hashes[i] == hash && sio_str_eq(m->key_of(m->object[i]), key))
            return i;
        i = (i + 1) & mask;
    }
    return i;
}

/* Moves all objects into a table of another size; the old one stays when there is no memory. */
static int map_resize(map *m, uint32_t cap)
{
    void **object = calloc(cap, sizeof(*object) + sizeof(uint32_t));
    uint32_t *hashes, *old = m->cap ? hashes_of(m->object, m->cap) : NULL;

    if (!object)
        return SIO_ENOMEM;
    hashes = hashes_of(object, cap);
    for (uint32_t from = 0; from < m->cap; from++) {
        uint32_t to = old[from] & (cap - 1);

        if (!old[from])
            continue;
        while (hashes[to])
            to = (to + 1) & (cap - 1);
        hashes[to] = old[from];
        object[to] = m->object[from];
    }
    free(m->object);
    m->object = object;
    m->cap = cap;
    return 0;
}

/* Room for one more object at a load of at most 3/4. */
static int map_grow(map *m)
{
    if ((uint64_t)(m->n + 1) * 4 <= (uint64_t)m->cap * 3)
        return 0;
    if (m->cap > UINT32_MAX / 2)
        return SIO_ENOMEM;
    return map_resize(m, m->cap ? m->cap * 2 : MAP_FIRST);
}

/* A table at most 1/8 full is halved, so that it is not about to grow again. An empty one goes entirely. */
static void map_shrink(map *m)
{
    if (m->n == 0)
        map_fini(m);
    else if (m->cap > MAP_FIRST && m->n <= m->cap / 8)
        (void)map_resize(m, m->cap / 2); /* without memory it just stays large */
}

void *map_get(const map *m, sio_str key)
{
    if (m->n == 0)
        return NULL;
    return m->object[map_find(m, key, map_hash(m, key))];
}

int map_put(map *m, void *object)
{
    sio_str key = m->key_of(object);
    uint32_t hash = map_hash(m, key);
    uint32_t i;
    int err;

    if (m->n > 0 && m->object[map_find(m, key, hash)])
        return SIO_EEXIST;
    err = map_grow(m);
    if (err < 0)
        return err;
    i = map_find(m, key, hash);
    m->object[i] = object;
    hashes_of(m->object, m->cap)[i] = hash;
    m->n++;
    return 0;
}

/* Backward shift: fills the hole with the next object whose probe passed over it, and goes on with the hole
 * that this leaves. No tombstones, so lookups never slow down with age. */
static void map_close_hole(map *m, uint32_t hole)
{
    uint32_t *hashes = hashes_of(m->object, m->cap);
    uint32_t mask = m->cap - 1;
    uint32_t i = hole;

    for (;;) {
        i = (i + 1) & mask;
        if (!hashes[i])
            break;
        if (((i - hashes[i]) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole */
        hashes[hole] = hashes[i];
        m->object[hole] = m->object[i];
        hole = i;
    }
    hashes[hole] = 0;
    m->object[hole] = NULL;
}

void *map_del(map *m, sio_str key)
{
    uint32_t i;
    void *object;

    if (m->n == 0)
        return NULL;
    i = map_find(m, key, map_hash(m, key));
    object = m->object[i];
    if (!object)
        return NULL;
    map_close_hole(m, i);
    m->n--;
    map_shrink(m);
    return object;
}

void *map_next(const map *m, uint32_t *at)
{
    while (*at < m->cap) {
        void *object = m->object[(*at)++];

        if (object)
            return object;
    }
    return NULL;
}
