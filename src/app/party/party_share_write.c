/* Makes Redis agree with the watchers, one step of each at a time, and asks what count is to be told. */
#include "app/batch.h"
#include "app/party/party_share_int.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW   256  /* watchers of a loop that are written at a time */
#define PAUSE_MS 1000 /* after Redis took no commands */

/* Redis' own clock: those of the servers may differ. */
#define SCRIPT_TIME \
    "local t = redis.call('TIME')\n" \
    "t = t[1] * 1000 + math.floor(t[2] / 1000)\n"

/* Told last, by anybody, so many ms ago. What two tell one shortly behind the other may overtake each other,
 * so that the last one is crossed by the one before: then it counts as told wrong, -1, until somebody has told
 * it once more. */
#define SCRIPT_SINCE \
    "local told = redis.call('HMGET', told_key, 'n', 'counted', 'announced', 'by')\n" \
    "local since = t - math.max(tonumber(told[2] or 0), tonumber(told[3] or 0))\n" \
    "local recent = since >= 0 and since < interval\n" \
    "local crossed = told[1] == '-1' or (recent and told[4] ~= code)\n"

/* KEYS: viewers, ours, told. ARGV: user, code, limit, interval, what: join, leave, or put, which nobody is
 * told of. Gives {1 when the count has changed, the count, what to tell: -1 nothing but who came or went in a
 * small party, 0 the count, else ask after so many ms; how many are in ours; ask after so many ms whatever
 * was told, or 0}. */
const char party_write_script[] =
    "local user, code, limit, interval, what = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), "
    "ARGV[5]\n"
    "local changed, told_key = false, KEYS[3]\n"
    "if what == 'leave' then\n"
    "  if redis.call('SREM', KEYS[2], user) == 1 and redis.call('HINCRBY', KEYS[1], user, -1) <= 0 then\n"
    "    redis.call('HDEL', KEYS[1], user)\n"
    "    changed = true\n"
    "  end\n"
    "elseif redis.call('SADD', KEYS[2], user) == 1 or redis.call('HEXISTS', KEYS[1], user) == 0 then\n"
    "  changed = redis.call('HINCRBY', KEYS[1], user, 1) == 1\n"
    "end\n"
    "local n = redis.call('HLEN', KEYS[1])\n"
    "local here = redis.call('SCARD', KEYS[2])\n"
    "if not changed or what == 'put' then return {0, n, -1, here, 0} end\n" SCRIPT_TIME SCRIPT_SINCE
    "local wait = -1\n"
    "if n > limit then\n"
    "  local counted = t - tonumber(told[2] or 0)\n"
    "  if counted >= 0 and counted < interval then return {1, n, interval - counted, here, 0} end\n"
    "  wait = 0\n"
    "end\n"
    "redis.call('HSET', told_key, 'n', crossed and -1 or n, wait == 0 and 'counted' or 'announced', t,"
    " 'by', code)\n"
    "redis.call('PEXPIRE', told_key, interval + 60000)\n"
    "return {1, n, wait, here, crossed and interval or 0}\n";

/* KEYS: viewers, told, ours. ARGV: interval, the count that viewers have, how many must be in ours, code.
 * Gives {the count, what to tell, as above, or -2: too few are}. */
const char party_tell_script[] =
    "local interval, code, told_key = tonumber(ARGV[1]), ARGV[4], KEYS[2]\n"
    "local n = redis.call('HLEN', KEYS[1])\n" SCRIPT_TIME SCRIPT_SINCE
    "if redis.call('SCARD', KEYS[3]) < tonumber(ARGV[3]) then return {n, -2} end\n"
    "if tonumber(told[1] or ARGV[2]) == n then return {n, -1} end\n"
    "if recent then return {n, interval - since} end\n"
    "redis.call('HSET', told_key, 'n', n, 'counted', t, 'by', code)\n"
    "redis.call('PEXPIRE', told_key, interval + 60000)\n"
    "return {n, 0}\n";

/* KEYS: viewers, the set, told. ARGV: limit, interval, users. Gives {the count, those who watch nowhere any
 * more, 1 when the count is to be told once more}. They are told of in a small party, by whom is not known
 * here. */
