/* The seam to other servers, with two servers on simulated loops and an adapter that is a piece of memory between them. */
#include "sio/remote_int.h"
#include "sio/rig_test.h"

#define LOG_MAX 32

/* ---- the adapter: what one server publishes is posted to the other one's loop 0 ---- */

typedef struct bus bus;

typedef struct side {
    sio_adapter base;
    bus        *b;
    sio_server *io;
    int         started, stopped, namespaces;
    char        rooms[256];     /* "+room" and "-room" in order */
} side;

typedef struct kept {
    char id[21], pid[21], data[64];
    sio_str room[4];
    char room_text[4][32];
    unsigned n;
} kept;

struct bus {
    side side[2];
    sio_adapter_ops ops;
    bool away;
    char *log[LOG_MAX];         /* delivers: the arguments of events, each at its offset */
    sio_str log_room[LOG_MAX];
    int nlog;
    kept kept;
    int refused;
};

static side *other_of(side *s)
{
    return &s->b->side[s == &s->b->side[0]];
}

typedef struct carried {
    loop_task task;
    side     *to;
    char      nsp[32];
    op       *o;                /* owns the texts */
    wire     *w;
    sio_op    shown;
    sio_str   except[SIO_TARGET_ROOMS + 1];
    char      offset[24];
} carried;

static sio_str dup_text(sio_str s)
{
    return (sio_str){s.p ? strndup(s.p, s.n) : NULL, s.n};
}

static void carried_free(carried *c)
{
    sio_op *o = &c->shown;

    for (unsigned i = 0; i < o->nrooms; i++)
        free((char *)(uintptr_t)o->room[i].p);
    for (unsigned i = 0; i < o->nexcept; i++)
        free((char *)(uintptr_t)o->except[i].p);
    for (unsigned i = 0; i < o->ntargets; i++)
        free((char *)(uintptr_t)o->target[i].p);
    free((void *)(uintptr_t)o->room);
    free((void *)(uintptr_t)o->except);
    free((void *)(uintptr_t)o->target);
    free(c->w);
    free(c);
}

static const sio_str *dup_list(const sio_str *from, unsigned n)
{
    sio_str *to = calloc(n + 1, sizeof *to);

    for (unsigned i = 0; i < n; i++)
        to[i] = dup_text(from[i]);
    return to;
}

static carried *carry(side *to, sio_ns *ns, const sio_op *o)
{
    carried *c = calloc(1, sizeof *c);
    sio_val args = {.kind = SIO_JSON, .s = o->args, .bins = o->bins};
    int err;

    c->to = to;
    c->shown = *o;
    c->shown.others = o->others && to->io == sio_ns_server(ns); /* it does not travel */
    snprintf(c->nsp, sizeof c->nsp, "%.*s", (int)sio_ns_name(ns).n, sio_ns_name(ns).p);
    c->shown.room = dup_list(o->room, o->nrooms);
    c->shown.except = dup_list(o->except, o->nexcept);
    c->shown.target = dup_list(o->target, o->ntargets);
    if (o->args.p && (c->w = wire_new(to->io, &args, 1, &err))) {
        c->shown.args = (sio_str){c->w->args.p + 1, c->w->args.n - 2}; /* without the list around it */
        c->shown.bins = &c->w->bins;
    }
    return c;
}

static void on_carried(loop_task *t)
{
    carried *c = container_of(t, carried, task);
    sio_ns *ns = sio_find_ns(c->to->io, sio_str_z(c->nsp));

    if (ns && sio_deliver(ns, &c->shown) < 0) {
        c->to->b->refused++;
        sio_adapter_refused(c->to->io, "a test");
    }
    carried_free(c);
}

static void send_to(side *to, sio_ns *ns, const sio_op *o, const char *offset)
{
    carried *c = carry(to, ns, o);

    if (offset) {
        snprintf(c->offset, sizeof c->offset, "%s", offset);
        c->shown.offset = sio_str_z(c->offset);
    }
    c->task.fn = on_carried;
    loop_post(to->io->shard[0].loop, &c->task);
}

