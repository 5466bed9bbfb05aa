/* What a loop of the relay owns: its rooms, where each stands, and the question to the database. */
#include "app/chat/chat_relay_int.h"
#include "base/log.h"

#define HELD_MAX     (16u << 20) /* bytes held in all rooms of a loop */
#define LEFT_MAX     10000       /* rooms without members that a loop keeps for clients who may come back */
#define LEFT_MORE_MS 1000        /* how much longer than these may stay away */
#define PAUSE_MS     1000        /* when the database could not be asked */
#define SAY_EVERY_MS 60000

/* ---- where a room stands ---------------------------------------------------------------------------- */

static void stand_in(list *line, relay_room *r, int64_t due_ms)
{
    list_del(&r->link);
    r->due_ms = due_ms;
    list_add_tail(line, &r->link);
}

/* Whether entries are known to exist that have not come. */
static bool is_missing(const relay_room *r)
{
    return chat_order_started(&r->order) ? chat_order_gap(&r->order) : r->order.seen > 0;
}

/* Behind everything that happens to a room: in which line does it stand now? What has been missing for a
 * while keeps its place, and so does who is wanted. */
static void place(relay_loop *l, relay_room *r, bool was_missing)
{
    if (r->asked || (r->wanted && !list_empty(&r->link)))
        return;
    if (r->wanted)
        stand_in(&l->ready, r, 0);
    else if (!is_missing(r))
        stand_in(&l->idle, r, app_ticks() + l->a->opt.chat_check_ms);
    else if (!was_missing)
        stand_in(&l->waiting, r, app_ticks() + l->a->opt.chat_gap_ms);
}

static void want(relay_loop *l, relay_room *r)
{
    if (!r->asked && !r->wanted)
        stand_in(&l->ready, r, 0);
    r->wanted = true;
}

/* ---- rooms ------------------------------------------------------------------------------------------ */

static relay_room *room_find(relay_loop *l, sio_str id) { return map_get(&l->rooms, id); }

static relay_room *room_add(relay_loop *l, sio_str id)
{
    relay_room *r = calloc(1, sizeof(*r) + id.n);

    if (!r)
        abort();
    list_init(&r->link);
    list_init(&r->in_left);
    r->nid = id.n;
    memcpy(r->id, id.p, id.n);
    if (map_put(&l->rooms, r) < 0)
        abort();
    return r;
}

static void room_free(relay_loop *l, relay_room *r)
{
    l->held -= r->order.bytes;
    chat_order_fini(&r->order);
    free(r);
}

static void room_unleave(relay_loop *l, relay_room *r)
{
    if (list_empty(&r->in_left))
        return;
    list_del(&r->in_left);
    l->nleft--;
}

/* The question that is under way still has it. */
static void room_drop(relay_loop *l, relay_room *r)
{
    room_unleave(l, r);
    map_del(&l->rooms, room_key(r));
    list_del(&r->link);
    r->dropped = r->asked;
    if (!r->asked)
        room_free(l, r);
}

/* ---- delivering ------------------------------------------------------------------------------------- */

static bool may_say(relay_loop *l)
{
    int64_t now = app_ticks();

    if (l->said_ms && now - l->said_ms < SAY_EVERY_MS)
        return false;
    l->said_ms = now;
    return true;
}

static void say_skipped(relay_loop *l, const relay_room *r, int64_t n)
{
    app_count(l->a, chat_skipped);
    if (may_say(l))
        log_event(LOG_WARN, LOG_FIELDS({"room", room_key(r)}),
                  "%lld entries of a room's log are not in the database any more, or too many were missed",
                  (long long)n);
}

static void deliver(relay_loop *l, relay_room *r)
{
    int64_t skipped = 0;
    chat_room room;
    chat_item *item;

    chat_room_init(&room, room_key(r));
    while ((item = chat_order_pop(&r->order, &skipped))) {
        sio_emit(sio_local(sio_to(l->a->ns, room.name)), chat_event_names[item->event],
                 sio_json(((sio_str){item->text, item->n})));
        free(item);
    }
    if (skipped)
        say_skipped(l, r, skipped);
}

/* An entry; takes item, which is NULL for one that is only known to exist. */
static void take_entry(relay_loop *l, sio_str id, int64_t seq, chat_item *item)
{
    relay_room *r = room_find(l, id);
    bool was_missing = r && is_missing(r);

    if (!r) {
        free(item); /* nobody is there to hear it */
        return;
    }
    l->held -= r->order.bytes;
    if (item && l->held + r->order.bytes + item->n <= HELD_MAX) {
        chat_order_put(&r->order, item);
    } else {
        chat_order_note(&r->order, seq);
        free(item);
    }
    deliver(l, r);
    l->held += r->order.bytes;
    place(l, r, was_missing);
}

