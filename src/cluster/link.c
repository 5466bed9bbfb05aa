/* The link of a node: on each loop a gate for the others, a relay to them, and what is known of their
 * addresses. */
#include "cluster/link.h"

#include "base/log.h"
#include "base/map.h"
#include "cluster/link_address.h"
#include "http/gate.h"
#include "http/relay.h"
#include "sio/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ADDRESS_MAX  300
#define FRESH_MS     10000 /* an address is asked for again after so long */
#define STALE_MS     1000  /* the same while Redis is away */
#define MAX_OWNERS   4096  /* nodes that a loop remembers or asks about; codes can be made up */
#define HANGING_MS   10000 /* a poll is answered by then and its pings; see answer_ms */

typedef struct lane lane;

/* Another node, as one loop knows it. */
typedef struct owner {
    http_relay_target target;
    lane             *lane;
    uint64_t          fresh_until;
    list              waiting;             /* of waiter: what came while its address is asked for */
    bool              asking;
    int               found_err;           /* while asking: loop 0 writes here */
    char              found[ADDRESS_MAX];
} owner;

typedef struct waiter {
    list      link;
    http_req *req;
} waiter;

struct lane {
    peer_link  *link;
    unsigned    index;
    loop       *loop;
    http_gate  *gate;
    http_relay *relay;
    map         owners;                    /* by code */
};

struct peer_link {
    sio_server        *io;
    peer_link_find_fn *find;
    void              *book;
    char              *secret;
    char               address[ADDRESS_MAX];
    bool               is_asked;            /* by the server */
    unsigned           nlanes;
    lane               lanes[];
};

/* ---- owners ---- */

static sio_str owner_key(const void *object)
{
    return (sio_str){((const owner *)object)->target.node, NODE_CODE_LEN};
}

static bool is_idle(const owner *o)
{
    return !o->target.uses && !o->asking && list_empty(&o->waiting);
}

static void owner_free(owner *o)
{
    map_del(&o->lane->owners, owner_key(o));
    free(o);
}

/* Nodes that are gone leave their addresses behind. */
static void forget_idle(lane *n)
{
    uint32_t at = 0;
    owner *o;

    while ((o = map_next(&n->owners, &at)))
        if (is_idle(o) && loop_now(n->loop) >= o->fresh_until) {
            owner_free(o);
            at = 0;
        }
}

static owner *owner_new(lane *n, sio_str code)
{
    owner *o;

    if (n->owners.n >= MAX_OWNERS)
        forget_idle(n);
    if (n->owners.n >= MAX_OWNERS || !(o = calloc(1, sizeof *o)))
        return NULL;
    http_relay_target_init(&o->target, code.p);
    o->lane = n;
    list_init(&o->waiting);
    if (map_put(&n->owners, o) < 0) {
        free(o);
        return NULL;
    }
    return o;
}

/* ---- waiting for an address ---- */

static http_req *waiter_end(waiter *w)
{
    http_req *r = w->req;

    r->user = NULL;
    r->on_abort = NULL;
    list_del(&w->link);
    free(w);
    return r;
}

static void on_client_gone(http_req *r) { waiter_end(r->user); }

static void serve_waiting(owner *o, bool is_known)
{
    lane *n = o->lane;
    list now;

    list_init(&now);
    while (!list_empty(&o->waiting)) {
        list *it = o->waiting.next;

        list_del(it);
        list_add_tail(&now, it);
    }
    while (!list_empty(&now)) {
        http_req *r = waiter_end(container_of(now.next, waiter, link));

        if (is_known)
            http_relay_send(n->relay, r, &o->target);
        else
            sio_home_unknown(n->link->io, n->index, r);
    }
}

/* Back on the owner's loop. While Redis is away the old address will do. */
static void on_answer(void *arg)
{
    owner *o = arg;
    uint64_t now = loop_now(o->lane->loop);
    char host[HTTP_RELAY_HOST];
    int port;

    o->asking = false;
    if (o->found_err == 0 && link_address_read(o->found, host, sizeof host, &port)) {
        http_relay_target_set(&o->target, host, port);
        o->fresh_until = now + FRESH_MS;
    } else if (o->found_err == SIO_ENOENT || o->found_err == 0) {
        o->target.port = 0;
    } else {
        o->fresh_until = now + STALE_MS;
    }
    serve_waiting(o, o->target.port != 0);
    if (is_idle(o) && !o->target.port)
        owner_free(o);
}

/* On loop 0. */
static void on_found(void *arg, int err, const char *address)
{
    owner *o = arg;

    o->found_err = err;
    snprintf(o->found, sizeof o->found, "%s", err == 0 && address ? address : "");
    /* Without memory it stays asked for, as if Redis were slow. */
    sio_post(o->lane->link->io, o->lane->index, on_answer, o);
}

static void on_question(void *arg)
{
    owner *o = arg;
    peer_link *l = o->lane->link;

    l->find(l->book, owner_key(o), on_found, o);
}

static bool await_address(owner *o, http_req *r)
{
    waiter *w;

    if (http_hold(r) < 0)
        return true;
    if (!(w = malloc(sizeof *w)))
        abort(); /* a small fixed allocation */
    w->req = r;
    r->user = w;
    r->on_abort = on_client_gone;
    list_add_tail(&o->waiting, &w->link);
    if (!o->asking) {
        o->asking = true;
        if (sio_post(o->lane->link->io, 0, on_question, o) < 0)
            abort(); /* the same */
    }
    return true;
}

/* ---- what the server asks and the relay tells ---- */

