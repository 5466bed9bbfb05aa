/*
 * Messages to rooms, counted at every member.
 *
 * Both tests are one: clients join rooms, then either a fixed number of messages is kept under way or a rate
 * is kept. A message carries its number as `#` and eight hexadecimal digits at the start of its text, so
 * whatever the server wraps around it, the arrival can be counted and timed. `fanout` lets the first member
 * of the room speak; `chat` takes rooms and members in turn, as conversations do. With --form partyline
 * `fanout` says chat:typing, which has no text: the others in the one room (not the speaker) hear all in
 * order, so the how-manieth it is at a member is its number.
 */
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { SLOTS = 1 << 14, STALL_NS = 2000000000, HEARD_MAX = 96 };

#define JOIN_NS 30000000000u

typedef struct slot {
    uint32_t number, left; /* left: members that have not got it */
    uint64_t sent_ns;
} slot;

typedef struct room {
    uint32_t first, members, next_speaker, ready;
    uint64_t said;
} room;

typedef struct rooms_mode {
    bool chat, typing, running;
    int ready, under_way;
    uint32_t next_number, next_room, room_count;
    uint32_t base_count; /* rooms without a common client; room i has the clients of room i % base_count */
    uint64_t delivered, completed, overruns, strays;
    uint64_t moved_ns; /* when something last arrived */
    room *rooms;
    char heard[HEARD_MAX], joined[HEARD_MAX], failed[16];
    size_t heard_len, joined_len;
    slot slots[SLOTS];
    char text[256 + 65536];
} rooms_mode;

/* ---- joining ---- */

static void on_connected(gen *g, conn *c)
{
    rooms_mode *m = g->mode;
    char text[256];

    if (c->index >= (uint32_t)g->o->clients) /* is only there */
        return;
    c->room = c->index / m->rooms[0].members;
    if (c->room >= m->base_count)
        c->room = m->base_count - 1;
    for (uint32_t room = c->room; room < m->room_count; room += m->base_count) {
        int n = snprintf(text, sizeof(text), "42%s[\"%s\",{\"%s\":\"%s%u\"}]", m->joined_len > 0 ? "" : "0",
                         g->o->ev_join, g->o->room_key, g->o->room_prefix, room);

        conn_send(g, c, text, (size_t)n);
    }
}

static void room_joined(gen *g, conn *c)
{
    rooms_mode *m = g->mode;

    m->rooms[c->room].ready++;
    m->ready++;
}

static void on_ack(gen *g, conn *c, uint64_t id)
{
    rooms_mode *m = g->mode;

    (void)id;
    if (m->joined_len == 0)
        room_joined(g, c);
}

/* ---- speaking and hearing ---- */

/* The packet that speaks; returns its length. */
static size_t say_text(gen *g, uint32_t which, uint32_t number)
{
    const options *o = g->o;
    rooms_mode *m = g->mode;
    int n;

    if (m->typing)
        return (size_t)snprintf(m->text, 256, "42[\"%s\",{\"%s\":\"%s%u\",\"isTyping\":true}]", o->ev_say,
                                o->room_key, o->room_prefix, which);
    if (m->chat)
        n = snprintf(m->text, 256, "42[\"%s\",{\"%s\":\"%s%u\",\"content\":\"#%08x", o->ev_say, o->room_key,
                     o->room_prefix, which, number);
    else
        n = snprintf(m->text, 256, "42[\"%s\",\"%s%u\",\"#%08x", o->ev_say, o->room_prefix, which, number);
    memset(m->text + n, 'x', (size_t)o->payload - 9);
    n += o->payload - 9;
    memcpy(m->text + n, m->chat ? "\"}]" : "\"]", 3);
    return (size_t)n + (m->chat ? 3 : 2);
}

static void room_say(gen *g, uint64_t at_ns)
{
    rooms_mode *m = g->mode;
    uint32_t number = m->next_number++, which = m->next_room++ % m->room_count;
    room *r = &m->rooms[which];
    slot *s = &m->slots[number % SLOTS];
    conn *c = &g->conns[r->first + r->next_speaker];

    if (m->chat)
        r->next_speaker = (r->next_speaker + 1) % r->members;
    if (s->left > 0)
        m->overruns++;
    *s = (slot){.number = number, .left = r->members - m->typing, .sent_ns = at_ns};
    r->said++;
    m->under_way++;
    conn_send(g, c, m->text, say_text(g, which, number));
}

static bool number_read(const char *text, size_t len, uint32_t *out)
{
    const char *p = memchr(text, '#', len);
    uint32_t v = 0;

    if (!p || (size_t)(text + len - p) < 9)
        return false;
    for (int i = 1; i <= 8; i++) {
        unsigned char ch = (unsigned char)p[i];

        v = v << 4 | (uint32_t)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
    }
    *out = v;
    return true;
}

static void room_heard(gen *g, conn *c, const char *text, size_t len)
{
    rooms_mode *m = g->mode;
    uint32_t number = (uint32_t)c->got;
    slot *s;

    if ((!m->typing && !number_read(text, len, &number)) ||
        (s = &m->slots[number % SLOTS])->number != number || s->left == 0) {
        m->strays++;
        return;
    }
    c->got++;
    m->delivered++;
    hist_add(&g->lat, g->now_ns - s->sent_ns);
    if (--s->left > 0)
        return;
    m->completed++;
    m->under_way--;
    if (m->running && g->o->rate <= 0)
        room_say(g, g->now_ns);
}

