/* Viewers of several servers on a real redis-server, all in one loop, each with a client of its own. */
#include "app/party/party_share_int.h"
#include "app/sites_test.h"

#define LIMIT    4
#define INTERVAL 100
#define SETTLE   50
#define LONG     (2 * RIG_PATIENCE_MS)
#define PATIENCE (RIG_PATIENCE_MS / SETTLE) /* times */

typedef struct site {
    heard        h;
    party_share *share;
    unsigned     number, session;
    char         log[4000];
    int64_t      count; /* an answer */
    bool         answered, swept;
    int          sweep_err;
} site;

static site sites[SITES];
static int64_t believed; /* what viewers of p were told last, by any of them */
static unsigned counts, joined, left;
static int64_t interval;

static void on_tell(void *arg, const party_told *t)
{
    site *x = arg;
    size_t n = strlen(x->log);

    if (sio_str_eq(t->party, S("p")))
        believed = t->count;
    counts += !t->user.p;
    joined += t->user.p && !t->left;
    left += t->user.p && t->left;
    if (n < sizeof(x->log) - 100)
        snprintf(x->log + n, sizeof(x->log) - n, "%s%.*s%s%.*s %d; ",
                 !t->user.p ? "count"
                 : t->left  ? "left "
                            : "joined ",
                 (int)t->user.n, t->user.p ? t->user.p : "", t->socket.p ? " by " : "", (int)t->socket.n,
                 t->socket.p ? t->socket.p : "", (int)t->count);
}

static void on_down(void *arg, const char *why)
{
    site *x = container_of(arg, site, h);

    heard_down(arg, why);
    party_share_use(x->share, NULL);
}

static void on_up(void *arg)
{
    site *x = container_of(arg, site, h);

    heard_up(arg);
    party_share_use(x->share, x->h.r);
}

