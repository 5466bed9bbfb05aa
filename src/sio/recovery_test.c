/* Recovery under random loss: clients on three loops come and go, and every event reaches each of them once,
 * in the order of its sender. */
#include "base/rand.h"
#include "sio/rig_test.h"

#define CLIENTS 5
#define SENDERS 4 /* one on each loop, one outside */
#define LOOPS   3
#define KEEP_MS 60000

typedef struct state {
    int number; /* rides with the socket's data */
} state;

typedef struct away {
    peer p;
    bool here;
    sio_id id;
    char pid[21], offset[32];
    unsigned next[SENDERS + 1]; /* what must come next, of each sender; the last: events to it alone */
    bool in_room;
    unsigned recoveries;
} away;

typedef struct world {
    rig r;
    sio_ns *ns;
    uint64_t dice;
    away c[CLIENTS];
    unsigned sent[SENDERS];
    unsigned sent_own[CLIENTS];
    int living; /* data blocks that were not freed */
} world;

static world W;

static unsigned roll(unsigned below)
{
    W.dice ^= W.dice << 13;
    W.dice ^= W.dice >> 7;
    W.dice ^= W.dice << 17;
    return (unsigned)(W.dice >> 32) % below;
}

/* ---- the server's side ---- */

static void on_free(void *data)
{
    W.living -= ((state *)data)->number != 0;
}

static void on_connect(sio_socket *s)
{
    state *d = sio_data(s);

    if (sio_recovered(s)) {
        assert_true(d->number != 0); /* the data came back with the socket */
        return;
    }
    assert_int_equal(d->number, 0);
    d->number = 7;
    W.living++;
}

static void up(uint64_t seed)
{
    sio_options o = rig_options(LOOPS);

    memset(&W, 0, sizeof W);
    W.dice = seed | 1;
    o.recovery_ms = KEEP_MS;
    o.ping_interval_ms = 1u << 30;
    rig_init(&W.r, &o);
    W.ns = sio_of(W.r.io, "/", &(sio_ns_options){.data_size = sizeof(state), .on_free = on_free});
    sio_on_connect(W.ns, on_connect);
    rig_listen(&W.r);
}

/* Everybody's event number n of a sender: {sender, n}. */
static void emit_from_here(void *arg)
{
    unsigned sender = *(unsigned *)arg;

    assert_int_equal(sio_emit(W.ns, "e", sender, W.sent[sender]++), 0);
}

static void emit_from(unsigned sender)
{
    if (sender < LOOPS)
        assert_int_equal(sio_post(W.r.io, sender, emit_from_here, &sender), 0);
    else
        emit_from_here(&sender);
    sim_settle(W.r.s);
}

/* Events for one client: while it is here from its socket, while it is away by the room of its id. */
static void emit_to_socket(void *arg)
{
    away *c = arg;
    sio_socket *s = sio_find(W.ns, c->id);

    if (s)
        assert_int_equal(sio_emit(s, "e", SENDERS, W.sent_own[c - W.c]++), 0);
}

static void emit_to(away *c)
{
    for (unsigned i = 0; i < LOOPS; i++)
        rig_run_on(&W.r, i, emit_to_socket, c);
}

/* ---- the clients' side ---- */

/* "42["e",sender,n,"offset"]" */
static void take_event(away *c, const char *text)
{
    unsigned sender, n;

    assert_int_equal(sscanf(text, "42[\"e\",%u,%u,\"%31[^\"]\"]", &sender, &n, c->offset), 3);
    assert_in_range(sender, 0, SENDERS);
    if (n != c->next[sender])
        fail_msg("client %d: event %u of sender %u came instead of %u", (int)(c - W.c), n, sender,
                 c->next[sender]);
    c->next[sender]++;
}

/* Reads up to max events. */
static void read_events(away *c, unsigned max)
{
    peer_frame f;
    size_t size;

    while (max-- && peer_peek_frame(&c->p, &f, &size)) {
        char *text = peer_take_text(&c->p);

        take_event(c, text);
        free(text);
    }
}

static void read_all_events(away *c)
{
    read_events(c, UINT32_MAX);
    for (unsigned k = 0; k < SENDERS; k++)
        assert_int_equal(c->next[k], W.sent[k]);
    assert_int_equal(c->next[SENDERS], W.sent_own[c - W.c]);
}

static void begin_anew(away *c)
{
    char *answer;
    sio_id pid;

    rig_open(&W.r, &c->p);
    peer_say(&c->p, "40");
    answer = peer_take_text(&c->p);
    rig_field(answer, "sid", &c->id);
    rig_field(answer, "pid", &pid);
    memcpy(c->pid, pid.s, sizeof c->pid);
    free(answer);
    memcpy(c->next, W.sent, sizeof W.sent);
    c->next[SENDERS] = W.sent_own[c - W.c];
    c->offset[0] = 0;
    c->here = true;
}

