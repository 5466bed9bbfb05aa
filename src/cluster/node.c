#include "cluster/node.h"
#include "base/list.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#define PREFIX_MAX 64
#define KEY_MAX    (PREFIX_MAX + 32)
#define CLAIMS_MAX 64  /* sweeps of ours at a time */
#define KNOWN_MAX  256 /* addresses remembered */

/* Every script reads Redis' own clock: those of the nodes may differ. */
#define SCRIPT_TIME \
    "local t = redis.call('TIME')\n" \
    "t = t[1] * 1000 + math.floor(t[2] / 1000)\n"

/* KEYS: nodes, our hash, the claim on us. ARGV: prefix, code, lease, address, started, loops, claims we hold.
 * Gives {0 = as before, 1 = our lease or hash was gone, 2 = we are being swept and have no lease; nodes
 * alive; claims lost; the dead, each with its loops}. The other keys are of the same slot. */
static const char renew_text[] =
    SCRIPT_TIME
    "local P, me = '{' .. ARGV[1] .. '}', ARGV[2]\n"
    "local ends = redis.call('ZSCORE', KEYS[1], me)\n"
    "local kept = ends and tonumber(ends) >= t and redis.call('EXISTS', KEYS[2]) == 1\n"
    "local sweeper = redis.call('GET', KEYS[3])\n"
    "local state = kept and 0 or 1\n"
    "if not kept and sweeper and sweeper ~= me then\n"
    "  state = 2\n"
    "else\n"
    "  redis.call('ZADD', KEYS[1], t + ARGV[3], me)\n"
    "  redis.call('HSET', KEYS[2], 'address', ARGV[4], 'started', ARGV[5], 'loops', ARGV[6])\n"
    "end\n"
    "local lost, dead = {}, {}\n"
    "for i = 7, #ARGV do\n"
    "  local key = P .. ':claim:' .. ARGV[i]\n"
    "  if redis.call('GET', key) == me then redis.call('PEXPIRE', key, ARGV[3])\n"
    "  else lost[#lost + 1] = ARGV[i] end\n"
    "end\n"
    "for _, code in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. t, 'LIMIT', 0, 16)) do\n"
    "  dead[#dead + 1] = code\n"
    "  dead[#dead + 1] = tonumber(redis.call('HGET', P .. ':node:' .. code, 'loops') or 0) or 0\n"
    "end\n"
    "return {state, redis.call('ZCOUNT', KEYS[1], t, '+inf'), lost, dead}\n";

/* KEYS: nodes, the claim. ARGV: its code, ours, lease. One that is back is not dead: its lease is asked in
 * the same step. */
static const char claim_text[] =
    SCRIPT_TIME
    "local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])\n"
    "if not ends or tonumber(ends) >= t then return 0 end\n"
    "if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end\n"
    "return redis.call('GET', KEYS[2]) == ARGV[2] and 1 or 0\n";

/* KEYS: nodes, its hash, the claim. ARGV: its code, ours, whether nothing is left. */
static const char swept_text[] =
    "if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end\n"
    "redis.call('DEL', KEYS[3])\n"
    "if ARGV[3] == '1' then redis.call('ZREM', KEYS[1], ARGV[1]); redis.call('DEL', KEYS[2]) end\n"
    "return 1\n";

/* Something asked of Redis whose answer somebody waits for. It outlives the node if that goes first. */
typedef struct ask {
    list  link; /* in node.asked */
    node *n;    /* NULL: nobody waits any more */
    char  code[NODE_CODE_LEN];
    void (*found)(void *arg, int err, const char *address);
    void (*claimed)(void *arg, bool ours);
    void *arg;
} ask;

/* Where another node is reached. */
typedef struct known {
    char     code[NODE_CODE_LEN];
    uint64_t at; /* loop_now when it was read */
    char     address[];
} known;

struct node {
    node_options o;
    char         prefix[PREFIX_MAX];
    char         address[300];
    char         started[24], lease[16], loops[16];
    redis_script renew, claim, swept;
    loop_timer   timer;
    list         asked;
    map          known;              /* by code */
    bool         renewing;           /* the answer is awaited in `renewal` */
    bool         outdated;           /* it may name as dead whose sweep is over: a script that Redis does not know
                                        yet is overtaken by what is sent behind it */
    ask         *renewal;
    bool         standing;           /* we hold a lease, on_lost was said */
    bool         again;              /* Redis has come back: what we have is to be written */
    uint64_t     renewed_at;
    unsigned     count;
    unsigned     nclaims;
    char         claims[CLAIMS_MAX][NODE_CODE_LEN];
};

