/* One connection: greeting, commands in order, answers in the same order, signs of life. */
#include "base/rand.h"
#include "redis/redis_int.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE     (64 * 1024)      /* what the stream may hold for us: the rest waits in out */
#define MAX_ASKS  (UINT32_C(1) << 20)
#define PAUSE_MS  50u              /* before the second try; doubles */
#define PAUSE_MAX 2000u

static const sio_str sub_word[] = {SIO_STR("SUBSCRIBE"), SIO_STR("PSUBSCRIBE"), SIO_STR("SSUBSCRIBE")};
static const sio_str unsub_word[] = {SIO_STR("UNSUBSCRIBE"), SIO_STR("PUNSUBSCRIBE"),
                                     SIO_STR("SUNSUBSCRIBE")};

static void lost(conn *c, int err, const char *why);

/* ---- what is asked ---- */

static bool asks_grow(conn *c)
{
    uint32_t cap = c->cap ? 2 * c->cap : 16;
    ask *p;

    if (cap > MAX_ASKS || !(p = malloc(cap * sizeof(*p))))
        return false;
    for (uint32_t i = 0; i < c->nasks; i++)
        p[i] = c->asks[(c->first + i) & (c->cap - 1)];
    free(c->asks);
    c->asks = p;
    c->cap = cap;
    c->first = 0;
    return true;
}

static ask *first_ask(conn *c) { return &c->asks[c->first]; }

static ask pop_ask(conn *c)
{
    ask q = *first_ask(c);

    c->first = (c->first + 1) & (c->cap - 1);
    c->nasks--;
    return q;
}

/* The oldest is told err; what came behind it was not late itself. */
static void fail_asks(conn *c, int err)
{
    while (c->nasks > 0) {
        ask q = pop_ask(c);
        if (q.kind == ASK_CALL && q.fn)
            q.fn(q.arg, err, NULL);
        if (err == SIO_ETIMEOUT)
            err = SIO_ECLOSED;
    }
}

/* ---- time ---- */

static uint64_t now_of(const conn *c) { return loop_now(c->r->l); }

static uint64_t due(conn *c)
{
    if (c->doom)
        return 0;
    if (c->state == CONN_GREETING)
        return c->opened + c->r->o.connect_ms;
    if (c->nasks > 0 && c->r->o.reply_ms)
        return first_ask(c)->at + c->r->o.reply_ms;
    if (c->nasks > 0) /* a blocking command: the kernel's keep-alive watches */
        return now_of(c) + c->r->o.ping_ms;
    return c->heard + c->r->o.ping_ms;
}

/* Looks again after ping_ms at the latest: by then what is due now may have been answered. */
static void arm(conn *c)
{
    uint64_t at = due(c), now = now_of(c), ms = at > now ? at - now : 0;

    loop_timer_set(c->r->l, &c->timer, ms < c->r->o.ping_ms ? ms : c->r->o.ping_ms);
}

static void send_ping(conn *c)
{
    sio_str ping = sio_lit("PING");

    conn_ask(c, (ask){.kind = ASK_CALL}, &ping, 1);
}

static void on_due(conn *c)
{
    if (c->doom) {
        conn_drop(c, SIO_ECLOSED, c->doom);
    } else if (c->state == CONN_GREETING) {
        conn_drop(c, SIO_ETIMEOUT, "no answer to the greeting");
    } else if (c->nasks > 0 && c->r->o.reply_ms) {
        conn_drop(c, SIO_ETIMEOUT, "no answer in time");
    } else {
        if (c->nasks == 0)
            send_ping(c);
        arm(c);
    }
}

static void on_timer(loop_timer *t)
{
    conn *c = container_of(t, conn, timer);
    redis *r = c->r;

    redis_enter(r);
    if (c->state == CONN_IDLE)
        c->ops->on_retry(c);
    else if (due(c) <= now_of(c))
        on_due(c);
    else
        arm(c);
    redis_leave(r);
}

void conn_retry(conn *c)
{
    uint32_t pause = c->tries < 6 ? PAUSE_MS << c->tries : PAUSE_MAX, random;

    rand_bytes(&random, sizeof(random));
    if (pause > PAUSE_MAX)
        pause = PAUSE_MAX;
    c->tries++;
    loop_timer_set(c->r->l, &c->timer, pause / 2 + random % (pause / 2 + 1));
}

void conn_doom(conn *c, const char *why)
{
    if (c->state == CONN_IDLE || c->state == CONN_DIALING || c->doom)
        return;
    c->doom = why;
    arm(c);
}

/* ---- sending ---- */

