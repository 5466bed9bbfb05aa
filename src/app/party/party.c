/* What the event bus tells the viewers of a party. */
#include "app/party/party.h"
#include "app/party/party_int.h"

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

int party_status_changed(app *a, sio_str party_id, sio_str status)
{
    party_room room;
    int err = party_room_init(&room, party_id);

    if (err < 0 || !is_status(status))
        return err < 0 ? err : SIO_EINVAL;
    return sio_emit(sio_to(a->ns, room.name), out_party_status_changed, sio_obj("partyId", party_id, "status", status));
}

int party_set_live(app *a, sio_str party_id)
{
    return party_status_changed(a, party_id, sio_str_z(party_status_names[PARTY_LIVE]));
}

int party_media_added(app *a, sio_str party_id, sio_val media)
{
    party_room room;
    int err = party_room_init(&room, party_id);

    if (err < 0)
        return err;
    return sio_emit(sio_to(a->ns, room.name), out_party_new_media, sio_obj("partyId", party_id, "media", media));
}