static sio_str code_str(const char code[NODE_CODE_LEN]) { return (sio_str){code, NODE_CODE_LEN}; }

static sio_str key_of(const void *object) { return code_str(((const known *)object)->code); }

static sio_str key_nodes(const node *n, char out[KEY_MAX])
{
    return (sio_str){out, (size_t)snprintf(out, KEY_MAX, "{%s}:nodes", n->prefix)};
}

static sio_str key_one(const node *n, const char *what, sio_str code, char out[KEY_MAX])
{
    return (sio_str){out,
                     (size_t)snprintf(out, KEY_MAX, "{%s}:%s:%.*s", n->prefix, what, (int)code.n, code.p)};
}

/* ---- what is under way ------------------------------------------------------------------------------ */

static ask *ask_new(node *n, sio_str code, void *arg)
{
    ask *a = calloc(1, sizeof(*a));

    if (!a)
        abort();
    a->n = n;
    a->arg = arg;
    memcpy(a->code, code.p, NODE_CODE_LEN);
    list_init(&a->link);
    list_add_tail(&n->asked, &a->link);
    return a;
}

/* The node it was asked for, or NULL. */
static node *ask_end(ask *a)
{
    node *n = a->n;

    list_del(&a->link);
    return n;
}

static void asked_cancel(node *n)
{
    list_each(it, &n->asked) {
        ask *a = container_of(it, ask, link);

        list_del(&a->link);
        a->n = NULL; /* Redis still answers it */
        if (a->found)
            a->found(a->arg, SIO_ECANCELED, NULL);
        else if (a->claimed)
            a->claimed(a->arg, false);
    }
}

/* ---- claims ----------------------------------------------------------------------------------------- */

static int claim_index(const node *n, sio_str code)
{
    for (unsigned i = 0; i < n->nclaims; i++)
        if (sio_str_eq(code, code_str(n->claims[i])))
            return (int)i;
    return -1;
}

static void claim_drop(node *n, sio_str code)
{
    int i = claim_index(n, code);

    if (i >= 0)
        memmove(n->claims[i], n->claims[--n->nclaims], NODE_CODE_LEN);
}

bool node_has_claim(const node *n, sio_str code) { return claim_index(n, code) >= 0; }

static void on_claimed(void *arg, int err, const resp_val *v)
{
    ask *a = arg;
    node *n = ask_end(a);
    bool ours = n && err == 0 && v->kind == RESP_INT && v->i == 1;

    ours = ours && (n->nclaims < CLAIMS_MAX || node_has_claim(n, code_str(a->code)));
    if (ours && !node_has_claim(n, code_str(a->code)))
        memcpy(n->claims[n->nclaims++], a->code, NODE_CODE_LEN);
    if (n)
        a->claimed(a->arg, ours);
    free(a);
}

void node_claim(node *n, sio_str code, void (*fn)(void *arg, bool ours), void *arg)
{
    char nodes[KEY_MAX], claim[KEY_MAX];
    sio_str argv[] = {key_nodes(n, nodes), key_one(n, "claim", code, claim), code, code_str(n->o.code),
                      sio_s(n->lease)};
    ask *a;

    if (code.n != NODE_CODE_LEN || n->nclaims == CLAIMS_MAX) {
        fn(arg, false);
        return;
    }
    a = ask_new(n, code, arg);
    a->claimed = fn;
    if (redis_eval(n->o.redis, &n->claim, on_claimed, a, 2, argv, 5) == 0)
        return;
    ask_end(a);
    free(a);
    fn(arg, false);
}

void node_swept(node *n, sio_str code, bool done)
{
    char nodes[KEY_MAX], one[KEY_MAX], claim[KEY_MAX];
    sio_str argv[] = {key_nodes(n, nodes), key_one(n, "node", code, one), key_one(n, "claim", code, claim),
                      code, code_str(n->o.code), sio_s(done ? "1" : "0")};

    if (!node_has_claim(n, code))
        return;
    redis_eval(n->o.redis, &n->swept, NULL, NULL, 3, argv, 6); /* else the claim ends with its lease */
    claim_drop(n, code);
    n->outdated = n->renewing;
}

