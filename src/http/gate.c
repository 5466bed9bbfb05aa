#include "http/gate.h"

#include "base/log.h"
#include "base/rand.h"
#include "sio_err.h"

#include <stdlib.h>

#define HELLO_MS   5000
#define MAX_GUESTS 256  /* that have not shown yet who they are */
#define WARN_MS    1000 /* strangers can knock at will: at most one line in such a time */

struct http_gate {
    http_server      *http;
    net_listener     *listener;
    http_gate_options options;
    list              guests;
    unsigned          nguests;
    stat_cell         refused;
    uint64_t          quiet_until; /* of the loop's clock */
};

typedef struct guest {
    list        link;
    http_gate  *gate;
    net_stream *stream;
    link_hello  hello;
    loop_timer  deadline;
} guest;

static loop *loop_of(const http_gate *g) { return net_loop(http_server_net(g->http)); }

static void guest_free(guest *v)
{
    loop_timer_cancel(loop_of(v->gate), &v->deadline);
    list_del(&v->link);
    v->gate->nguests--;
    free(v);
}

static void refuse(guest *v)
{
    stat_add(&v->gate->refused, 1);
    net_abort(v->stream, SIO_ECANCELED); /* on_close follows inside */
}

static void on_deadline(loop_timer *t) { refuse(container_of(t, guest, deadline)); }

/* The last word must be out before the stream changes hands; on a new connection there is always room for
 * it. */
static void welcome(guest *v, char *p, size_t n)
{
    http_server *http = v->gate->http;
    net_stream *stream = v->stream;

    net_flush(stream);
    if (!net_is_open(stream) || net_unsent(stream) > 0) {
        refuse(v);
        return;
    }
    guest_free(v);
    http_server_take(http, stream, p, n);
}

static void warn(http_gate *g, net_stream *s)
{
    uint64_t now = loop_now(loop_of(g));
    char peer[64];

    if (now < g->quiet_until)
        return;
    g->quiet_until = now + WARN_MS;
    net_peer(s, peer, sizeof peer);
    log_warn("link: %s is refused: its CLUSTER_SECRET is another, or it wants another node", peer);
}

static void on_data(net_stream *s, char *p, size_t n)
{
    guest *v = s->owner;
    link_words say;
    size_t used;
    int rc = link_hello_feed(&v->hello, p, n, &used, &say);

    if (rc < 0) {
        warn(v->gate, s);
        refuse(v);
        return;
    }
    net_send_copy(s, say.p, say.n);
    if (rc == 1)
        welcome(v, p + used, n - used);
}

static void on_close(net_stream *s, int err)
{
    (void)err;
    guest_free(s->owner);
}

static void on_accept(void *ctx, int fd)
{
    static const net_ops ops = {on_data, NULL, on_close};
    http_gate *g = ctx;
    uint8_t random[LINK_HELLO_RANDOM];
    guest *v = g->nguests < MAX_GUESTS ? calloc(1, sizeof *v) : NULL;

    if (!v || !(v->stream = net_adopt(http_server_net(g->http), fd, &ops, v))) {
        if (!v)
            loop_close(loop_of(g), fd);
        stat_add(&g->refused, 1);
        free(v);
        return;
    }
    rand_bytes(random, sizeof random);
    link_hello_listen(&v->hello, g->options.secret, g->options.node, random);
    v->gate = g;
    list_add_tail(&g->guests, &v->link);
    g->nguests++;
    loop_timer_init(&v->deadline, on_deadline);
    loop_timer_set(loop_of(g), &v->deadline, HELLO_MS);
}

int http_gate_new(http_gate **out, http_server *s, const http_gate_options *o, const char *host, int *port)
{
    http_gate *g = calloc(1, sizeof *g);
    int err;

    if (!g)
        return SIO_ENOMEM;
    g->http = s;
    g->options = *o;
    list_init(&g->guests);
    if ((err = net_listen(&g->listener, http_server_net(s), host, port, on_accept, g)) < 0) {
        free(g);
        return err;
    }
    *out = g;
    return 0;
}

void http_gate_free(http_gate *g)
{
    if (!g)
        return;
    net_listener_close(g->listener);
    while (!list_empty(&g->guests))
        net_abort(container_of(g->guests.next, guest, link)->stream, SIO_ECANCELED);
    free(g);
}

uint64_t http_gate_refused(const http_gate *g) { return stat_get(&g->refused); }