static bool out_is_empty(const conn *c) { return c->out.n == c->out_at; }

/* The stream takes a piece after the other; what it cannot take waits for on_drain. */
static void pump(conn *c)
{
    while (!out_is_empty(c)) {
        size_t n = c->out.n - c->out_at;
        if (net_unsent(c->s))
            net_flush(c->s);
        if (net_unsent(c->s) || !net_is_open(c->s))
            return;
        n = n < PIECE ? n : PIECE;
        net_send_copy(c->s, c->out.p + c->out_at, n);
        c->out_at += n;
    }
    buf_fini(&c->out);
    c->out_at = 0;
}

static int out_add(conn *c, const buf *b)
{
    if (c->out_at > 0 && c->out_at >= c->out.n / 2) {
        buf_consume(&c->out, c->out_at);
        c->out_at = 0;
    }
    return buf_add(&c->out, b->p, b->n);
}

static int put(conn *c, const buf *b)
{
    size_t queued = net_unsent(c->s) + c->out.n - c->out_at;
    int rc;

    if (queued + b->n > c->r->o.max_unsent)
        return SIO_ELIMIT;
    if (out_is_empty(c) && b->n + net_unsent(c->s) > PIECE)
        net_flush(c->s);
    if (out_is_empty(c) && b->n + net_unsent(c->s) <= PIECE) {
        net_send_copy(c->s, b->p, b->n);
        return 0;
    }
    rc = out_add(c, b);
    if (rc == 0)
        pump(c);
    return rc == SIO_ETOOBIG ? SIO_ELIMIT : rc;
}

static int encode(redis *r, const sio_str *argv, unsigned argc)
{
    int rc;

    if (r->enc.cap > PIECE)
        buf_fini(&r->enc);
    r->enc.n = 0;
    rc = resp_put_command(&r->enc, argv, argc);
    return rc;
}

int conn_ask(conn *c, ask q, const sio_str *argv, unsigned argc)
{
    int rc;

    if (c->state < CONN_GREETING || !net_is_open(c->s))
        return SIO_EUNAVAILABLE;
    if (c->nasks == c->cap && !asks_grow(c))
        return SIO_ELIMIT;
    rc = encode(c->r, argv, argc);
    if (rc == 0)
        rc = put(c, &c->r->enc);
    if (rc < 0)
        return rc;
    q.at = now_of(c);
    c->asks[(c->first + c->nasks++) & (c->cap - 1)] = q;
    if (c->nasks == 1)
        arm(c);
    return 0;
}

