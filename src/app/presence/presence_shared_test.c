/* Several servers share who is there. */
#include "app/presence/presence_shared_rig_test.h"

/* ---- examples --------------------------------------------------------------------------------------- */

static void the_keys_are_those_of_the_node_servers(void **state)
{
    (void)state;
    come(0, "ann", "a1");
    settle();
    assert_string_equal(reply("SMEMBERS", "online_users"), "ann");
    assert_string_equal(sockets_of("ann"), "a1");
    assert_string_equal(status_of("ann"), "online");
    assert_int_equal(strlen(reply("HGET", "user:status:ann", "lastSeen")), 24);
    assert_string_equal(reply("HGETALL", "partyline:{n000}:sockets:0"), "a1 ann");
    assert_log(0, "ann online; ");
    go(0, "ann", "a1");
    settle();
    assert_string_equal(reply("EXISTS", "online_users", "user_sockets:ann", "partyline:{n000}:sockets:0"),
                        "0");
    assert_string_equal(status_of("ann"), "offline");
    assert_log(0, "ann offline; ");
    assert_int_equal(look(1, "ann").status, PRESENCE_OFFLINE);
    assert_true(look(1, "ann").wall > 0);
}

static void a_user_on_two_servers_is_announced_once(void **state)
{
    (void)state;
    come(0, "ann", "a1");
    settle();
    choose(0, "ann", PRESENCE_BUSY);
    settle();
    come(1, "ann", "b1");
    settle();
    assert_log(0, "ann online; ann busy chosen; ");
    assert_log(1, "");
    assert_string_equal(status_of("ann"), "busy"); /* a device more does not change what was chosen */
    assert_int_equal(look(1, "ann").status, PRESENCE_BUSY);
    go(0, "ann", "a1");
    settle();
    assert_string_equal(reply("SISMEMBER", "online_users", "ann"), "1");
    assert_string_equal(status_of("ann"), "busy");
    assert_int_equal(look(2, "ann").status, PRESENCE_BUSY);
    go(1, "ann", "b1");
    settle();
    assert_log(0, "");
    assert_log(1, "ann offline; ");
    assert_string_equal(reply("EXISTS", "online_users", "user_sockets:ann"), "0");
}

static void who_comes_is_there_before_redis_says_so(void **state)
{
    presence_seen seen;
    bool done = false;
    sio_str user = S("ann");

    (void)state;
    come(0, "ann", "a1");
    sites[0].store->ops->look(sites[0].store, &user, 1, &seen, on_looked, &done);
    rig_wait(&g, is_true, &done);
    assert_int_equal(seen.status, PRESENCE_ONLINE);
    settle();
}

/* A connection is lost on one server and recovered, by the same id, on another one: it is that one's from
 * then on. */
static void a_recovered_socket_belongs_to_its_new_server(void **state)
{
    (void)state;
    come(0, "ann", "a1");
    come(2, "bob", "b1");
    settle();
    sites[1].store->ops->open(sites[1].store, S("ann"), S("a1"), true, now());
    sites[1].store->ops->open(sites[1].store, S("bob"), S("b1"), true, now());
    settle();
    go(0, "ann", "a1"); /* it notices late */
    settle();
    site_close(&sites[2]);
    sweep(1, 2, 0);
    assert_string_equal(sockets_of("ann"), "a1");
    assert_string_equal(sockets_of("bob"), "b1");
    assert_string_equal(reply("SMISMEMBER", "online_users", "ann", "bob"), "1 1");
    assert_log(0, "ann online; ");
    assert_log(1, "");
    go(1, "ann", "a1");
    settle();
    assert_string_equal(reply("EXISTS", "user_sockets:ann"), "0");
    assert_log(1, "ann offline; ");
}

static void many_devices(void **state)
{
    char id[20];

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "a%d", i);
        come(0, "ann", id);
    }
    settle();
    assert_string_equal(reply("SCARD", "user_sockets:ann"), "200");
    assert_string_equal(reply("HLEN", "partyline:{n000}:sockets:0"), "200");
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "a%d", i);
        go(0, "ann", id);
    }
    settle();
    assert_string_equal(reply("EXISTS", "online_users", "user_sockets:ann", "partyline:{n000}:sockets:0"),
                        "0");
    assert_log(0, "ann online; ann offline; ");
}

