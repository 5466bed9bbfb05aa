/* What the event bus tells the viewers of a party, and the beginning and end of it all. */
#include "app/party/party.h"
#include "app/party/party_int.h"
#include "base/rand.h"

#include <stdlib.h>

int party_room_init(party_room *r, sio_str id)
{
    if (id.n > PARTY_ID_MAX)
        return SIO_ETOOBIG;
    memcpy(r->text_, "party:", 6);
    memcpy(r->text_ + 6, id.p, id.n);
    r->id = (sio_str){r->text_ + 6, id.n};
    r->name = (sio_str){r->text_, 6 + id.n};
    return 0;
}

static bool is_status(sio_str text)
{
    for (int i = 0; party_status_names[i]; i++)
        if (sio_str_eq(text, sio_str_z(party_status_names[i])))
            return true;
    return false;
}

int party_tell_status(sio_target to, sio_str party_id, sio_str status)
{
    party_room room;
    int err = party_room_init(&room, party_id);

    if (err < 0 || !is_status(status))
        return err < 0 ? err : SIO_EINVAL;
    return sio_emit(sio_to(to, room.name), out_party_status_changed,
                    sio_obj("partyId", party_id, "status", status));
}

int party_tell_media(sio_target to, sio_str party_id, sio_val media)
{
    party_room room;
    int err = party_room_init(&room, party_id);

    if (err < 0)
        return err;
    return sio_emit(sio_to(to, room.name), out_party_new_media,
                    sio_obj("partyId", party_id, "media", media));
}

/* ---- life ------------------------------------------------------------------------------------------ */

int party_attach(app *a)
{
    unsigned n = sio_server_loops(a->io);
    party *p = calloc(1, sizeof(*p) + n * sizeof(p->loop[0]));
    int err = 0;

    if (!p)
        return SIO_ENOMEM;
    a->party = p;
    rand_bytes(p->key, sizeof(p->key));
    for (; p->n < n && err == 0; p->n++)
        err = party_loop_init(&p->loop[p->n], a, p->n);
    if (err == 0)
        err = app_on(a, party_join, party_on_join);
    return err < 0 ? err : app_on(a, party_leave, party_on_leave);
}

void party_detach(app *a)
{
    party *p = a->party;

    for (unsigned i = 0; p && i < p->n; i++)
        party_loop_fini(&p->loop[i]);
    free(p);
    a->party = NULL;
}