static void take_start(relay_loop *l, relay_room *r, int64_t base)
{
    l->held -= r->order.bytes;
    if (chat_order_start(&r->order, base)) {
        deliver(l, r);
        r->wanted = false; /* where to begin was all that was to be asked */
        if (!r->asked)
            list_del(&r->link);
        place(l, r, false);
    }
    l->held += r->order.bytes;
}

/* ---- members come and go ---------------------------------------------------------------------------- */

static void take_opened(relay_loop *l, sio_str id)
{
    relay_room *r = room_find(l, id);

    if (!r)
        r = room_add(l, id);
    room_unleave(l, r);
    if (r->loops++ == 0)
        want(l, r); /* where does it begin? Or: what came while nobody was here, and was perhaps not sent? */
}

/* Clients that have lost their connection get what was told meanwhile when they come back, so for them it is
 * told as long as they may. */
static void take_closed(relay_loop *l, sio_str id)
{
    relay_room *r = room_find(l, id);

    if (!r || --r->loops > 0)
        return;
    if (!l->a->opt.recovery_ms) {
        room_drop(l, r);
        return;
    }
    r->left_ms = app_ticks() + l->a->opt.recovery_ms + LEFT_MORE_MS;
    list_add_tail(&l->left, &r->in_left);
    if (++l->nleft > LEFT_MAX)
        room_drop(l, container_of(l->left.next, relay_room, in_left));
}

static void drop_left(relay_loop *l)
{
    int64_t now = app_ticks();

    while (!list_empty(&l->left)) {
        relay_room *r = container_of(l->left.next, relay_room, in_left);

        if (r->left_ms > now)
            return;
        room_drop(l, r);
    }
}

/* ---- asking the database ---------------------------------------------------------------------------- */

static void on_read(db_job *job)
{
    relay_loop *l = container_of(job, relay_loop, read.job);
    relay_message *m = calloc(1, sizeof(*m));

    if (!m)
        abort();
    m->what = RELAY_ANSWER;
    inbox_put(&l->inbox, &m->base);
}

static void on_resume(void *arg);

/* Everything that was to be asked stays wanted. */
static void pause_asking(relay_loop *l)
{
    for (unsigned i = 0; i < l->read.n; i++) {
        relay_room *r = l->read.ask[i].room;

        r->asked = false;
        r->wanted = true;
        if (r->dropped)
            room_free(l, r);
        else
            place(l, r, false);
    }
    relay_read_clear(&l->read);
    if (!l->paused)
        l->paused = sio_after(l->a->io, PAUSE_MS, on_resume, l) == 0;
}

static void ask(relay_loop *l)
{
    relay_read *q = &l->read;

    if (q->n > 0 || l->paused || list_empty(&l->ready))
        return;
    while (q->n < CHAT_HEADS_MAX && !list_empty(&l->ready)) {
        relay_room *r = container_of(l->ready.next, relay_room, link);

        list_del(&r->link);
        r->asked = true;
        r->wanted = false;
        q->ask[q->n] = (relay_ask){r, .after = chat_order_started(&r->order) ? r->order.next - 1 : -1};
        q->head[q->n++] = (chat_head){.room_id = room_key(r)};
        chat_order_ask(&r->order);
    }
    if (relay_read_start(q, l->a->opt.db, on_read) < 0)
        pause_asking(l);
}

/* The entries of the answer, and what they set free. */
static void take_items(relay_loop *l, relay_ask *a)
{
    while (a->items) {
        chat_item *item = a->items;

        a->items = item->next;
        if (chat_order_put(&a->room->order, item))
            app_count(l->a, chat_fetched);
        deliver(l, a->room);
    }
}

/* A room that nobody has used through us yet has no log that could begin: it is asked about again when
 * something comes. */
static void take_head(relay_loop *l, const relay_ask *a, const chat_head *h)
{
    bool is_unused = a->after < 0 && !h->filled;

    if (a->after < 0 && h->filled)
        chat_order_start(&a->room->order, h->seq);
    for (unsigned n = chat_order_told(&a->room->order, a->upto, is_unused ? 0 : h->seq); n > 0; n--)
        app_count(l->a, chat_refused);
}

