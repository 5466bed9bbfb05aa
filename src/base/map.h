/* Hash map from byte-string keys to objects that contain their key. Open addressing, SipHash with a key of
 * its own per map, since peers choose room and session names. 12 bytes a slot, at most 3/4 full, and given
 * back as the map empties. Objects are borrowed; their keys must not change while they are in. One thread
 * at a time. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "sio_val.h"

#include <stdbool.h>
#include <stdint.h>

typedef sio_str map_key_fn(const void *object);

typedef struct map {
    void       **object; /* cap of them, and behind them as many hashes: a search looks at those only */
    uint32_t     cap;    /* 0 or a power of two */
    uint32_t     n;
    map_key_fn  *key_of;
    uint64_t     seed[2];
} map;

void map_init(map *m, map_key_fn *key_of); /* empty, without memory of its own */
void map_fini(map *m);                    /* frees the table, never the objects; empty and usable again */
void *map_get(const map *m, sio_str key); /* NULL when absent */
int   map_put(map *m, void *object);      /* 0, SIO_EEXIST when the key is taken, SIO_ENOMEM */
void *map_del(map *m, sio_str key);       /* the removed object or NULL */
/* Walks all objects: start with *at = 0; NULL at the end. The map must not change meanwhile. */
void *map_next(const map *m, uint32_t *at);

#endif
