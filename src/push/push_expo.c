/* Expo: messages of a moment go as one request. Its answer says only that Expo has them; what became of them
 * say receipts, a quarter of an hour later. They are asked for as long as this process lives: a token that
 * turns out to be dead is remembered, and the next message to it ends as PUSH_GONE without a request. */
#include "base/log.h"
#include "codec/json.h"
#include "push/push_int.h"
#include "push/service_url.h"

#include <stdio.h>
#include <stdlib.h>

#define BASE         "https://exp.host"
#define BATCH        100
#define MOMENT_MS    20
#define PER_SECOND   600            /* of a project */
#define RECEIPTS_MAX 10000          /* remembered; more push the oldest out */
#define RECEIPTS_ASK 300
#define RECEIPT_TRIES 3
#define DEAD_MAX     1000
#define EXPO_TOKEN   160

typedef struct batch {
    unsigned  n;
    push_job *job[BATCH];
} batch;

typedef struct receipt {
    list     link;
    int64_t  due_ms;
    unsigned tries;
    char     id[PUSH_TICKET_MAX + 1], token[EXPO_TOKEN];
} receipt;

struct push_expo {
    char    *send_url, *receipts_url, *access;
    int64_t  receipts_ms;
    list     waiting;               /* jobs */
    unsigned nwaiting;
    int64_t  due_ms, next_ms;       /* when those who wait go; not before next_ms for Expo's limit */
    list     receipts, asked;       /* in the order of due_ms; those of the request under way */
    unsigned nreceipts;             /* in both */
    bool     asking;
    char     dead[DEAD_MAX][EXPO_TOKEN];
    unsigned next_dead;
};

/* ---- life ------------------------------------------------------------------------------------------- */

static bool is_token_good(const char *s)
{
    for (; *s; s++) {
        if (*s <= ' ' || *s > '~')
            return false;
    }
    return true;
}

int push_expo_open(push_expo **out, const push_options *o, char *err, size_t nerr)
{
    const char *base = o->expo_url ? o->expo_url : BASE, *fault = service_url_fault(base, true);
    push_expo *e;

    if (!o->expo_token)
        return 0;
    if (fault)
        snprintf(err, nerr, "PUSH_EXPO_URL: %s", fault);
    else if (strlen(o->expo_token) > 1024 || !is_token_good(o->expo_token))
        snprintf(err, nerr, "PUSH_EXPO_TOKEN: not an access token");
    if (*err)
        return SIO_EINVAL;
    if (!(e = calloc(1, sizeof(*e))) || asprintf(&e->send_url, "%s/--/api/v2/push/send", base) < 0 ||
        asprintf(&e->receipts_url, "%s/--/api/v2/push/getReceipts", base) < 0)
        abort();
    e->access = push_strdup(o->expo_token);
    e->receipts_ms = o->expo_receipts_ms;
    list_init(&e->waiting);
    list_init(&e->receipts);
    list_init(&e->asked);
    *out = e;
    return 0;
}

static void free_receipt(push_expo *e, receipt *r)
{
    list_del(&r->link);
    e->nreceipts--;
    free(r);
}

void push_expo_close(push_expo *e)
{
    if (!e)
        return;
    list_each (it, &e->receipts)
        free_receipt(e, container_of(it, receipt, link));
    list_each (it, &e->asked)
        free_receipt(e, container_of(it, receipt, link));
    free(e->send_url);
    free(e->receipts_url);
    explicit_bzero(e->access, strlen(e->access));
    free(e->access);
    free(e);
}

/* ---- dead tokens ------------------------------------------------------------------------------------ */

static void bury(push_expo *e, const char *token)
{
    snprintf(e->dead[e->next_dead++ % DEAD_MAX], EXPO_TOKEN, "%s", token);
}

/* Told once: who is told forgets the token, and if it comes again then because somebody
 * registered it again. */