/* ---- repair ----------------------------------------------------------------------------------------- */

#define CROWD 1500

static void crowd(int i, void (*what)(int i, const char *user, const char *socket))
{
    char user[20], socket[20];

    for (int k = 0; k < CROWD; k++) {
        snprintf(user, sizeof(user), "u%d", k);
        snprintf(socket, sizeof(socket), "s%d-%d", i, k);
        what(i, user, socket);
    }
}

static void what_was_flushed_comes_back_in_silence(void **state)
{
    char wanted[20];

    (void)state;
    crowd(0, come);
    settle();
    choose(0, "u7", PRESENCE_BUSY);
    settle();
    come(1, "u7", "elsewhere");
    settle();
    sites[0].log[0] = sites[1].log[0] = '\0';
    redis_server_do(&server, "FLUSHALL");
    presence_shared_up(sites[1].store, sites[1].h.r); /* as its node says */
    settle();
    presence_shared_up(sites[0].store, sites[0].h.r);
    settle();
    snprintf(wanted, sizeof(wanted), "%d", CROWD);
    assert_string_equal(reply("SCARD", "online_users"), wanted);
    assert_string_equal(reply("HLEN", "partyline:{n000}:sockets:0"), wanted);
    assert_string_equal(status_of("u7"), "busy");
    assert_string_equal(status_of("u8"), "online");
    assert_log(0, "");
    assert_log(1, "");
}

static bool turns_are_over(void *arg) { return (*(int *)arg)-- <= 0; }

/* It went unnoticed by Redis, and comes back, by the same id, as what is left of it is being taken out: a turn
 * later each time. */
static void what_comes_back_stays(void **state)
{
    (void)state;
    for (int turns = 0; turns < 30; turns++) {
        int left = turns;

        come(0, "ann", "a1");
        settle();
        presence_shared_down(sites[0].store);
        go(0, "ann", "a1");
        presence_shared_up(sites[0].store, sites[0].h.r);
        rig_wait(&g, turns_are_over, &left);
        come(0, "ann", "a1");
        rig_try(&g, 2, never, NULL);
        settle();
        assert_string_equal(sockets_of("ann"), "a1");
        assert_string_equal(reply("HGET", "partyline:{n000}:sockets:0", "a1"), "ann");
        assert_string_equal(reply("SISMEMBER", "online_users", "ann"), "1");
        go(0, "ann", "a1");
        settle();
        assert_string_equal(reply("EXISTS", "user_sockets:ann", "partyline:{n000}:sockets:0"), "0");
    }
}

/* A Node server saw nobody, then somebody came here, then it wrote what it had seen. */
static void an_audit_finds_who_was_lost(void **state)
{
    (void)state;
    crowd(0, come);
    settle();
    sites[0].log[0] = '\0';
    reply("SREM", "online_users", "u3", "u1400");
    reply("HSET", "user:status:u3", "status", "offline");
    while (strcmp(reply("SCARD", "online_users"), "1500") != 0)
        rig_try(&g, AUDIT_MS, never, NULL);
    settle();
    assert_string_equal(status_of("u3"), "online");
    assert_log(0, "");
}

