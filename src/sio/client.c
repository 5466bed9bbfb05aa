/* A client: one connection and the namespaces it is in. Turns messages into packets and
 * packets into events. */
#include "base/log.h"
#include "sio/sio_int.h"

#include <stdlib.h>

/* ---- packets whose attachments are still to come ---- */

typedef struct partial {
    sio_packet packet;
    char      *text;            /* the packet's slices point here */
    unsigned   n;               /* attachments so far */
    sio_str    bin[];
} partial;

static void partial_free(client *c)
{
    struct partial *w = c->partial;

    if (!w)
        return;
    for (unsigned i = 0; i < w->n; i++)
        free((char *)(uintptr_t)w->bin[i].p);
    free(w->text);
    free(w);
    c->partial = NULL;
}

static int partial_new(client *c, sio_str text)
{
    sio_packet p;
    struct partial *w;
    char *copy = malloc(text.n);

    if (!copy)
        return SIO_ENOMEM;
    memcpy(copy, text.p, text.n);
    if (sio_packet_parse((sio_str){copy, text.n}, c->shard->io->opt.max_attachments, &p) < 0 ||
        !(w = calloc(1, sizeof *w + p.attachments * sizeof *w->bin))) {
        free(copy);
        return SIO_EPARSE;
    }
    w->text = copy;
    w->packet = p;
    c->partial = w;
    return 0;
}

/* ---- counting ---- */

typedef struct client_cells {
    stat_cell *now, *opened;
} client_cells;

static client_cells cells_of(shard_stats *st, uint8_t as)
{
    switch (as) {
    case SIO_POLLING:
        return (client_cells){&st->clients_polling, &st->opened_polling};
    case SIO_WEBSOCKET:
        return (client_cells){&st->clients_websocket, &st->opened_websocket};
    default:
        return (client_cells){&st->clients_plain, &st->opened_plain};
    }
}

void client_count(client *c, uint8_t as)
{
    shard_stats *st = c->shard->stats;

    if (c->counted) {
        stat_sub(cells_of(st, c->counted).now, 1);
        stat_add(&st->upgraded, 1);
    } else {
        stat_add(cells_of(st, as).opened, 1);
    }
    stat_add(cells_of(st, as).now, 1);
    c->counted = as;
}

static stat_cell *closed_cell(shard_stats *st, const char *reason)
{
    stat_cell *const cells[] = {
        [EIO_TRANSPORT_ERROR] = &st->closed_error,  [EIO_TRANSPORT_CLOSE] = &st->closed_transport,
        [EIO_FORCED_CLOSE] = &st->closed_forced,    [EIO_PING_TIMEOUT] = &st->closed_ping,
        [EIO_PARSE_ERROR_CLOSE] = &st->closed_parse, [EIO_SHUTDOWN] = &st->closed_shutdown,
        [EIO_SLOW_CONSUMER] = &st->closed_slow,
    };

    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(eio_reason_text((eio_reason)i), reason) == 0)
            return cells[i];
    return &st->closed_forced;
}

static void count_lost(const client *c, const char *reason)
{
    if (!c->counted)
        return;
    stat_sub(cells_of(c->shard->stats, c->counted).now, 1);
    stat_add(closed_cell(c->shard->stats, reason), 1);
}

bool client_is_owed(const client *c)
{
    for (unsigned i = 0; i < c->nsockets; i++)
        if (client_sockets(c)[i]->owed)
            return true;
    return false;
}

/* ---- life ---- */

client *client_new(shard *sh, const client_ops *ops, void *transport)
{
    client *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->ops = ops;
    c->transport = transport;
    c->shard = sh;
    list_add_tail(&sh->clients, &c->link);
    atomic_fetch_add_explicit(&sh->nclients, 1, memory_order_relaxed);
    calm_note(sh);
    return c;
}

static void client_free(client *c)
{
    if (c->has_many)
        free(c->sockets.many);
    free(c);
}

void client_enter(client *c)
{
    c->busy = true;
}

void client_leave(client *c)
{
    c->busy = false;
    if (c->doomed)
        client_free(c);
}

sio_socket *client_last(const client *c)
{
    for (unsigned i = c->nsockets; i > 0; i--)
        if (client_sockets(c)[i - 1]->state != SOCKET_GONE)
            return client_sockets(c)[i - 1];
    return NULL;
}

void client_lost(client *c, const char *reason)
{
    sio_socket *s;

    c->transport = NULL;
    count_lost(c, reason);
    while ((s = client_last(c))) {
        if (s->state == SOCKET_CONNECTING)
            connect_abandon(s);
        else
            socket_gone(s, reason);
    }
    /* Their handlers, further down the stack, ended the client: socket_gone goes on alone */
    while (c->nsockets)
        client_sockets(c)[--c->nsockets]->client = NULL;
    list_del(&c->link);
    atomic_fetch_sub_explicit(&c->shard->nclients, 1, memory_order_relaxed);
    calm_note(c->shard);
    partial_free(c);
    handshake_drop(c->handshake);
    c->handshake = NULL;
    if (c->busy)
        c->doomed = true;
    else
        client_free(c);
}

void client_close(client *c, eio_reason why)
{
    if (c->transport)
        c->ops->close(c, why);
}

/* ---- its namespaces ---- */

/* Most are in one namespace only: that needs no memory of its own. */
static bool make_room(client *c)
{
    sio_socket **list;

    if (!c->has_many && c->nsockets == 0)
        return true;
    if (!(list = realloc(c->has_many ? c->sockets.many : NULL, (c->nsockets + 1u) * sizeof(*list))))
        return false;
    if (!c->has_many)
        list[0] = c->sockets.one;
    c->sockets.many = list;
    c->has_many = true;
    return true;
}

