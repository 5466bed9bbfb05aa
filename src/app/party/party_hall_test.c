#include "app/loops_test.h"
#include "app/party/party_hall.h"

#define S(z) sio_str_z(z)

/* ---- examples --------------------------------------------------------------------------------------- */

/* What was told, as lines. */
static char log_text[4000];

static void on_log(void *arg, const party_told *t)
{
    size_t n = strlen(log_text);

    (void)arg;
    snprintf(log_text + n, sizeof(log_text) - n, "%.*s %s%.*s%s%.*s %d; ", (int)t->party.n, t->party.p,
             !t->user.p ? "count" : t->left ? "left " : "joined ", (int)t->user.n, t->user.p ? t->user.p : "",
             t->socket.p ? " by " : "", (int)t->socket.n, t->socket.p ? t->socket.p : "", (int)t->count);
}

static void assert_log(const char *wanted)
{
    assert_string_equal(log_text, wanted);
    log_text[0] = '\0';
}

static party_hall *new_hall(int64_t limit, int64_t interval)
{
    party_rules rules = {.announce_limit = limit, .interval_ms = interval};
    party_hall *h = party_hall_new(&rules, on_log, NULL);

    log_text[0] = '\0';
    assert_non_null(h);
    return h;
}

static void two_devices_count_once(void **state)
{
    party_hall *h = new_hall(10, 100);

    (void)state;
    assert_int_equal(party_hall_count(h, S("p")), 0);
    assert_int_equal(party_hall_join(h, S("p"), S("ann"), S("a1"), 0), 1);
    assert_int_equal(party_hall_join(h, S("p"), S("ann"), S("a2"), 0), 1);
    assert_int_equal(party_hall_join(h, S("p"), S("bob"), S("b1"), 0), 2);
    assert_int_equal(party_hall_join(h, S("q"), S("bob"), S("b1"), 0), 1);
    assert_log("p joined ann by a1 1; p joined bob by b1 2; q joined bob by b1 1; ");
    assert_int_equal(party_hall_leave(h, S("p"), S("ann"), 0), 2);
    assert_log("");
    assert_int_equal(party_hall_leave(h, S("p"), S("ann"), 0), 1);
    assert_log("p left ann 1; ");
    assert_int_equal(party_hall_leave(h, S("p"), S("ann"), 0), 1);
    assert_int_equal(party_hall_leave(h, S("nowhere"), S("ann"), 0), 0);
    assert_int_equal(party_hall_leave(h, S("p"), S("bob"), 0), 0);
    assert_log("p left bob 0; ");
    assert_int_equal(party_hall_count(h, S("p")), 0);
    assert_int_equal(party_hall_count(h, S("q")), 1);
    assert_false(party_hall_tick(h, 1000));
    party_hall_free(h);
}

static void a_large_party_is_told_its_count(void **state)
{
    party_hall *h = new_hall(2, 100);
    char id[20];

    (void)state;
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        party_hall_join(h, S("p"), S(id), S(id), i);
    }
    assert_log("p joined u0 by u0 1; p joined u1 by u1 2; p count 3; ");
    assert_true(party_hall_tick(h, 101));
    assert_log("");
    assert_true(party_hall_tick(h, 102));
    assert_log("p count 50; ");
    assert_false(party_hall_tick(h, 202)); /* nothing more to say */
    assert_log("");
    party_hall_leave(h, S("p"), S("u0"), 300);
    party_hall_leave(h, S("p"), S("u1"), 301);
    assert_log("p count 49; ");
    for (int i = 2; i < 48; i++) {
        snprintf(id, sizeof(id), "u%d", i);
        party_hall_leave(h, S("p"), S(id), 302);
    }
    assert_log("p left u47 2; "); /* small again: everybody has the count */
    assert_false(party_hall_tick(h, 500));
    assert_log("");
    party_hall_free(h);
}

/* ---- against a naive model ---------------------------------------------------------------------------- */

#define USERS     8
#define DEVICES   3
#define PARTIES   3
#define LIMIT     3
#define INTERVAL  100

enum { JOIN, LEAVE };

typedef struct model {
    party_hall *hall;
    loops       loops;
    dice        dice;
    int64_t     now;
    bool        truth[PARTIES][USERS][DEVICES]; /* what the devices did */
    bool        seen[PARTIES][USERS][DEVICES];  /* as far as it has arrived */
    int         told[PARTIES];                  /* what the others believe */
    int64_t     counted[PARTIES];               /* when the count was told last */
    unsigned    messages, counts;
} model;