static void site_open(site *x, unsigned number, unsigned session)
{
    redis_options o = heard_options(&x->h, server.url);
    party_share_options so = {.loop = g.l,
                              .code = code_of(number, session),
                              .rules = {LIMIT, interval},
                              .settle_ms = SETTLE,
                              .tell = on_tell,
                              .arg = x};

    *x = (site){.h = x->h, .number = number, .session = session};
    o.on_up = on_up;
    o.on_down = on_down;
    o.name = code_of(number, session);
    x->share = party_share_new(&so);
    assert_non_null(x->share);
    assert_int_equal(redis_new(&x->h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &x->h);
}

/* As kill -9, after what was written has left. */
static void site_close(site *x)
{
    redis_free(x->h.r);
    x->h.r = NULL;
    party_share_free(x->share);
    x->share = NULL;
}

static bool all_written(void *arg)
{
    (void)arg;
    for (int i = 0; i < SITES; i++)
        if (sites[i].share && party_share_unwritten(sites[i].share) > 0)
            return false;
    return true;
}

static void settle(void) { rig_wait(&g, all_written, NULL); }

/* What was to be asked later. */
static void ask_at_once(void)
{
    for (int i = 0; i < SITES; i++) {
        uint32_t at = 0;

        for (place *p; sites[i].share && (p = map_next(&sites[i].share->places, &at));)
            if (loop_timer_is_set(&p->ask))
                loop_timer_set(g.l, &p->ask, 0);
    }
}

static bool nobody(bool (*is_so)(const place *p))
{
    for (int i = 0; i < SITES; i++) {
        uint32_t at = 0;

        for (place *p; sites[i].share && (p = map_next(&sites[i].share->places, &at));)
            if (is_so(p))
                return false;
    }
    return true;
}

static bool is_asking(const place *p) { return p->asking; }
static bool is_to_ask(const place *p) { return p->asking || loop_timer_is_set(&p->ask); }

static bool none_is_asked(void *arg)
{
    (void)arg;
    return nobody(is_asking);
}

/* No count is to be told any more, by anybody. */
static bool all_told(void *arg)
{
    (void)arg;
    return nobody(is_to_ask);
}

static void on_count(void *arg, int64_t count)
{
    ((site *)arg)->count = count;
    ((site *)arg)->answered = true;
}

static bool is_counted(void *arg) { return ((site *)arg)->answered; }

static int counted(int i)
{
    rig_wait(&g, is_counted, &sites[i]);
    sites[i].answered = false;
    return (int)sites[i].count;
}

static int come(int i, const char *party, const char *user, const char *socket)
{
    party_share_join(sites[i].share, S(party), S(user), S(socket), on_count, &sites[i]);
    return counted(i);
}

static int go(int i, const char *party, const char *user)
{
    party_share_leave(sites[i].share, S(party), S(user), on_count, &sites[i]);
    return counted(i);
}

static int ask(int i, const char *party)
{
    party_share_count(sites[i].share, S(party), on_count, &sites[i]);
    return counted(i);
}

static void assert_log(int i, const char *wanted)
{
    assert_string_equal(sites[i].log, wanted);
    sites[i].log[0] = '\0';
}

static void on_gone(void *arg, sio_str party, sio_str user, int64_t count)
{
    on_tell(arg, &(party_told){.party = party, .user = user, .left = true, .count = count});
}

static void on_recount(void *arg, sio_str party) { party_share_recount(((site *)arg)->share, party); }
static void on_done(void *arg, int err)
{
    ((site *)arg)->swept = true;
    ((site *)arg)->sweep_err = err;
}
static bool is_swept(void *arg) { return ((site *)arg)->swept; }

static void sweep(int i, unsigned number, unsigned session)
{
    party_sweep_options o = {.r = sites[i].h.r,
                             .code = S(code_of(number, session)),
                             .rules = {LIMIT, interval},
                             .gone = on_gone,
                             .recount = on_recount,
                             .done = on_done,
                             .arg = &sites[i]};

    sites[i].swept = false;
    assert_int_equal(party_sweep_viewers(&o), 0);
    rig_wait(&g, is_swept, &sites[i]);
    assert_int_equal(sites[i].sweep_err, 0);
}

/* A killed server's last words have arrived when Redis knows its connection no more. */
static void crash(int i)
{
    char out[8000];
    unsigned session = sites[i].session;

    site_close(&sites[i]);
    do
        rig_try(&g, 1, never, NULL);
    while (redis_server_ask(server.port, "CLIENT LIST\r\n", out, sizeof(out)) &&
           strstr(out, code_of((unsigned)i, session)));
    sweep((i + 1) % SITES, (unsigned)i, session);
}

static int setup(void **state)
{
    (void)state;
    redis_server_do(&server, "FLUSHALL");
    rig_open(&g);
    interval = INTERVAL;
    for (unsigned i = 0; i < SITES; i++)
        site_open(&sites[i], i, 0);
    heard_open(&g, &checker, server.url);
    believed = counts = joined = left = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_free(checker.r);
    for (unsigned i = 0; i < SITES; i++)
        site_close(&sites[i]);
    rig_close(&g);
    return 0;
}

/* ---- examples --------------------------------------------------------------------------------------- */

static void users_count_once_in_the_cluster(void **state)
{
    (void)state;
    assert_int_equal(ask(0, "p"), 0);
    assert_int_equal(come(0, "p", "ann", "a1"), 1);
    assert_int_equal(come(1, "p", "ann", "a2"), 1);
    assert_int_equal(come(1, "p", "ann", "a3"), 1);
    assert_int_equal(come(1, "p", "bob", "b1"), 2);
    assert_int_equal(ask(2, "p"), 2);
    assert_log(0, "joined ann by a1 1; ");
    assert_log(1, "joined bob by b1 2; ");
    assert_int_equal(go(0, "p", "ann"), 2);
    assert_int_equal(go(1, "p", "ann"), 2);
    assert_log(1, "");
    assert_int_equal(go(1, "p", "ann"), 1);
    assert_log(1, "left ann 1; ");
    assert_int_equal(go(1, "p", "bob"), 0);
    assert_int_equal(go(1, "p", "nobody"), 0);
    assert_string_equal(reply("KEYS", "*viewers*[^d]"), ""); /* only :told is left, for a minute */
    while (strcmp(reply("EXISTS", "partyline:{n100}:parties:0"), "0") != 0)
        rig_try(&g, INTERVAL, never,
                NULL); /* the count is told once more, since two servers told it at a time */
}

/* Each step is one: nobody who asks is told of a later one. */
static void who_comes_and_goes_in_one_turn(void **state)
{
    static const char wanted[] = "joined ann by a1 2; left ann 1; joined ann by a1 2; left ann 1; ";

    (void)state;
    come(1, "p", "eve", "e1");
    for (int k = 0; k < 2; k++) {
        party_share_join(sites[0].share, S("p"), S("ann"), S("a1"), NULL, NULL);
        party_share_leave(sites[0].share, S("p"), S("ann"), NULL, NULL);
    }
    settle();
    assert_log(0, wanted);
}

static bool is_believed(void *wanted) { return believed == *(int64_t *)wanted; }
static void count_is(int64_t wanted) { rig_wait(&g, is_believed, &wanted); }

static void a_large_party_is_told_by_one(void **state)
{
    char user[12];
    uint64_t began;

    (void)state;
    for (int k = 0; k < LIMIT; k++) {
        snprintf(user, sizeof(user), "s%d", k);
        come(0, "p", user, "s");
    }
    settle();
    counts = 0;
    began = loop_now(g.l);
    for (int k = 0; k < 300; k++) {
        snprintf(user, sizeof(user), "u%d", k);
        assert_int_equal(come(k % SITES, "p", user, "s"), LIMIT + 1 + k);
    }
    count_is(LIMIT + 300);
    assert_in_range(counts, 1, (loop_now(g.l) - began) / INTERVAL + 2);
    assert_int_equal(joined, LIMIT);
    counts = 0;
    rig_wait(&g, all_told, NULL);
    assert_int_equal(counts, 0); /* everybody has it */
}

static void interval_is(int64_t ms)
{
    interval = ms;
    for (int i = 0; i < SITES; i++)
        if (sites[i].share)
            sites[i].share->o.rules.interval_ms = ms;
}

/* A while later everybody has been told, in words of site i's. */
static void is_told_once_more(int i, const char *party, const char *before, const char *then)
{
    char key[PARTY_KEY_MAX + 1] = "";

    party_key_told(S(party), key);
    assert_string_equal(reply("HGET", (const char *)key, "n"), "-1");
    assert_log(i, before);
    rig_wait(&g, none_is_asked, NULL);
    interval_is(1);
    ask_at_once();
    rig_wait(&g, all_told, NULL);
    assert_log(i, then);
    interval_is(LONG);
}

/* What one tells right behind another, by whatever way, may be heard before it. */
static void what_was_overtaken_is_told_once_more(void **state)
{
    char user[12];

    (void)state;
    interval_is(LONG);
    for (int k = 0; k < LIMIT; k++) {
        snprintf(user, sizeof(user), "s%d", k);
        come(0, "p", user, "s");
    }
    come(1, "p", "last", "l"); /* a count behind an announcement */
    is_told_once_more(1, "p", "count 5; ", "count 5; ");
    sites[0].log[0] = '\0';
    go(0, "p", "s0"); /* an announcement behind a count */
    is_told_once_more(0, "p", "left s0 4; ", "count 4; ");
    for (int k = 1; k < LIMIT; k++) {
        snprintf(user, sizeof(user), "s%d", k);
        go(0, "p", user);
    }
    come(0, "q", "ann", "a");
    come(2, "q", "bob", "b");
    is_told_once_more(2, "q", "joined bob by b 2; ", "count 2; ");
    crash(0); /* a sweep behind that */
    is_told_once_more(1, "q", "left ann 1; ", "count 1; ");
    site_open(&sites[0], 0, 1);
}

static void a_dead_server_is_swept(void **state)
{
    char user[12];

    (void)state;
    come(1, "p", "stays", "s");
    come(0, "p", "stays", "t");
    come(0, "q", "ann", "a");
    come(2, "q", "bob", "b");
    for (int k = 0; k < 1000; k++) {
        snprintf(user, sizeof(user), "u%d", k);
        party_share_join(sites[0].share, S("p"), S(user), S("s"), NULL, NULL);
    }
    /* Numbers alone: Redis gives the set in one piece, more than a script takes */
    for (int k = 0; k < 510; k++) {
        snprintf(user, sizeof(user), "%d", k);
        party_share_join(sites[0].share, S("numbers"), S(user), S("s"), NULL, NULL);
    }
    settle();
    sites[1].log[0] = '\0';
    crash(0);
    assert_int_equal(ask(1, "numbers"), 0);
    assert_int_equal(ask(1, "p"), 1);
    assert_int_equal(ask(1, "q"), 1);
    assert_non_null(strstr(sites[1].log, "left ann 1; "));
    assert_string_equal(reply("KEYS", "*n000*"), "");
    assert_string_equal(reply("HGETALL", "partyline:viewers:{p}"), "stays 1");
    site_open(&sites[0], 0, 1);
}

/* ---- repair ----------------------------------------------------------------------------------------- */

/* The others get as long as they take to write theirs; then nobody waits any longer. */
static void settles_at_once(bool yes)
{
    for (int i = 0; i < SITES; i++) {
        sites[i].share->o.settle_ms = yes ? SETTLE : LONG;
        sites[i].share->settled = 0;
    }
    if (yes)
        ask_at_once();
}

/* Who did not tell the last count itself may tell it once more: it is the right one. */
static void assert_right_counts_only(const char *log)
{
    size_t n = strlen("count 400; ");

    for (; *log; log += n)
        if (strncmp(log, "count 400; ", n) != 0 && strncmp(log, "count 200; ", n) != 0)
            fail_msg("was told: %s", log);
}

static void what_was_flushed_comes_back_in_silence(void **state)
{
    char user[12];

    (void)state;
    for (int k = 0; k < 600; k++) {
        snprintf(user, sizeof(user), "u%d", k);
        party_share_join(sites[k % 2].share, S(k % 3 ? "p" : "q"), S(user), S("s"), NULL, NULL);
    }
    settle();
    count_is(400);
    rig_wait(&g, all_told, NULL);
    for (int i = 0; i < SITES; i++)
        sites[i].log[0] = '\0';
    settles_at_once(false);
    redis_server_do(&server, "FLUSHALL");
    party_share_use(sites[0].share, sites[0].h.r);
    party_share_use(sites[1].share, sites[1].h.r);
    settle();
    assert_int_equal(ask(2, "p"), 400);
    assert_int_equal(ask(2, "q"), 200);
    assert_false(all_told(NULL));
    settles_at_once(true);
    rig_wait(&g, all_told, NULL);
    for (int i = 0; i < SITES; i++)
        assert_right_counts_only(sites[i].log);
}

static void without_redis_it_goes_by_what_it_knows(void **state)
{
    (void)state;
    come(0, "p", "ann", "a");
    come(0, "p", "bob", "b");
    come(1, "p", "eve", "e");
    redis_server_do(&server, "SAVE");
    redis_server_kill(&server);
    for (int i = 0; i < SITES; i++)
        rig_wait(&g, is_down, &sites[i].h);
    sites[0].log[0] = '\0';
    assert_int_equal(go(0, "p", "bob"), 1);
    assert_int_equal(come(0, "p", "cid", "c"), 2);
    assert_int_equal(come(0, "p", "dan", "d"), 3);
    assert_log(0, "left bob 1; joined cid by c 2; joined dan by d 3; ");
    redis_server_restart(&server);
    for (int i = 0; i < SITES; i++)
        rig_wait(&g, is_up, &sites[i].h);
    rig_wait(&g, is_up, &checker);
    settle();
    count_is(4);
    for (int tries = 0; ask(2, "p") != 4 && tries < PATIENCE; tries++)
        rig_try(&g, SETTLE, never, NULL);
    assert_int_equal(ask(2, "p"), 4);
    assert_string_equal(reply("HEXISTS", "partyline:viewers:{p}", "bob"), "0");
}

/* ---- against the truth ------------------------------------------------------------------------------ */

#define USERS   8
#define DEVICES 2
#define PARTIES 2

typedef bool truth[SITES][PARTIES][USERS][DEVICES];

static int true_count(truth t, int party)
{
    int n = 0;

    for (int u = 0; u < USERS; u++) {
        bool any = false;

        for (int i = 0; i < SITES; i++)
            for (int d = 0; d < DEVICES; d++)
                any |= t[i][party][u][d];
        n += any;
    }
    return n;
}

static void toggle(truth t, dice *dice, int i, int p, int u, int d)
{
    char party[4], user[4], socket[4];
    bool *there = &t[i][p][u][d];

    if (!*there && roll(dice, 6) > 0) /* about as many as are announced one by one */
        return;
    snprintf(party, sizeof(party), "p%d", p);
    snprintf(user, sizeof(user), "U%d", u);
    snprintf(socket, sizeof(socket), "s%d", d);
    *there = !*there;
    if (*there)
        party_share_join(sites[i].share, S(party), S(user), S(socket), NULL, NULL);
    else
        party_share_leave(sites[i].share, S(party), S(user), NULL, NULL);
}

static void blink(dice *d)
{
    int i = roll(d, SITES);

    party_share_use(sites[i].share, NULL);
    rig_try(&g, (uint32_t)roll(d, 4), never, NULL);
    party_share_use(sites[i].share, sites[i].h.r);
}

static void agree(truth t)
{
    char party[4];

    settle();
    for (int p = 0; p < PARTIES; p++) {
        snprintf(party, sizeof(party), "p%d", p);
        for (int tries = 0; ask(0, party) != true_count(t, p); tries++) {
            assert_true(tries < PATIENCE); /* what was swept of our own */
            rig_try(&g, SETTLE, never, NULL);
        }
        for (int i = 0; i < SITES; i++)
            assert_int_equal(ask(i, party), true_count(t, p));
    }
}

static void random_evenings(void **state)
{
    uint64_t seed = dice_seed();
    dice d = {.state = seed};
    static truth t;

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    memset(t, 0, sizeof(t));
    for (int step = 0; step < 8000; step++) {
        int what = roll(&d, 100), i = roll(&d, SITES);

        if (what < 85) {
            toggle(t, &d, i, roll(&d, PARTIES), roll(&d, USERS), roll(&d, DEVICES));
        } else if (what < 96) {
            rig_try(&g, (uint32_t)roll(&d, 2), never, NULL);
        } else if (what < 98) {
            blink(&d);
        } else if (step % 20 == 0) {
            unsigned session = sites[i].session;

            crash(i);
            memset(t[i], 0, sizeof(t[i]));
            site_open(&sites[i], (unsigned)i, session + 1);
        }
        if (step % 800 == 799)
            agree(t);
    }
    print_message("%u joined, %u left, %u counts\n", joined, left, counts);
    assert_true(joined + left > 100 && counts > 0);
}

int main(void)
{
#define SHARE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SHARE_TEST(users_count_once_in_the_cluster),
        SHARE_TEST(who_comes_and_goes_in_one_turn),
        SHARE_TEST(a_large_party_is_told_by_one),
        SHARE_TEST(what_was_overtaken_is_told_once_more),
        SHARE_TEST(a_dead_server_is_swept),
        SHARE_TEST(what_was_flushed_comes_back_in_silence),
        SHARE_TEST(without_redis_it_goes_by_what_it_knows),
        SHARE_TEST(random_evenings),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
