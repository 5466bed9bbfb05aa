#include "app/push/pusher_store.h"

#include "app/chat/chat_store.h"
#include "app/notify/notify_store.h"

#include <string.h>

/* As much as fits, without half a character at the end. */
static void put(char *out, size_t size, sio_str s)
{
    size_t n = s.n < size ? s.n : size - 1;

    if (n < s.n)
        while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
            n--;
    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static int on_number(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

/* ---- rooms ------------------------------------------------------------------------------------------- */

typedef struct mark {
    bool there, dirty;
    int64_t seq;
} mark;

static int on_mark(void *ctx, const db_row *r)
{
    *(mark *)ctx = (mark){true, db_col_bool(r, 1), db_col_int(r, 0)};
    return 0;
}

int pusher_store_dirty(db_conn *c, sio_str room_id, int64_t seq, int64_t *from, bool *first)
{
    mark m = {0};
    int err = db_query(c, "SELECT seq, dirty FROM partyline_pushed WHERE room_id = ?1",
                       db_args(db_text(room_id)), on_mark, &m);

    /* Clean: everything before this message was dealt with, or is from a time without push. */
    *first = err == 0 && !m.dirty;
    *from = seq - 1;
    if (!*first)
        return err;
    return db_exec(c,
                   "INSERT INTO partyline_pushed (room_id, seq, dirty) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (room_id) DO UPDATE SET seq = excluded.seq, dirty = excluded.dirty",
                   db_args(db_text(room_id), db_int(*from), db_bool(true)));
}

int pusher_store_clean(db_conn *c, sio_str room_id, int64_t upto, bool *more)
{
    int64_t head = 0;
    int err =
        db_query(c, "UPDATE partyline_rooms SET last_seq = last_seq WHERE room_id = ?1 RETURNING last_seq",
                 db_args(db_text(room_id)), on_number, &head);

    *more = head > upto;
    if (err < 0)
        return err;
    return db_exec(c, "UPDATE partyline_pushed SET seq = ?2, dirty = ?3 WHERE room_id = ?1",
                   db_args(db_text(room_id), db_int(upto), db_bool(*more)));
}

static int on_said(void *ctx, const db_row *r)
{
    pusher_said *s = ctx;

    s->there = true;
    s->seq = db_col_int(r, 0);
    s->created_ms = db_col_time(r, 1);
    put(s->id, sizeof(s->id), db_col_text(r, 2));
    put(s->sender_id, sizeof(s->sender_id), db_col_text(r, 3));
    put(s->name, sizeof(s->name), db_col_text(r, 4));
    put(s->text, sizeof(s->text), db_col_text(r, 5));
    put(s->type, sizeof(s->type), db_col_text(r, 6));
    return 0;
}

/* but: not of that user. */
static int last_said(db_conn *c, sio_str room_id, const pusher_news *n, sio_str but, pusher_said *out)
{
    return db_query(
        c,
        "SELECT x.seq, m.created_at, x.message_id, x.sender_id, COALESCE(u.username, ''), m.content, m.type"
        " FROM partyline_messages x JOIN chat_messages m ON m.id = x.message_id"
        " LEFT JOIN users u ON u.id = x.sender_id"
        " WHERE x.room_id = ?1 AND x.seq > ?2 AND x.seq <= ?3 AND x.deleted_at IS NULL AND x.sender_id <> ?4"
        " ORDER BY x.seq DESC LIMIT 1",
        db_args(db_text(room_id), db_int(n->from), db_int(n->upto), db_text(but)), on_said, out);
}

static int on_room(void *ctx, const db_row *r)
{
    pusher_news *n = ctx;

    n->upto = db_col_int(r, 0);
    n->from = db_col_int(r, 1);
    put(n->party_id, sizeof(n->party_id), db_col_text(r, 2));
    put(n->title, sizeof(n->title), db_col_text(r, 3));
    return 0;
}

int pusher_store_news(db_conn *c, sio_str room_id, pusher_news *out)
{
    int err;

    memset(out, 0, sizeof(*out));
    err = db_query(c,
                   "SELECT n.last_seq, p.seq, e.id, e.title FROM partyline_rooms n"
                   " JOIN partyline_pushed p ON p.room_id = n.room_id"
                   " JOIN chat_rooms r ON r.id = n.room_id JOIN party_events e ON e.id = r.party_id WHERE "
                   "n.room_id = ?1",
                   db_args(db_text(room_id)), on_room, out);
    if (err == 0 && out->upto > out->from)
        err = last_said(c, room_id, out, sio_lit(""), &out->last);
    if (err == 0 && out->last.there)
        err = last_said(c, room_id, out, sio_str_z(out->last.sender_id), &out->other);
    return err;
}

typedef struct member_walk {
    pusher_user_fn *each;
    void *ctx;
} member_walk;

static int on_member(void *ctx, const db_row *r)
{
    member_walk *w = ctx;

    return w->each(w->ctx, db_col_text(r, 0), db_col_int(r, 1));
}

int pusher_store_members(db_conn *c, sio_str room_id, const pusher_news *n, sio_str after, int64_t now_ms,
                         unsigned max, pusher_user_fn *each, void *ctx)
{
    member_walk w = {each, ctx};

    return db_query(
        c,
        "SELECT t.user_id, COALESCE(d.seq, 0) FROM ("
        "  SELECT p.host_id AS user_id FROM party_events p WHERE p.id = ?2"
        "  UNION SELECT o.user_id FROM party_cohosts o WHERE o.party_id = ?2"
        "  UNION SELECT a.user_id FROM party_attendees a WHERE a.party_id = ?2 AND a.status = 'GOING') t"
        " LEFT JOIN partyline_reads d ON d.user_id = t.user_id AND d.room_id = ?1"
        " WHERE t.user_id > ?3 AND COALESCE(d.seq, 0) < ?4"
        " AND NOT EXISTS (SELECT 1 FROM partyline_mutes q WHERE q.user_id = t.user_id AND q.room_id = ?1"
        "  AND (q.until_at = 0 OR q.until_at > ?5))"
        " AND EXISTS (SELECT 1 FROM device_tokens v WHERE v.user_id = t.user_id)"
        " ORDER BY t.user_id LIMIT ?6",
        db_args(db_text(room_id), db_text(sio_str_z(n->party_id)), db_text(after), db_int(n->upto),
                db_int(now_ms), db_int(max)),
        on_member, &w);
}

/* ---- devices ----------------------------------------------------------------------------------------- */

typedef struct token_walk {
    pusher_token_fn *each;
    void *ctx;
} token_walk;

static int on_token_id(void *ctx, const db_row *r)
{
    token_walk *w = ctx;

    return w->each(w->ctx, db_col_text(r, 0));
}

int pusher_store_tokens(db_conn *c, sio_str user_id, unsigned max, pusher_token_fn *each, void *ctx)
{
    token_walk w = {each, ctx};

    return db_query(c,
                    "SELECT id FROM device_tokens WHERE user_id = ?1 ORDER BY created_at DESC, id LIMIT ?2",
                    db_args(db_text(user_id), db_int(max)), on_token_id, &w);
}

static int on_token(void *ctx, const db_row *r)
{
    pusher_token *t = ctx;
    sio_str token = db_col_text(r, 1);

    if (token.n > PUSHER_TOKEN_MAX)
        return 0; /* none of ours */
    t->there = true;
    put(t->user_id, sizeof(t->user_id), db_col_text(r, 0));
    put(t->token, sizeof(t->token), token);
    put(t->platform, sizeof(t->platform), db_col_text(r, 2));
    return 0;
}

int pusher_store_token(db_conn *c, sio_str token_id, pusher_token *out)
{
    out->there = false;
    return db_query(c, "SELECT user_id, token, platform FROM device_tokens WHERE id = ?1",
                    db_args(db_text(token_id)), on_token, out);
}

int pusher_store_forget(db_conn *c, sio_str token_id, sio_str user_id, int64_t upto_ms)
{
    return db_exec(c, "DELETE FROM device_tokens WHERE id = ?1 AND user_id = ?2 AND created_at <= ?3",
                   db_args(db_text(token_id), db_text(user_id), db_time(upto_ms)));
}

int pusher_store_register(db_conn *c, sio_str user_id, sio_str token, const char *platform, unsigned max,
                          int64_t now_ms)
{
    char id[CUID_LEN + 1];
    int err;

    cuid_make(now_ms, id);
    err = db_exec(
        c,
        "INSERT INTO device_tokens (id, user_id, token, platform, created_at) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (token) DO UPDATE SET user_id = excluded.user_id, platform = excluded.platform,"
        " created_at = excluded.created_at",
        db_args(db_text(sio_str_z(id)), db_text(user_id), db_text(token), db_text(sio_str_z(platform)),
                db_time(now_ms)));
    if (err < 0)
        return err;
    return db_exec(c,
                   "DELETE FROM device_tokens WHERE user_id = ?1 AND token <> ?2 AND id NOT IN (SELECT t.id "
                   "FROM device_tokens t"
                   " WHERE t.user_id = ?1 AND t.token <> ?2 ORDER BY t.created_at DESC, t.id DESC LIMIT ?3)",
                   db_args(db_text(user_id), db_text(token), db_int(max - 1)));
}

int pusher_store_unregister(db_conn *c, sio_str user_id, sio_str token, bool *was_there)
{
    int err = db_exec(c, "DELETE FROM device_tokens WHERE user_id = ?1 AND token = ?2",
                      db_args(db_text(user_id), db_text(token)));

    *was_there = err == 0 && db_changes(c) > 0;
    return err;
}

/* ---- what a user has to see -------------------------------------------------------------------------- */

int pusher_store_read_seq(db_conn *c, sio_str room_id, sio_str user_id, int64_t *seq)
{
    *seq = 0;
    return db_query(c, "SELECT seq FROM partyline_reads WHERE user_id = ?1 AND room_id = ?2",
                    db_args(db_text(user_id), db_text(room_id)), on_number, seq);
}

typedef struct badge_walk {
    db_conn *c;
    sio_str user_id;
    int64_t now_ms, n;
    int err;
} badge_walk;

/* Inside the walk over the rooms, which ends when more would not be shown. */
static int on_badge_room(void *ctx, sio_str room_id, const chat_unread *u)
{
    badge_walk *b = ctx;
    chat_unread unread = *u;
    bool muted = false;
    int64_t until;

    if (u->last_seq <= u->read_seq)
        return 0;
    b->err = pusher_store_is_muted(b->c, b->user_id, room_id, b->now_ms, &muted, &until);
    if (b->err == 0 && !muted)
        b->err = chat_store_unread(b->c, room_id, b->user_id, &unread);
    if (b->err == 0 && !muted)
        b->n += unread.unread;
    return b->err < 0 || b->n >= PUSHER_BADGE_MAX;
}

int pusher_store_badge(db_conn *c, sio_str user_id, int64_t now_ms, int *badge)
{
    badge_walk b = {.c = c, .user_id = user_id, .now_ms = now_ms};
    int64_t notes = 0;
    int err = notify_store_unread(c, user_id, &notes);

    b.n = notes;
    if (err == 0 && b.n < PUSHER_BADGE_MAX)
        err = chat_store_rooms(c, user_id, 100, on_badge_room, &b);
    if (err == 0)
        err = b.err;
    *badge = b.n < PUSHER_BADGE_MAX ? (int)b.n : PUSHER_BADGE_MAX;
    return err;
}

static int on_note(void *ctx, const db_row *r)
{
    pusher_note *n = ctx;

    n->there = true;
    put(n->user_id, sizeof(n->user_id), db_col_text(r, 0));
    put(n->type, sizeof(n->type), db_col_text(r, 1));
    put(n->title, sizeof(n->title), db_col_text(r, 2));
    put(n->body, sizeof(n->body), db_col_text(r, 3));
    n->read = db_col_bool(r, 4);
    n->created_ms = db_col_time(r, 5);
    return 0;
}

int pusher_store_note(db_conn *c, sio_str id, pusher_note *out)
{
    out->there = false;
    return db_query(c,
                    "SELECT user_id, type, title, body, is_read, created_at FROM notifications WHERE id = ?1",
                    db_args(db_text(id)), on_note, out);
}

/* ---- mutes ------------------------------------------------------------------------------------------- */

int pusher_store_mute(db_conn *c, sio_str user_id, sio_str room_id, int64_t until_ms)
{
    return db_exec(c,
                   "INSERT INTO partyline_mutes (user_id, room_id, until_at) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (user_id, room_id) DO UPDATE SET until_at = excluded.until_at",
                   db_args(db_text(user_id), db_text(room_id), db_int(until_ms)));
}

int pusher_store_unmute(db_conn *c, sio_str user_id, sio_str room_id)
{
    return db_exec(c, "DELETE FROM partyline_mutes WHERE user_id = ?1 AND room_id = ?2",
                   db_args(db_text(user_id), db_text(room_id)));
}

int pusher_store_is_muted(db_conn *c, sio_str user_id, sio_str room_id, int64_t now_ms, bool *muted,
                          int64_t *until_ms)
{
    int64_t until = -1;
    int err = db_query(c, "SELECT until_at FROM partyline_mutes WHERE user_id = ?1 AND room_id = ?2",
                       db_args(db_text(user_id), db_text(room_id)), on_number, &until);

    *muted = until == 0 || until > now_ms;
    *until_ms = *muted ? until : 0;
    return err;
}