static bool on_foreign(void *arg, unsigned loop, http_req *r, sio_str sid)
{
    peer_link *l = arg;
    lane *n = &l->lanes[loop];
    sio_str code = {sid.p + 1, NODE_CODE_LEN};
    owner *o = map_get(&n->owners, code);

    if (!l->find || (!o && !(o = owner_new(n, code))))
        return false;
    if (o->asking || !o->target.port || loop_now(n->loop) >= o->fresh_until)
        return await_address(o, r);
    http_relay_send(n->relay, r, &o->target);
    return true;
}

static void on_unreachable(void *ctx, http_req *r, http_relay_target *t)
{
    lane *n = ctx;

    container_of(t, owner, target)->fresh_until = 0; /* it may be somewhere else by now */
    sio_home_unknown(n->link->io, n->index, r);
}

/* ---- making ---- */

/* More than a poll may hang before the other node says something. */
static uint32_t answer_ms(const sio_options *o)
{
    return o->ping_interval_ms + o->ping_timeout_ms + HANGING_MS;
}

static int lane_init(lane *n, peer_link *l, unsigned index, const char *host, int *port)
{
    const sio_options *opt = sio_home_options(l->io);
    http_relay_options relay = {.secret = sio_str_z(l->secret), .max_body = opt->max_payload,
                                .answer_ms = answer_ms(opt), .on_unreachable = on_unreachable, .ctx = n};
    http_gate_options gate = {.secret = sio_str_z(l->secret)};
    net *net = sio_home_net(l->io, index);
    int err;

    n->link = l;
    n->index = index;
    n->loop = net_loop(net);
    map_init(&n->owners, owner_key);
    memcpy(relay.node, sio_node(l->io), NODE_CODE_LEN);
    memcpy(gate.node, sio_node(l->io), NODE_CODE_LEN);
    if ((err = http_relay_new(&n->relay, net, &relay)) < 0)
        return err;
    return http_gate_new(&n->gate, sio_home_http(l->io, index), &gate, host, port);
}

static bool is_everywhere(const char *host)
{
    return !host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static int set_address(peer_link *l, const peer_link_options *o, int port)
{
    char machine[256] = "";
    const char *advertise = o->advertise ? o->advertise : is_everywhere(o->host) ? machine : o->host;

    if (gethostname(machine, sizeof machine - 1) < 0)
        machine[0] = 0;
    return link_address_write(advertise, port, l->address, sizeof l->address) ? 0 : SIO_EINVAL;
}

static int link_init(peer_link *l, const peer_link_options *o)
{
    int port = o->port, err = 0;

    if (!(l->secret = strdup(o->secret)))
        return SIO_ENOMEM;
    if (loop_port_is_taken(net_loop(sio_home_net(l->io, 0)), o->host, port))
        return SIO_EADDR;
    for (unsigned i = 0; i < l->nlanes && err == 0; i++)
        err = lane_init(&l->lanes[i], l, i, o->host, &port);
    return err < 0 ? err : set_address(l, o, port);
}

int peer_link_new(peer_link **out, sio_server *io, const peer_link_options *o)
{
    unsigned n = sio_server_loops(io);
    peer_link *l;
    int err;

    if (!o->secret || !o->secret[0])
        return SIO_EINVAL;
    if (!(l = calloc(1, sizeof *l + n * sizeof l->lanes[0])))
        return SIO_ENOMEM;
    l->io = io;
    l->nlanes = n;
    if ((err = link_init(l, o)) < 0) {
        peer_link_free(l);
        return err;
    }
    sio_home_foreign(io, on_foreign, l);
    l->is_asked = true;
    log_info("link: other servers reach this one, node %s, at %s", sio_node(io), l->address);
    *out = l;
    return 0;
}

const char *peer_link_address(const peer_link *l) { return l->address; }

void peer_link_use_book(peer_link *l, peer_link_find_fn *find, void *book)
{
    l->find = find;
    l->book = book;
}

static void find_node(void *book, sio_str code, peer_link_found_fn *fn, void *arg)
{
    node_find(book, code, fn, arg);
}

void peer_link_use(peer_link *l, node *n) { peer_link_use_book(l, find_node, n); }

/* ---- end ---- */

static void lane_fini(lane *n)
{
    uint32_t at = 0;
    owner *o;

    http_gate_free(n->gate);
    http_relay_free(n->relay);
    while ((o = map_next(&n->owners, &at))) {
        while (!list_empty(&o->waiting))
            waiter_end(container_of(o->waiting.next, waiter, link));
        owner_free(o);
        at = 0;
    }
    map_fini(&n->owners);
}

void peer_link_free(peer_link *l)
{
    if (!l)
        return;
    if (l->is_asked)
        sio_home_foreign(l->io, NULL, NULL);
    for (unsigned i = 0; i < l->nlanes && l->lanes[i].link; i++)
        lane_fini(&l->lanes[i]);
    free(l->secret);
    free(l);
}

void peer_link_stats_read(const peer_link *l, peer_link_stats *out)
{
    *out = (peer_link_stats){0};
    for (unsigned i = 0; i < l->nlanes; i++) {
        const http_relay_stats *s = http_relay_stats_of(l->lanes[i].relay);

        out->requests += stat_get(&s->requests);
        out->tunnels += stat_get(&s->tunnels);
        out->failures += stat_get(&s->failures);
        out->dials += stat_get(&s->dials);
        out->open_tunnels += stat_get(&s->open_tunnels);
        out->refused += http_gate_refused(l->lanes[i].gate);
    }
}
