#include "app/chat/chat_store.h"
#include "base/buf.h"
#include "base/rand.h"

#include <stdlib.h>

/* ---- access ---------------------------------------------------------------------------------------- */

static int on_flag(void *ctx, const db_row *r)
{
    (void)r;
    *(bool *)ctx = true;
    return 0;
}

int chat_store_access(db_conn *c, sio_str room_id, sio_str user_id, bool *allowed)
{
    *allowed = false;
    return db_query(c,
        "SELECT 1 FROM chat_rooms r JOIN party_events p ON p.id = r.party_id WHERE r.id = ?1 AND ("
        " NOT p.is_private OR p.host_id = ?2"
        " OR EXISTS (SELECT 1 FROM party_cohosts o WHERE o.party_id = p.id AND o.user_id = ?2)"
        " OR EXISTS (SELECT 1 FROM party_attendees a WHERE a.party_id = p.id AND a.user_id = ?2"
        "  AND a.status IN ('GOING', 'MAYBE')))",
        db_args(db_text(room_id), db_text(user_id)), on_flag, allowed);
}

/* ---- writing --------------------------------------------------------------------------------------- */

static void base36(uint64_t v, char *out, unsigned n)
{
    while (n-- > 0) {
        out[n] = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
        v /= 36;
    }
}

/* As the application's other ids: sorted by time, 82 random bits behind it. */
static void cuid(int64_t now_ms, char out[CHAT_ID_LEN + 1])
{
    uint64_t r[2];

    rand_bytes(r, sizeof(r));
    out[0] = 'c';
    base36((uint64_t)now_ms, out + 1, 8);
    base36(r[0], out + 9, 8);
    base36(r[1], out + 17, 8);
    out[CHAT_ID_LEN] = '\0';
}

typedef struct found {
    chat_message *m;
    char         *id;
    bool          repeated;
} found;

static int on_first_time(void *ctx, const db_row *r)
{
    found *f = ctx;
    sio_str id = db_col_text(r, 0);

    if (id.n > CHAT_ID_LEN) /* not an id that this program made */
        return SIO_EINVAL;
    memcpy(f->id, id.p, id.n);
    f->id[id.n] = '\0';
    f->m->id = (sio_str){f->id, id.n};
    f->m->seq = db_col_int(r, 1);
    f->m->created_ms = db_col_time(r, 2);
    f->repeated = true;
    return 0;
}

static int find_first_time(db_conn *c, chat_message *m, char *id_text, bool *repeated)
{
    found f = {.m = m, .id = id_text};
    int err = 0;

    if (m->client_id.p)
        err = db_query(c, "SELECT m.id, p.seq, m.created_at FROM partyline_messages p"
                          " JOIN chat_messages m ON m.id = p.message_id"
                          " WHERE p.room_id = ?1 AND p.sender_id = ?2 AND p.client_id = ?3",
                       db_args(db_text(m->room_id), db_text(m->sender_id), db_text(m->client_id)), on_first_time, &f);
    *repeated = f.repeated;
    return err;
}

static int on_place(void *ctx, const db_row *r)
{
    chat_message *m = ctx;

    m->seq = db_col_int(r, 0);
    m->created_ms = db_col_time(r, 1);
    return 0;
}

/* The next number of the room. The row also is the lock that keeps two servers from giving the same. */
static int take_place(db_conn *c, chat_message *m)
{
    return db_query(c,
        "INSERT INTO partyline_rooms (room_id, last_seq, last_at) VALUES (?1, 1, ?2)"
        " ON CONFLICT (room_id) DO UPDATE SET last_seq = partyline_rooms.last_seq + 1,"
        " last_at = CASE WHEN partyline_rooms.last_at > excluded.last_at THEN partyline_rooms.last_at"
        "  ELSE excluded.last_at END"
        " RETURNING last_seq, last_at",
        db_args(db_text(m->room_id), db_time(m->created_ms)), on_place, m);
}

int chat_store_add(db_conn *c, chat_message *m, char id_text[CHAT_ID_LEN + 1], bool *repeated)
{
    int err = find_first_time(c, m, id_text, repeated);

    if (err < 0 || *repeated)
        return err;
    err = take_place(c, m);
    if (err < 0)
        return err;
    cuid(m->created_ms, id_text);
    m->id = (sio_str){id_text, CHAT_ID_LEN};
    err = db_exec(c, "INSERT INTO chat_messages (id, room_id, sender_id, content, type, media_url, created_at)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  db_args(db_text(m->id), db_text(m->room_id), db_text(m->sender_id), db_text(m->content),
                          db_text(m->type), db_text(m->media_url), db_time(m->created_ms)));
    if (err < 0)
        return err;
    return db_exec(c, "INSERT INTO partyline_messages (room_id, seq, message_id, sender_id, client_id)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                   db_args(db_text(m->room_id), db_int(m->seq), db_text(m->id), db_text(m->sender_id),
                           db_text(m->client_id)));
}

/* ---- the demo -------------------------------------------------------------------------------------- */

