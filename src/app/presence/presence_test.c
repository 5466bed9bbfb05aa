#include "app/loops_test.h"
#include "app/presence/presence_news.h"
#include "base/list.h"

#define S(z)  sio_str_z(z)
#define GRACE 1000

/* A store, and news of its changes: all of presence but the sockets. */
typedef struct rig {
    presence_store *store;
    presence_news  *news;
    int64_t         rate;
    presence_now    now;
    char            log[4000];
    unsigned        told;
} rig;

static void on_change(void *arg, const presence_change *ch) { presence_news_add(((rig *)arg)->news, ch); }

static void on_log(void *arg, const presence_told *t)
{
    rig *r = arg;
    size_t n = strlen(r->log);

    r->told++;
    if (n > sizeof(r->log) - 100)
        return;
    snprintf(r->log + n, sizeof(r->log) - n, "%.*s %s%s%.*s; ", (int)t->user.n, t->user.p,
             presence_status_names[t->seen.status], t->chosen ? " by " : "", (int)t->chosen_by.n,
             t->chosen_by.p ? t->chosen_by.p : "");
}

static void rig_init(rig *r, int64_t grace, unsigned remembered, int64_t interval, presence_tell_fn *tell)
{
    *r = (rig){.rate = PRESENCE_ANY_RATE, .now = {.ms = 5000, .wall = 1000000}};
    r->store = presence_memory_new(grace, remembered, on_change, r);
    r->news = presence_news_new(interval, tell, r);
    assert_non_null(r->store);
    assert_non_null(r->news);
}

static void rig_fini(rig *r)
{
    r->store->ops->free(r->store);
    presence_news_free(r->news);
}

static void rig_open(rig *r, const char *user, const char *socket)
{
    r->store->ops->open(r->store, S(user), S(socket), false, r->now);
}

static void rig_close(rig *r, const char *user, const char *socket)
{
    r->store->ops->close(r->store, S(user), S(socket), r->now);
}

static void rig_choose(rig *r, const char *user, const char *socket, enum presence_status status)
{
    r->store->ops->choose(r->store, S(user), S(socket), status, r->now);
}

/* Time passes; whether more must. */
static bool rig_pass(rig *r, int64_t ms)
{
    bool more;

    r->now.ms += ms;
    r->now.wall += ms;
    more = r->store->ops->tick(r->store, r->now);
    more |= presence_news_flush(r->news, r->now.ms, r->rate);
    return more;
}

static void on_looked(void *arg, int err)
{
    assert_int_equal(err, 0);
    *(bool *)arg = true;
}

static presence_seen rig_look(rig *r, const char *user)
{
    presence_seen seen[2];
    sio_str users[2] = {S("somebody else"), S(user)};
    bool done = false;

    r->store->ops->look(r->store, users, 2, seen, on_looked, &done);
    assert_true(done);
    return seen[1];
}

static void assert_log(rig *r, const char *wanted)
{
    assert_string_equal(r->log, wanted);
    r->log[0] = '\0';
}

/* ---- examples --------------------------------------------------------------------------------------- */

static void offline_after_the_last_device_and_the_grace(void **state)
{
    rig r;

    (void)state;
    rig_init(&r, GRACE, 100, 0, on_log);
    assert_int_equal(rig_look(&r, "ann").status, PRESENCE_OFFLINE);
    assert_int_equal(rig_look(&r, "ann").wall, 0);
    rig_open(&r, "ann", "a1");
    rig_open(&r, "ann", "a2");
    rig_pass(&r, 0);
    assert_log(&r, "ann online; ");
    rig_close(&r, "ann", "a1");
    assert_false(rig_pass(&r, 10 * GRACE));
    rig_close(&r, "ann", "a2");
    assert_true(rig_pass(&r, GRACE - 1));
    assert_int_equal(rig_look(&r, "ann").status, PRESENCE_ONLINE);
    assert_log(&r, "");
    rig_pass(&r, 1);
    assert_log(&r, "ann offline; ");
    assert_int_equal(rig_look(&r, "ann").status, PRESENCE_OFFLINE);
    assert_int_equal(rig_look(&r, "ann").wall, r.now.wall - GRACE);
    rig_close(&r, "ann", "a2");
    rig_close(&r, "nobody", "n1");
    rig_choose(&r, "ann", "a2", PRESENCE_BUSY);
    assert_false(rig_pass(&r, GRACE));
    assert_log(&r, "");
    rig_fini(&r);
}

