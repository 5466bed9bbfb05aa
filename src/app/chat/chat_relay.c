/* Rooms in a cluster: what is committed here goes to the other servers at once, in the order of the commits;
 * what is committed here and what comes from them goes to the members on this server in the order of its
 * numbers.
 *
 * Each room with members here belongs to a loop, which keeps its order (chat_order.h) and is the only one to
 * emit what has a number in it. What is missing for CHAT_GAP_WAIT is read from the database; so is, every
 * CHAT_CHECK_INTERVAL, how far the logs go, since behind what was lost last nothing may come that shows the
 * hole.
 *
 * Where a room begins. A socket enters it, says so to the owner together with the end of the log that was
 * found before, and only then has its history read, which therefore goes at least as far. The owner takes the
 * first such end it gets. Was there another one who had read his history even earlier? Then his message to
 * the owner was put before ours, and came first. What a room's owner has asked the database itself comes in
 * by its own inbox, for the same reason. */
#include "app/chat/chat_relay_int.h"
#include "base/rand.h"

#define ROOM_PREFIX "room:"
#define ITEM_MAX    (64u << 10) /* larger ones are read from the database when it is their turn */

typedef struct chat_relay {
    app       *a;
    uint64_t   key[2]; /* of inbox_owner */
    unsigned   n;
    relay_loop loop[];
} chat_relay;

/* ---- sending to the owner --------------------------------------------------------------------------- */

/* Takes item. */
static void post(chat_relay *rel, relay_what what, sio_str room, int64_t seq, chat_item *item)
{
    relay_message *m = malloc(sizeof(*m) + room.n);

    if (!m)
        abort();
    *m = (relay_message){.what = what, .seq = seq, .item = item, .nroom = room.n};
    memcpy(m->room, room.p, room.n);
    inbox_put(&rel->loop[inbox_owner(rel->key, room, rel->n)].inbox, &m->base);
}

void relay_message_free(relay_message *m)
{
    free(m->item);
    free(m);
}

void chat_tell(sio_ns *ns, const chat_room *room, chat_event event, int64_t seq, sio_val payload)
{
    const app *a = sio_context(sio_ns_server(ns));
    chat_item *item;

    if (!a->relay) {
        sio_emit(sio_to(ns, room->name), chat_event_names[event], payload);
        return;
    }
    item = chat_log_item(event, seq, payload);
    if (item)
        sio_emit(sio_others(sio_to(ns, room->name)), chat_event_names[event],
                 sio_json(((sio_str){item->text, item->n})));
    post(a->relay, item ? RELAY_ENTRY : RELAY_NOTE, room->id, seq, item);
}

void chat_tell_from(app *a, const chat_room *room, int64_t seq)
{
    if (a->relay)
        post(a->relay, RELAY_START, room->id, seq, NULL);
}

void chat_cluster_up(app *a)
{
    for (unsigned i = 0; a->relay && i < a->relay->n; i++) {
        relay_message *m = calloc(1, sizeof(*m));

        if (!m)
            abort();
        m->what = RELAY_CHECK;
        inbox_put(&a->relay->loop[i].inbox, &m->base);
    }
}

/* ---- what other servers send ------------------------------------------------------------------------ */

/* The id of a chat room; false for other rooms. */
static bool room_id_of(sio_str room, sio_str *id)
{
    const size_t n = sizeof(ROOM_PREFIX) - 1;

    if (room.n <= n || room.n > n + CHAT_ROOM_MAX || memcmp(room.p, ROOM_PREFIX, n) != 0)
        return false;
    *id = (sio_str){room.p + n, room.n - n};
    return true;
}

/* Which entry of a room's log it is; false when it is none, as what Node servers say that know no numbers. */
static bool entry_of(sio_val args, chat_event *event, sio_val *payload, int64_t *seq)
{
    sio_str name;

    if (sio_len(args) != 2 || !sio_text(sio_at(args, 0), NULL, &name))
        return false;
    *event = chat_event_of(name);
    if (*event == CHAT_NEVENTS)
        return false;
    *payload = sio_at(args, 1);
    return sio_int(sio_get(*payload, "seq"), seq);
}

static bool on_broadcast(sio_ns *ns, const sio_str *rooms, size_t nrooms, sio_val args)
{
    const app *a = sio_context(sio_ns_server(ns));
    chat_event event;
    chat_item *item;
    sio_val payload;
    int64_t seq;
    sio_str id;

    if (nrooms != 1 || !room_id_of(rooms[0], &id) || !entry_of(args, &event, &payload, &seq))
        return false;
    item = seq > 0 ? chat_log_item(event, seq, payload) : NULL;
    if (!item) {
        app_count(a, chat_refused);
        return true;
    }
    post(a->relay, item->n > ITEM_MAX ? RELAY_NOTE : RELAY_ENTRY, id, seq, item);
    return true;
}

static void on_room(sio_ns *ns, sio_str room, relay_what what)
{
    const app *a = sio_context(sio_ns_server(ns));
    sio_str id;

    if (room_id_of(room, &id))
        post(a->relay, what, id, 0, NULL);
}

static void on_room_created(sio_ns *ns, sio_str room) { on_room(ns, room, RELAY_OPENED); }
static void on_room_deleted(sio_ns *ns, sio_str room) { on_room(ns, room, RELAY_CLOSED); }

/* ---- life ------------------------------------------------------------------------------------------- */

int chat_relay_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);

    if (!a->opt.redis_url)
        return 0;
    a->relay = calloc(1, sizeof(*a->relay) + n * sizeof(a->relay->loop[0]));
    if (!a->relay)
        return SIO_ENOMEM;
    a->relay->a = a;
    a->relay->n = n;
    rand_bytes(a->relay->key, sizeof(a->relay->key));
    for (unsigned i = 0; i < n; i++)
        relay_loop_init(&a->relay->loop[i], a, i);
    sio_on_room(a->ns, on_room_created, on_room_deleted);
    sio_on_broadcast(a->ns, on_broadcast);
    return 0;
}

void chat_relay_detach(app *a)
{
    for (unsigned i = 0; a->relay && i < a->relay->n; i++)
        relay_loop_fini(&a->relay->loop[i]);
    free(a->relay);
    a->relay = NULL;
}