static int put_user(db_conn *c, sio_str id, sio_str username, sio_str avatar_url, int64_t now_ms)
{
    return db_exec(c,
        "INSERT INTO users (id, firebase_id, email, username, avatar_url, created_at, updated_at)"
        " VALUES (?1, 'demo:' || ?1, ?1 || '@demo.invalid', ?2, ?3, ?4, ?4)"
        " ON CONFLICT (id) DO UPDATE SET username = excluded.username, avatar_url = excluded.avatar_url",
        db_args(db_text(id), db_text(username), db_text(avatar_url), db_time(now_ms)));
}

int chat_store_make_user(db_conn *c, sio_str id, sio_str username, sio_str avatar_url, int64_t now_ms)
{
    bool taken = false;
    buf name;
    int err = 0;

    if (username.p)
        err = db_query(c, "SELECT 1 FROM users WHERE username = ?1 AND id <> ?2",
                       db_args(db_text(username), db_text(id)), on_flag, &taken);
    if (err < 0 || !taken)
        return err < 0 ? err : put_user(c, id, username, avatar_url, now_ms);
    buf_init(&name, username.n + id.n + 4);
    err = buf_printf(&name, "%.*s (%.*s)", (int)username.n, username.p, (int)id.n, id.p);
    if (err == 0)
        err = put_user(c, id, buf_str(&name), avatar_url, now_ms);
    buf_fini(&name);
    return err;
}

int chat_store_make_room(db_conn *c, sio_str room_id, sio_str host_id, int64_t now_ms)
{
    bool there = false;
    int err = db_query(c, "SELECT 1 FROM chat_rooms WHERE id = ?1", db_args(db_text(room_id)), on_flag, &there);

    if (err < 0 || there)
        return err;
    err = db_exec(c, "INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)"
                     " VALUES (?1, ?2, ?1, 'LIVE', ?3, ?4, ?4) ON CONFLICT DO NOTHING",
                  db_args(db_text(room_id), db_text(host_id), db_bool(false), db_time(now_ms)));
    if (err < 0)
        return err;
    return db_exec(c, "INSERT INTO chat_rooms (id, party_id, created_at) VALUES (?1, ?1, ?2) ON CONFLICT DO NOTHING",
                   db_args(db_text(room_id), db_time(now_ms)));
}

/* ---- reading --------------------------------------------------------------------------------------- */

typedef struct page_row {
    chat_message m;
    char         text[];
} page_row;

struct chat_page {
    unsigned  n;
    page_row *row[CHAT_PAGE_MAX]; /* newest first, as the query gives them */
};

chat_page *chat_page_new(void) { return calloc(1, sizeof(chat_page)); }

static void page_clear(chat_page *p)
{
    while (p->n > 0)
        free(p->row[--p->n]);
}

void chat_page_free(chat_page *p)
{
    if (!p)
        return;
    page_clear(p);
    free(p);
}

unsigned chat_page_len(const chat_page *p) { return p->n; }
const chat_message *chat_page_at(const chat_page *p, unsigned i) { return &p->row[p->n - 1 - i]->m; }

/* The texts of a message, in the order of the query's columns. */
static const size_t row_texts[] = {
    offsetof(chat_message, id), offsetof(chat_message, room_id), offsetof(chat_message, sender_id),
    offsetof(chat_message, username), offsetof(chat_message, avatar_url), offsetof(chat_message, content),
    offsetof(chat_message, type), offsetof(chat_message, media_url), offsetof(chat_message, client_id),
};
#define ROW_TEXTS (sizeof(row_texts) / sizeof(row_texts[0]))

static int on_message_row(void *ctx, const db_row *r)
{
    chat_page *p = ctx;
    sio_str from[ROW_TEXTS];
    size_t total = 0;
    page_row *row;
    char *at;

    for (unsigned i = 0; i < ROW_TEXTS; i++) {
        from[i] = db_col_text(r, i);
        total += from[i].n;
    }
    row = malloc(sizeof(*row) + total);
    if (!row)
        return SIO_ENOMEM;
    row->m.seq = db_col_int(r, ROW_TEXTS);
    row->m.created_ms = db_col_time(r, ROW_TEXTS + 1);
    at = row->text;
    for (unsigned i = 0; i < ROW_TEXTS; i++) {
        *(sio_str *)((char *)&row->m + row_texts[i]) = (sio_str){from[i].p ? at : NULL, from[i].n};
        memcpy(at, from[i].p ? from[i].p : "", from[i].n);
        at += from[i].n;
    }
    p->row[p->n++] = row;
    return p->n == CHAT_PAGE_MAX;
}

int chat_store_last(db_conn *c, sio_str room_id, unsigned n, chat_page *page)
{
    page_clear(page);
    return db_query(c,
        "SELECT m.id, p.room_id, p.sender_id, u.username, u.avatar_url, m.content, m.type, m.media_url, p.client_id,"
        " p.seq, m.created_at"
        " FROM partyline_messages p JOIN chat_messages m ON m.id = p.message_id JOIN users u ON u.id = p.sender_id"
        " WHERE p.room_id = ?1 ORDER BY p.seq DESC LIMIT ?2",
        db_args(db_text(room_id), db_int(n < CHAT_PAGE_MAX ? n : CHAT_PAGE_MAX)), on_message_row, page);
}