static void on_event(gen *g, conn *c, const char *text, size_t len)
{
    rooms_mode *m = g->mode;

    m->moved_ns = g->now_ns;
    if (len > m->heard_len && memcmp(text, m->heard, m->heard_len) == 0)
        room_heard(g, c, text, len);
    else if (m->joined_len > 0 && len > m->joined_len && memcmp(text, m->joined, m->joined_len) == 0)
        room_joined(g, c);
    else if (len > sizeof(m->failed) && memcmp(text, m->failed, strlen(m->failed)) == 0)
        gen_fail(g, "server said: %.*s", (int)(len < 120 ? len : 120), text);
}

static void on_closed(gen *g, conn *c)
{
    (void)c;
    gen_fail(g, "the server closed a connection");
}

static const mode_ops ops = {on_connected, on_ack, on_event, on_closed};

/* ---- the test ---- */

static void rooms_make(rooms_mode *m, const options *o)
{
    uint32_t size = (uint32_t)(o->room_size > 0 ? o->room_size : o->clients), all = (uint32_t)o->clients;

    m->base_count = all / size;
    m->room_count = m->base_count * (uint32_t)o->joins;
    m->typing = !m->chat && strcmp(o->form, "partyline") == 0;
    m->rooms = calloc(m->room_count, sizeof(*m->rooms));
    if (!m->rooms)
        abort();
    for (uint32_t i = 0; i < m->room_count; i++)
        m->rooms[i] = (room){.first = i % m->base_count * size, .members = size};
    for (uint32_t i = m->base_count - 1; i < m->room_count; i += m->base_count)
        m->rooms[i].members = all - (m->base_count - 1) * size;
    m->heard_len = (size_t)snprintf(m->heard, HEARD_MAX, "42[\"%.64s\"", o->ev_heard);
    if (o->ev_ready)
        m->joined_len = (size_t)snprintf(m->joined, HEARD_MAX, "42[\"%.64s\"", o->ev_ready);
    snprintf(m->failed, sizeof(m->failed), "42[\"error\"");
}

static bool rooms_stalled(const gen *g)
{
    const rooms_mode *m = g->mode;

    return g->failures > 0 || (m->under_way > 0 && now_ns() > m->moved_ns + STALL_NS);
}

static void rooms_drive(gen *g, double seconds)
{
    rooms_mode *m = g->mode;
    uint64_t now = now_ns(), until = now + (uint64_t)(seconds * 1e9), due = now;
    uint64_t step = g->o->rate > 0 ? (uint64_t)(1e9 / g->o->rate) : 0;

    m->moved_ns = now;
    for (; now < until && !rooms_stalled(g); now = now_ns()) {
        for (; step > 0 && due <= now; due += step)
            room_say(g, due);
        gen_turn(g);
    }
}

static void rooms_join(gen *g)
{
    rooms_mode *m = g->mode;
    int wanted = g->o->clients * g->o->joins;
    uint64_t until;

    gen_open_all(g, g->o->clients);
    until = now_ns() + JOIN_NS;
    while (m->ready < wanted && g->failures == 0 && now_ns() < until)
        gen_turn(g);
    if (m->ready < wanted)
        gen_fail(g, "only %d of %d rooms were joined", m->ready, wanted);
    gen_open_beside(g);
}

static void rooms_measure(gen *g, result *r)
{
    rooms_mode *m = g->mode;
    usage before, after;
    uint64_t began;

    m->running = true;
    m->moved_ns = now_ns();
    for (int i = 0; g->o->rate <= 0 && i < g->o->outstanding; i++)
        room_say(g, now_ns());
    rooms_drive(g, g->o->warmup);
    usage_read(&before, g->o->pids, false);
    m->delivered = m->completed = 0;
    g->lat = (hist){0};
    gen_watch(g);
    began = now_ns();
    rooms_drive(g, g->o->seconds);
    r->ops = m->delivered;
    r->seconds = (double)(now_ns() - began) / 1e9;
    usage_read(&after, g->o->pids, false);
    r->cpu_us = after.cpu_us - before.cpu_us;
}

/* What client c should have heard. */
static uint64_t rooms_due(const gen *g, const conn *c)
{
    const rooms_mode *m = g->mode;
    uint64_t said = 0;

    for (uint32_t i = c->room; i < m->room_count; i += m->base_count) {
        bool speaker = m->typing && c->index == m->rooms[i].first;

        said += speaker ? 0 : m->rooms[i].said;
    }
    return said;
}

/* Every member must have got exactly what was said in its room; twice counts as badly as never. */
static uint64_t rooms_lost(gen *g)
{
    rooms_mode *m = g->mode;
    uint64_t lost = m->strays;

    m->running = false;
    m->moved_ns = now_ns();
    while (m->under_way > 0 && !rooms_stalled(g))
        gen_turn(g);
    for (int i = 0; i < g->o->clients; i++) {
        uint64_t said = rooms_due(g, &g->conns[i]), got = g->conns[i].got;

        lost += said > got ? said - got : got - said;
    }
    return lost;
}

void mode_rooms(const options *o, bool chat)
{
    rooms_mode *m = calloc(1, sizeof(*m));
    gen *g = malloc(sizeof(*g));
    result r = {.unit = "delivery", .seconds = 1};
    char extra[128];

    if (!g || !m)
        abort();
    m->chat = chat;
    rooms_make(m, o);
    gen_init(g, o, &ops, m);
    rooms_join(g);
    if (g->failures == 0)
        rooms_measure(g, &r);
    snprintf(extra, sizeof(extra), ",\"room_size\":%u,\"messages_per_second\":%.1f,\"overruns\":%ju",
             m->rooms[0].members, (double)m->completed / r.seconds, (uintmax_t)m->overruns);
    r.lost = rooms_lost(g);
    result_print(g, &r, extra);
    gen_fini(g);
    free(m->rooms);
    free(m);
    free(g);
}