static bool take_dead(push_expo *e, sio_str token)
{
    for (unsigned i = 0; i < DEAD_MAX; i++) {
        if (sio_str_eq(sio_str_z(e->dead[i]), token)) {
            e->dead[i][0] = 0;
            return true;
        }
    }
    return false;
}

/* ---- receipts --------------------------------------------------------------------------------------- */

static void keep_receipt(push_expo *e, const char *id, sio_str token)
{
    receipt *r;

    if (!e->receipts_ms || token.n >= EXPO_TOKEN)
        return;
    if (e->nreceipts == RECEIPTS_MAX && !list_empty(&e->receipts))
        free_receipt(e, container_of(e->receipts.next, receipt, link));
    if (e->nreceipts == RECEIPTS_MAX || !(r = calloc(1, sizeof(*r))))
        return; /* a dead token is found out by the next message, too */
    snprintf(r->id, sizeof(r->id), "%s", id);
    snprintf(r->token, sizeof(r->token), "%.*s", (int)token.n, token.p);
    r->due_ms = push_now_ms() + e->receipts_ms;
    list_add_tail(&e->receipts, &r->link);
    e->nreceipts++;
}

typedef struct receipts_read {
    push_expo  *expo;
    unsigned    faults;             /* of ours */
    const char *reason;
} receipts_read;

static void on_receipt(void *arg, sio_str id, const push_verdict *v)
{
    receipts_read *read = arg;

    list_each (it, &read->expo->asked) {
        receipt *r = container_of(it, receipt, link);

        if (!sio_str_eq(sio_str_z(r->id), id))
            continue;
        if (v->outcome == PUSH_GONE)
            bury(read->expo, r->token);
        if (v->outcome == PUSH_MISCONFIGURED) {
            read->faults++;
            read->reason = v->reason;
        }
        free_receipt(read->expo, r);
        return;
    }
}

static void on_receipts(push_call *c)
{
    push_expo *e = c->push->expo;
    receipts_read read = {.expo = e};
    push_verdict v;

    e->asking = false;
    if (!push_call_failed(c, &v))
        push_answer_receipts(c->status, buf_str(&c->answer), on_receipt, &read);
    if (read.faults)
        log_warn("push: Expo could not deliver %u messages: %s", read.faults, read.reason);
    list_each (it, &e->asked) {
        receipt *r = container_of(it, receipt, link);

        if (++r->tries == RECEIPT_TRIES) {
            free_receipt(e, r);
            continue;
        }
        r->due_ms = push_now_ms() + e->receipts_ms;
        list_del(it);
        list_add_tail(&e->receipts, it);
    }
}

static void add_headers(push_call *c, const push_expo *e)
{
    push_call_header(c, "Content-Type: application/json");
    push_call_header(c, "Accept: application/json");
    if (*e->access)
        push_call_header(c, "Authorization: Bearer %s", e->access);
}

static void ask_receipts(push *p, int64_t now_ms)
{
    push_expo *e = p->expo;
    push_call *c = push_call_new(p, e->receipts_url, on_receipts, NULL);
    unsigned n = 0;
    int err = buf_puts(&c->sent, "{\"ids\":[");

    list_each (it, &e->receipts) {
        receipt *r = container_of(it, receipt, link);

        if (r->due_ms > now_ms || n == RECEIPTS_ASK)
            break;
        err |= n++ ? buf_putc(&c->sent, ',') : 0;
        err |= json_quote(&c->sent, sio_str_z(r->id));
        list_del(it);
        list_add_tail(&e->asked, it);
    }
    err |= buf_puts(&c->sent, "]}");
    if (err < 0)
        abort(); /* 300 ids have a maximum: without memory */
    e->asking = true;
    add_headers(c, e);
    push_call_start(c);
}

/* ---- batches ---------------------------------------------------------------------------------------- */

static void send_batch(push *p, batch *b);

static void send_alone(push *p, push_job *j)
{
    batch *one = calloc(1, sizeof(*one));

    if (!one)
        abort();
    j->again = true;
    one->n = 1;
    one->job[0] = j;
    send_batch(p, one);
}