static int bus_start(sio_adapter *a, sio_server *io)
{
    ((side *)a)->io = io;
    ((side *)a)->started++;
    return 0;
}

static void bus_stop(sio_adapter *a)
{
    ((side *)a)->stopped++;
}

static void bus_free(sio_adapter *a)
{
    (void)a;
}

static void bus_ns_open(sio_adapter *a, sio_ns *ns)
{
    (void)ns;
    ((side *)a)->namespaces++;
}

static int bus_publish(sio_adapter *a, sio_ns *ns, const sio_op *o)
{
    side *s = (side *)a;
    char offset[24];

    if (s->b->away)
        return SIO_EUNAVAILABLE;
    if (s->b->ops.delivers && o->kind == SIO_OP_EMIT) {
        snprintf(offset, sizeof offset, "%d-0", s->b->nlog);
        s->b->log_room[s->b->nlog] = dup_text(o->nrooms ? o->room[0] : (sio_str){0});
        s->b->log[s->b->nlog++] = strndup(o->args.p, o->args.n);
        send_to(s, ns, o, offset);
        send_to(other_of(s), ns, o, offset);
        return 0;
    }
    if (s->b->ops.delivers)
        send_to(s, ns, o, NULL);
    send_to(other_of(s), ns, o, NULL);
    return 0;
}

typedef struct asked {
    sio_remote *r;
    size_t count, n;
} asked;

static void on_asked_count(void *arg, size_t n)
{
    ((asked *)arg)->count = n;
}

static void on_asked_answer(void *arg, sio_val answer)
{
    ((asked *)arg)->n++;
    sio_remote_answer(((asked *)arg)->r, answer);
}

static void on_asked_end(void *arg)
{
    asked *k = arg;

    sio_remote_end(k->r, k->n < k->count ? SIO_ETIMEOUT : 0);
    free(k);
}

/* The other server's loop 0 is on this thread, too, but a question must be asked inside its turn. */
typedef struct question {
    sio_remote *r;
    carried    *c;
    uint32_t    ms;
    bool        fetches;
} question;

static void on_peers_there(void *arg, int err, const sio_peer *peers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sio_peer far = peers[i];

        far.data = NULL;
        sio_remote_peer(arg, &far);
    }
    sio_remote_end(arg, err);
}

static void ask_there(void *arg)
{
    static const sio_asked fns = {on_asked_count, on_asked_answer, on_asked_end};
    question *q = arg;
    sio_ns *ns = sio_find_ns(q->c->to->io, sio_str_z(q->c->nsp));

    if (q->fetches) {
        assert_int_equal(sio_deliver_fetch(ns, &q->c->shown, on_peers_there, q->r), 0);
    } else {
        asked *k = calloc(1, sizeof *k);

        k->r = q->r;
        assert_int_equal(sio_deliver_gather(ns, &q->c->shown, q->ms, &fns, k), 0);
    }
    carried_free(q->c);
    free(q);
}

static void ask(sio_adapter *a, sio_ns *ns, const sio_op *o, question from)
{
    side *s = (side *)a;
    question *q = malloc(sizeof *q);

    *q = from;
    q->c = carry(other_of(s), ns, o);
    sio_post(q->c->to->io, 0, ask_there, q);
}

static void bus_gather(sio_adapter *a, sio_ns *ns, const sio_op *o, uint32_t ms, sio_remote *r)
{
    ask(a, ns, o, (question){.r = r, .ms = ms});
}

static void bus_fetch(sio_adapter *a, sio_ns *ns, const sio_op *o, uint32_t ms, sio_remote *r)
{
    ask(a, ns, o, (question){.r = r, .ms = ms, .fetches = true});
}

static void on_event_reply(void *arg, sio_val answer)
{
    sio_remote_answer(arg, answer);
    sio_remote_end(arg, 0);
}

