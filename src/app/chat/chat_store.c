#include "app/chat/chat_store.h"
#include "base/buf.h"

#include <stdlib.h>

static int on_flag(void *ctx, const db_row *r)
{
    (void)r;
    *(bool *)ctx = true;
    return 0;
}

/* ---- who may ---------------------------------------------------------------------------------------- */

static int on_door(void *ctx, const db_row *r)
{
    chat_door *d = ctx;

    d->exists = true;
    d->moderator = db_col_int(r, 0) != 0;
    d->allowed = d->moderator || db_col_int(r, 1) != 0;
    d->last_seq = db_col_int(r, 2);
    d->last_ms = db_col_time(r, 3);
    d->filled = db_col_bool(r, 4);
    d->behind = db_col_int(r, 5) != 0;
    return 0;
}

/* `behind` says > and not >=: in a storm of messages all of a batch have the same millisecond, and each would
 * walk over all before it. What falls into the very same millisecond is found by chat_store_unfilled. */
int chat_store_door(db_conn *c, sio_str room_id, sio_str user_id, chat_door *d)
{
    *d = (chat_door){.exists = false};
    return db_query(c,
        "SELECT CASE WHEN p.host_id = ?2 OR EXISTS ("
        "  SELECT 1 FROM party_cohosts o WHERE o.party_id = p.id AND o.user_id = ?2) THEN 1 ELSE 0 END,"
        " CASE WHEN NOT p.is_private OR EXISTS ("
        "  SELECT 1 FROM party_attendees a WHERE a.party_id = p.id AND a.user_id = ?2"
        " AND a.status IN ('GOING', 'MAYBE'))"
        "  THEN 1 ELSE 0 END,"
        " n.last_seq, n.last_at, n.filled,"
        " CASE WHEN EXISTS (SELECT 1 FROM chat_messages m WHERE m.room_id = r.id AND m.created_at > n.last_at"
        "  AND NOT EXISTS (SELECT 1 FROM partyline_messages x WHERE x.message_id = m.id)) THEN 1 ELSE 0 END"
        " FROM chat_rooms r JOIN party_events p ON p.id = r.party_id LEFT JOIN partyline_rooms n"
        " ON n.room_id = r.id"
        " WHERE r.id = ?1",
        db_args(db_text(room_id), db_text(user_id)), on_door, d);
}

/* ---- writing --------------------------------------------------------------------------------------- */

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
                       db_args(db_text(m->room_id), db_text(m->sender_id), db_text(m->client_id)),
                       on_first_time, &f);
    *repeated = f.repeated;
    return err;
}

static int on_place(void *ctx, const db_row *r)
{
    chat_message *m = ctx;

    m->seq = m->rev = db_col_int(r, 0);
    m->created_ms = db_col_time(r, 1);
    return 0;
}

/* The next number of the room. The row also is the lock that keeps two servers from giving the same. It is
 * read back by a statement of its own: for RETURNING SQLite makes a table in passing, a tenth of all it does
 * for a message. */
static int take_place(db_conn *c, chat_message *m)
{
    int err = db_post(c,
        "INSERT INTO partyline_rooms (room_id, last_seq, last_at, filled) VALUES (?1, 1, ?2, ?3)"
        " ON CONFLICT (room_id) DO UPDATE SET last_seq = partyline_rooms.last_seq + 1,"
        " last_at = CASE WHEN partyline_rooms.last_at > excluded.last_at THEN partyline_rooms.last_at"
        "  ELSE excluded.last_at END",
        db_args(db_text(m->room_id), db_time(m->created_ms), db_bool(false)));

    return err < 0 ? err : db_query(c, "SELECT last_seq, last_at FROM partyline_rooms WHERE room_id = ?1",
                                    db_args(db_text(m->room_id)), on_place, m);
}

int chat_store_add(db_conn *c, chat_message *m, char id_text[CHAT_ID_LEN + 1], bool *repeated)
{
    int err = find_first_time(c, m, id_text, repeated);

    if (err < 0 || *repeated)
        return err;
    err = take_place(c, m);
    if (err < 0)
        return err;
    cuid_make(m->created_ms, id_text);
    m->id = (sio_str){id_text, CHAT_ID_LEN};
    err = db_exec(c, "INSERT INTO chat_messages (id, room_id, sender_id, content, type, media_url,"
                     " created_at)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  db_args(db_text(m->id), db_text(m->room_id), db_text(m->sender_id), db_text(m->content),
                          db_text(m->type), db_text(m->media_url), db_time(m->created_ms)));
    if (err < 0)
        return err;
    return db_exec(c, "INSERT INTO partyline_messages (room_id, seq, rev, message_id, sender_id, client_id,"
                      " reply_to) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6)",
                   db_args(db_text(m->room_id), db_int(m->seq), db_text(m->id), db_text(m->sender_id),
                           db_text(m->client_id), db_text(m->reply_id)));
}

int chat_store_has(db_conn *c, sio_str room_id, sio_str message_id, bool *has)
{
    *has = false;
    return db_query(c, "SELECT 1 FROM partyline_messages WHERE message_id = ?1 AND room_id = ?2",
                    db_args(db_text(message_id), db_text(room_id)), on_flag, has);
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
    int err = db_query(c, "SELECT 1 FROM chat_rooms WHERE id = ?1", db_args(db_text(room_id)), on_flag,
                       &there);

    if (err < 0 || there)
        return err;
    err = db_exec(c, "INSERT INTO party_events (id, host_id, title, status, is_private, created_at,"
                     " updated_at)"
                     " VALUES (?1, ?2, ?1, 'LIVE', ?3, ?4, ?4) ON CONFLICT DO NOTHING",
                  db_args(db_text(room_id), db_text(host_id), db_bool(false), db_time(now_ms)));
    if (err < 0)
        return err;
    return db_exec(c,
                   "INSERT INTO chat_rooms (id, party_id, created_at) VALUES (?1, ?1, ?2) ON CONFLICT"
                   " DO NOTHING",
                   db_args(db_text(room_id), db_time(now_ms)));
}