static void back_within_the_grace_keeps_the_status(void **state)
{
    rig r;

    (void)state;
    rig_init(&r, GRACE, 100, 0, on_log);
    rig_open(&r, "ann", "a1");
    rig_choose(&r, "ann", "a1", PRESENCE_BUSY);
    rig_pass(&r, 0);
    assert_log(&r, "ann busy by a1; ");
    for (int i = 0; i < 5; i++) {
        rig_close(&r, "ann", "a1");
        rig_pass(&r, GRACE - 1);
        rig_open(&r, "ann", "a1");
    }
    assert_false(rig_pass(&r, 10 * GRACE));
    assert_int_equal(rig_look(&r, "ann").status, PRESENCE_BUSY);
    rig_close(&r, "ann", "a1");
    rig_pass(&r, GRACE);
    rig_open(&r, "ann", "a1");
    rig_pass(&r, 0);
    assert_log(&r, "ann offline; ann online; ");
    rig_fini(&r);
}

static void without_grace(void **state)
{
    rig r;

    (void)state;
    rig_init(&r, 0, 100, 0, on_log);
    rig_open(&r, "ann", "a1");
    rig_pass(&r, 0);
    rig_close(&r, "ann", "a1");
    assert_int_equal(rig_look(&r, "ann").status, PRESENCE_OFFLINE);
    rig_pass(&r, 0);
    assert_log(&r, "ann online; ann offline; ");
    rig_fini(&r);
}

static void who_left_long_ago_is_forgotten(void **state)
{
    char id[20];
    rig r;

    (void)state;
    rig_init(&r, 0, 10, 0, on_log);
    for (int i = 0; i < 25; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        rig_open(&r, id, "s");
        rig_close(&r, id, "s");
    }
    rig_open(&r, "u15", "s"); /* the oldest that is remembered comes back */
    for (int i = 0; i < 25; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        assert_int_equal(rig_look(&r, id).wall != 0, i >= 15);
    }
    rig_fini(&r);
}

static void changes_in_an_interval_are_told_as_one(void **state)
{
    rig r;

    (void)state;
    rig_init(&r, 0, 100, 500, on_log);
    rig_open(&r, "ann", "a1");
    assert_true(rig_pass(&r, 0));
    rig_choose(&r, "ann", "a1", PRESENCE_AWAY);
    rig_choose(&r, "ann", "a1", PRESENCE_BUSY);
    assert_true(rig_pass(&r, 499));
    assert_log(&r, "ann online; ");
    rig_pass(&r, 1);
    assert_log(&r, "ann busy by a1; ");
    rig_choose(&r, "ann", "a1", PRESENCE_AWAY);
    rig_choose(&r, "ann", "a2", PRESENCE_AWAY); /* two of them: both are told */
    rig_pass(&r, 500);
    assert_log(&r, "ann away by ; ");
    rig_choose(&r, "ann", "a1", PRESENCE_AWAY); /* the same again was meant to be said again */
    rig_pass(&r, 500);
    assert_log(&r, "ann away by a1; ");
    rig_close(&r, "ann", "a1");
    rig_open(&r, "ann", "a1");
    rig_choose(&r, "ann", "a1", PRESENCE_BUSY);
    rig_close(&r, "ann", "a1");
    rig_pass(&r, 500);
    assert_log(&r, "ann offline; "); /* what was chosen is over */
    rig_open(&r, "ann", "a1");
    rig_close(&r, "ann", "a1");
    assert_true(rig_pass(&r, 499));
    assert_false(rig_pass(&r, 1)); /* there and gone: no news */
    assert_log(&r, "");
    rig_fini(&r);
}