/* What was missed, then the answer with the old ids. */
static void come_back(away *c)
{
    char connect[128], answer[128];
    peer_frame f;
    size_t size;

    rig_open(&W.r, &c->p);
    snprintf(connect, sizeof connect, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", c->pid, c->offset);
    snprintf(answer, sizeof answer, "40{\"sid\":\"%s\",\"pid\":\"%s\"}", c->id.s, c->pid);
    peer_say(&c->p, connect);
    while (peer_peek_frame(&c->p, &f, &size) && f.payload.n > 2 && f.payload.p[1] == '2') {
        char *text = peer_take_text(&c->p);

        take_event(c, text);
        free(text);
    }
    peer_hears(&c->p, answer);
    read_all_events(c);
    c->here = true;
    c->recoveries++;
}

/* Some of what was sent may never be read. */
static void get_lost(away *c)
{
    if (roll(2))
        read_events(c, roll(4));
    peer_hangup(&c->p);
    peer_close(&c->p);
    c->here = false;
}

static void act(away *c)
{
    if (c->here && c->offset[0] && roll(3) == 0)
        get_lost(c);
    else if (c->here && roll(2))
        read_all_events(c);
    else if (c->here)
        emit_to(c);
    else if (c->offset[0])
        come_back(c);
    else
        begin_anew(c);
}

static void end(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (W.c[i].here)
            peer_hangup(&W.c[i].p);
    sim_advance(W.r.s, 2 * KEEP_MS);
    assert_int_equal(W.living, 0); /* everybody's state has expired */
    rig_fini(&W.r);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (W.c[i].here)
            peer_close(&W.c[i].p);
}

static void test_random_loss(void **state)
{
    const char *given = getenv("SEED");
    unsigned recoveries = 0;
    uint64_t seed;

    (void)state;
    rand_bytes(&seed, sizeof seed);
    if (given)
        seed = strtoull(given, NULL, 0);
    print_message("SEED=%#llx\n", (unsigned long long)seed);
    up(seed);
    for (int i = 0; i < 2000; i++) {
        if (roll(2))
            emit_from(roll(SENDERS));
        else
            act(&W.c[roll(CLIENTS)]);
        if (roll(8) == 0)
            sim_advance(W.r.s, 10);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        recoveries += W.c[i].recoveries;
    assert_true(recoveries > 50);
    end();
}

/* ---- one at a time ---- */

static void test_log_has_an_end(void **state)
{
    away *c = &W.c[0];

    (void)state;
    up(1);
    begin_anew(c);
    emit_from(3);
    read_all_events(c);
    get_lost(c);
    sim_advance(W.r.s, KEEP_MS - 1);
    emit_from(0);
    come_back(c);
    sim_advance(W.r.s, KEEP_MS + 1); /* the offset's event is forgotten now, the next ones are not */
    emit_from(1);
    peer_hangup(&c->p);
    peer_close(&c->p);
    c->here = false;
    rig_open(&W.r, &c->p);
    {
        char connect[128], *answer;
        sio_id id;

        snprintf(connect, sizeof connect, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", c->pid, c->offset);
        peer_say(&c->p, connect);
        answer = peer_take_text(&c->p);
        rig_field(answer, "sid", &id);
        assert_string_not_equal(id.s, c->id.s); /* a new session: something might be missing */
        free(answer);
    }
    c->here = true;
    end();
}

static void test_server_ends_with_state_kept(void **state)
{
    (void)state;
    up(1);
    for (unsigned i = 0; i < CLIENTS; i++)
        begin_anew(&W.c[i]);
    for (unsigned i = 0; i < 20; i++)
        emit_from(roll(SENDERS));
    for (unsigned i = 0; i < CLIENTS; i++) {
        read_all_events(&W.c[i]);
        peer_hangup(&W.c[i].p);
        peer_close(&W.c[i].p);
    }
    rig_fini(&W.r);
    assert_int_equal(W.living, 0);
}

/* The namespace over the limit ends the client; nothing of it may be left to send to. */
static void test_state_asked_for_over_the_limit(void **state)
{
    sio_options o = rig_options(1);
    peer p;
    sio_ns *b;

    (void)state;
    o.recovery_ms = KEEP_MS;
    o.max_sockets = 1;
    rig_init(&W.r, &o);
    b = sio_of(W.r.io, "/b", NULL);
    rig_listen(&W.r);
    rig_join(&W.r, &p);
    peer_say(&p, "40/b,{\"pid\":\"A2345678901234567890\",\"offset\":\"A1\"}");
    assert_int_equal(sio_clients_count(W.r.io), 0);
    assert_int_equal(b->shard[0].nall, 0);
    assert_int_equal(sio_emit(b, "x"), 0);
    peer_close(&p);
    rig_fini(&W.r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_loss),
        cmocka_unit_test(test_log_has_an_end),
        cmocka_unit_test(test_server_ends_with_state_kept),
        cmocka_unit_test(test_state_asked_for_over_the_limit),
    };

    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