/* ---- the lease -------------------------------------------------------------------------------------- */

static void away(node *n)
{
    if (!n->standing)
        return;
    n->standing = false;
    n->again = true;
    if (n->o.on_away)
        n->o.on_away(n->o.arg);
}

static bool is_code(const resp_val *v) { return v->kind == RESP_BULK && v->s.n == NODE_CODE_LEN; }

static void take_lost(node *n, const resp_val *list)
{
    for (uint32_t i = 0; list->kind == RESP_ARRAY && i < list->n; i++)
        if (is_code(&list->item[i]))
            claim_drop(n, list->item[i].s);
}

static void tell_dead(node *n, const resp_val *list)
{
    for (uint32_t i = 0; list->kind == RESP_ARRAY && i + 1 < list->n; i += 2) {
        const resp_val *code = &list->item[i], *loops = &list->item[i + 1];
        bool known = is_code(code) && loops->kind == RESP_INT && loops->i >= 0 && loops->i <= UINT16_MAX;

        if (!known || sio_str_eq(code->s, code_str(n->o.code)) || node_has_claim(n, code->s))
            continue;
        if (n->o.on_dead)
            n->o.on_dead(n->o.arg, code->s, (unsigned)loops->i);
    }
}

/* What we have is written again after every loss of Redis: not all that was sent to it before has come there.
 */
static void stand(node *n, bool lost)
{
    if (n->standing && !lost)
        return;
    n->standing = true;
    n->again = false;
    if (n->o.on_lost)
        n->o.on_lost(n->o.arg);
}

static void set_count(node *n, int64_t count)
{
    unsigned was = n->count;

    n->count = count > 0 && count < UINT16_MAX ? (unsigned)count : 1;
    if (n->count != was && n->o.on_count)
        n->o.on_count(n->o.arg, n->count);
}

static void on_renewed(void *arg, int err, const resp_val *v)
{
    ask *a = arg;
    node *n = ask_end(a);
    bool good = err == 0 && v->kind == RESP_ARRAY && v->n == 4 && v->item[0].kind == RESP_INT &&
                v->item[1].kind == RESP_INT;
    bool outdated = n && n->outdated;

    free(a);
    if (!n)
        return;
    n->renewing = n->outdated = false;
    if (!good) {
        loop_timer_set(n->o.loop, &n->timer, n->o.lease_ms / 10);
        return;
    }
    set_count(n, v->item[1].i);
    take_lost(n, &v->item[2]);
    if (v->item[0].i == 2) {
        away(n);
        loop_timer_set(n->o.loop, &n->timer, n->o.lease_ms / 10);
        return;
    }
    n->renewed_at = loop_now(n->o.loop);
    loop_timer_set(n->o.loop, &n->timer, n->o.lease_ms / 3);
    stand(n, n->again || v->item[0].i == 1);
    if (!outdated)
        tell_dead(n, &v->item[3]);
}

static void renew(node *n)
{
    char nodes[KEY_MAX], own[KEY_MAX], claim[KEY_MAX];
    sio_str me = code_str(n->o.code);
    sio_str argv[9 + CLAIMS_MAX] = {key_nodes(n, nodes),
                                    key_one(n, "node", me, own),
                                    key_one(n, "claim", me, claim),
                                    sio_s(n->prefix),
                                    me,
                                    sio_s(n->lease),
                                    sio_s(n->address),
                                    sio_s(n->started),
                                    sio_s(n->loops)};
    unsigned argc = 9;
    ask *a;

    for (unsigned i = 0; i < n->nclaims; i++)
        argv[argc++] = code_str(n->claims[i]);
    a = ask_new(n, me, NULL);
    n->renewing = redis_eval(n->o.redis, &n->renew, on_renewed, a, 3, argv, argc) == 0;
    if (n->renewing)
        return;
    ask_end(a);
    free(a);
    loop_timer_set(n->o.loop, &n->timer, n->o.lease_ms / 3);
}

/* An answer that does not come is no renewal: when the lease is over others may sweep behind us. */
static void on_time(loop_timer *t)
{
    node *n = container_of(t, node, timer);

    if (n->standing && loop_now(n->o.loop) - n->renewed_at > n->o.lease_ms)
        away(n);
    if (n->renewing)
        loop_timer_set(n->o.loop, t, n->o.lease_ms / 3);
    else
        renew(n);
}