const char party_drop_script[] =
    "local interval, code, told_key = tonumber(ARGV[2]), '', KEYS[3]\n"
    "local gone = {}\n"
    "for i = 3, #ARGV do\n"
    "  if redis.call('SREM', KEYS[2], ARGV[i]) == 1 and redis.call('HINCRBY', KEYS[1], ARGV[i], -1) <= 0 "
    "then\n"
    "    redis.call('HDEL', KEYS[1], ARGV[i])\n"
    "    gone[#gone + 1] = ARGV[i]\n"
    "  end\n"
    "end\n"
    "local n = redis.call('HLEN', KEYS[1])\n"
    "if #gone == 0 or n > tonumber(ARGV[1]) then return {n, gone, #gone > 0 and 1 or 0} end\n"
    SCRIPT_TIME SCRIPT_SINCE
    "redis.call('HSET', told_key, 'n', crossed and -1 or n, 'announced', t, 'by', code)\n"
    "redis.call('PEXPIRE', told_key, interval + 60000)\n"
    "return {n, gone, crossed and 1 or 0}\n";

static void number(char out[24], int64_t n) { snprintf(out, 24, "%lld", (long long)n); }

/* ---- what to tell ----------------------------------------------------------------------------------- */

void party_share_ask_in(place *p, int64_t ms)
{
    if (!loop_timer_is_set(&p->ask))
        loop_timer_set(p->s->o.loop, &p->ask, (uint64_t)(ms > 0 ? ms : 0));
}

static bool ints(const resp_val *v, uint32_t n)
{
    bool good = v->kind == RESP_ARRAY && v->n == n;

    for (uint32_t i = 0; good && i < n; i++)
        good = v->item[i].kind == RESP_INT;
    return good;
}

/* What a script said: nothing, the count, or later. */
static void follow(place *p, int64_t count, int64_t wait)
{
    p->count = count;
    if (wait == 0)
        party_share_tell(p, NULL, false, count);
    else if (wait > 0)
        party_share_ask_in(p, wait);
}

/* Redis has less than was written from here: it was emptied. The node will notice; what can be seen at once
 * is put right at once. */
static void heal(party_share *s)
{
    if (s->r && s->n[WATCHERS_STALE] == 0)
        party_share_use(s, s->r);
}

static void on_asked(void *arg, int err, const resp_val *v)
{
    place *p = arg;
    bool good = err == 0 && ints(v, 2);

    p->asking = false;
    if (p->ask_again) /* what it was asked for may be behind the answer */
        party_share_ask_in(p, 0);
    p->ask_again = false;
    if (good && v->item[1].i == -2) {
        heal(p->s);
        party_share_ask_in(p, p->s->o.settle_ms);
        return;
    }
    if (good)
        follow(p, v->item[0].i, v->item[1].i);
    party_place_drop(p);
}

static int ask(place *p)
{
    char viewers[PARTY_KEY_MAX], told[PARTY_KEY_MAX], ours[PARTY_KEY_MAX], interval[24], count[24], least[24];
    party_share *s = p->s;
    sio_str argv[7] = {party_key_viewers(place_id(p), viewers), party_key_told(place_id(p), told)};

    number(interval, s->o.rules.interval_ms);
    number(count, p->count);
    number(least, p->kept);
    argv[2] = party_key_here(place_id(p), sio_str_z(s->code), ours);
    argv[3] = sio_str_z(interval);
    argv[4] = sio_str_z(count);
    argv[5] = sio_str_z(least);
    argv[6] = sio_str_z(s->code);
    return redis_eval(s->r, &s->tell, on_asked, p, 3, argv, 7);
}

void party_share_on_ask(loop_timer *t)
{
    place *p = container_of(t, place, ask);
    int64_t local = party_share_local(p);
    uint64_t now = loop_now(p->s->o.loop);

    p->ask_again = p->asking;
    if (p->asking)
        return;
    if (p->s->r && now < p->s->settled) {
        loop_timer_set(p->s->o.loop, t, p->s->settled - now);
        return;
    }
    p->asking = p->s->r && ask(p) == 0;
    if (!p->s->r && local != p->count)
        party_share_tell(p, NULL, false, local);
    party_place_drop(p);
}

/* ---- the count, for who asks ------------------------------------------------------------------------ */

