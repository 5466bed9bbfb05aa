#include "app/api/api_store.h"

#include <stdio.h>

/* ---- rooms ------------------------------------------------------------------------------------------ */

typedef struct room_read {
    api_room *r;
    bool      found;
} room_read;

static int text_copy(char out[API_ID_MAX + 1], sio_str s)
{
    if (s.n > API_ID_MAX)
        return SIO_ETOOBIG;
    if (s.n)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 0;
}

static int on_room(void *ctx, const db_row *row)
{
    room_read *f = ctx;
    api_room *r = f->r;

    f->found = true;
    r->created_ms = db_col_time(row, 3);
    r->is_private = db_col_bool(row, 4);
    if (text_copy(r->id, db_col_text(row, 0)) < 0 || text_copy(r->party_id, db_col_text(row, 1)) < 0)
        return SIO_ETOOBIG;
    return text_copy(r->host_id, db_col_text(row, 2));
}

#define ROOM \
    "SELECT r.id, r.party_id, p.host_id, r.created_at, p.is_private FROM chat_rooms r" \
    " JOIN party_events p ON p.id = r.party_id WHERE "

static int room_find(db_conn *c, const char *sql, sio_str id, api_room *r, bool *found)
{
    room_read f = {.r = r};
    int err = db_query(c, sql, db_args(db_text(id)), on_room, &f);

    *found = f.found;
    return err;
}

int api_store_room(db_conn *c, sio_str room_id, api_room *r)
{
    bool found;
    int err = room_find(c, ROOM "r.id = ?1", room_id, r, &found);

    return err < 0 || found ? err : SIO_ENOENT;
}

static int on_there(void *ctx, const db_row *r)
{
    (void)r;
    *(bool *)ctx = true;
    return 0;
}

static int is_party(db_conn *c, sio_str party_id)
{
    bool there = false;
    int err =
        db_query(c, "SELECT 1 FROM party_events WHERE id = ?1", db_args(db_text(party_id)), on_there, &there);

    return err < 0 || there ? err : SIO_ENOENT;
}

int api_store_make_room(db_conn *c, sio_str party_id, int64_t now_ms, api_room *r, bool *made)
{
    char id[CUID_LEN + 1];
    bool found;
    int err = is_party(c, party_id);

    *made = false;
    if (err < 0)
        return err;
    cuid_make(now_ms, id);
    err = db_exec(c,
                  "INSERT INTO chat_rooms (id, party_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT "
                  "(party_id) DO NOTHING",
                  db_args(db_text(sio_str_z(id)), db_text(party_id), db_time(now_ms)));
    *made = err == 0 && db_changes(c) > 0;
    if (err == 0)
        err = room_find(c, ROOM "r.party_id = ?1", party_id, r, &found);
    return err;
}

/* ---- members ---------------------------------------------------------------------------------------- */

typedef struct member_walk {
    api_member_fn *each;
    void          *ctx;
} member_walk;

static int on_member(void *ctx, const db_row *r)
{
    member_walk *w = ctx;
    api_member m = {db_col_text(r, 0), db_col_text(r, 1), db_col_text(r, 2)};

    return w->each(w->ctx, &m);
}

int api_store_members(db_conn *c, sio_str party_id, sio_str after, unsigned max, api_member_fn *each,
                      void *ctx)
{
    member_walk w = {each, ctx};

    return db_query(
        c,
        "SELECT t.user_id, max(t.role), max(t.status) FROM ("
        "  SELECT p.host_id AS user_id, 'HOST' AS role, CAST(NULL AS text) AS status FROM party_events p "
        "WHERE p.id = ?1"
        "  UNION ALL SELECT o.user_id, CAST(o.role AS text), CAST(NULL AS text) FROM party_cohosts o"
        "   JOIN party_events p ON p.id = o.party_id WHERE o.party_id = ?1 AND o.user_id <> p.host_id"
        "  UNION ALL SELECT a.user_id, CAST(NULL AS text), CAST(a.status AS text) FROM party_attendees a"
        "   WHERE a.party_id = ?1) t"
        " WHERE t.user_id > ?2 GROUP BY t.user_id ORDER BY t.user_id LIMIT ?3",
        db_args(db_text(party_id), db_text(after.p ? after : sio_lit("")), db_int(max)), on_member, &w);
}