static void bus_server_emit(sio_adapter *a, sio_ns *ns, sio_str args, const sio_bins *bins, uint32_t ms, sio_remote *r)
{
    side *to = other_of((side *)a);
    sio_ns *there = sio_find_ns(to->io, sio_ns_name(ns));

    (void)ms;
    if (!sio_deliver_server_event(there, args, bins, r ? on_event_reply : NULL, r) && r)
        sio_remote_end(r, SIO_ETIMEOUT);
}

static void bus_server_count(sio_adapter *a, sio_ns *ns, void (*fn)(void *arg, int err, unsigned n), void *arg)
{
    (void)a, (void)ns;
    fn(arg, 0, 2);
}

static void note_room(sio_adapter *a, char sign, sio_str room, bool own)
{
    char *to = ((side *)a)->rooms;
    size_t n = strlen(to);

    if (!own)
        snprintf(to + n, sizeof ((side *)a)->rooms - n, "%c%.*s", sign, (int)room.n, room.p);
}

static void bus_room_open(sio_adapter *a, sio_ns *ns, sio_str room, bool own)
{
    (void)ns;
    note_room(a, '+', room, own);
}

static void bus_room_close(sio_adapter *a, sio_ns *ns, sio_str room, bool own)
{
    (void)ns;
    note_room(a, '-', room, own);
}

static void bus_persist(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str id, const sio_str *rooms, unsigned nrooms,
                        sio_str data, uint32_t keep_ms)
{
    kept *k = &((side *)a)->b->kept;

    (void)ns;
    assert_int_equal(keep_ms, 5000);
    snprintf(k->pid, sizeof k->pid, "%.*s", (int)pid.n, pid.p);
    snprintf(k->id, sizeof k->id, "%.*s", (int)id.n, id.p);
    snprintf(k->data, sizeof k->data, "%.*s", (int)data.n, data.p);
    k->n = nrooms;
    for (unsigned i = 0; i < nrooms; i++) {
        snprintf(k->room_text[i], sizeof k->room_text[i], "%.*s", (int)rooms[i].n, rooms[i].p);
        k->room[i] = sio_str_z(k->room_text[i]);
    }
}

static void bus_restore(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str offset, sio_restored *r)
{
    bus *b = ((side *)a)->b;
    int at = atoi(offset.p);

    (void)ns;
    if (!sio_str_eq(pid, sio_str_z(b->kept.pid))) {
        sio_restored_end(r, SIO_ENOENT);
        return;
    }
    assert_int_equal(sio_restored_state(r, sio_str_z(b->kept.id), b->kept.room, b->kept.n, sio_str_z(b->kept.data)), 0);
    for (int i = at + 1; i < b->nlog; i++) {
        char text[24];
        sio_op o = {.kind = SIO_OP_EMIT, .room = &b->log_room[i], .nrooms = b->log_room[i].p != NULL,
                    .args = sio_str_z(b->log[i])};

        snprintf(text, sizeof text, "%d-0", i);
        o.offset = sio_str_z(text);
        assert_int_equal(sio_restored_missed(r, &o), 0);
    }
    sio_restored_end(r, 0);
}

/* ---- two servers ---- */

typedef struct user {
    char name[16];
} user;

typedef struct town {
    bus    b;
    rig    r[2];
    sio_ns *ns[2];
    peer   p[4];                /* 0, 1 on the first server, 2, 3 on the second */
    sio_id id[4];
    int    calls, err;
    unsigned count;
    char   text[512];
    bool   takes;
} town;

static town T;

static char *show_user(const void *data)
{
    char *text = malloc(64);

    snprintf(text, 64, "{\"name\":\"%s\"}", ((const user *)data)->name);
    return text;
}

static int load_user(void *data, sio_val shown)
{
    sio_str name;

    if (!sio_text(sio_get(shown, "name"), NULL, &name) || name.n >= sizeof ((user *)data)->name)
        return SIO_EPARSE;
    memcpy(((user *)data)->name, name.p, name.n);
    return 0;
}

static void on_name(sio_socket *s, sio_in *in)
{
    sio_str name;
    user *u = sio_data(s);

    sio_str_of(in, sio_arg(in, 0), &name);
    snprintf(u->name, sizeof u->name, "%.*s", (int)name.n, name.p);
}

