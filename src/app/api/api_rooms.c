/* Chat rooms: histories, members. */
#include "app/api/api_rooms.h"
#include "app/chat/chat_store.h"

#include <stdio.h>
#include <stdlib.h>

static int no_room(api_call *k, int err)
{
    return err == SIO_ENOENT ? api_refuse(k, 404, "There is no such room") : err;
}

/* ---- messages --------------------------------------------------------------------------------------- */

int messages_check(api_call *k)
{
    if (k->p.before >= 0 && k->p.after >= 0)
        return api_fault(k, "after", "excludes before");
    return 0;
}

static int messages_answer(api_call *k)
{
    sio_val list;
    int err = chat_pages_val(k->pages, &list);

    if (err == 0)
        err =
            api_meta(k, sio_obj("more", chat_pages_more(k->pages), "lastSeq", chat_pages_last_seq(k->pages)));
    return err < 0 ? err : api_data(k, list);
}

/* Messages that the REST backend wrote get their numbers first, which only a write job can do. */
int messages_run(api_call *k, db_conn *c)
{
    unsigned limit = k->p.limit > 0 ? (unsigned)k->p.limit : 50;
    bool unfilled, was_write = k->as_write;
    int err = 0;

    if (!k->pages && !(k->pages = chat_pages_new()))
        return SIO_ENOMEM;
    if (k->as_write)
        err = chat_pages_fill(k->pages, c, k->p.room_id);
    if (err == 0)
        err = chat_pages_read(k->pages, c, k->p.room_id, k->p.before, k->p.after, limit, &unfilled);
    if (err < 0)
        return no_room(k, err);
    if (unfilled && was_write) /* somebody wrote meanwhile, again */
        return SIO_ETIMEOUT;
    k->as_write = k->as_write || unfilled;
    return unfilled ? 0 : messages_answer(k);
}

void messages_publish(api_call *k)
{
    if (k->as_write)
        chat_pages_tell(k->pages, k->a, k->p.room_id);
}

/* ---- rooms ------------------------------------------------------------------------------------------ */

static int room_answer(api_call *k)
{
    const api_room *r = &k->room;
    char created[APP_ISO_SIZE];

    app_iso(r->created_ms, created);
    return api_data(k, sio_obj("id", (const char *)r->id, "partyId", (const char *)r->party_id, "hostId",
                               (const char *)r->host_id, "isPrivate", r->is_private, "createdAt",
                               (const char *)created));
}

int make_room_run(api_call *k, db_conn *c)
{
    bool made;
    int err = api_store_make_room(c, k->p.party_id, k->now_ms, &k->room, &made);

    if (err == SIO_ENOENT)
        return api_refuse(k, 404, "There is no such party");
    if (!made)
        k->status = 200;
    return err < 0 ? err : room_answer(k);
}

int room_run(api_call *k, db_conn *c)
{
    int err = api_store_room(c, k->p.room_id, &k->room);

    return err < 0 ? no_room(k, err) : room_answer(k);
}

/* ---- members ---------------------------------------------------------------------------------------- */

typedef struct member_list {
    buf     *out;
    unsigned n, limit;
    bool     more;
    char     last[API_ID_MAX + 1];
} member_list;

static int on_member(void *ctx, const api_member *m)
{
    member_list *l = ctx;
    int err;

    if (l->n == l->limit) {
        l->more = true;
        return 1;
    }
    err = l->n++ ? buf_putc(l->out, ',') : 0;
    if (err == 0)
        err = api_add(l->out, sio_obj("userId", m->user_id, "role", m->role, "status", m->status));
    snprintf(l->last, sizeof(l->last), "%.*s", (int)m->user_id.n, m->user_id.p);
    return err;
}

int members_run(api_call *k, db_conn *c)
{
    member_list l = {.out = &k->data, .limit = k->p.limit > 0 ? (unsigned)k->p.limit : 50};
    int err = api_store_room(c, k->p.room_id, &k->room);

    if (err < 0)
        return no_room(k, err);
    err = buf_putc(&k->data, '[');
    if (err == 0)
        err = api_store_members(c, sio_str_z(k->room.party_id), k->p.before_id, l.limit + 1, on_member, &l);
    if (err == 0)
        err = buf_putc(&k->data, ']');
    return err < 0 || !l.more ? err : api_meta(k, sio_obj("next", (const char *)l.last));
}

int put_member_check(api_call *k)
{
    return k->refused || k->p.role >= 0 || k->p.status >= 0 ? 0
                                                            : api_fault(k, "", "needs role, status or both");
}

/* Whether the user may no longer enter, after what was just done. */
static int look_at_door(api_call *k, db_conn *c)
{
    chat_door d;
    int err = chat_store_door(c, k->p.room_id, k->p.user_id, &d);

    k->expelled = err == 0 && !d.allowed;
    return err;
}

int put_member_run(api_call *k, db_conn *c)
{
    const api_args *p = &k->p;
    sio_str party_id;
    int err = api_store_room(c, p->room_id, &k->room);

    if (err < 0)
        return no_room(k, err);
    party_id = sio_str_z(k->room.party_id);
    if (p->role >= 0)
        err = api_store_set_role(c, party_id, p->user_id, sio_str_z(api_role_names[p->role]), k->now_ms);
    if (err == 0 && p->status >= 0)
        err = api_store_set_status(c, party_id, p->user_id, sio_str_z(api_rsvp_names[p->status]), k->now_ms);
    if (err == SIO_ENOENT)
        return api_refuse(k, 404, "There is no such user");
    if (err == 0)
        err = look_at_door(k, c);
    return err < 0 ? err : api_data(k, sio_obj("userId", p->user_id, "mayEnter", (bool)!k->expelled));
}

int delete_member_run(api_call *k, db_conn *c)
{
    bool removed;
    int err = api_store_room(c, k->p.room_id, &k->room);

    if (err < 0)
        return no_room(k, err);
    if (sio_str_eq(k->p.user_id, sio_str_z(k->room.host_id)))
        return api_refuse(k, 409, "The host cannot be taken off");
    err = api_store_remove(c, sio_str_z(k->room.party_id), k->p.user_id, &removed);
    if (err == 0)
        err = look_at_door(k, c);
    return err < 0 ? err
                   : api_data(k, sio_obj("userId", k->p.user_id, "removed", removed, "mayEnter",
                                         (bool)!k->expelled));
}

/* Who may no longer enter hears nothing more of the room, nor of the party as a viewer. */
void member_publish(api_call *k)
{
    char user[5 + 128 + 1], room[5 + 128 + 1], party[6 + 128 + 1];

    if (!k->expelled)
        return;
    snprintf(user, sizeof(user), "user:%.*s", (int)k->p.user_id.n, k->p.user_id.p);
    snprintf(room, sizeof(room), "room:%s", k->room.id);
    snprintf(party, sizeof(party), "party:%s", k->room.party_id);
    sio_sockets_leave(sio_to(k->a->ns, (const char *)user), (const char *)room);
    sio_sockets_leave(sio_to(k->a->ns, (const char *)user), (const char *)party);
}