void node_redis_up(node *n)
{
    n->again = true;
    loop_timer_set(n->o.loop, &n->timer, 0);
}

void node_redis_down(node *n)
{
    loop_timer_cancel(n->o.loop, &n->timer);
    n->nclaims = 0; /* what was being swept is begun again */
    away(n);
}

/* ---- where others are ------------------------------------------------------------------------------- */

static void known_clear(node *n)
{
    uint32_t at = 0;
    known *k;

    while ((k = map_next(&n->known, &at)))
        free(k);
    map_fini(&n->known);
}

static void known_put(node *n, sio_str code, sio_str address)
{
    known *k = map_del(&n->known, code);

    free(k);
    if (n->known.n == KNOWN_MAX)
        known_clear(n);
    k = calloc(1, sizeof(*k) + address.n + 1);
    if (!k)
        return;
    memcpy(k->code, code.p, NODE_CODE_LEN);
    memcpy(k->address, address.p, address.n);
    k->at = loop_now(n->o.loop);
    if (map_put(&n->known, k) < 0)
        free(k);
}

static void on_found(void *arg, int err, const resp_val *v)
{
    ask *a = arg;
    node *n = ask_end(a);
    char address[300];
    bool found = err == 0 && v->kind == RESP_BULK && v->s.n > 0 && v->s.n < sizeof(address);

    if (n && found) {
        known_put(n, code_str(a->code), v->s);
        snprintf(address, sizeof(address), "%.*s", (int)v->s.n, v->s.p);
        a->found(a->arg, 0, address);
    } else if (n) {
        a->found(a->arg, err == 0 && v->kind != RESP_ERROR ? SIO_ENOENT : SIO_EUNAVAILABLE, NULL);
    }
    free(a);
}

void node_find(node *n, sio_str code, void (*fn)(void *arg, int err, const char *address), void *arg)
{
    const known *k = map_get(&n->known, code);
    char key[KEY_MAX];
    ask *a;

    if (code.n != NODE_CODE_LEN) {
        fn(arg, SIO_ENOENT, NULL);
        return;
    }
    if (k && loop_now(n->o.loop) - k->at <= n->o.lease_ms) {
        fn(arg, 0, k->address);
        return;
    }
    a = ask_new(n, code, arg);
    a->found = fn;
    if (redis_cmd(n->o.redis, on_found, a, "HGET", key_one(n, "node", code, key), "address") == 0)
        return;
    ask_end(a);
    free(a);
    fn(arg, SIO_EUNAVAILABLE, NULL);
}

unsigned node_count(const node *n) { return n->count; }

/* ---- life ------------------------------------------------------------------------------------------- */

int node_new(node **out, const node_options *o)
{
    const char *prefix = o->prefix ? o->prefix : "partyline";
    node *n = calloc(1, sizeof(*n));

    if (!n)
        return SIO_ENOMEM;
    n->o = *o;
    if (!n->o.lease_ms)
        n->o.lease_ms = 15000;
    if (strlen(prefix) >= PREFIX_MAX || (o->address && strlen(o->address) >= sizeof(n->address))) {
        free(n);
        return SIO_EINVAL;
    }
    snprintf(n->prefix, sizeof(n->prefix), "%s", prefix);
    snprintf(n->address, sizeof(n->address), "%s", o->address ? o->address : "");
    snprintf(n->started, sizeof(n->started), "%lld", (long long)loop_wall(o->loop));
    snprintf(n->lease, sizeof(n->lease), "%u", n->o.lease_ms);
    snprintf(n->loops, sizeof(n->loops), "%u", o->loops ? o->loops : 1);
    n->renew.text = renew_text;
    n->claim.text = claim_text;
    n->swept.text = swept_text;
    n->count = 1;
    list_init(&n->asked);
    map_init(&n->known, key_of);
    loop_timer_init(&n->timer, on_time);
    if (redis_is_up(o->redis))
        node_redis_up(n);
    *out = n;
    return 0;
}

void node_free(node *n)
{
    char key[KEY_MAX];

    if (!n)
        return;
    if (n->standing)
        redis_cmd(n->o.redis, NULL, NULL, "ZADD", key_nodes(n, key), "XX", "0", code_str(n->o.code));
    loop_timer_cancel(n->o.loop, &n->timer);
    asked_cancel(n);
    known_clear(n);
    free(n);
}
