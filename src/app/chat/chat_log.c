#include "app/chat/chat_log.h"
#include "app/chat/chat_int.h"
#include "base/buf.h"
#include "codec/val.h"

#define PAYLOAD_MAX (1u << 20) /* the largest message has 4000 characters */

/* ---- events ----------------------------------------------------------------------------------------- */

const char *const chat_event_names[CHAT_NEVENTS] = {
    [CHAT_NEW_MESSAGE] = out_chat_new_message, [CHAT_EDITED] = out_chat_message_edited,
    [CHAT_DELETED] = out_chat_message_deleted, [CHAT_REACTION] = out_chat_reaction,
};

chat_event chat_event_of(sio_str name)
{
    unsigned i = 0;

    while (i < CHAT_NEVENTS && !sio_str_eq(sio_str_z(chat_event_names[i]), name))
        i++;
    return i;
}

static void put(sio_val **at, const char *key, sio_val v)
{
    *(*at)++ = sio_v(key);
    *(*at)++ = v;
}

sio_val chat_change_val_make(chat_change_val *v, chat_event event, const chat_change *ch, bool added)
{
    sio_val *at = v->item;

    app_iso(ch->at_ms, v->at);
    put(&at, "roomId", sio_v(ch->room_id));
    put(&at, "messageId", sio_v(ch->message_id));
    put(&at, "seq", sio_v(ch->seq));
    put(&at, "userId", sio_v(ch->user_id));
    if (event == CHAT_EDITED) {
        put(&at, "content", sio_v(ch->content));
        put(&at, "editedAt", sio_v((const char *)v->at));
    } else if (event == CHAT_DELETED) {
        put(&at, "deletedAt", sio_v((const char *)v->at));
    } else {
        put(&at, "emoji", sio_v(ch->emoji));
        put(&at, "added", sio_v(added));
        put(&at, "count", sio_v(ch->count));
    }
    return sio_members(v->item, (size_t)(at - v->item));
}

chat_item *chat_log_item(unsigned event, int64_t seq, sio_val payload)
{
    unsigned nbins = 0;
    chat_item *item;
    buf text;

    buf_init(&text, PAYLOAD_MAX);
    if (val_to_json(&text, payload, NULL, 0, &nbins) < 0 || !(item = malloc(sizeof(*item) + text.n))) {
        buf_fini(&text);
        return NULL;
    }
    *item = (chat_item){.seq = seq, .event = event, .n = text.n};
    memcpy(item->text, text.p, text.n);
    buf_fini(&text);
    return item;
}

/* ---- heads ------------------------------------------------------------------------------------------ */

typedef struct heads {
    chat_head *h;
    unsigned   n;
} heads;

static int on_head(void *ctx, const db_row *r)
{
    const heads *all = ctx;

    for (unsigned i = 0; i < all->n; i++) {
        if (!sio_str_eq(all->h[i].room_id, db_col_text(r, 0)))
            continue;
        all->h[i].seq = db_col_int(r, 1);
        all->h[i].filled = db_col_bool(r, 2);
    }
    return 0;
}

/* One statement for any number of rooms, so that it is prepared once: the first fills the places left over.
 */
int chat_log_heads(db_conn *c, chat_head *h, unsigned n)
{
    heads all = {h, n};
    db_val id[CHAT_HEADS_MAX];

    for (unsigned i = 0; i < CHAT_HEADS_MAX; i++)
        id[i] = db_text(h[i < n ? i : 0].room_id);
    for (unsigned i = 0; i < n; i++) {
        h[i].seq = 0;
        h[i].filled = false;
    }
    return db_query(c,
                    "SELECT room_id, last_seq, filled FROM partyline_rooms WHERE room_id IN (?1, ?2, ?3,"
                    " ?4, ?5,"
                    " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,"
                    " ?21, ?22, ?23, ?24,"
                    " ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)",
                    id, CHAT_HEADS_MAX, on_head, &all);
}

/* ---- replay ----------------------------------------------------------------------------------------- */

