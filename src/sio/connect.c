/* CONNECT: the guards of a namespace, one after the other, at their own pace. */
#include "sio/sio_int.h"

#include <stdlib.h>

/* While guards run, the socket is in the client but in no table: nobody reaches it. */
typedef struct connecting {
    unsigned at;                /* the guard whose answer is due */
    bool     due;               /* false between guards: a second answer is ignored */
    bool     running;           /* a guard is on the stack: run_guards goes on when it returns */
    restore *restore;    /* a recovered client's state */
} connecting;

static void send_connect_error(client *c, sio_str nsp, const char *message, sio_val data)
{
    sio_val payload = sio_obj("message", message, "data", data);
    packet_out out = {.type = SIO_PACKET_CONNECT_ERROR, .nsp = nsp, .args = &payload, .n = 1};

    stat_add(&c->shard->stats->guarded, 1);
    if (c->transport)
        send_packet(c, &out);
}

static restore *end(sio_socket *s)
{
    restore *r = s->connecting->restore;

    free(s->connecting);
    s->connecting = NULL;
    return r;
}

void connect_abandon(sio_socket *s)
{
    s->state = SOCKET_GONE;
    room_leave_all(s);
    client_remove(s->client, s);
    s->client = NULL;
    if (s->recovered) /* its old private id is void with it */
        recovery_forget(s);
    if (s->connecting) /* not when the last step, the upgrade of a plain client, failed */
        recovery_restore_free(end(s), s->ns);
    socket_drop(s);
}

/* Runs guards until one defers its answer. Each gets a view of the same auth. */
static void run_guards(sio_socket *s, sio_str auth, const sio_bins *bins)
{
    const ns_table *t = s->ns->ns->table;

    while (s->connecting && s->connecting->at < t->nguards && !s->connecting->due) {
        sio_in in;

        in_init(&in, s, auth, bins);
        in.single = true;
        s->connecting->due = s->connecting->running = true;
        t->guard[s->connecting->at](s, &in);
        if (s->connecting)
            s->connecting->running = false;
        in_fini(&in);
    }
    if (s->connecting && s->connecting->at >= t->nguards && !s->connecting->due) {
        restore *r = end(s);

        socket_connect(s, r);
    }
}

static bool answer_is_due(const sio_in *in)
{
    const sio_socket *s = in->socket;

    return s && s->state == SOCKET_CONNECTING && s->connecting && s->connecting->due;
}

void sio_accept(sio_in *in)
{
    sio_socket *s = in->socket;

    if (!answer_is_due(in))
        return;
    s->connecting->due = false;
    s->connecting->at++;
    if (s->connecting->running)
        return;
    /* A deferred answer: the kept event carries the auth for the guards behind. */
    socket_hold(s);
    run_guards(s, in->args.s, in->args.bins);
    socket_drop(s);
}

void sio_refuse(sio_in *in, const char *message, sio_val data)
{
    sio_socket *s = in->socket;

    if (!answer_is_due(in))
        return;
    if (s->client->ops->refuse)
        s->client->ops->refuse(s->client, message);
    else
        send_connect_error(s->client, s->ns->ns->name, message, data);
    if (s->client)
        connect_abandon(s);
}

static sio_val auth_value(sio_str auth, const sio_bins *bins)
{
    return (sio_val){.kind = SIO_JSON, .s = auth, .bins = bins};
}

void connect_request(client *c, sio_str name, sio_str auth, const sio_bins *bins)
{
    sio_server *io = c->shard->io;
    sio_ns *ns;

    if (!auth.n)
        auth = sio_lit("{}");
    if (!(ns = ns_resolve(io, name, auth_value(auth, bins)))) {
        send_connect_error(c, name, "Invalid namespace", sio_undefined);
        return;
    }
    if (io->opt.recovery_ms && recovery_request(c, ns, auth, bins))
        return;
    connect_start(c, ns, auth, bins);
}

static void keep_auth(sio_socket *s, sio_str auth)
{
    socket_extra *x = socket_extra_get(s);

    if (x)
        x->auth = strndup(auth.p, auth.n);
}

sio_socket *connect_new(client *c, sio_ns *ns, sio_str auth)
{
    sio_socket *s = socket_new(&ns->shard[c->shard->index], c);

    if (!s) {
        client_close(c, EIO_FORCED_CLOSE);
        return NULL;
    }
    if (!(s->connecting = calloc(1, sizeof *s->connecting)))
        abort(); /* a small fixed allocation */
    if (c->shard->io->opt.keep_handshake)
        keep_auth(s, auth);
    if (!c->ops->name)
        recovery_give_pid(s);
    return s;
}

sio_in *connect_keep(sio_socket *s, sio_str auth, const sio_bins *bins)
{
    sio_in in, *kept;

    in_init(&in, s, auth, bins);
    in.single = true;
    kept = sio_keep(&in);
    in_fini(&in);
    if (!kept)
        abort(); /* bounded by the size of a packet */
    return kept;
}

void connect_start(client *c, sio_ns *ns, sio_str auth, const sio_bins *bins)
{
    sio_socket *s = connect_new(c, ns, auth);

    if (!s)
        return;
    socket_hold(s);
    run_guards(s, auth, bins);
    socket_drop(s);
}

void connect_resume(sio_in *in, restore *r)
{
    sio_socket *s = in->socket;
    const sio_server *io = s->ns->ns->io;

    if (!s->connecting) {
        recovery_restore_free(r, s->ns);
        return;
    }
    s->connecting->restore = r;
    s->connecting->due = false;
    if (r && !io->opt.recovery_runs_guards)
        s->connecting->at = s->ns->ns->table->nguards;
    run_guards(s, in->args.s, in->args.bins);
}