static void on_who(sio_socket *s, sio_in *in)
{
    sio_ack(in, ((user *)sio_data(s))->name, sio_recovered(s));
}

static void on_server_event(sio_ns *ns, sio_in *in)
{
    sio_str word = {0};

    assert_null(sio_in_socket(in));
    assert_non_null(ns);
    sio_str_of(in, sio_arg(in, 0), &word);
    snprintf(T.text, sizeof T.text, "%.*s", (int)word.n, word.p);
    T.calls++;
    sio_ack(in, sio_obj("got", word));
}

static bool on_broadcast(sio_ns *ns, const sio_str *rooms, size_t n, sio_val args)
{
    (void)ns;
    if (T.takes)
        snprintf(T.text, sizeof T.text, "%zu %.*s %.*s", n, n ? (int)rooms[0].n : 0, n ? rooms[0].p : "", (int)args.s.n,
                 args.s.p);
    return T.takes;
}

static void up_server(int i, const sio_options *from)
{
    static const sio_ns_options data = {.data_size = sizeof(user), .data_show = show_user, .data_load = load_user};
    sio_options o = *from;
    rig *r = &T.r[i];

    o.adapter = &T.b.side[i].base;
    r->s = T.r[0].s;
    assert_int_equal(server_new_on(&r->io, &o, &(loop_maker){rig_make_loop, r->s}), 0);
    T.ns[i] = sio_of(r->io, "/", &data);
    assert_int_equal(sio_on(T.ns[i], "name", on_name), 0);
    assert_int_equal(sio_on(T.ns[i], "who", on_who), 0);
    assert_int_equal(sio_on_server(T.ns[i], "news", on_server_event), 0);
    assert_int_equal(sio_on_server(T.ns[i], "connect", on_server_event), SIO_EINVAL);
    sio_on_broadcast(T.ns[i], on_broadcast);
    rig_listen(r);
}

static void up_with(bool delivers)
{
    sio_options o = rig_options(2);

    memset(&T, 0, sizeof T);
    T.b.ops = (sio_adapter_ops){"bus", delivers, bus_start, bus_stop, bus_free, bus_ns_open, bus_publish, bus_gather,
                                bus_fetch, bus_server_emit, bus_server_count, bus_room_open, bus_room_close, NULL, NULL};
    if (delivers) {
        T.b.ops.persist = bus_persist;
        T.b.ops.restore = bus_restore;
        o.recovery_ms = 5000;
    }
    T.r[0].s = sim_new(0);
    for (int i = 0; i < 2; i++) {
        T.b.side[i] = (side){.base.ops = &T.b.ops, .b = &T.b};
        up_server(i, &o);
    }
    for (int i = 0; i < 4; i++)
        T.id[i] = rig_join(&T.r[i / 2], &T.p[i]);
}

static void up(void)
{
    up_with(false);
}

static void down(void)
{
    for (int i = 0; i < 2; i++) {
        rig_close_all(&T.r[i]);
        sio_server_free(T.r[i].io);
    }
    sim_free(T.r[0].s);
    for (int i = 0; i < 4; i++)
        peer_close(&T.p[i]);
    for (int i = 0; i < T.b.nlog; i++) {
        free(T.b.log[i]);
        free((char *)(uintptr_t)T.b.log_room[i].p);
    }
}

static void settle(void)
{
    sim_settle(T.r[0].s);
}

static void nothing_is_heard(void)
{
    for (int i = 0; i < 4; i++)
        peer_expect_nothing(&T.p[i]);
}

/* ---- tests ---- */

static void test_start(void **state)
{
    (void)state;
    up();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(T.b.side[i].started, 1);
        assert_int_equal(T.b.side[i].namespaces, 1);
        assert_non_null(sio_of(T.r[i].io, "/late", NULL));
        settle();
        assert_int_equal(T.b.side[i].namespaces, 2);
    }
    down();
}

