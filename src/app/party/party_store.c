#include "app/party/party_store.h"

static int on_door(void *ctx, const db_row *r)
{
    party_door *d = ctx;
    sio_str status = db_col_text(r, 0);
    size_t n = status.n < sizeof(d->status) ? status.n : sizeof(d->status) - 1;

    d->exists = true;
    memcpy(d->status, status.p, n);
    d->status[n] = '\0';
    d->allowed = db_col_int(r, 1) != 0;
    return 0;
}

int party_store_door(db_conn *c, sio_str party_id, sio_str user_id, party_door *d)
{
    *d = (party_door){0};
    return db_query(c,
        "SELECT p.status, CASE WHEN NOT p.is_private OR p.host_id = ?2"
        " OR EXISTS (SELECT 1 FROM party_cohosts o WHERE o.party_id = p.id AND o.user_id = ?2)"
        " OR EXISTS (SELECT 1 FROM party_attendees a WHERE a.party_id = p.id AND a.user_id = ?2"
        "  AND a.status IN ('GOING', 'MAYBE')) THEN 1 ELSE 0 END"
        " FROM party_events p WHERE p.id = ?1",
        db_args(db_text(party_id), db_text(user_id)), on_door, d);
}

int party_store_make(db_conn *c, sio_str party_id, sio_str host_id, int64_t now_ms)
{
    int err = db_exec(c,
        "INSERT INTO users (id, firebase_id, email, created_at, updated_at)"
        " VALUES (?1, 'demo:' || ?1, ?1 || '@demo.invalid', ?2, ?2) ON CONFLICT DO NOTHING",
        db_args(db_text(host_id), db_time(now_ms)));

    if (err < 0)
        return err;
    return db_exec(c,
        "INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)"
        " VALUES (?1, ?2, ?1, 'LIVE', ?3, ?4, ?4) ON CONFLICT DO NOTHING",
        db_args(db_text(party_id), db_text(host_id), db_bool(false), db_time(now_ms)));
}
