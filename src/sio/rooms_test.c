/* Who gets what: captured selections of rooms and exceptions, and random ones against a naive model. */
#include "base/rand.h"
#include "codec/vectors_test.h"
#include "sio/rig_test.h"

#define CLIENTS 12
#define ROOMS   7

typedef struct member_of {
    peer p;
    sio_id id;
    bool here;
    bool in[ROOMS];
} member_of;

typedef struct hall {
    rig r;
    sio_ns *ns;
    unsigned n;
    member_of m[CLIENTS];
    int created, deleted; /* rooms, over all loops */
} hall;

static void on_room_created(sio_ns *ns, sio_str room)
{
    (void)room;
    ((hall *)sio_context(sio_ns_server(ns)))->created++;
}

static void on_room_deleted(sio_ns *ns, sio_str room)
{
    (void)room;
    ((hall *)sio_context(sio_ns_server(ns)))->deleted++;
}

static void hall_init(hall *h, unsigned loops)
{
    sio_options o = rig_options(loops);

    *h = (hall){.n = 0};
    o.context = h;
    o.ping_interval_ms = 1u << 30;
    rig_init(&h->r, &o);
    h->ns = sio_of(h->r.io, "/", NULL);
    sio_on_room(h->ns, on_room_created, on_room_deleted);
    rig_listen(&h->r);
}

static void hall_enter(hall *h, member_of *m)
{
    *m = (member_of){.here = true};
    m->id = rig_join(&h->r, &m->p);
}

static void hall_leave(member_of *m)
{
    peer_hangup(&m->p);
    peer_close(&m->p);
    m->here = false;
}

static void hall_fini(hall *h)
{
    rig_fini(&h->r);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (h->m[i].here)
            peer_close(&h->m[i].p);
    assert_int_equal(h->created, h->deleted);
}

static const char *room_name(unsigned i)
{
    static const char *const name[ROOMS] = {"r1", "r2", "r3", "a longer name of a room", "é", "", "r7"};

    return name[i];
}

/* Did this client hear `text`, and nothing else? */
static bool has_heard(member_of *m, const char *text)
{
    peer_frame f;
    size_t size;

    if (!peer_peek_frame(&m->p, &f, &size))
        return false;
    peer_hears(&m->p, text);
    peer_expect_nothing(&m->p);
    return true;
}

/* ---- the captured selections ---- */

/* "s1" to "s5" are clients, meant by their own rooms; other names are rooms. */
static sio_str name_of(hall *h, vectors *v, sio_str raw)
{
    sio_str name = vectors_text(v, raw);

    if (name.n == 2 && name.p[0] == 's')
        return sio_str_z(h->m[name.p[1] - '1'].id.s);
    return name;
}

static void replay_selection(hall *h, vectors *v, sio_str vector)
{
    sio_target t = sio_target_ns(h->ns);
    sio_str list, item;
    bool wanted[5] = {false};
    size_t at = 0;

    assert_true(json_get(vector, sio_lit("rooms"), &list));
    while (json_next(list, &at, NULL, &item))
        t = sio_to(t, name_of(h, v, item));
    assert_true(json_get(vector, sio_lit("except"), &list));
    for (at = 0; json_next(list, &at, NULL, &item);)
        t = sio_except(t, name_of(h, v, item));
    assert_true(json_get(vector, sio_lit("recipients"), &list));
    for (at = 0; json_next(list, &at, NULL, &item);)
        wanted[vectors_text(v, item).p[1] - '1'] = true;
    assert_int_equal(sio_emit(t, "x"), 0);
    sim_settle(h->r.s);
    for (unsigned i = 0; i < 5; i++)
        if (has_heard(&h->m[i], "42[\"x\"]") != wanted[i])
            fail_msg("s%u: %.*s", i + 1, (int)vector.n, vector.p);
}