static int is_user(db_conn *c, sio_str user_id)
{
    bool there = false;
    int err = db_query(c, "SELECT 1 FROM users WHERE id = ?1", db_args(db_text(user_id)), on_there, &there);

    return err < 0 || there ? err : SIO_ENOENT;
}

int api_store_set_role(db_conn *c, sio_str party_id, sio_str user_id, sio_str role, int64_t now_ms)
{
    char id[CUID_LEN + 1];
    int err = is_user(c, user_id);

    cuid_make(now_ms, id);
    return err < 0 ? err : db_exec(c,
        "INSERT INTO party_cohosts (id, party_id, user_id, role) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (party_id, user_id) DO UPDATE SET role = excluded.role",
        db_args(db_text(sio_str_z(id)), db_text(party_id), db_text(user_id), db_text(role)));
}

int api_store_set_status(db_conn *c, sio_str party_id, sio_str user_id, sio_str status, int64_t now_ms)
{
    char id[CUID_LEN + 1];
    int err = is_user(c, user_id);

    cuid_make(now_ms, id);
    return err < 0 ? err : db_exec(c,
        "INSERT INTO party_attendees (id, party_id, user_id, status) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (party_id, user_id) DO UPDATE SET status = excluded.status",
        db_args(db_text(sio_str_z(id)), db_text(party_id), db_text(user_id), db_text(status)));
}

int api_store_remove(db_conn *c, sio_str party_id, sio_str user_id, bool *removed)
{
    int err = db_exec(c, "DELETE FROM party_cohosts WHERE party_id = ?1 AND user_id = ?2",
                      db_args(db_text(party_id), db_text(user_id)));

    *removed = err == 0 && db_changes(c) > 0;
    if (err == 0)
        err = db_exec(c, "DELETE FROM party_attendees WHERE party_id = ?1 AND user_id = ?2",
                      db_args(db_text(party_id), db_text(user_id)));
    *removed = *removed || (err == 0 && db_changes(c) > 0);
    return err;
}

/* ---- answers kept ----------------------------------------------------------------------------------- */

typedef struct kept_read {
    api_kept    *k;
    sio_str      print;
    api_body_fn *body;
    void        *ctx;
} kept_read;

static int on_kept(void *ctx, const db_row *r)
{
    kept_read *f = ctx;

    f->k->found = true;
    f->k->same = sio_str_eq(db_col_text(r, 0), f->print);
    f->k->status = (int)db_col_int(r, 1);
    return f->k->same ? f->body(f->ctx, db_col_text(r, 2)) : 0;
}

int api_store_kept(db_conn *c, sio_str key, sio_str print, int64_t since_ms, api_kept *k, api_body_fn *body,
                   void *ctx)
{
    kept_read f = {k, print, body, ctx};

    *k = (api_kept){.found = false};
    return db_query(
        c, "SELECT print, status, body FROM partyline_idempotency WHERE name = ?1 AND created_at >= ?2",
        db_args(db_text(key), db_time(since_ms)), on_kept, &f);
}

#define DROPPED "20" /* more than come in, so that the old ones get fewer */

int api_store_keep(db_conn *c, sio_str key, sio_str print, int status, sio_str body, int64_t now_ms,
                   int64_t since_ms)
{
    int err = db_exec(
        c,
        "DELETE FROM partyline_idempotency WHERE name IN ("
        "  SELECT name FROM partyline_idempotency WHERE created_at < ?2 ORDER BY created_at LIMIT " DROPPED
        ")"
        " OR (name = ?1 AND created_at < ?2)",
        db_args(db_text(key), db_time(since_ms)));

    return err < 0 ? err
                   : db_exec(c,
                             "INSERT INTO partyline_idempotency (name, print, status, body, created_at) "
                             "VALUES (?1, ?2, ?3, ?4, ?5)",
                             db_args(db_text(key), db_text(print), db_int(status), db_text(body),
                                     db_time(now_ms)));
}