static void without_redis_it_goes_by_what_it_knows(void **state)
{
    (void)state;
    come(0, "ann", "a1");
    come(0, "bob", "b1");
    come(1, "eve", "e1");
    settle();
    assert_log(0, "ann online; bob online; ");
    redis_server_do(&server, "SAVE");
    redis_server_kill(&server);
    rig_wait(&g, is_down, &sites[0].h);
    rig_wait(&g, is_down, &sites[1].h);
    rig_wait(&g, is_down, &sites[2].h);
    go(0, "bob", "b1");
    come(0, "cid", "c1");
    choose(0, "ann", PRESENCE_AWAY);
    assert_log(0, "bob offline; cid online; ann away chosen; ");
    assert_int_equal(look(0, "bob").status, PRESENCE_OFFLINE);
    assert_int_equal(look(0, "ann").status, PRESENCE_AWAY);
    assert_int_equal(look(0, "eve").status, PRESENCE_OFFLINE); /* nobody here knows her */
    redis_server_restart(&server);
    for (int i = 0; i < SITES; i++)
        rig_wait(&g, is_up, &sites[i].h);
    rig_wait(&g, is_up, &checker);
    settle();
    while (strcmp(reply("SISMEMBER", "online_users", "bob"), "0") != 0)
        rig_try(&g, AUDIT_MS, never, NULL);
    assert_string_equal(reply("SMISMEMBER", "online_users", "ann", "bob", "cid", "eve"), "1 0 1 1");
    assert_string_equal(sockets_of("bob"), "");
    assert_string_equal(status_of("ann"), "away");
    assert_int_equal(look(0, "eve").status, PRESENCE_ONLINE);
}

/* A node dies while Redis lives; another one sweeps. */
static void a_dead_server_is_swept(void **state)
{
    char wanted[20];

    (void)state;
    crowd(0, come);
    settle();
    come(1, "u5", "other"); /* also elsewhere */
    settle();
    sites[1].log[0] = '\0';
    site_close(&sites[0]);
    sweep(1, 0, 0);
    assert_string_equal(reply("SMEMBERS", "online_users"), "u5");
    assert_string_equal(reply("EXISTS", "partyline:{n000}:sockets:0", "user_sockets:u6"), "0");
    assert_string_equal(status_of("u6"), "offline");
    assert_string_equal(status_of("u5"), "online");
    snprintf(wanted, sizeof(wanted), "%d", CROWD - 1);
    assert_int_equal(sites[1].offline, CROWD - 1);
}

/* ---- against the truth ------------------------------------------------------------------------------ */

#define USERS   6
#define DEVICES 3

typedef struct truth {
    bool there[SITES][USERS][DEVICES];
    bool seed[USERS]; /* a socket at a Node server */
} truth;

static void name(char user[8], char socket[24], int i, int u, int d)
{
    snprintf(user, 8, "U%d", u);
    snprintf(socket, 24, "%c%u-%d-%d", 'a' + i, sites[i].session, u, d);
}

static void toggle(truth *t, int i, int u, int d)
{
    char user[8], socket[24];

    name(user, socket, i, u, d);
    if (t->there[i][u][d])
        go(i, user, socket);
    else
        come(i, user, socket);
    t->there[i][u][d] = !t->there[i][u][d];
}

/* It dies, all of it; when Redis has seen all that it had sent, as it has when a lease is over, another
 * sweeps; it is back under a new code. */
static void crash(truth *t, int i)
{
    unsigned session = sites[i].session;
    char out[8000];

    site_close(&sites[i]);
    do
        rig_try(&g, 1, never, NULL);
    while (redis_server_ask(server.port, "CLIENT LIST\r\n", out, sizeof(out)) &&
           strstr(out, code_of((unsigned)i, session)));
    memset(t->there[i], 0, sizeof(t->there[i]));
    sweep((i + 1) % SITES, (unsigned)i, session);
    site_open(&sites[i], (unsigned)i, session + 1);
}

/* The very commands of a Node server's handlers, each when the one before is answered. What they do when a
 * user comes there who goes here at the same time, nobody but that server could put right: it does not happen
 * here. What they do wrong when a user goes there who comes here, an audit finds. */
static void seed_toggle(truth *t, int u)
{
    char user[8], sockets[40], status[40];

    snprintf(user, sizeof(user), "U%d", u);
    snprintf(sockets, sizeof(sockets), "user_sockets:%s", user);
    snprintf(status, sizeof(status), "user:status:%s", user);
    t->seed[u] = !t->seed[u];
    if (t->seed[u]) {
        settle();
        reply("SADD", "online_users", (const char *)user);
        reply("SADD", (const char *)sockets, "node-socket");
        reply("HSET", (const char *)status, "status", "online", "lastSeen", "2026-01-01T00:00:00.000Z");
        return;
    }
    reply("SREM", (const char *)sockets, "node-socket");
    if (strcmp(reply("SCARD", (const char *)sockets), "0") != 0)
        return;
    reply("SREM", "online_users", (const char *)user);
    reply("HSET", (const char *)status, "status", "offline", "lastSeen", "2026-01-01T00:00:00.000Z");
}

