#include "app/presence/presence_store.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

#include <stdlib.h>

/* One user. On the list `leaving` while there is no socket but still grace, on `gone` when offline, else
 * on none. */
typedef struct person {
    list          link;
    int64_t       due;     /* leaving: when the grace ends */
    presence_seen seen;
    uint32_t      sockets;
    uint32_t      id_len;
    char          id[];
} person;

typedef struct memory {
    presence_store      face;
    map                 people;  /* of person, by id */
    pool                pool;    /* people stay when their connections go */
    list                leaving; /* first due first: the grace is the same for all */
    list                gone;    /* oldest first */
    unsigned            ngone, remembered;
    int64_t             grace_ms;
    presence_change_fn *changed;
    void               *arg;
} memory;

static sio_str key_of(const void *object)
{
    const person *p = object;

    return (sio_str){p->id, p->id_len};
}

static size_t person_size(size_t id_len) { return offsetof(person, id) + id_len; }

static person *find(memory *m, sio_str user) { return map_get(&m->people, user); }

/* The person, offline when new. */
static person *find_or_make(memory *m, sio_str user)
{
    person *p = find(m, user);

    if (p)
        return p;
    p = pool_get(&m->pool, person_size(user.n));
    if (!p)
        abort();
    list_init(&p->link);
    p->seen.status = PRESENCE_OFFLINE;
    p->id_len = (uint32_t)user.n;
    memcpy(p->id, user.p, user.n);
    list_add_tail(&m->gone, &p->link);
    m->ngone++;
    if (map_put(&m->people, p) < 0)
        abort();
    return p;
}

static void forget_oldest(memory *m)
{
    person *p = container_of(m->gone.next, person, link);

    list_del(&p->link);
    m->ngone--;
    map_del(&m->people, key_of(p));
    pool_put(&m->pool, p, person_size(p->id_len));
}

static void change(memory *m, person *p, enum presence_status status, sio_str chosen_by)
{
    presence_change ch = {.user = key_of(p), .before = p->seen.status, .chosen_by = chosen_by};

    p->seen.status = status;
    ch.now = p->seen;
    m->changed(m->arg, &ch);
}

static void go(memory *m, person *p)
{
    change(m, p, PRESENCE_OFFLINE, (sio_str){0});
    list_del(&p->link);
    list_add_tail(&m->gone, &p->link);
    if (++m->ngone > m->remembered)
        forget_oldest(m);
}

/* ---- the face -------------------------------------------------------------------------------------- */

static memory *memory_of(presence_store *s) { return container_of(s, memory, face); }

static void on_open(presence_store *s, sio_str user, sio_str socket, bool recovered, presence_now now)
{
    memory *m = memory_of(s);
    person *p = find_or_make(m, user);

    (void)socket;
    (void)recovered;
    p->sockets++;
    p->seen.wall = now.wall;
    list_del(&p->link);
    if (p->seen.status == PRESENCE_OFFLINE) {
        m->ngone--;
        change(m, p, PRESENCE_ONLINE, (sio_str){0});
    }
}

static void on_close(presence_store *s, sio_str user, sio_str socket, presence_now now)
{
    memory *m = memory_of(s);
    person *p = find(m, user);

    (void)socket;
    if (!p || p->sockets == 0)
        return;
    p->seen.wall = now.wall;
    if (--p->sockets > 0)
        return;
    p->due = now.ms + m->grace_ms;
    list_add_tail(&m->leaving, &p->link);
    if (m->grace_ms == 0)
        go(m, p);
}

static void on_choose(presence_store *s, sio_str user, sio_str socket, enum presence_status status,
                      presence_now now)
{
    person *p = find(memory_of(s), user);

    if (!p || p->seen.status == PRESENCE_OFFLINE)
        return;
    p->seen.wall = now.wall;
    change(memory_of(s), p, status, socket);
}

static void on_look(presence_store *s, const sio_str *users, unsigned n, presence_seen *out,
                    void (*done)(void *arg, int err), void *arg)
{
    for (unsigned i = 0; i < n; i++) {
        const person *p = find(memory_of(s), users[i]);

        out[i] = p ? p->seen : (presence_seen){.status = PRESENCE_OFFLINE};
    }
    done(arg, 0);
}

static bool on_tick(presence_store *s, presence_now now)
{
    memory *m = memory_of(s);

    while (!list_empty(&m->leaving)) {
        person *p = container_of(m->leaving.next, person, link);

        if (p->due > now.ms)
            return true;
        go(m, p);
    }
    return false;
}

static void on_free(presence_store *s)
{
    memory *m = memory_of(s);
    uint32_t at = 0;
    person *p;

    while ((p = map_next(&m->people, &at)))
        pool_put(&m->pool, p, person_size(p->id_len));
    map_fini(&m->people);
    free(m);
}

static const presence_store_ops memory_ops = {
    .open = on_open, .close = on_close, .choose = on_choose,
    .look = on_look, .tick = on_tick, .free = on_free,
};

presence_store *presence_memory_new(int64_t grace_ms, unsigned remembered, presence_change_fn *changed,
                                    void *arg)
{
    memory *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->face.ops = &memory_ops;
    map_init(&m->people, key_of);
    pool_init(&m->pool);
    list_init(&m->leaving);
    list_init(&m->gone);
    m->grace_ms = grace_ms;
    m->remembered = remembered;
    m->changed = changed;
    m->arg = arg;
    return &m->face;
}