typedef struct question {
    int64_t         otherwise;
    party_share_fn *fn;
    void           *arg;
} question;

static void on_counted(void *arg, int err, const resp_val *v)
{
    question *q = arg;

    q->fn(q->arg, err == 0 && v->kind == RESP_INT && v->i > q->otherwise ? v->i : q->otherwise);
    free(q);
}

int party_share_ask_count(party_share *s, sio_str party, int64_t otherwise, party_share_fn *fn, void *arg)
{
    question *q = malloc(sizeof(*q));
    char key[PARTY_KEY_MAX];
    int err;

    if (!q)
        return SIO_ENOMEM;
    *q = (question){.otherwise = otherwise, .fn = fn, .arg = arg};
    err = redis_cmd(s->r, on_counted, q, "HLEN", party_key_viewers(party, key));
    if (err < 0)
        free(q);
    return err;
}

/* ---- the end of a step ------------------------------------------------------------------------------ */

static void announce_alone(watcher *w)
{
    int64_t count = party_share_local(w->p);

    if (w->said || w->silent)
        return;
    w->said = true;
    if (count <= w->p->s->o.rules.announce_limit)
        party_share_tell(w->p, w, !w->came, count);
    else
        party_share_ask_in(w->p, w->p->s->o.rules.interval_ms);
}

static void fail(watcher *w, int err)
{
    party_share *s = w->p->s;

    announce_alone(w);
    w->pending = 0;
    if (!w->here) {
        s->sweep_again = true;
        party_watcher_free(w);
    } else {
        party_share_answer(w, party_share_local(w->p), true);
        w->session = s->session - 1;
        party_watcher_to(w, err == SIO_EINVAL ? WATCHERS_KEPT : WATCHERS_STALE);
    }
    if (s->r && !s->paused && err != SIO_EINVAL) {
        s->paused = true;
        loop_timer_set(s->o.loop, &s->resume, PAUSE_MS);
    }
}

/* The step is done, and this is the count. */
static void settle(watcher *w, int64_t count)
{
    w->queued = w->pending > 0;
    party_share_answer(w, count, !w->queued && !w->changed);
    if (w->queued || w->changed)
        party_watcher_to(w, WATCHERS_DUE);
    else if (!w->here)
        party_watcher_free(w);
    else
        party_watcher_to(w, WATCHERS_KEPT);
}

/* It was emptied meanwhile: nobody is told a count that is none. */
static void on_written_anew(watcher *w)
{
    party_share *s = w->p->s;

    party_share_ask_in(w->p, s->o.settle_ms);
    settle(w, party_share_local(w->p));
    heal(s);
    party_share_pump(s);
}