static int sockets_in(const truth *t, int u)
{
    int n = t->seed[u];

    for (int i = 0; i < SITES; i++)
        for (int d = 0; d < DEVICES; d++)
            n += t->there[i][u][d];
    return n;
}

static void explain(const truth *t)
{
    char user[8];

    for (int u = 0; u < USERS; u++) {
        snprintf(user, sizeof(user), "U%d", u);
        print_message("%s: %d sockets, Redis has %s, is in the set: %s, %s\n", user, sockets_in(t, u),
                      sockets_of(user), reply("SISMEMBER", "online_users", (const char *)user),
                      status_of(user));
    }
}

static bool agrees(const truth *t)
{
    char user[8], key[40], n[12];

    for (int u = 0; u < USERS; u++) {
        int count = sockets_in(t, u);

        snprintf(user, sizeof(user), "U%d", u);
        snprintf(key, sizeof(key), "user_sockets:U%d", u);
        snprintf(n, sizeof(n), "%d", count);
        if (strcmp(reply("SCARD", (const char *)key), n) != 0 ||
            strcmp(reply("SISMEMBER", "online_users", (const char *)user), count ? "1" : "0") != 0)
            return false;
        for (int i = 0; i < SITES;
             i++) /* who looks at a user of its own and finds a wrong status repairs it */
            if ((look(i, user).status == PRESENCE_OFFLINE) != (count == 0))
                return false;
        if (count && strcmp(status_of(user), "offline") == 0)
            return false;
        if (!count && strcmp(status_of(user), "nil") != 0 && strcmp(status_of(user), "offline") != 0)
            return false;
    }
    return true;
}

static void blink(dice *d)
{
    int i = roll(d, SITES);

    presence_shared_down(sites[i].store);
    rig_try(&g, (uint32_t)roll(d, 5), never, NULL);
    presence_shared_up(sites[i].store, sites[i].h.r);
}

static void random_days(void **state)
{
    uint64_t seed = dice_seed();
    dice d = {.state = seed};
    static truth t;

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    memset(&t, 0, sizeof(t));
    for (int step = 0; step < 3000; step++) {
        int what = roll(&d, 100), i = roll(&d, SITES), u = roll(&d, USERS);
        char user[8];

        snprintf(user, sizeof(user), "U%d", u);
        if (what < 70)
            toggle(&t, i, u, roll(&d, DEVICES));
        else if (what < 78)
            choose(i, user, (enum presence_status)roll(&d, PRESENCE_OFFLINE));
        else if (what < 95)
            rig_try(&g, (uint32_t)roll(&d, 2), never, NULL);
        else if (what < 97)
            blink(&d);
        else if (what < 99)
            seed_toggle(&t, u);
        else if (step % 10 == 0)
            crash(&t, i);
        if (step % 300 != 299)
            continue;
        settle();
        for (int tries = 0; !agrees(&t); tries++) {
            if (tries == RIG_PATIENCE_MS / AUDIT_MS) {
                explain(&t);
                fail_msg("Redis does not agree after %d steps", step);
            }
            rig_try(&g, AUDIT_MS, never, NULL);
            settle();
        }
    }
}

int main(void)
{
#define SHARED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SHARED_TEST(the_keys_are_those_of_the_node_servers),
        SHARED_TEST(a_user_on_two_servers_is_announced_once),
        SHARED_TEST(who_comes_is_there_before_redis_says_so),
        SHARED_TEST(a_recovered_socket_belongs_to_its_new_server),
        SHARED_TEST(many_devices),
        SHARED_TEST(what_was_flushed_comes_back_in_silence),
        SHARED_TEST(what_comes_back_stays),
        SHARED_TEST(an_audit_finds_who_was_lost),
        SHARED_TEST(without_redis_it_goes_by_what_it_knows),
        SHARED_TEST(a_dead_server_is_swept),
        SHARED_TEST(random_days),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
