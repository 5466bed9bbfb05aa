/* Numbers for messages that others wrote into chat_messages: the application's backend before we were there,
 * or beside us. */
#include "app/chat/chat_store.h"

#define NEWEST   50   /* looked at for missing numbers each time a room is entered */
#define LATE_MS  10000
/* Of a busy room so many of the late ones are looked at by who enters; see chat_store_late. */
#define LATE_MAX 500
#define SWEEP_MS 5000

/* What was committed later than its created_at says may lie before what has numbers already. */
int64_t chat_store_fill_from(const chat_door *d)
{
    return d->filled && d->last_ms > LATE_MS ? d->last_ms - LATE_MS : 0;
}

static bool is_behind(const chat_door *d) { return !d->filled || d->behind; }

static int on_oldest(void *ctx, const db_row *r)
{
    int64_t *oldest = ctx;

    if (db_col_int(r, 0) > 0 && db_col_time(r, 1) < *oldest)
        *oldest = db_col_time(r, 1);
    return 0;
}

/* Looks at the newest `most` messages from a time on; *oldest falls to the oldest that has no number. */
static int look_back(db_conn *c, sio_str room_id, int64_t from_ms, int64_t most, int64_t *oldest)
{
    return db_query(c,
        "SELECT count(*), min(t.created_at) FROM (SELECT m.id, m.created_at FROM chat_messages m"
        "  WHERE m.room_id = ?1 AND m.created_at >= ?2 ORDER BY m.created_at DESC LIMIT ?3) t"
        " WHERE NOT EXISTS (SELECT 1 FROM partyline_messages x WHERE x.message_id = t.id)",
        db_args(db_text(room_id), db_time(from_ms), db_int(most)), on_oldest, oldest);
}

int chat_store_unfilled(db_conn *c, sio_str room_id, const chat_door *d, bool *unfilled, int64_t *from_ms)
{
    int64_t oldest = INT64_MAX;
    int err = 0;

    *unfilled = is_behind(d);
    *from_ms = chat_store_fill_from(d);
    if (!d->filled)
        return 0;
    if ((err = look_back(c, room_id, 0, NEWEST, &oldest)) == 0)
        err = look_back(c, room_id, *from_ms, LATE_MAX, &oldest);
    if (err < 0 || oldest == INT64_MAX)
        return err;
    *unfilled = true;
    if (oldest < *from_ms)
        *from_ms = oldest;
    return 0;
}

int chat_store_late(db_conn *c, sio_str room_id, const chat_door *d, int64_t now_ms, bool *unfilled)
{
    int64_t oldest = INT64_MAX;
    int err = 0;

    *unfilled = is_behind(d);
    if (!*unfilled && now_ms / SWEEP_MS != d->last_ms / SWEEP_MS)
        err = look_back(c, room_id, chat_store_fill_from(d), INT64_MAX, &oldest);
    *unfilled = *unfilled || oldest != INT64_MAX;
    return err;
}

static int on_last(void *ctx, const db_row *r)
{
    chat_fill *f = ctx;

    f->after = db_col_int(r, 0);
    f->was_used = db_col_bool(r, 1);
    return 0;
}

/* The room's row, made when it is not there: also the lock that keeps two servers from numbering at the same
 * time. */
static int lock_room(db_conn *c, sio_str room_id, chat_fill *f)
{
    return db_query(c, "INSERT INTO partyline_rooms (room_id, last_seq, last_at, filled)"
                       " VALUES (?1, 0, ?2, ?3)"
                       " ON CONFLICT (room_id) DO UPDATE SET last_seq = partyline_rooms.last_seq"
                       " RETURNING last_seq, filled",
                    db_args(db_text(room_id), db_time(0), db_bool(false)), on_last, f);
}

/* What is to be numbered is chosen in the innermost query, where the index gives the order and the limit
 * ends the walk. */
static int give_numbers(db_conn *c, sio_str room_id, const chat_fill *f)
{
    return db_exec(c,
        "INSERT INTO partyline_messages (room_id, seq, rev, message_id, sender_id)"
        " SELECT t.room_id, t.n + ?2, t.n + ?2, t.id, t.sender_id FROM ("
        "  SELECT o.room_id, o.id, o.sender_id, row_number() OVER (ORDER BY o.created_at, o.id) AS n FROM ("
        "   SELECT m.room_id, m.id, m.sender_id, m.created_at FROM chat_messages m"
        "   WHERE m.room_id = ?1 AND m.created_at >= ?3"
        "   AND NOT EXISTS (SELECT 1 FROM partyline_messages x WHERE x.message_id = m.id)"
        "   ORDER BY m.created_at, m.id LIMIT ?4) o) t",
        db_args(db_text(room_id), db_int(f->after), db_time(f->from_ms), db_int(CHAT_FILL_MAX)));
}

static int on_created(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_time(r, 0);
    return 0;
}

static int note_room(db_conn *c, sio_str room_id, const chat_fill *f)
{
    return db_exec(c, "UPDATE partyline_rooms SET last_seq = ?2, filled = ?4,"
                      " last_at = CASE WHEN last_at > ?3 THEN last_at ELSE ?3 END WHERE room_id = ?1",
                   db_args(db_text(room_id), db_int(f->after + f->n), db_time(f->from_ms),
                           db_bool(!f->more)));
}

int chat_store_fill(db_conn *c, sio_str room_id, chat_fill *f)
{
    int err = lock_room(c, room_id, f);

    if (err == 0)
        err = give_numbers(c, room_id, f);
    if (err < 0)
        return err;
    f->n = db_changes(c);
    f->more = f->n == CHAT_FILL_MAX;
    f->from_ms = 0;
    if (f->n > 0)
        err = db_query(c, "SELECT m.created_at FROM partyline_messages p JOIN chat_messages m"
                          " ON m.id = p.message_id"
                          " WHERE p.room_id = ?1 AND p.seq = ?2",
                       db_args(db_text(room_id), db_int(f->after + f->n)), on_created, &f->from_ms);
    return err < 0 ? err : note_room(c, room_id, f);
}