static void replay_selections(unsigned loops)
{
    static const char *const membership[5][3] = {
        {"r1"}, {"r1", "r2"}, {"r2", "r3"}, {NULL}, {"r1", "r2", "r3"}};
    vectors v;
    sio_str vector;
    hall h;
    unsigned n = 0;

    hall_init(&h, loops);
    for (unsigned i = 0; i < 5; i++) {
        hall_enter(&h, &h.m[i]);
        for (unsigned k = 0; k < 3 && membership[i][k]; k++)
            sio_sockets_join(sio_to(h.ns, (const char *)h.m[i].id.s), membership[i][k]);
    }
    sim_settle(h.r.s);
    vectors_open(&v, "adapter_broadcast.json");
    for (; vectors_next(&v, &vector); n++)
        replay_selection(&h, &v, vector);
    vectors_close(&v);
    assert_int_equal(n, 88);
    hall_fini(&h);
}

static void test_captured_selections(void **state)
{
    (void)state;
    replay_selections(1);
    replay_selections(3);
}

/* ---- random operations ---- */

typedef struct dice {
    uint64_t x;
} dice;

static unsigned roll(dice *d, unsigned below)
{
    d->x ^= d->x << 13;
    d->x ^= d->x >> 7;
    d->x ^= d->x << 17;
    return (unsigned)(d->x >> 32) % below;
}

/* A random selection, as the library and as the model see it. */
typedef struct picked {
    sio_target t;
    bool client[CLIENTS];
} picked;

static void pick(hall *h, dice *d, picked *p)
{
    unsigned rooms = roll(d, 3), excepts = roll(d, 3);
    bool in[CLIENTS] = {false}, out[CLIENTS] = {false};

    p->t = sio_target_ns(h->ns);
    for (unsigned k = 0; k < rooms + excepts; k++) {
        unsigned r = roll(d, ROOMS), c = roll(d, CLIENTS);
        bool own = roll(d, 4) == 0 && h->m[c].id.s[0]; /* also of one that has left */
        sio_str name = own ? sio_str_z(h->m[c].id.s) : sio_str_z(room_name(r));

        p->t = k < rooms ? sio_to(p->t, name) : sio_except(p->t, name);
        for (unsigned i = 0; i < CLIENTS; i++)
            if (own ? i == c : h->m[i].in[r])
                *(k < rooms ? &in[i] : &out[i]) = true;
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        p->client[i] = h->m[i].here && (rooms == 0 || in[i]) && !out[i];
}

static void do_emit(hall *h, dice *d)
{
    picked p;

    pick(h, d, &p);
    assert_int_equal(sio_emit(p.t, "x", 1), 0);
    sim_settle(h->r.s);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (h->m[i].here)
            assert_int_equal(has_heard(&h->m[i], "42[\"x\",1]"), p.client[i]);
}

static void do_join_or_leave(hall *h, dice *d)
{
    bool join = roll(d, 3) != 0;
    unsigned r = roll(d, ROOMS);
    picked p;

    pick(h, d, &p);
    if (join)
        assert_int_equal(sio_sockets_join(p.t, room_name(r)), 0);
    else
        assert_int_equal(sio_sockets_leave(p.t, room_name(r)), 0);
    sim_settle(h->r.s);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (p.client[i])
            h->m[i].in[r] = join;
}

static void do_disconnect(hall *h, dice *d)
{
    picked p;

    pick(h, d, &p);
    sio_sockets_disconnect(p.t, false);
    sim_settle(h->r.s);
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (!p.client[i])
            continue;
        peer_hears(&h->m[i].p, "41");
        peer_hangup(&h->m[i].p);
        peer_close(&h->m[i].p);
        h->m[i].here = false;
        memset(h->m[i].in, 0, sizeof h->m[i].in);
    }
}

static void do_come_or_go(hall *h, dice *d)
{
    member_of *m = &h->m[roll(d, CLIENTS)];

    if (!m->here) {
        hall_enter(h, m);
    } else if (roll(d, 4) == 0) {
        hall_leave(m);
        memset(m->in, 0, sizeof m->in);
    }
}

/* On a socket's own loop: its list of rooms is the model's. */
typedef struct look {
    hall *h;
    unsigned found;
} look;

