/* Pages of messages and of a room's log. Every statement here walks an index from where it starts and stops
 * at its limit: what it costs does not depend on how long the room's history is. */
#include "app/chat/chat_store.h"

#include <stdlib.h>

typedef struct page_row {
    chat_message   m;
    bool           reacted;
    chat_reaction *reactions; /* owned, with their texts behind them; m.reaction is a view of it */
    char           text[];
} page_row;

typedef struct page_entry {
    chat_entry e;
    char       text[];
} page_entry;

struct chat_page {
    unsigned    n, entries;
    unsigned    max;  /* rows that the query under way may add */
    bool        more;
    page_row   *row[2 * CHAT_PAGE_MAX]; /* a piece of the log: messages that are new, and others
                                         * that were changed */
    page_entry *entry[CHAT_PAGE_MAX];
};

chat_page *chat_page_new(void) { return calloc(1, sizeof(chat_page)); }

static void row_free(page_row *r)
{
    free(r->reactions);
    free(r);
}

static void page_clear(chat_page *p)
{
    while (p->n > 0)
        row_free(p->row[--p->n]);
    while (p->entries > 0)
        free(p->entry[--p->entries]);
    p->more = false;
}

void chat_page_free(chat_page *p)
{
    if (!p)
        return;
    page_clear(p);
    free(p);
}

unsigned chat_page_len(const chat_page *p) { return p->n; }
const chat_message *chat_page_at(const chat_page *p, unsigned i) { return &p->row[i]->m; }
bool chat_page_more(const chat_page *p) { return p->more; }
unsigned chat_page_entries(const chat_page *p) { return p->entries; }
const chat_entry *chat_page_entry(const chat_page *p, unsigned i) { return &p->entry[i]->e; }

/* ---- messages --------------------------------------------------------------------------------------- */

/* q, qm, v: the message that is answered, and who said it. */
#define MESSAGES \
    "SELECT m.id, p.room_id, p.sender_id, u.username, u.avatar_url, m.content, m.type, m.media_url, p.client_id," \
    " p.reply_to, q.sender_id, v.username, substr(qm.content, 1, 100), qm.type," \
    " p.seq, p.rev, m.created_at, p.edited_at, p.deleted_at, p.emojis, q.deleted_at" \
    " FROM partyline_messages p JOIN chat_messages m ON m.id = p.message_id JOIN users u ON u.id = p.sender_id" \
    " LEFT JOIN partyline_messages q ON q.message_id = p.reply_to LEFT JOIN chat_messages qm ON qm.id = q.message_id" \
    " LEFT JOIN users v ON v.id = q.sender_id"

/* The texts of a message, in the order of the query's columns. */
static const size_t row_texts[] = {
    offsetof(chat_message, id), offsetof(chat_message, room_id), offsetof(chat_message, sender_id),
    offsetof(chat_message, username), offsetof(chat_message, avatar_url), offsetof(chat_message, content),
    offsetof(chat_message, type), offsetof(chat_message, media_url), offsetof(chat_message, client_id),
    offsetof(chat_message, reply_id), offsetof(chat_message, reply_sender_id),
    offsetof(chat_message, reply_username),
    offsetof(chat_message, reply_content), offsetof(chat_message, reply_type),
};
#define ROW_TEXTS (sizeof(row_texts) / sizeof(row_texts[0]))

/* Copies texts into `at`, one behind the other, and puts views of them where they belong. */
static void texts_put(void *base, const size_t *where, const sio_str *from, unsigned n, char *at)
{
    for (unsigned i = 0; i < n; i++) {
        *(sio_str *)(void *)((char *)base + where[i]) = (sio_str){from[i].p ? at : NULL, from[i].n};
        memcpy(at, from[i].p ? from[i].p : "", from[i].n);
        at += from[i].n;
    }
}

static size_t texts_read(const db_row *r, sio_str *out, unsigned n)
{
    size_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        out[i] = db_col_text(r, i);
        total += out[i].n;
    }
    return total;
}

static page_row *row_new(const db_row *r)
{
    sio_str from[ROW_TEXTS];
    page_row *row = malloc(sizeof(*row) + texts_read(r, from, ROW_TEXTS));
    chat_message *m = row ? &row->m : NULL;

    if (!row)
        return NULL;
    *row = (page_row){.reacted = db_col_int(r, ROW_TEXTS + 5) > 0};
    m->seq = db_col_int(r, ROW_TEXTS);
    m->rev = db_col_int(r, ROW_TEXTS + 1);
    m->created_ms = db_col_time(r, ROW_TEXTS + 2);
    m->edited_ms = db_col_time(r, ROW_TEXTS + 3);
    m->deleted_ms = db_col_time(r, ROW_TEXTS + 4);
    m->reply_deleted = db_col_time(r, ROW_TEXTS + 6) != 0;
    texts_put(m, row_texts, from, ROW_TEXTS, row->text);
    return row;
}

static int on_message_row(void *ctx, const db_row *r)
{
    chat_page *p = ctx;

    if (p->n == p->max) {
        p->more = true;
        return 1;
    }
    p->row[p->n] = row_new(r);
    if (!p->row[p->n])
        return SIO_ENOMEM;
    p->n++;
    return 0;
}

/* ---- reactions -------------------------------------------------------------------------------------- */

/* Emojis have at most 64 bytes; what else may be in the table is not shown. */
#define EMOJI_BYTES 64

