/* One client in one namespace: birth, tables, end. */
#include "base/log.h"
#include "base/rand.h"
#include "sio/sio_int.h"

#include <stdlib.h>

#define SHRINKABLE 1024 /* places in the table of all */

/* ---- memory ---- */

sio_socket *socket_new(ns_shard *ns, client *c)
{
    sio_socket *s = calloc(1, sizeof *s + ns->ns->table->opt.data_size);

    if (!s)
        return NULL;
    s->ns = ns;
    s->client = c;
    s->refs = 1;
    rand_id(s->id, SIO_ID_LEN);
    if (client_add(c, s) < 0) {
        free(s);
        return NULL;
    }
    return s;
}

socket_extra *socket_extra_get(sio_socket *s)
{
    if (!s->extra)
        s->extra = calloc(1, sizeof(*s->extra));
    return s->extra;
}

sio_socket *socket_hold(sio_socket *s)
{
    s->refs++;
    return s;
}

void socket_drop(sio_socket *s)
{
    if (--s->refs)
        return;
    if (!s->data_moved && s->ns->ns->table->opt.on_free)
        s->ns->ns->table->opt.on_free(s->data);
    if (s->extra) {
        free(s->extra->auth);
        free(s->extra->shown);
        free(s->extra);
    }
    free(s);
}

/* ---- tables ---- */

static bool all_resize(ns_shard *ns, uint32_t cap)
{
    sio_socket **all = realloc(ns->all, cap * sizeof(*all));

    if (!all)
        return false;
    ns->all = all;
    ns->capall = cap;
    return true;
}

static bool tables_add(sio_socket *s)
{
    ns_shard *ns = s->ns;

    if (ns->nall == ns->capall && !all_resize(ns, ns->capall ? ns->capall * 2 : 16))
        return false;
    if (map_put(&ns->sockets, s) < 0)
        return false;
    stat_add(&ns->shard->stats->sockets, 1);
    s->all_at = ns->nall;
    ns->all[ns->nall++] = s;
    adapter_room(ns->ns, (sio_str){s->id, SIO_ID_LEN}, true, true);
    return true;
}

static void tables_remove(sio_socket *s)
{
    ns_shard *ns = s->ns;

    stat_sub(&ns->shard->stats->sockets, 1);
    adapter_room(ns->ns, (sio_str){s->id, SIO_ID_LEN}, true, false);
    map_del(&ns->sockets, (sio_str){s->id, SIO_ID_LEN});
    ns->all[s->all_at] = ns->all[--ns->nall];
    ns->all[s->all_at]->all_at = s->all_at;
    if (ns->capall >= SHRINKABLE && ns->nall <= ns->capall / 4)
        all_resize(ns, ns->capall / 2);
}

/* ---- connecting and leaving ---- */

static int send_connected(sio_socket *s)
{
    sio_val sid = sio_val_str((sio_str){s->id, SIO_ID_LEN});
    const char *pid = socket_pid(s);
    sio_val payload = pid ? sio_obj("sid", sid, "pid", pid) : sio_obj("sid", sid);
    packet_out out = {.type = SIO_PACKET_CONNECT, .nsp = s->ns->ns->name, .args = &payload, .n = 1};

    return send_packet(s->client, &out);
}

void socket_connect(sio_socket *s, restore *r)
{
    client *c = s->client;

    if (c->ops->accepted)
        c->ops->accepted(c);
    if (!s->client || !tables_add(s)) {
        recovery_restore_free(r, s->ns);
        if (s->client) /* else it went away under our hands */
            client_close(c, EIO_FORCED_CLOSE);
        return;
    }
    s->state = SOCKET_CONNECTED;
    socket_hold(s);
    if (r) {
        stat_add(&s->ns->shard->stats->recovered, 1);
        recovery_replay(s, r);
    }
    if (send_connected(s) == 0 && s->ns->ns->table->on_connect)
        s->ns->ns->table->on_connect(s);
    if (s->client)
        client_connected(s->client);
    socket_drop(s);
}

void socket_gone(sio_socket *s, const char *reason)
{
    const ns_table *t = s->ns->ns->table;

    if (s->state != SOCKET_CONNECTED)
        return;
    s->state = SOCKET_GONE;
    if (t->on_disconnecting)
        t->on_disconnecting(s, reason);
    s->data_moved = recovery_save(s, reason);
    if (!s->data_moved)
        recovery_forget(s);
    room_leave_all(s);
    tables_remove(s);
    if (s->client) /* else the handlers above have ended it */
        client_remove(s->client, s);
    s->client = NULL;
    ack_cancel_all(s);
    if (t->on_disconnect)
        t->on_disconnect(s, reason);
    socket_drop(s);
}