static void check_rooms_here(void *arg)
{
    look *k = arg;

    for (unsigned i = 0; i < CLIENTS; i++) {
        member_of *m = &k->h->m[i];
        sio_socket *s = m->here ? sio_find(k->h->ns, m->id) : NULL;
        unsigned n = 0;

        if (!s)
            continue;
        k->found++;
        for (unsigned r = 0; r < ROOMS; r++) {
            n += m->in[r];
            assert_int_equal(sio_in_room(s, room_name(r)), m->in[r]);
        }
        assert_true(sio_in_room(s, (const char *)m->id.s));
        assert_non_null(sio_room_at(s, n).p);
        assert_null(sio_room_at(s, n + 1).p);
    }
}

static void check_rooms(hall *h)
{
    look k = {h, 0};
    unsigned here = 0;

    for (unsigned i = 0; i < CLIENTS; i++)
        here += h->m[i].here;
    for (unsigned i = 0; i < sio_server_loops(h->r.io); i++)
        rig_run_on(&h->r, i, check_rooms_here, &k);
    assert_int_equal(k.found, here);
}

static void run_random(uint64_t seed, unsigned loops, unsigned steps)
{
    dice d = {seed | 1};
    hall h;

    hall_init(&h, loops);
    for (unsigned i = 0; i < steps; i++) {
        unsigned what = roll(&d, 16);

        if (what < 4)
            do_come_or_go(&h, &d);
        else if (what < 9)
            do_join_or_leave(&h, &d);
        else if (what < 15)
            do_emit(&h, &d);
        else if (roll(&d, 8) == 0)
            do_disconnect(&h, &d);
        if (i % 16 == 0)
            check_rooms(&h);
    }
    hall_fini(&h);
}

static void test_random_operations(void **state)
{
    const char *given = getenv("SEED");
    uint64_t seed;

    (void)state;
    rand_bytes(&seed, sizeof seed);
    if (given)
        seed = strtoull(given, NULL, 0);
    print_message("SEED=%#llx\n", (unsigned long long)seed);
    run_random(seed, 1, 600);
    run_random(seed, 3, 1500);
}

/* ---- limits ---- */

static void try_rooms(void *arg)
{
    hall *h = arg;
    sio_socket *s = sio_find(h->ns, h->m[0].id);
    char name[300];

    if (!s)
        return;
    memset(name, 'x', sizeof name);
    assert_int_equal(sio_join(s, ((sio_str){name, 256})), SIO_ETOOBIG);
    assert_int_equal(sio_join(s, ((sio_str){name, 255})), 0);
    for (int i = 1; i < 1000; i++) {
        snprintf(name, sizeof name, "room %d", i);
        assert_int_equal(sio_join(s, (const char *)name), 0);
    }
    assert_int_equal(sio_join(s, "one more"), SIO_ELIMIT);
    assert_int_equal(sio_join(s, "room 7"), 0);
    assert_int_equal(sio_leave(s, "room 7"), 0);
    assert_int_equal(sio_join(s, "one more"), 0);
    assert_false(sio_in_room(s, "room 7"));
}

static void test_limits(void **state)
{
    sio_target t;
    hall h;

    (void)state;
    hall_init(&h, 1);
    hall_enter(&h, &h.m[0]);
    rig_run_on(&h.r, 0, try_rooms, &h);
    t = sio_target_ns(h.ns);
    for (int i = 0; i < SIO_TARGET_ROOMS; i++)
        t = sio_to(t, "one more");
    assert_int_equal(sio_emit(t, "x"), 0);
    sim_settle(h.r.s);
    peer_hears(&h.m[0].p, "42[\"x\"]"); /* once, however often the room was named */
    assert_int_equal(sio_emit(sio_to(t, "another"), "x"), SIO_ELIMIT);
    assert_int_equal(sio_emit(h.ns, "disconnect"), SIO_EINVAL);
    sim_settle(h.r.s);
    peer_expect_nothing(&h.m[0].p);
    hall_fini(&h);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured_selections),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests_name("rooms", tests, NULL, NULL);
}