static int count_of(bool (*devices)[DEVICES])
{
    int n = 0;

    for (int u = 0; u < USERS; u++) {
        bool any = false;

        for (int k = 0; k < DEVICES; k++)
            any |= devices[u][k];
        n += any;
    }
    return n;
}

static void on_tell(void *arg, const party_told *t)
{
    model *m = arg;
    int p = t->party.p[0] - 'p';

    m->messages++;
    assert_int_equal(t->count, count_of(m->seen[p]));
    if (t->user.p) {
        assert_in_range(t->count, 0, LIMIT);
        assert_int_equal(t->socket.p == NULL, t->left);
    } else {
        assert_true(t->count > LIMIT || m->told[p] > LIMIT);
        assert_true(m->now - m->counted[p] >= INTERVAL);
        m->counted[p] = m->now;
        m->counts++;
    }
    m->told[p] = (int)t->count;
}

static sio_str name(char *out, char kind, int number)
{
    out[0] = (char)(kind + number);
    return (sio_str){out, 1};
}

/* The model sees what the hall sees, just before it. */
static void arrive(model *m, event e)
{
    char text[3];
    sio_str party = name(text, 'p', e.party), user = name(text + 1, 'A', e.user);
    sio_str socket = name(text + 2, '0', e.device);
    int64_t count;

    m->seen[e.party][e.user][e.device] = e.what == JOIN;
    if (e.what == JOIN)
        count = party_hall_join(m->hall, party, user, socket, m->now);
    else
        count = party_hall_leave(m->hall, party, user, m->now);
    assert_int_equal(count, count_of(m->seen[e.party]));
}

/* A device belongs to one loop as long as it lives, here for ever. */
static void report(model *m, int what, int party, int user, int device)
{
    event e = {.what = what, .user = user, .device = device, .party = party};

    if (m->truth[party][user][device] != (what == JOIN) && loops_send(&m->loops, (user + device) % LOOPS, e))
        m->truth[party][user][device] = what == JOIN;
}

/* The connection is lost: it leaves everything. */
static void lose(model *m, int user, int device)
{
    for (int p = 0; p < PARTIES; p++)
        report(m, LEAVE, p, user, device);
}

static void pass(model *m, int64_t ms)
{
    m->now += ms;
    party_hall_tick(m->hall, m->now);
}

static void step(model *m)
{
    int user = roll(&m->dice, USERS), device = roll(&m->dice, DEVICES), what = roll(&m->dice, 20);
    event e;

    if (what < 5)
        report(m, JOIN, roll(&m->dice, PARTIES), user, device);
    else if (what < 10)
        report(m, LEAVE, roll(&m->dice, PARTIES), user, device);
    else if (what == 10)
        lose(m, user, device);
    else if (what < 19 && loops_take(&m->loops, &m->dice, &e))
        arrive(m, e);
    else
        pass(m, roll(&m->dice, 40));
}

static void settle(model *m)
{
    event e;

    while (loops_take(&m->loops, &m->dice, &e))
        arrive(m, e);
    pass(m, INTERVAL);
    for (int p = 0; p < PARTIES; p++) {
        char id[1];

        assert_int_equal(party_hall_count(m->hall, name(id, 'p', p)), count_of(m->truth[p]));
        assert_int_equal(m->told[p], count_of(m->truth[p]));
    }
}

static void random_viewers(void **state)
{
    party_rules rules = {.announce_limit = LIMIT, .interval_ms = INTERVAL};
    uint64_t seed = dice_seed();
    unsigned messages = 0, counts = 0;

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 50; round++) {
        model m = {.dice = {seed + (uint64_t)round}, .now = 1000};

        m.hall = party_hall_new(&rules, on_tell, &m);
        for (int i = 0; i < 2000; i++) {
            step(&m);
            if (i % 500 == 499)
                settle(&m);
        }
        messages += m.messages;
        counts += m.counts;
        for (int u = 0; u < USERS; u++)
            for (int k = 0; k < DEVICES; k++)
                lose(&m, u, k);
        settle(&m);
        party_hall_free(m.hall);
    }
    print_message("%u messages, %u counts\n", messages, counts);
    assert_true(messages > 2000 && counts > 500); /* both ways of telling were put to the test */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_devices_count_once),
        cmocka_unit_test(a_large_party_is_told_its_count),
        cmocka_unit_test(random_viewers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
