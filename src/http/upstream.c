/* Connections to other servers: made, greeted, kept, given up. */
#include "http/relay_int.h"

#include "base/log.h"
#include "base/rand.h"
#include "sio_err.h"

#include <stdlib.h>

#define GREETING_MS 5000
#define WARN_MS     1000
#define IDLE_MS     30000       /* well below what the other server allows */
#define MAX_IDLE    512         /* of one loop */
#define PIECE       (32 * 1024) /* of a request, between two looks at whether the kernel takes more */

/* ---- ends ---- */

void upstream_free(upstream *up)
{
    loop_timer_cancel(up->relay->loop, &up->timer);
    if (up->state == UP_IDLE)
        up->relay->nidle--;
    list_del(&up->link);
    up->target->uses--;
    buf_fini(&up->in);
    free(up);
}

/* No longer counted as one that is being made. */
static void made(upstream *up)
{
    if (up->state == UP_DIALING || up->state == UP_GREETING)
        up->target->dialing--;
}

static void leave_state(upstream *up, enum up_state next)
{
    made(up);
    if (up->state == UP_IDLE)
        up->relay->nidle--;
    if (up->state == UP_IDLE || next == UP_IDLE) {
        list_del(&up->link);
        list_add_tail(next == UP_IDLE ? &up->relay->idle : &up->relay->ups, &up->link);
    }
    up->state = (uint8_t)next;
    loop_timer_cancel(up->relay->loop, &up->timer);
}

void upstream_drop(upstream *up)
{
    net_stream *client = up->client;

    leave_state(up, UP_OVER);
    if (up->dial)
        net_dial_cancel(up->dial);
    up->client = NULL;
    if (client)
        net_abort(client, SIO_ECANCELED);
    if (up->stream)
        net_abort(up->stream, SIO_ECANCELED); /* on_close frees */
    else
        upstream_free(up);
}

void upstream_fail(upstream *up)
{
    job *j = up->job;

    up->job = NULL;
    upstream_drop(up);
    if (j)
        relay_job_fail(j);
}

/* Another secret is a fault of the settings, which somebody has to mend. */
static void not_welcome(upstream *up, const char *why)
{
    http_relay *x = up->relay;
    const http_relay_target *t = up->target;
    uint64_t now = loop_now(x->loop);

    if (now < x->quiet_until)
        return;
    x->quiet_until = now + WARN_MS;
    log_warn("link: node %.4s at %s:%d %s; is CLUSTER_SECRET the same on both?", t->node, t->host, t->port,
             why);
}

/* It was not reached, or is not who we wanted. */
static void not_made(upstream *up, const char *why)
{
    http_relay *x = up->relay;
    http_relay_target *t = up->target;

    log_debug("link: node %.4s at %s:%d: %s", t->node, t->host, t->port, why);
    t->uses++;
    t->ip[0] = 0;
    upstream_drop(up);
    relay_fail_waiting(t, x);
    t->uses--;
}

static void on_timer(loop_timer *t)
{
    upstream *up = container_of(t, upstream, timer);

    if (up->state == UP_GREETING)
        not_made(up, "no greeting in time");
    else
        upstream_fail(up);
}

/* ---- requests ---- */

/* Sends more of the request, as the kernel takes it. */
static void upstream_push(upstream *up)
{
    const job *j = up->job;

    while (j && up->sent < j->bytes->n && net_is_open(up->stream) && !net_is_blocked(up->stream)) {
        uint32_t n = j->bytes->n - up->sent;

        n = n < PIECE ? n : PIECE;
        net_send(up->stream, j->bytes, up->sent, n);
        up->sent += n;
        if (up->sent < j->bytes->n)
            net_flush(up->stream);
    }
}

void upstream_take(upstream *up, job *j)
{
    leave_state(up, UP_HEAD);
    up->job = j;
    up->sent = 0;
    j->up = up;
    loop_timer_set(up->relay->loop, &up->timer, up->relay->options.answer_ms);
    upstream_push(up);
}