static void test_broadcast(void **state)
{
    (void)state;
    up();
    assert_int_equal(sio_emit(T.ns[0], "all", 1, sio_obj("b", sio_bin("\1\2", 2))), 0);
    settle();
    for (int i = 0; i < 4; i++) {
        peer_hears(&T.p[i], "451-[\"all\",1,{\"b\":{\"_placeholder\":true,\"num\":0}}]");
        peer_expect_frame(&T.p[i], 2, "\1\2", 2);
    }
    assert_int_equal(sio_emit(sio_except(sio_to(T.ns[0], (const char *)T.id[0].s), (const char *)T.id[3].s), "one"), 0);
    settle();
    peer_hears(&T.p[0], "42[\"one\"]");
    assert_int_equal(sio_emit(sio_to(sio_to(T.ns[1], (const char *)T.id[0].s), (const char *)T.id[3].s), "two"), 0);
    settle();
    peer_hears(&T.p[0], "42[\"two\"]");
    peer_hears(&T.p[3], "42[\"two\"]");
    nothing_is_heard();
    down();
}

static void test_local_and_others(void **state)
{
    (void)state;
    up();
    sio_emit(sio_local(T.ns[0]), "here");
    settle();
    peer_hears(&T.p[0], "42[\"here\"]");
    peer_hears(&T.p[1], "42[\"here\"]");
    sio_emit(sio_others(T.ns[0]), "there");
    settle();
    peer_hears(&T.p[2], "42[\"there\"]");
    peer_hears(&T.p[3], "42[\"there\"]");
    T.b.away = true;
    assert_int_equal(sio_emit(T.ns[0], "alone"), 0);
    assert_int_equal(sio_emit(sio_others(T.ns[0]), "nobody"), SIO_EUNAVAILABLE);
    settle();
    peer_hears(&T.p[0], "42[\"alone\"]");
    peer_hears(&T.p[1], "42[\"alone\"]");
    nothing_is_heard();
    down();
}

static void test_moves(void **state)
{
    (void)state;
    up();
    sio_sockets_join(sio_to(T.ns[0], (const char *)T.id[2].s), "hall");
    sio_sockets_join(sio_to(T.ns[0], (const char *)T.id[0].s), "hall");
    settle();
    assert_true(sio_has_room(T.ns[0], sio_lit("hall")));
    assert_true(sio_has_room(T.ns[1], sio_lit("hall")));
    assert_string_equal(T.b.side[1].rooms, "+hall");
    sio_emit(sio_to(T.ns[1], "hall"), "x");
    settle();
    peer_hears(&T.p[0], "42[\"x\"]");
    peer_hears(&T.p[2], "42[\"x\"]");
    sio_sockets_leave(T.ns[1], "hall");
    settle();
    assert_false(sio_has_room(T.ns[0], sio_lit("hall")));
    assert_string_equal(T.b.side[1].rooms, "+hall-hall");
    sio_sockets_disconnect(sio_to(T.ns[1], (const char *)T.id[1].s), false);
    settle();
    peer_hears(&T.p[1], "41");
    nothing_is_heard();
    down();
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"", "{}", "[]", "[1", "[null]", "[\"connect\"]", "[\"disconnect\",1]", "\"x\"", "[{}]"};
    sio_op o = {.kind = SIO_OP_EMIT};

    (void)state;
    up();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.args = sio_str_z(bad[i]);
        assert_int_equal(sio_deliver(T.ns[0], &o), SIO_EINVAL);
    }
    sio_adapter_refused(T.r[0].io, "a test");
    sio_adapter_refused(T.r[0].io, "a test");
    assert_int_equal(stat_get(&T.r[0].io->refused_remote), 2);
    settle();
    nothing_is_heard();
    down();
}

static void test_taken(void **state)
{
    (void)state;
    up();
    T.takes = true;
    sio_emit(sio_to(T.ns[0], "hall"), "x", 1);
    settle();
    assert_string_equal(T.text, "1 hall [\"x\",1]");
    nothing_is_heard();
    down();
}