/* ---- storms ------------------------------------------------------------------------------------------- */

#define CROWD 10000

static void crowd(rig *r, void (*what)(rig *r, const char *user, const char *socket))
{
    char id[20];

    for (int i = 0; i < CROWD; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        what(r, id, "s");
    }
}

/* Ten thousand clients lose their connection and are back within the grace: nobody is told anything. */
static void a_storm_of_reconnects_is_silent(void **state)
{
    rig r;

    (void)state;
    rig_init(&r, GRACE, 100, 0, on_log);
    crowd(&r, rig_open);
    rig_pass(&r, 0);
    assert_int_equal(r.told, CROWD);
    crowd(&r, rig_close);
    rig_pass(&r, GRACE / 2);
    crowd(&r, rig_open);
    assert_false(rig_pass(&r, 10 * GRACE));
    assert_int_equal(r.told, CROWD);
    rig_fini(&r);
}

/* All of them come at once, and everybody is to hear of everybody: as many as the rate allows, in the
 * order they came; who left before the turn came is not told of. */
static void a_rate_bounds_what_a_storm_costs(void **state)
{
    rig r;

    (void)state;
    rig_init(&r, 0, CROWD, 0, on_log);
    r.rate = 10 * 1000; /* ten a second */
    crowd(&r, rig_open);
    for (int ms = 0; ms < 5000; ms += 50)
        assert_true(rig_pass(&r, 50));
    assert_in_range(r.told, 10 + 49, 10 + 50);
    assert_memory_equal(r.log, "u0 online; u1 online; ", 22);
    crowd(&r, rig_close);
    while (rig_pass(&r, 50)) {
    }
    assert_in_range(r.told, 2 * (10 + 49), 2 * (10 + 51));
    r.rate = 1; /* one in a thousand seconds: still one at once */
    r.told = 0;
    rig_pass(&r, 10000000);
    rig_open(&r, "late", "s");
    rig_open(&r, "later", "s");
    assert_true(rig_pass(&r, 0));
    assert_int_equal(r.told, 1);
    assert_true(rig_pass(&r, 999));
    assert_int_equal(r.told, 1);
    rig_fini(&r);
}

/* ---- against a naive model ---------------------------------------------------------------------------- */

#define USERS    6
#define DEVICES  3
#define INTERVAL 300
#define HISTORY  4000

enum { OPEN, CLOSE, CHOOSE, TICK };

/* What arrived, and when: the model works everything out from here, each time from the start. */
typedef struct happened {
    event   e;
    int64_t at;
} happened;

typedef struct model {
    rig      r;
    loops    loops;
    dice     dice;
    bool     truth[USERS][DEVICES];
    happened history[HISTORY];
    unsigned n;
    enum presence_status told[USERS];
    int64_t  told_at[USERS];
    bool     chosen[USERS]; /* since the last telling */
    unsigned messages;
} model;

static enum presence_status naive_status(const model *m, int user)
{
    enum presence_status status = PRESENCE_OFFLINE;
    int sockets = 0;
    int64_t left = 0;

    for (unsigned i = 0; i < m->n; i++) {
        const happened *h = &m->history[i];

        if (h->e.what == TICK && sockets == 0 && h->at >= left + GRACE)
            status = PRESENCE_OFFLINE;
        if (h->e.what == TICK || h->e.user != user)
            continue;
        if (h->e.what == OPEN && sockets++ == 0 && status == PRESENCE_OFFLINE)
            status = PRESENCE_ONLINE;
        if (h->e.what == CLOSE && --sockets == 0)
            left = h->at;
        if (h->e.what == CHOOSE && status != PRESENCE_OFFLINE)
            status = (enum presence_status)h->e.choice;
    }
    return status;
}