static void on_sent(push_call *c)
{
    batch *b = c->arg;
    push *p = c->push;
    push_ticket *tickets = calloc(b->n, sizeof(*tickets));
    push_verdict v;
    bool failed = push_call_failed(c, &v);

    if (!tickets)
        abort();
    if (!failed)
        push_answer_expo(c->status, buf_str(&c->answer), tickets, b->n);
    for (unsigned i = 0; i < b->n; i++) {
        push_job *j = b->job[i];

        if (!failed && tickets[i].id[0])
            keep_receipt(p->expo, tickets[i].id, j->m.token);
        /* One bad message, or one of another project, must not cost the others. */
        if (!failed && tickets[i].verdict.as_one && b->n > 1 && !j->again)
            send_alone(p, j);
        else
            push_done(j, failed ? &v : &tickets[i].verdict, c);
    }
    free(tickets);
    b->n = 0;
}

/* The batch goes with its request, whether that ends or is thrown away. */
static void send_batch(push *p, batch *b)
{
    static const push_verdict large = {.outcome = PUSH_REFUSED, .reason = "too large"};
    push_call *c = push_call_new(p, p->expo->send_url, on_sent, b);
    unsigned n = 0;
    bool fits = buf_putc(&c->sent, '[') == 0;

    c->owned = b;
    for (unsigned i = 0; i < b->n; i++) {
        size_t before = c->sent.n;

        fits = (n == 0 || buf_putc(&c->sent, ',') == 0) && push_body_expo(&c->sent, &b->job[i]->m) == 0;
        if (fits) {
            b->job[n++] = b->job[i];
            continue;
        }
        c->sent.n = before;
        push_done(b->job[i], &large, NULL);
    }
    b->n = n;
    if (n == 0 || buf_putc(&c->sent, ']') < 0) {
        push_call_free(c);
        return;
    }
    add_headers(c, p->expo);
    push_call_start(c);
}

static void flush(push *p, int64_t now_ms)
{
    push_expo *e = p->expo;
    batch *b = calloc(1, sizeof(*b));

    if (!b)
        abort();
    list_each (it, &e->waiting) {
        if (b->n == BATCH)
            break;
        list_del(it);
        b->job[b->n++] = container_of(it, push_job, link);
    }
    e->nwaiting -= b->n;
    e->next_ms = now_ms + b->n * 1000 / PER_SECOND;
    send_batch(p, b);
}

void push_expo_send(push *p, push_job *j)
{
    static const push_verdict gone = {.outcome = PUSH_GONE, .reason = "DeviceNotRegistered"};
    push_expo *e = p->expo;

    if (take_dead(e, j->m.token)) {
        push_done(j, &gone, NULL);
        return;
    }
    if (e->nwaiting++ == 0)
        e->due_ms = push_now_ms() + MOMENT_MS;
    list_add_tail(&e->waiting, &j->link);
}

/* ---- time ------------------------------------------------------------------------------------------- */

static int64_t flush_at(const push_expo *e)
{
    if (e->nwaiting >= BATCH)
        return e->next_ms;
    return e->due_ms > e->next_ms ? e->due_ms : e->next_ms;
}

void push_expo_tick(push *p, int64_t now_ms)
{
    push_expo *e = p->expo;

    while (e->nwaiting && flush_at(e) <= now_ms)
        flush(p, now_ms);
    if (!e->asking && !list_empty(&e->receipts) &&
        container_of(e->receipts.next, receipt, link)->due_ms <= now_ms)
        ask_receipts(p, now_ms);
}

int64_t push_expo_wait_ms(const push_expo *e, int64_t now_ms)
{
    int64_t at = -1;

    if (!e->asking && !list_empty(&e->receipts))
        at = container_of(e->receipts.next, receipt, link)->due_ms;
    if (e->nwaiting && (at < 0 || flush_at(e) < at))
        at = flush_at(e);
    return at < 0 ? -1 : at > now_ms ? at - now_ms : 0;
}