static void on_answers(void *arg, int err, const sio_val *answers, size_t n)
{
    int64_t sum = 0, one;

    (void)arg;
    for (size_t i = 0; i < n; i++)
        if (sio_int(answers[i], &one))
            sum += one;
    T.calls++;
    T.err = err;
    snprintf(T.text, sizeof T.text, "%zu answers, %d in all", n, (int)sum);
}

static void gather(void *arg)
{
    (void)arg;
    assert_int_equal(sio_gather(T.ns[0], 500, on_answers, NULL, "q"), 0);
}

static void test_gather(void **state)
{
    (void)state;
    up();
    rig_run_on(&T.r[0], 1, gather, NULL);
    for (int i = 0; i < 4; i++)
        peer_hears(&T.p[i], "420[\"q\"]");
    for (int i = 0; i < 4; i++) {
        char text[16];

        assert_int_equal(T.calls, 0);
        snprintf(text, sizeof text, "430[%d]", 1 << i);
        peer_say(&T.p[i], text);
    }
    assert_int_equal(T.calls, 1);
    assert_int_equal(T.err, 0);
    assert_string_equal(T.text, "4 answers, 15 in all");
    rig_run_on(&T.r[0], 0, gather, NULL);
    for (int i = 0; i < 4; i++)
        peer_hears(&T.p[i], "421[\"q\"]");
    peer_say(&T.p[0], "431[1]");
    peer_say(&T.p[3], "431[8]");
    sim_advance(T.r[0].s, 600);
    assert_int_equal(T.calls, 2);
    assert_int_equal(T.err, SIO_ETIMEOUT);
    assert_string_equal(T.text, "2 answers, 9 in all");
    down();
}

static void on_peers(void *arg, int err, const sio_peer *peers, size_t n)
{
    (void)arg;
    T.calls++;
    T.err = err;
    T.count = (unsigned)n;
    T.text[0] = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            if (sio_str_eq(peers[i].id, sio_str_z(T.id[k].s))) {
                assert_true((peers[i].data == NULL) == (k >= 2));
                assert_true(sio_kind_of(peers[i].handshake) == SIO_OBJECT);
                assert_int_equal(peers[i].nrooms, k == 3 ? 2 : 1);
                snprintf(T.text + strlen(T.text), sizeof T.text - strlen(T.text), "%d%.*s ", k,
                         (int)peers[i].shown.s.n, peers[i].shown.s.p);
            }
}

static void fetch_all(void *arg)
{
    (void)arg;
    assert_int_equal(sio_fetch(T.ns[0], on_peers, NULL), 0);
}

static void test_fetch(void **state)
{
    (void)state;
    up();
    peer_say(&T.p[3], "42[\"name\",\"zoe\"]");
    sio_sockets_join(sio_to(T.ns[0], (const char *)T.id[3].s), "hall");
    settle();
    rig_run_on(&T.r[0], 1, fetch_all, NULL);
    assert_int_equal(T.calls, 1);
    assert_int_equal(T.err, 0);
    assert_int_equal(T.count, 4);
    assert_non_null(strstr(T.text, "3{\"name\":\"zoe\"} "));
    assert_non_null(strstr(T.text, "0{\"name\":\"\"} "));
    down();
}

static void on_called(void *arg, int err, const sio_val *answers, size_t n)
{
    (void)arg;
    T.err = err;
    T.count = (unsigned)n;
    snprintf(T.text, sizeof T.text, "%.*s", n ? (int)answers[0].s.n : 0, n ? answers[0].s.p : "");
}

static void call_servers(void *arg)
{
    (void)arg;
    assert_int_equal(sio_server_call(T.ns[0], 100, on_called, NULL, "news", "extra"), 0);
}

static void call_nobody(void *arg)
{
    (void)arg;
    assert_int_equal(sio_server_call(T.ns[0], 100, on_called, NULL, "unheard"), 0);
}

static void on_servers(void *arg, int err, unsigned n)
{
    (void)arg;
    assert_int_equal(err, 0);
    T.count = n;
}

static void count_servers(void *arg)
{
    (void)arg;
    assert_int_equal(sio_server_count(T.ns[0], on_servers, NULL), 0);
}