static void take_room(relay_loop *l, relay_ask *a, const chat_head *h)
{
    relay_room *r = a->room;

    r->asked = false;
    if (r->dropped) {
        room_free(l, r);
        return;
    }
    l->held -= r->order.bytes;
    take_items(l, a);
    take_head(l, a, h);
    deliver(l, r);
    l->held += r->order.bytes;
    if (chat_order_started(&r->order) && r->order.next <= h->seq)
        r->wanted = true; /* there is more */
    place(l, r, false);
}

static void take_answer(relay_loop *l)
{
    relay_read *q = &l->read;

    if (q->job.err < 0) {
        pause_asking(l);
        return;
    }
    for (unsigned i = 0; i < q->n; i++)
        take_room(l, &q->ask[i], &q->head[i]);
    relay_read_clear(q);
}

static void take_check(relay_loop *l)
{
    uint32_t at = 0;
    relay_room *r;

    while ((r = map_next(&l->rooms, &at)))
        want(l, r);
}

/* ---- time ------------------------------------------------------------------------------------------- */

static void on_gap_timer(void *arg);
static void on_idle_timer(void *arg);

/* When the first of the line is due; true when somebody waits for that. */
static bool arm(relay_loop *l, const list *line, void (*fn)(void *arg))
{
    int64_t ms;

    if (list_empty(line))
        return false;
    ms = container_of(line->next, relay_room, link)->due_ms - app_ticks();
    return sio_after(l->a->io, (uint32_t)(ms > 1 ? ms : 1), fn, l) == 0;
}

static void wanted_when_due(relay_loop *l, list *line)
{
    int64_t now = app_ticks();

    while (!list_empty(line)) {
        relay_room *r = container_of(line->next, relay_room, link);

        if (r->due_ms > now)
            return;
        r->wanted = true;
        stand_in(&l->ready, r, 0);
    }
}

static void work(relay_loop *l)
{
    ask(l);
    if (!l->gap_timer)
        l->gap_timer = arm(l, &l->waiting, on_gap_timer);
    if (!l->idle_timer)
        l->idle_timer = arm(l, &l->idle, on_idle_timer);
}

static void on_gap_timer(void *arg)
{
    relay_loop *l = arg;

    l->gap_timer = false;
    wanted_when_due(l, &l->waiting);
    work(l);
}

static void on_idle_timer(void *arg)
{
    relay_loop *l = arg;

    l->idle_timer = false;
    drop_left(l);
    wanted_when_due(l, &l->idle);
    work(l);
}

static void on_resume(void *arg)
{
    relay_loop *l = arg;

    l->paused = false;
    work(l);
}

/* ---- messages --------------------------------------------------------------------------------------- */

static void on_take(inbox *b, inbox_item *base)
{
    relay_loop *l = container_of(b, relay_loop, inbox);
    relay_message *m = container_of(base, relay_message, base);
    sio_str id = {m->room, m->nroom};
    relay_room *r = m->what == RELAY_START ? room_find(l, id) : NULL;

    if (m->what == RELAY_ENTRY) {
        take_entry(l, id, m->seq, m->item);
        m->item = NULL;
    } else if (m->what == RELAY_NOTE) {
        take_entry(l, id, m->seq, NULL);
    } else if (m->what == RELAY_OPENED) {
        take_opened(l, id);
    } else if (m->what == RELAY_CLOSED) {
        take_closed(l, id);
    } else if (m->what == RELAY_CHECK) {
        take_check(l);
    } else if (m->what == RELAY_ANSWER) {
        take_answer(l);
    } else if (r) {
        take_start(l, r, m->seq);
    }
    relay_message_free(m);
}

static void on_taken(inbox *b) { work(container_of(b, relay_loop, inbox)); }

static void on_drop(inbox *b, inbox_item *base)
{
    (void)b;
    relay_message_free(container_of(base, relay_message, base));
}

/* ---- life ------------------------------------------------------------------------------------------- */

static sio_str key_of(const void *object) { return room_key(object); }

void relay_loop_init(relay_loop *l, app *a, unsigned index)
{
    *l = (relay_loop){.a = a, .inbox = {.io = a->io, .loop = index, .take = on_take, .taken = on_taken}};
    map_init(&l->rooms, key_of);
    list_init(&l->ready);
    list_init(&l->waiting);
    list_init(&l->idle);
    list_init(&l->left);
}

void relay_loop_fini(relay_loop *l)
{
    uint32_t at = 0;
    relay_room *r;

    inbox_drop_all(&l->inbox, on_drop);
    for (unsigned i = 0; i < l->read.n; i++)
        if (l->read.ask[i].room->dropped)
            room_free(l, l->read.ask[i].room);
    relay_read_clear(&l->read);
    while ((r = map_next(&l->rooms, &at)))
        room_free(l, r);
    map_fini(&l->rooms);
}