/* FNV-1a: only tells the answer to an UNSUBSCRIBE from what the server does by itself. */
static uint64_t mark_of(redis_sub_kind kind, sio_str name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ kind;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

void conn_subscribe_to(conn *c, redis_sub_kind kind, sio_str name, uint64_t seq)
{
    sio_str argv[] = {sub_word[kind], name};

    c->subscribes = true;
    if (conn_ask(c, (ask){.kind = ASK_SUBSCRIBE, .mark = seq}, argv, 2) < 0)
        conn_doom(c, "too many subscriptions wait to be sent");
    else
        c->unconfirmed++;
}

void conn_subscribe(conn *c, sub *s)
{
    s->seq = ++c->r->seq;
    s->confirmed = false;
    s->at = c;
    conn_subscribe_to(c, s->kind, sub_name(s), s->seq);
}

void conn_unsubscribe(conn *c, redis_sub_kind kind, sio_str name)
{
    sio_str argv[] = {unsub_word[kind], name};

    if (conn_ask(c, (ask){.kind = ASK_UNSUBSCRIBE, .mark = mark_of(kind, name)}, argv, 2) < 0)
        conn_doom(c, "too much waits to be sent");
}

/* ---- answers ---- */

/* Which of the three families: "message", "pmessage", "smessage" and the like. -1: another word. */
static int family(const resp_val *v, const char *word)
{
    static const char prefix[] = {[REDIS_CHANNEL] = 0, [REDIS_PATTERN] = 'p', [REDIS_SHARD] = 's'};
    sio_str s = v->item[0].s;
    size_t n = strlen(word);

    for (int kind = REDIS_CHANNEL; kind <= REDIS_SHARD; kind++) {
        size_t skip = prefix[kind] != 0;
        if (s.n == n + skip && memcmp(s.p + skip, word, n) == 0 && (!skip || s.p[0] == prefix[kind]))
            return kind;
    }
    return -1;
}

static bool is_text(const resp_val *v) { return v->kind == RESP_BULK || v->kind == RESP_STATUS; }

static bool on_message(conn *c, const resp_val *v)
{
    int kind = family(v, "message");
    const resp_val *channel = &v->item[1 + (kind == REDIS_PATTERN)], *payload = channel + 1;

    if (kind < 0)
        return false;
    if (v->n != 3u + (kind == REDIS_PATTERN))
        return false;
    if (!is_text(channel) || !is_text(payload) || !is_text(&v->item[1]))
        return false;
    c->ops->on_message(c, (redis_sub_kind)kind, channel->s, payload->s,
                       kind == REDIS_PATTERN ? v->item[1].s : (sio_str){"", 0});
    return true;
}

static bool on_subscribed(conn *c, const resp_val *v)
{
    int kind = family(v, "subscribe");

    if (kind < 0 || !is_text(&v->item[1]) || c->nasks == 0 || first_ask(c)->kind != ASK_SUBSCRIBE)
        return false;
    c->unconfirmed--;
    c->ops->on_subscribed(c, (redis_sub_kind)kind, v->item[1].s, pop_ask(c).mark);
    return true;
}

static bool on_unsubscribed(conn *c, const resp_val *v)
{
    int kind = family(v, "unsubscribe");
    ask *q = c->nasks ? first_ask(c) : NULL;

    if (kind < 0 || !is_text(&v->item[1]))
        return false;
    if (q && q->kind == ASK_UNSUBSCRIBE && q->mark == mark_of((redis_sub_kind)kind, v->item[1].s))
        pop_ask(c);
    else
        c->ops->on_dropped(c, (redis_sub_kind)kind, v->item[1].s);
    return true;
}

/* What nobody asked for, or the answer to a subscription. */
static bool on_push(conn *c, const resp_val *v)
{
    bool may = v->kind == RESP_PUSH || (v->kind == RESP_ARRAY && c->subscribes);

    if (!may || v->n < 2 || !is_text(&v->item[0]))
        return false;
    if (v->n >= 3 && (on_message(c, v) || on_subscribed(c, v) || on_unsubscribed(c, v)))
        return true;
    return v->kind == RESP_PUSH;
}

static void on_reply(conn *c, const resp_val *v)
{
    ask q;

    if (on_push(c, v))
        return;
    if (c->nasks == 0) {
        conn_drop(c, SIO_ECLOSED, "an answer without a question");
        return;
    }
    q = pop_ask(c);
    if (c->ops->leaves_replicas && v->kind == RESP_ERROR && v->s.n > 8 && memcmp(v->s.p, "READONLY", 8) == 0)
        conn_doom(c, "the master has become a replica");
    if (q.kind != ASK_CALL) {
        c->unconfirmed -= q.kind == ASK_SUBSCRIBE;
        c->ops->on_refused(c, v, q.mark);
    } else if (q.fn) {
        q.fn(q.arg, 0, v);
    }
}

static const char *fault_of(long rc)
{
    return rc == SIO_ETOOBIG ? "a reply is larger than max_reply" : rc == SIO_ENOMEM ? "out of memory" :
           rc == SIO_ELIMIT  ? "a reply is nested too deep" : "this is not the protocol of Redis";
}

/* How much of it was whole replies; all of it when a callback ended the connection. */
static size_t eat(conn *c, const char *p, size_t n)
{
    const net_stream *s = c->s;
    size_t at = 0;

    c->eating = true;
    c->need = 0;
    while (c->s == s && at < n) {
        resp_val v;
        long rc = resp_parse(p + at, n - at, c->r->o.max_reply, &c->mem, &v, &c->need);
        if (rc < 0)
            conn_drop(c, SIO_ECLOSED, fault_of(rc));
        if (rc <= 0)
            break;
        at += (size_t)rc;
        on_reply(c, &v);
        arena_reset(&c->mem);
    }
    c->eating = false;
    if (c->s != s) {
        buf_fini(&c->in);
        arena_fini(&c->mem);
        return n;
    }
    return at;
}

static void keep(conn *c, const char *p, size_t n)
{
    if (n > 0 && buf_add(&c->in, p, n) < 0)
        conn_drop(c, SIO_ECLOSED, "out of memory");
}

static void on_data(net_stream *s, char *p, size_t n)
{
    conn *c = s->owner;
    redis *r = c->r;

    redis_enter(r);
    c->heard = now_of(c);
    if (c->in.n == 0) {
        size_t used = eat(c, p, n);
        if (c->s == s)
            keep(c, p + used, n - used);
    } else {
        keep(c, p, n);
        if (c->s == s && c->in.n >= c->need) {
            size_t used = eat(c, c->in.p, c->in.n);
            if (c->s == s)
                buf_consume(&c->in, used);
        }
    }
    if (c->in.n == 0) /* an idle connection holds no buffer */
        buf_fini(&c->in);
    redis_leave(r);
}

/* ---- coming and going ---- */

static void on_drain(net_stream *s)
{
    pump(s->owner);
}

static void on_close(net_stream *s, int err)
{
    conn *c = s->owner;
    redis *r = c->r;

    redis_enter(r);
    c->s = NULL;
    lost(c, SIO_ECLOSED, err == 0 ? "the server closed the connection" : "the connection broke");
    redis_leave(r);
}

static const net_ops stream_ops = {on_data, on_drain, on_close};

static void ignore_data(net_stream *s, char *p, size_t n) { (void)s, (void)p, (void)n; }
static void ignore_close(net_stream *s, int err) { (void)s, (void)err; }
static const net_ops orphan_ops = {ignore_data, NULL, ignore_close};

/* Lets go of dial and stream. Politely: what was queued is sent first. */
static void let_go(conn *c, bool politely)
{
    loop_timer_cancel(c->r->l, &c->timer);
    if (c->dial)
        net_dial_cancel(c->dial);
    c->dial = NULL;
    if (c->s) {
        net_stream *s = c->s;
        c->s = NULL;
        net_give(s, &orphan_ops, NULL);
        if (politely && net_is_open(s))
            net_close(s);
        else
            net_abort(s, SIO_ECANCELED);
    }
    c->state = CONN_IDLE;
    c->doom = NULL;
    c->subscribes = false;
    c->unconfirmed = 0;
    c->out_at = 0;
    buf_fini(&c->out);
    if (!c->eating)
        buf_fini(&c->in);
}

static void lost(conn *c, int err, const char *why)
{
    let_go(c, false);
    fail_asks(c, err);
    if (!c->r->dead)
        c->ops->on_lost(c, why);
}

void conn_drop(conn *c, int err, const char *why)
{
    redis *r = c->r;

    redis_enter(r);
    lost(c, err, why);
    redis_leave(r);
}

/* ---- opening ---- */

void conn_be_ready(conn *c)
{
    c->state = CONN_READY;
    c->tries = 0;
    arm(c);
    c->ops->on_ready(c);
}

static const char *dial_fault(int err)
{
    return err == SIO_EADDR ? "no such host" : err == SIO_ETIMEOUT ? "no answer" :
           err == SIO_EIO   ? "connection refused" : sio_strerror(err);
}

static void on_dialled(void *arg, net_stream *s, int err)
{
    conn *c = arg;
    redis *r = c->r;

    redis_enter(r);
    c->dial = NULL;
    if (s && r->tls) {
        s = tls_client_wrap(r->tls, s, c->host);
        err = SIO_ENOMEM;
    }
    if (!s) {
        snprintf(c->why, sizeof(c->why), "%.80s:%d: %s", c->host, c->port, dial_fault(err));
        lost(c, SIO_ECLOSED, c->why);
    } else {
        c->s = s;
        c->state = CONN_GREETING;
        c->opened = c->heard = now_of(c);
        if (conn_greet(c) < 0)
            conn_drop(c, SIO_ECLOSED, "out of memory");
    }
    redis_leave(r);
}

/* ---- life ---- */

int conn_init(conn *c, redis *r, const conn_ops *ops, const conn_login *login)
{
    *c = (conn){.r = r, .ops = ops, .login = *login};
    buf_init(&c->in, r->o.max_reply + PIECE);
    buf_init(&c->out, r->o.max_unsent);
    arena_init(&c->mem, 16 * r->o.max_reply + PIECE);
    loop_timer_init(&c->timer, on_timer);
    return 0;
}

void conn_open(conn *c, const char *host, int port)
{
    char *copy = strdup(host);

    loop_timer_cancel(c->r->l, &c->timer);
    if (copy) {
        free(c->host);
        c->host = copy;
        c->port = port;
    }
    if (!copy || net_dial_start(&c->dial, c->r->n, copy, port, c->r->o.connect_ms, &stream_ops, c, on_dialled,
                                c) < 0) {
        c->dial = NULL;
        conn_retry(c);
        return;
    }
    c->state = CONN_DIALING;
}

void conn_close(conn *c)
{
    if (!c->r)
        return;
    let_go(c, c->state == CONN_READY);
    fail_asks(c, SIO_ECANCELED);
}

void conn_release(conn *c)
{
    if (!c->r)
        return;
    buf_fini(&c->in);
    buf_fini(&c->out);
    arena_fini(&c->mem);
    free(c->asks);
    free(c->host);
    c->asks = NULL;
    c->host = NULL;
}