static int on_reaction(void *ctx, const db_row *r)
{
    page_row *row = ctx;
    unsigned i = row->m.nreactions;
    sio_str emoji = db_col_text(r, 0);
    char *text = (char *)(row->reactions + CHAT_EMOJIS_MAX) + (size_t)i * EMOJI_BYTES;

    if (i == CHAT_EMOJIS_MAX)
        return 1;
    if (emoji.n > EMOJI_BYTES)
        return 0;
    memcpy(text, emoji.p, emoji.n);
    row->reactions[i] = (chat_reaction){{text, emoji.n}, db_col_int(r, 1), db_col_int(r, 2) != 0};
    row->m.nreactions++;
    return 0;
}

static int row_load_reactions(db_conn *c, sio_str reader_id, page_row *row)
{
    row->reactions = malloc(CHAT_EMOJIS_MAX * (sizeof(chat_reaction) + EMOJI_BYTES));
    if (!row->reactions)
        return SIO_ENOMEM;
    row->m.reaction = row->reactions;
    return db_query(c,
        "SELECT n.emoji, n.users, CASE WHEN EXISTS (SELECT 1 FROM partyline_reactions x"
        "  WHERE x.message_id = n.message_id AND x.emoji = n.emoji AND x.user_id = ?2) THEN 1 ELSE 0 END"
        " FROM partyline_reaction_counts n WHERE n.message_id = ?1 ORDER BY n.first_seq, n.emoji",
        db_args(db_text(row->m.id), db_text(reader_id)), on_reaction, row);
}

static int page_load_reactions(db_conn *c, sio_str reader_id, chat_page *p)
{
    int err = 0;

    for (unsigned i = 0; i < p->n && err == 0; i++) {
        if (p->row[i]->reacted)
            err = row_load_reactions(c, reader_id, p->row[i]);
    }
    return err;
}

/* ---- histories -------------------------------------------------------------------------------------- */

static void page_start(chat_page *p, unsigned n)
{
    page_clear(p);
    p->max = n < CHAT_PAGE_MAX ? n : CHAT_PAGE_MAX;
}

static void page_reverse(chat_page *p)
{
    for (unsigned i = 0; i < p->n / 2; i++) {
        page_row *swap = p->row[i];

        p->row[i] = p->row[p->n - 1 - i];
        p->row[p->n - 1 - i] = swap;
    }
}

int chat_store_before(db_conn *c, sio_str room_id, sio_str reader_id, int64_t before, unsigned n,
                      chat_page *p)
{
    int err;

    page_start(p, n);
    err = db_query(c, MESSAGES " WHERE p.room_id = ?1 AND p.seq < ?2 ORDER BY p.seq DESC LIMIT ?3",
                   db_args(db_text(room_id), db_int(before), db_int(p->max + 1)), on_message_row, p);
    page_reverse(p);
    return err < 0 ? err : page_load_reactions(c, reader_id, p);
}

int chat_store_after(db_conn *c, sio_str room_id, sio_str reader_id, int64_t after, unsigned n, chat_page *p)
{
    int err;

    page_start(p, n);
    err = db_query(c, MESSAGES " WHERE p.room_id = ?1 AND p.seq > ?2 ORDER BY p.seq LIMIT ?3",
                   db_args(db_text(room_id), db_int(after), db_int(p->max + 1)), on_message_row, p);
    return err < 0 ? err : page_load_reactions(c, reader_id, p);
}

/* ---- the log ---------------------------------------------------------------------------------------- */

static const size_t entry_texts[] = {
    offsetof(chat_entry, kind), offsetof(chat_entry, message_id), offsetof(chat_entry, user_id),
    offsetof(chat_entry, emoji),
};
#define ENTRY_TEXTS (sizeof(entry_texts) / sizeof(entry_texts[0]))

static int on_entry(void *ctx, const db_row *r)
{
    chat_page *p = ctx;
    sio_str from[ENTRY_TEXTS];
    page_entry *e;

    if (p->entries == CHAT_PAGE_MAX)
        return 1;
    e = malloc(sizeof(*e) + texts_read(r, from, ENTRY_TEXTS));
    if (!e)
        return SIO_ENOMEM;
    e->e.seq = db_col_int(r, ENTRY_TEXTS);
    e->e.at_ms = db_col_time(r, ENTRY_TEXTS + 1);
    texts_put(&e->e, entry_texts, from, ENTRY_TEXTS, e->text);
    p->entry[p->entries++] = e;
    return 0;
}

/* Older messages that were changed, then the new ones: so all are in the order of seq. */
int chat_store_log(db_conn *c, sio_str room_id, sio_str reader_id, int64_t after, int64_t upto, chat_page *p)
{
    int err;

    page_start(p, CHAT_PAGE_MAX);
    err = db_query(c, "SELECT kind, message_id, user_id, emoji, seq, created_at FROM partyline_changes"
                      " WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq",
                   db_args(db_text(room_id), db_int(after), db_int(upto)), on_entry, p);
    if (err == 0 && p->entries > 0)
        err = db_query(c, MESSAGES " WHERE p.room_id = ?1 AND p.seq <= ?2 AND p.message_id IN ("
                          "SELECT g.message_id FROM partyline_changes g WHERE g.room_id = ?1"
                          " AND g.seq > ?2 AND g.seq <= ?3)"
                          " ORDER BY p.seq",
                       db_args(db_text(room_id), db_int(after), db_int(upto)), on_message_row, p);
    p->max = 2 * CHAT_PAGE_MAX;
    if (err == 0)
        err = db_query(c, MESSAGES " WHERE p.room_id = ?1 AND p.seq > ?2 AND p.seq <= ?3 ORDER BY p.seq",
                       db_args(db_text(room_id), db_int(after), db_int(upto)), on_message_row, p);
    p->more = false;
    return err < 0 ? err : page_load_reactions(c, reader_id, p);
}