void upstream_rest(upstream *up)
{
    http_relay *x = up->relay;

    if (relay_serve_waiting(up))
        return;
    if (x->nidle >= MAX_IDLE) {
        upstream_drop(up);
        return;
    }
    leave_state(up, UP_IDLE);
    x->nidle++;
    loop_timer_set(x->loop, &up->timer, IDLE_MS);
}

/* ---- greeting ---- */

static void on_greeting(upstream *up, const char *p, size_t n)
{
    http_relay_target *t = up->target;
    link_words say;
    size_t used;
    int rc = link_hello_feed(&up->hello, p, n, &used, &say);

    if (rc < 0 || (rc == 1 && used < n)) {
        not_welcome(up, "does not know our secret");
        not_made(up, "it does not know our secret");
        return;
    }
    net_send_copy(up->stream, say.p, say.n);
    if (rc == 0)
        return;
    made(up);
    up->state = UP_HEAD; /* neither being made nor idle */
    upstream_rest(up);
    relay_pump(up->relay, t);
}

static void on_dialled(void *arg, net_stream *s, int err)
{
    upstream *up = arg;
    const http_relay_options *o = &up->relay->options;
    uint8_t random[LINK_HELLO_RANDOM];
    link_words say;

    up->dial = NULL;
    up->stream = s;
    if (!s) {
        not_made(up, sio_strerror(err));
        return;
    }
    net_peer(s, up->target->ip, sizeof up->target->ip);
    rand_bytes(random, sizeof random);
    link_hello_dial(&up->hello, o->secret, o->node, up->target->node, random, &say);
    net_send_copy(s, say.p, say.n);
    up->state = UP_GREETING;
    loop_timer_set(up->relay->loop, &up->timer, GREETING_MS);
}

/* ---- the stream ---- */

static void on_data(net_stream *s, char *p, size_t n)
{
    upstream *up = s->owner;

    switch ((enum up_state)up->state) {
    case UP_GREETING:
        on_greeting(up, p, n);
        break;
    case UP_HEAD:
    case UP_BODY:
        answer_feed(up, p, n);
        break;
    case UP_TUNNEL:
        tunnel_data(up, p, n);
        break;
    case UP_IDLE: /* nothing was asked */
        upstream_drop(up);
        break;
    default:
        break;
    }
}

static void on_drain(net_stream *s)
{
    upstream *up = s->owner;

    if (up->state == UP_TUNNEL)
        tunnel_drain(up);
    else
        upstream_push(up);
}

static void hung_up(upstream *up)
{
    not_welcome(up, "hung up on us");
    not_made(up, "it hung up");
}

static void on_close(net_stream *s, int err)
{
    upstream *up = s->owner;

    (void)err;
    up->stream = NULL;
    if (up->state == UP_OVER)
        upstream_free(up);
    else if (up->state == UP_TUNNEL)
        tunnel_close(up);
    else if (up->state == UP_GREETING)
        hung_up(up);
    else
        upstream_fail(up);
}

int upstream_dial(http_relay *x, http_relay_target *t)
{
    static const net_ops ops = {on_data, on_drain, on_close};
    const char *host = t->ip[0] ? t->ip : t->host; /* no look-up for each */
    upstream *up = calloc(1, sizeof *up);

    if (!up)
        return SIO_ENOMEM;
    up->relay = x;
    up->target = t;
    up->state = UP_DIALING;
    buf_init(&up->in, HTTP1_MAX_HEAD + 128 * 1024); /* and what one read brings on top */
    loop_timer_init(&up->timer, on_timer);
    if (net_dial_start(&up->dial, x->net, host, t->port, x->options.connect_ms, &ops, up, on_dialled, up)) {
        free(up);
        return SIO_ENOMEM;
    }
    t->uses++;
    t->dialing++;
    stat_add(&x->stats.dials, 1);
    list_add_tail(&x->ups, &up->link);
    return 0;
}
