/* Read cursors and what is unread. */
#include "app/chat/chat_store.h"

/* ---- one room --------------------------------------------------------------------------------------- */

static int on_seq(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

static int read_cursor(db_conn *c, sio_str room_id, sio_str user_id, int64_t *seq)
{
    *seq = 0;
    return db_query(c, "SELECT seq FROM partyline_reads WHERE user_id = ?1 AND room_id = ?2",
                    db_args(db_text(user_id), db_text(room_id)), on_seq, seq);
}

int chat_store_read(db_conn *c, sio_str room_id, sio_str user_id, int64_t seq, chat_unread *u, bool *moved)
{
    int err = read_cursor(c, room_id, user_id, &u->read_seq);

    *moved = seq > u->read_seq;
    if (err < 0 || !*moved)
        return err;
    return db_query(c,
        "INSERT INTO partyline_reads (user_id, room_id, seq) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (user_id, room_id) DO UPDATE SET"
        " seq = CASE WHEN partyline_reads.seq > excluded.seq THEN partyline_reads.seq ELSE excluded.seq"
        " END RETURNING seq",
        db_args(db_text(user_id), db_text(room_id), db_int(seq)), on_seq, &u->read_seq);
}

static int on_unread(void *ctx, const db_row *r)
{
    chat_unread *u = ctx;

    u->more = db_col_int(r, 0) > CHAT_UNREAD_MAX;
    u->unread = db_col_int(r, 1);
    return 0;
}

/* One row more is looked at than counted, to know whether there is more. */
int chat_store_unread(db_conn *c, sio_str room_id, sio_str user_id, chat_unread *u)
{
    return db_query(c,
        "SELECT count(*), count(CASE WHEN t.n <= ?4 AND t.sender_id <> ?3"
        " AND t.deleted_at IS NULL THEN 1 END) FROM ("
        "  SELECT p.sender_id, p.deleted_at, row_number() OVER (ORDER BY p.seq) AS n FROM ("
        "   SELECT x.sender_id, x.deleted_at, x.seq FROM partyline_messages x WHERE x.room_id = ?1"
        " AND x.seq > ?2"
        "   ORDER BY x.seq LIMIT ?5) p) t",
        db_args(db_text(room_id), db_int(u->read_seq), db_text(user_id), db_int(CHAT_UNREAD_MAX),
                db_int(CHAT_UNREAD_MAX + 1)), on_unread, u);
}

/* ---- all rooms -------------------------------------------------------------------------------------- */

typedef struct rooms_walk {
    chat_room_fn *each;
    void         *ctx;
} rooms_walk;

static int on_room(void *ctx, const db_row *r)
{
    rooms_walk *w = ctx;
    chat_unread u = {.last_seq = db_col_int(r, 1), .read_seq = db_col_int(r, 2)};

    return w->each(w->ctx, db_col_text(r, 0), &u);
}

int chat_store_rooms(db_conn *c, sio_str user_id, unsigned max, chat_room_fn *each, void *ctx)
{
    rooms_walk w = {each, ctx};

    return db_query(c,
        "SELECT r.id, n.last_seq, COALESCE(d.seq, 0) FROM ("
        "  SELECT p.id AS party_id FROM party_events p WHERE p.host_id = ?1"
        "  UNION SELECT o.party_id FROM party_cohosts o WHERE o.user_id = ?1"
        "  UNION SELECT a.party_id FROM party_attendees a WHERE a.user_id = ?1"
        " AND a.status IN ('GOING', 'MAYBE')"
        "  UNION SELECT e.id FROM partyline_reads w JOIN chat_rooms k ON k.id = w.room_id"
        "   JOIN party_events e ON e.id = k.party_id WHERE w.user_id = ?1 AND NOT e.is_private) t"
        " JOIN chat_rooms r ON r.party_id = t.party_id JOIN partyline_rooms n ON n.room_id = r.id"
        " LEFT JOIN partyline_reads d ON d.user_id = ?1 AND d.room_id = r.id"
        " ORDER BY n.last_at DESC, r.id LIMIT ?2",
        db_args(db_text(user_id), db_int(max)), on_room, &w);
}