static const chat_message *message_of(const chat_page *p, sio_str id)
{
    for (unsigned i = 0; i < chat_page_len(p); i++)
        if (sio_str_eq(chat_page_at(p, i)->id, id))
            return chat_page_at(p, i);
    return NULL;
}

static bool is_kind(const chat_entry *e, const char *kind) { return sio_str_eq(e->kind, sio_str_z(kind)); }

/* What the reaction made of its emoji's count. */
static int step_of(const chat_entry *e) { return is_kind(e, "react") ? 1 : is_kind(e, "unreact") ? -1 : 0; }

/* From today's count back to what it was after entry i. */
static int64_t count_after(const chat_page *p, unsigned i, const chat_message *m)
{
    const chat_entry *e = chat_page_entry(p, i);
    int64_t count = 0;

    for (unsigned k = 0; k < m->nreactions; k++)
        if (sio_str_eq(m->reaction[k].emoji, e->emoji))
            count = m->reaction[k].count;
    for (unsigned k = i + 1; k < chat_page_entries(p); k++) {
        const chat_entry *later = chat_page_entry(p, k);

        if (step_of(later) && sio_str_eq(later->message_id, e->message_id)
            && sio_str_eq(later->emoji, e->emoji))
            count -= step_of(later);
    }
    return count > 0 ? count : step_of(e) > 0;
}

/* NULL when the message is gone from the database, too: what was done to it is of no use any more. */
static chat_item *change_item(const chat_page *p, unsigned i, sio_str room_id, int *err)
{
    const chat_entry *e = chat_page_entry(p, i);
    const chat_message *m = message_of(p, e->message_id);
    chat_event event = is_kind(e, "edit") ? CHAT_EDITED : is_kind(e, "delete") ? CHAT_DELETED : CHAT_REACTION;
    chat_change ch = {.room_id = room_id, .message_id = e->message_id, .user_id = e->user_id,
                      .emoji = e->emoji, .at_ms = e->at_ms, .seq = e->seq};
    chat_change_val v;
    chat_item *item;

    if (!m)
        return NULL;
    ch.content = m->content;
    if (event == CHAT_REACTION)
        ch.count = count_after(p, i, m);
    item = chat_log_item(event, e->seq, chat_change_val_make(&v, event, &ch, step_of(e) > 0));
    if (!item)
        *err = SIO_ENOMEM;
    return item;
}

/* As it was when it was new, as far as that is known: what became of it since has entries of its own. */
static chat_item *message_item(const chat_message *now, int *err)
{
    chat_message m = *now;
    chat_item *item;
    chat_val v;

    m.rev = m.seq;
    m.edited_ms = m.deleted_ms = 0;
    m.nreactions = 0;
    item = chat_log_item(CHAT_NEW_MESSAGE, m.seq, chat_val_make(&v, &m));
    if (!item)
        *err = SIO_ENOMEM;
    return item;
}

static void append(chat_item ***tail, chat_item *item)
{
    if (!item)
        return;
    **tail = item;
    *tail = &item->next;
}

/* Messages and changes are each in the order of seq; the page begins with older messages that were changed.
 */
static int replay_page(const chat_page *p, sio_str room_id, int64_t after, chat_item ***tail)
{
    unsigned m = 0, e = 0;
    int err = 0;

    while (m < chat_page_len(p) && chat_page_at(p, m)->seq <= after)
        m++;
    while (err == 0 && (m < chat_page_len(p) || e < chat_page_entries(p))) {
        bool is_message = e == chat_page_entries(p)
                       || (m < chat_page_len(p) && chat_page_at(p, m)->seq < chat_page_entry(p, e)->seq);

        if (is_message)
            append(tail, message_item(chat_page_at(p, m++), &err));
        else
            append(tail, change_item(p, e++, room_id, &err));
    }
    return err;
}

int chat_log_replay(db_conn *c, sio_str room_id, int64_t after, int64_t upto, chat_item ***tail)
{
    chat_page *p = chat_page_new();
    int err = p ? chat_store_log(c, room_id, sio_lit(""), after, upto, p) : SIO_ENOMEM;

    if (err == 0)
        err = replay_page(p, room_id, after, tail);
    chat_page_free(p);
    return err;
}
