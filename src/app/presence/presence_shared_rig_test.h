/* Stores of several servers on a real redis-server, all in one loop, each with a client of its own. For one
 * test program. */
#ifndef APP_PRESENCE_PRESENCE_SHARED_RIG_TEST_H
#define APP_PRESENCE_PRESENCE_SHARED_RIG_TEST_H

#include "app/presence/presence_leave.h"
#include "app/presence/presence_shared.h"
#include "app/sites_test.h"

#define AUDIT_MS 50

typedef struct site {
    heard           h;
    presence_store *store;
    unsigned        number, session;
    bool            connected;
    char            log[4000];
    unsigned        online, offline; /* changes */
    bool            swept;
    int             sweep_err;
} site;

static site sites[SITES];

/* ---- a server's part -------------------------------------------------------------------------------- */

static void on_change(void *arg, const presence_change *ch)
{
    site *x = arg;
    size_t n = strlen(x->log);

    x->online += ch->before == PRESENCE_OFFLINE && ch->now.status != PRESENCE_OFFLINE;
    x->offline += ch->now.status == PRESENCE_OFFLINE;
    if (n < sizeof(x->log) - 200)
        snprintf(x->log + n, sizeof(x->log) - n, "%.*s %s%s; ", (int)ch->user.n, ch->user.p,
                 presence_status_names[ch->now.status], ch->chosen_by.p ? " chosen" : "");
}

static void on_up(void *arg)
{
    site *x = container_of(arg, site, h);

    heard_up(arg);
    if (x->store && x->connected)
        presence_shared_up(x->store, x->h.r);
}

static void on_down(void *arg, const char *why)
{
    site *x = container_of(arg, site, h);

    heard_down(arg, why);
    if (x->store)
        presence_shared_down(x->store);
}

static void site_open(site *x, unsigned number, unsigned session)
{
    redis_options o = heard_options(&x->h, server.url);
    presence_shared_options so = {.loop = g.l,
                                  .code = code_of(number, session),
                                  .index = 0,
                                  .grace_ms = 0,
                                  .remembered = 100,
                                  .audit_ms = AUDIT_MS,
                                  .moves = true,
                                  .changed = on_change,
                                  .arg = x};

    *x = (site){.h = x->h, .number = number, .session = session, .connected = true};
    o.on_up = on_up;
    o.on_down = on_down;
    o.name = code_of(number, session);
    x->store = presence_shared_new(&so);
    assert_non_null(x->store);
    assert_int_equal(redis_new(&x->h.r, g.n, &o), 0);
    rig_wait(&g, is_up, &x->h);
}

/* As kill -9, after what was written has left. */
static void site_close(site *x)
{
    redis_free(x->h.r);
    x->h.r = NULL;
    if (x->store)
        x->store->ops->free(x->store);
    x->store = NULL;
}

static presence_now now(void)
{
    return (presence_now){.ms = (int64_t)loop_now(g.l), .wall = loop_wall(g.l)};
}

static void come(int i, const char *user, const char *socket)
{
    sites[i].store->ops->open(sites[i].store, S(user), S(socket), false, now());
}

static void go(int i, const char *user, const char *socket)
{
    sites[i].store->ops->close(sites[i].store, S(user), S(socket), now());
}

static void choose(int i, const char *user, enum presence_status status)
{
    sites[i].store->ops->choose(sites[i].store, S(user), S("x"), status, now());
}

static bool all_written(void *arg)
{
    (void)arg;
    for (int i = 0; i < SITES; i++)
        if (sites[i].store && sites[i].connected && presence_shared_unwritten(sites[i].store) > 0)
            return false;
    return true;
}

static void settle(void)
{
    rig_wait(&g, all_written, NULL);
}

static void on_done(void *arg, int err)
{
    ((site *)arg)->swept = true;
    ((site *)arg)->sweep_err = err;
}

static void on_gone(void *arg, sio_str user) { presence_shared_gone(((site *)arg)->store, user, now()); }
static bool is_swept(void *arg) { return ((site *)arg)->swept; }

/* Site i sweeps behind a dead one. */
static void sweep(int i, unsigned number, unsigned session)
{
    char key[PRESENCE_REGISTER_MAX];
    presence_sweep_options o = {.r = sites[i].h.r, .gone = on_gone, .done = on_done, .arg = &sites[i],
                                .wall = loop_wall(g.l)};

    presence_register(S(code_of(number, session)), 0, key);
    o.key = key;
    o.moves = code_of(number, session);
    sites[i].swept = false;
    assert_int_equal(presence_sweep(&o), 0);
    rig_wait(&g, is_swept, &sites[i]);
    assert_int_equal(sites[i].sweep_err, 0);
}

/* ---- what Redis says -------------------------------------------------------------------------------- */

static const char *status_of(const char *user)
{
    char key[PRESENCE_KEY_MAX];

    return reply("HGET", presence_key_status(S(user), key), "status");
}

static const char *sockets_of(const char *user)
{
    char key[PRESENCE_KEY_MAX];

    return reply("SMEMBERS", presence_key_sockets(S(user), key));
}

static void assert_log(int i, const char *wanted)
{
    assert_string_equal(sites[i].log, wanted);
    sites[i].log[0] = '\0';
}

static void on_looked(void *arg, int err)
{
    assert_int_equal(err, 0);
    *(bool *)arg = true;
}

static bool is_true(void *arg) { return *(bool *)arg; }

static presence_seen look(int i, const char *user)
{
    presence_seen seen[2];
    sio_str users[2] = {S("somebody else"), S(user)};
    bool done = false;

    sites[i].store->ops->look(sites[i].store, users, 2, seen, on_looked, &done);
    rig_wait(&g, is_true, &done);
    assert_int_equal(seen[0].status, PRESENCE_OFFLINE);
    return seen[1];
}

static int setup(void **state)
{
    (void)state;
    redis_server_do(&server, "FLUSHALL");
    rig_open(&g);
    for (unsigned i = 0; i < SITES; i++)
        site_open(&sites[i], i, 0);
    heard_open(&g, &checker, server.url);
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

#endif