void socket_send(sio_socket *s, parcel *p)
{
    if (!s->client || !s->client->transport)
        return;
    stat_add(&s->ns->shard->stats->deliveries, 1);
    s->client->ops->send(s->client, p);
}

static void send_disconnect(sio_socket *s)
{
    packet_out out = {.type = SIO_PACKET_DISCONNECT, .nsp = s->ns->ns->name};

    send_packet(s->client, &out);
}

static void disconnect_all(client *c)
{
    sio_socket *s;

    while ((s = client_last(c))) {
        if (s->state == SOCKET_CONNECTING) {
            connect_abandon(s);
            continue;
        }
        send_disconnect(s);
        socket_gone(s, "server namespace disconnect");
    }
}

int sio_probe(sio_socket *s, uint32_t ms, sio_probe_fn *fn, void *arg)
{
    client *c = s->client;

    return s->state == SOCKET_CONNECTED && c && c->transport ? c->ops->probe(c, ms, fn, arg) : SIO_ECLOSED;
}

void sio_disconnect(sio_socket *s, bool close_transport)
{
    client *c = s->client;

    if (s->state != SOCKET_CONNECTED)
        return;
    if (close_transport || c->ops->name) { /* a plain client is in this namespace or nowhere */
        bool was_busy = c->busy;

        c->busy = true; /* the handlers that run now may end it, too */
        disconnect_all(c);
        client_close(c, EIO_FORCED_CLOSE);
        if (!was_busy)
            client_leave(c);
        return;
    }
    send_disconnect(s);
    socket_gone(s, "server namespace disconnect");
}

/* ---- the public face ---- */

void *sio_data(sio_socket *s)
{
    return s->data;
}

char *socket_data_shown(const sio_socket *s)
{
    char *(*show)(const void *) = s->ns->ns->table->opt.data_show;
    char *text = show ? show(s->data) : NULL;

    if (!text && !(text = strdup("{}")))
        abort(); /* three bytes */
    return text;
}

sio_id sio_id_of(const sio_socket *s)
{
    sio_id id = {{0}};

    memcpy(id.s, s->id, SIO_ID_LEN);
    return id;
}

sio_ns *sio_ns_of(const sio_socket *s)
{
    return s->ns->ns;
}

sio_server *sio_server_of(const sio_socket *s)
{
    return s->ns->ns->io;
}

sio_socket *sio_find(sio_ns *ns, sio_id id)
{
    const shard *sh = shard_current(ns->io);

    return sh && ns->shard ? map_get(&ns->shard[sh->index].sockets, sio_str_z(id.s)) : NULL;
}

bool sio_connected(const sio_socket *s)
{
    return s->state == SOCKET_CONNECTED;
}

bool sio_recovered(const sio_socket *s)
{
    return s->recovered;
}

const char *sio_transport_name(const sio_socket *s)
{
    if (!s->client || !s->client->transport)
        return "";
    return s->client->ops->name ? s->client->ops->name : eio_transport(s->client->transport);
}

int sio_join_(sio_socket *s, sio_str room)
{
    return s->state == SOCKET_GONE ? SIO_ECLOSED : room_join(s, room);
}

int sio_leave_(sio_socket *s, sio_str room)
{
    if (s->state == SOCKET_GONE)
        return SIO_ECLOSED;
    room_leave(s, room);
    return 0;
}

static bool is_own_room(const sio_socket *s, sio_str room)
{
    return sio_str_eq(room, (sio_str){s->id, SIO_ID_LEN});
}

bool sio_in_room_(const sio_socket *s, sio_str name)
{
    if (is_own_room(s, name))
        return s->state == SOCKET_CONNECTED;
    return room_place(s, name) >= 0;
}

sio_str sio_room_at(const sio_socket *s, size_t i)
{
    const room *r;

    if (i == 0)
        return (sio_str){s->id, SIO_ID_LEN};
    if (i > s->nrooms)
        return (sio_str){0};
    r = s->rooms[i - 1].room;
    return (sio_str){r->name, r->name_len};
}