static void on_tell(void *arg, const presence_told *t)
{
    model *m = container_of(arg, model, r);
    int user = t->user.p[0] - 'A';

    m->messages++;
    assert_int_equal(t->seen.status, naive_status(m, user));
    assert_true(t->seen.status != m->told[user] || m->chosen[user]);
    assert_true(m->r.now.ms - m->told_at[user] >= INTERVAL);
    assert_true(!t->chosen || m->chosen[user]);
    m->told[user] = t->seen.status;
    m->told_at[user] = m->r.now.ms;
    m->chosen[user] = false;
}

static void note(model *m, event e, int64_t at)
{
    assert_true(m->n < HISTORY);
    m->history[m->n++] = (happened){e, at};
}

static void pass(model *m, int64_t ms)
{
    note(m, (event){.what = TICK}, m->r.now.ms + ms);
    rig_pass(&m->r, ms);
}

static void arrive(model *m, event e)
{
    char user[2] = {(char)('A' + e.user)}, socket[2] = {(char)('0' + e.device)};

    note(m, e, m->r.now.ms);
    if (e.what == OPEN)
        rig_open(&m->r, user, socket);
    else if (e.what == CLOSE)
        rig_close(&m->r, user, socket);
    else
        rig_choose(&m->r, user, socket, (enum presence_status)e.choice);
    m->chosen[e.user] |= e.what == CHOOSE;
    assert_int_equal(rig_look(&m->r, user).status, naive_status(m, e.user));
}

static void report(model *m, int what, int user, int device)
{
    event e = {.what = what, .user = user, .device = device, .choice = roll(&m->dice, PRESENCE_OFFLINE)};

    if (m->truth[user][device] != (what != OPEN) || !loops_send(&m->loops, (user + device) % LOOPS, e))
        return;
    m->truth[user][device] = what != CLOSE;
}

static void step(model *m)
{
    int user = roll(&m->dice, USERS), device = roll(&m->dice, DEVICES), what = roll(&m->dice, 20);
    event e;

    if (what < 4)
        report(m, OPEN, user, device);
    else if (what < 7)
        report(m, CLOSE, user, device);
    else if (what < 9)
        report(m, CHOOSE, user, device);
    else if (what < 17 && loops_take(&m->loops, &m->dice, &e))
        arrive(m, e);
    else
        pass(m, roll(&m->dice, roll(&m->dice, 10) ? 50 : 2 * GRACE));
}

static void settle(model *m)
{
    event e;

    while (loops_take(&m->loops, &m->dice, &e))
        arrive(m, e);
    pass(m, GRACE);
    pass(m, INTERVAL);
    pass(m, INTERVAL);
    for (int u = 0; u < USERS; u++) {
        char user[2] = {(char)('A' + u)};
        bool there = false;

        for (int k = 0; k < DEVICES; k++)
            there |= m->truth[u][k];
        assert_int_equal(rig_look(&m->r, user).status != PRESENCE_OFFLINE, there);
        assert_int_equal(rig_look(&m->r, user).status, naive_status(m, u));
        assert_int_equal(m->told[u], naive_status(m, u));
    }
}

static void random_devices(void **state)
{
    uint64_t seed = dice_seed();
    static model m;

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 50; round++) {
        memset(&m, 0, sizeof(m));
        m.dice.state = seed + (uint64_t)round;
        rig_init(&m.r, GRACE, 2 + (unsigned)roll(&m.dice, 100), INTERVAL, on_tell);
        for (int u = 0; u < USERS; u++)
            m.told[u] = PRESENCE_OFFLINE;
        for (int i = 0; i < 1000; i++) {
            step(&m);
            if (i % 250 == 249)
                settle(&m);
        }
        assert_true(m.messages > 20);
        rig_fini(&m.r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offline_after_the_last_device_and_the_grace),
        cmocka_unit_test(back_within_the_grace_keeps_the_status),
        cmocka_unit_test(without_grace),
        cmocka_unit_test(who_left_long_ago_is_forgotten),
        cmocka_unit_test(changes_in_an_interval_are_told_as_one),
        cmocka_unit_test(a_storm_of_reconnects_is_silent),
        cmocka_unit_test(a_rate_bounds_what_a_storm_costs),
        cmocka_unit_test(random_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