int client_add(client *c, sio_socket *s)
{
    if (c->nsockets >= c->shard->io->opt.max_sockets)
        return SIO_ELIMIT;
    if (!make_room(c))
        return SIO_ENOMEM;
    client_sockets(c)[c->nsockets++] = s;
    return 0;
}

void client_remove(client *c, sio_socket *s)
{
    sio_socket **list = client_sockets(c);

    for (unsigned i = 0; i < c->nsockets; i++) {
        if (list[i] != s)
            continue;
        list[i] = list[--c->nsockets];
        return;
    }
}

/* By comparing the few names at hand: the server's registry, and its lock, are for CONNECT only. */
static sio_socket *client_find(const client *c, sio_str nsp)
{
    for (unsigned i = 0; i < c->nsockets; i++)
        if (sio_str_eq(client_sockets(c)[i]->ns->ns->name, nsp))
            return client_sockets(c)[i];
    return NULL;
}

void client_connected(client *c)
{
    if (c->shard->io->opt.keep_handshake) {
        if (c->handshake)
            loop_timer_cancel(c->shard->loop, &c->handshake->joins);
        return;
    }
    handshake_drop(c->handshake);
    c->handshake = NULL;
    for (unsigned i = 0; i < c->nsockets; i++)
        handshake_hide(client_sockets(c)[i]);
}

/* ---- packets ---- */

/* What the peer may not do ends the connection; its sockets hear of it first. */
static void fail(client *c, const char *what)
{
    log_debug("client sent a bad packet: %s", what);
    stat_add(&c->shard->stats->bad_packets, 1);
    for (unsigned i = c->nsockets; i > 0 && i <= c->nsockets; i--) {
        sio_socket *s = client_sockets(c)[i - 1];

        if (s->state == SOCKET_CONNECTED && s->ns->ns->table->on_error)
            s->ns->ns->table->on_error(s, SIO_EPARSE, what);
    }
    client_close(c, EIO_FORCED_CLOSE);
}

static void on_socket_packet(client *c, sio_socket *s, const sio_packet *p, const sio_bins *bins)
{
    socket_hold(s);
    switch (p->type) {
    case SIO_PACKET_EVENT:
    case SIO_PACKET_BINARY_EVENT:
        event_dispatch(s, p, bins);
        break;
    case SIO_PACKET_ACK:
    case SIO_PACKET_BINARY_ACK:
        ack_receive(s, p, bins);
        break;
    case SIO_PACKET_DISCONNECT:
        socket_gone(s, "client namespace disconnect");
        break;
    default: /* CONNECT of a namespace already joined, CONNECT_ERROR from a client */
        client_close(c, EIO_FORCED_CLOSE);
        break;
    }
    socket_drop(s);
}

static void on_packet(client *c, const sio_packet *p, const sio_bins *bins)
{
    sio_socket *s = client_find(c, p->nsp);

    if (s && s->state == SOCKET_CONNECTED)
        on_socket_packet(c, s, p, bins);
    else if (!s && p->type == SIO_PACKET_CONNECT)
        connect_request(c, p->nsp, p->data, bins);
    else
        client_close(c, EIO_FORCED_CLOSE);
}

static void on_text(client *c, sio_str text)
{
    sio_packet p;

    if (c->partial) {
        fail(c, "text while attachments are missing");
    } else if (sio_packet_parse(text, c->shard->io->opt.max_attachments, &p) < 0) {
        fail(c, "malformed packet");
    } else if (p.attachments == 0) {
        on_packet(c, &p, NULL);
    } else if (partial_new(c, text) < 0) {
        fail(c, "malformed packet");
    }
}

/* The last attachment is here: placeholders are checked, then it is a packet like any other. */
static void partial_complete(client *c)
{
    struct partial *w = c->partial;
    sio_bins bins = {w->bin, w->n};

    if (w->packet.data.n && sio_packet_check_placeholders(w->packet.data, w->n) < 0) {
        fail(c, "illegal attachments");
        return;
    }
    c->partial = NULL;
    on_packet(c, &w->packet, &bins);
    c->partial = w;
    partial_free(c);
}

static void on_attachment(client *c, sio_str bytes)
{
    struct partial *w = c->partial;
    char *copy;

    if (!w) {
        fail(c, "binary without a packet that announced it");
        return;
    }
    /* Each is a message of its own, at most max_payload, and there are at most max_attachments. */
    if (!(copy = malloc(bytes.n + 1))) {
        fail(c, "no memory for an attachment");
        return;
    }
    memcpy(copy, bytes.p, bytes.n);
    w->bin[w->n++] = (sio_str){copy, bytes.n};
    if (w->n == w->packet.attachments)
        partial_complete(c);
}

static void on_msgpack(client *c, sio_str bytes)
{
    sio_str bin[SIO_MAX_BINS];
    sio_packet p;
    buf json;

    buf_init(&json, c->shard->io->opt.max_payload * 6 + 1024);
    if (sio_packet_parse_msgpack(bytes, SIO_MAX_BINS, &json, bin, &p) < 0)
        fail(c, "malformed packet");
    else
        on_packet(c, &p, &(sio_bins){bin, p.attachments});
    buf_fini(&json);
}

void client_message(client *c, bool binary, char *p, size_t n)
{
    sio_str bytes = {p, n};

    client_enter(c);
    if (c->shard->io->opt.parser == SIO_PARSER_MSGPACK) {
        if (binary)
            on_msgpack(c, bytes);
        else
            fail(c, "text with the msgpack parser");
    } else if (binary) {
        on_attachment(c, bytes);
    } else {
        on_text(c, bytes);
    }
    client_leave(c);
}