static void test_servers(void **state)
{
    (void)state;
    up();
    assert_int_equal(sio_server_emit(T.ns[0], "connection"), SIO_EINVAL);
    assert_int_equal(sio_server_emit(T.ns[0], "news", "word"), 0);
    settle();
    assert_int_equal(T.calls, 1);
    assert_string_equal(T.text, "word");
    rig_run_on(&T.r[0], 1, call_servers, NULL);
    assert_int_equal(T.err, 0);
    assert_int_equal(T.count, 1);
    assert_string_equal(T.text, "{\"got\":\"extra\"}");
    rig_run_on(&T.r[0], 1, call_nobody, NULL);
    assert_int_equal(T.err, SIO_ETIMEOUT);
    assert_int_equal(T.count, 0);
    rig_run_on(&T.r[0], 1, count_servers, NULL);
    assert_int_equal(T.count, 2);
    assert_int_equal(sio_server_count(T.ns[0], on_servers, NULL), SIO_ESTATE);
    down();
}

/* ---- an adapter with a log ---- */

static void test_log_delivers(void **state)
{
    (void)state;
    up_with(true);
    sio_emit(T.ns[0], "all");
    settle();
    for (int i = 0; i < 4; i++)
        peer_hears(&T.p[i], "42[\"all\",\"0-0\"]");
    sio_emit(sio_local(T.ns[0]), "here");
    settle();
    peer_hears(&T.p[0], "42[\"here\"]");
    peer_hears(&T.p[1], "42[\"here\"]");
    sio_emit(sio_others(T.ns[0]), "there");
    settle();
    peer_hears(&T.p[2], "42[\"there\",\"1-0\"]");
    peer_hears(&T.p[3], "42[\"there\",\"1-0\"]");
    nothing_is_heard();
    down();
}

static void test_recovery_on_the_other_server(void **state)
{
    char text[128], *answer;
    sio_id pid, id;
    peer back;

    (void)state;
    up_with(true);
    rig_open(&T.r[0], &back);
    peer_say(&back, "40");
    answer = peer_take_text(&back);
    rig_field(answer, "pid", &pid);
    rig_field(answer, "sid", &id);
    free(answer);
    peer_say(&back, "42[\"name\",\"ann\"]");
    sio_sockets_join(sio_to(T.ns[0], (const char *)id.s), "hall");
    sio_emit(sio_to(T.ns[0], (const char *)id.s), "first");
    settle();
    peer_hears(&back, "42[\"first\",\"0-0\"]");
    peer_hangup(&back);
    peer_close(&back);
    settle();
    sio_emit(sio_to(T.ns[0], "hall"), "missed");
    sio_emit(sio_to(T.ns[1], "elsewhere"), "not for it");
    settle();
    rig_open(&T.r[1], &back);
    snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"0-0\"}", pid.s);
    peer_say(&back, text);
    settle();
    peer_hears(&back, "42[\"missed\",\"1-0\"]");
    answer = peer_take_text(&back);
    assert_non_null(strstr(answer, id.s));
    free(answer);
    peer_say(&back, "427[\"who\"]");
    peer_hears(&back, "437[\"ann\",true]");
    sio_emit(sio_to(T.ns[0], "hall"), "live");
    settle();
    peer_hears(&back, "42[\"live\",\"3-0\"]");
    peer_close(&back);
    nothing_is_heard();
    down();
}

static void test_unknown_state(void **state)
{
    char *answer;
    peer back;

    (void)state;
    up_with(true);
    rig_open(&T.r[1], &back);
    peer_say(&back, "40{\"pid\":\"aaaaaaaaaaaaaaaaaaaa\",\"offset\":\"0-0\"}");
    settle();
    answer = peer_take_text(&back);
    assert_memory_equal(answer, "40{\"sid\":", 9);
    free(answer);
    peer_close(&back);
    down();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),          cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_local_and_others), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_taken),
        cmocka_unit_test(test_gather),         cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_servers),        cmocka_unit_test(test_log_delivers),
        cmocka_unit_test(test_recovery_on_the_other_server), cmocka_unit_test(test_unknown_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