static void on_written(void *arg, int err, const resp_val *v)
{
    watcher *w = arg;
    place *p = w->p;
    party_share *s = p->s;

    if (err < 0 || !ints(v, 5)) {
        log_debug("viewers of %.*s are not in Redis: %s", (int)p->id_len, p->id,
                  sio_strerror(err < 0 ? err : SIO_EINVAL));
        fail(w, err < 0 ? err : SIO_EINVAL);
        party_share_pump(s);
        return;
    }
    w->said = false;
    if (!w->silent && v->item[3].i < p->kept) {
        on_written_anew(w);
        return;
    }
    if (w->silent) {
        party_share_ask_in(p, s->o.settle_ms);
    } else {
        if (v->item[0].i == 1 && v->item[1].i <= s->o.rules.announce_limit)
            party_share_tell(p, w, !w->came, v->item[1].i);
        follow(p, v->item[1].i, v->item[2].i);
        if (v->item[4].i > 0)
            party_share_ask_in(p, v->item[4].i);
    }
    settle(w, v->item[1].i);
    party_share_pump(s);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

/* The register first: what is in it is swept when we die. */
static int enter(place *p)
{
    char key[PARTY_KEY_MAX];
    party_share *s = p->s;

    if (p->session == s->session)
        return 0;
    p->session = s->session;
    return redis_cmd(s->r, NULL, NULL, "SADD", party_key_register(sio_str_z(s->code), s->o.index, key),
                     place_id(p));
}

static int write_it(watcher *w, const char *what)
{
    char viewers[PARTY_KEY_MAX], ours[PARTY_KEY_MAX], told[PARTY_KEY_MAX], limit[24], interval[24];
    party_share *s = w->p->s;
    sio_str party = place_id(w->p), code = sio_str_z(s->code);
    sio_str argv[8] = {party_key_viewers(party, viewers), party_key_here(party, code, ours),
                       party_key_told(party, told), watcher_id(w), code};

    number(limit, s->o.rules.announce_limit);
    number(interval, s->o.rules.interval_ms);
    argv[5] = sio_str_z(limit);
    argv[6] = sio_str_z(interval);
    argv[7] = sio_str_z(what);
    w->touched = true;
    return redis_eval(s->r, &s->write, on_written, w, 3, argv, 8);
}

static void write_next(watcher *w)
{
    party_share *s = w->p->s;
    int err;

    w->changed = false;
    w->came = w->queued ? !w->came : w->here;
    w->pending -= w->queued;
    w->queued = false;
    w->step++;
    w->silent = w->came && (w->said || (w->touched && w->session != s->session));
    if (!w->came && !w->touched) {
        settle(w, w->p->count); /* came and went before anybody was told */
        return;
    }
    w->session = s->session;
    err = enter(w->p);
    if (err == 0)
        err = write_it(w, !w->came ? "leave" : w->silent ? "put" : "join");
    if (err < 0)
        fail(w, err);
}

static watcher *next(party_share *s)
{
    list *from = !list_empty(&s->lists[WATCHERS_DUE]) ? &s->lists[WATCHERS_DUE] : &s->lists[WATCHERS_STALE];

    return list_empty(from) ? NULL : container_of(from->next, watcher, link);
}

void party_share_pump(party_share *s)
{
    watcher *w;

    if (s->pumping)
        return;
    s->pumping = true;
    while (s->r && !s->paused && s->n[WATCHERS_BUSY] < WINDOW && (w = next(s))) {
        party_watcher_to(w, WATCHERS_BUSY);
        write_next(w);
    }
    s->pumping = false;
}

void party_share_on_resume(loop_timer *t)
{
    party_share *s = container_of(t, party_share, resume);

    s->paused = false;
    if (s->r && s->sweep_again && !s->sweeping)
        party_share_sweep(s);
    party_share_pump(s);
}

/* ---- our own register ------------------------------------------------------------------------------- */

/* One that came and went without being written has no claim to what an earlier life of it left in Redis. */
static bool keeps_user(place *p, sio_str user)
{
    const watcher *w = map_get(&p->watchers, user);

    return w && (w->here || w->touched);
}

/* What is not kept is struck: who comes next enters it anew. */
static bool keeps_party(place *p)
{
    if (p->watchers.n == 0)
        p->session = 0;
    return p->watchers.n > 0;
}

static bool keeps(void *arg, sio_str party, sio_str user)
{
    place *p = party_place(arg, party);

    return p && (user.p ? keeps_user(p, user) : keeps_party(p));
}

static void on_gone(void *arg, sio_str party, sio_str user, int64_t count)
{
    party_share *s = arg;

    s->o.tell(s->o.arg, &(party_told){.party = party, .user = user, .left = true, .count = count});
}

static void on_recount(void *arg, sio_str party) { party_share_recount(arg, party); }
static bool goes_on(void *arg) { return ((party_share *)arg)->r != NULL; }

static void on_swept(void *arg, int err)
{
    party_share *s = arg;

    s->sweeping = false;
    s->sweep_again = s->sweep_again || err < 0;
    if (s->sweep_again && s->r && err != SIO_ECANCELED)
        loop_timer_set(s->o.loop, &s->resume, PAUSE_MS);
}

void party_share_sweep(party_share *s)
{
    party_sweep_options o = {.r = s->r,
                             .code = sio_str_z(s->code),
                             .index = s->o.index,
                             .rules = s->o.rules,
                             .keeps = keeps,
                             .gone = on_gone,
                             .recount = on_recount,
                             .goes_on = goes_on,
                             .done = on_swept,
                             .arg = s};

    s->sweep_again = s->sweeping || party_sweep_viewers(&o) < 0;
    s->sweeping = s->sweeping || !s->sweep_again;
}
