/* The parties a socket watches: as long as it is connected it counts in each of them. */
#include "app/party/party_int.h"

#include <stdlib.h>

typedef struct party_watch {
    struct party_watch *next;
    sio_str             id;
    char                text[];
} party_watch;

static party_watch **find(sio_socket *s, sio_str party_id)
{
    party_watch **at = &app_session_of(s)->party.watched;

    while (*at && !sio_str_eq((*at)->id, party_id))
        at = &(*at)->next;
    return at;
}

bool party_is_watched(sio_socket *s, sio_str party_id) { return *find(s, party_id) != NULL; }

int party_watch_add(sio_socket *s, sio_str party_id)
{
    app_session *me = app_session_of(s);
    party_watch *w;

    if (me->watched == PARTY_WATCH_MAX)
        return SIO_ELIMIT;
    w = malloc(sizeof(*w) + party_id.n);
    if (!w)
        return SIO_ENOMEM;
    w->id = (sio_str){w->text, party_id.n};
    memcpy(w->text, party_id.p, party_id.n);
    w->next = me->party.watched;
    me->party.watched = w;
    me->watched++;
    return 0;
}

void party_watch_remove(sio_socket *s, sio_str party_id)
{
    party_watch **at = find(s, party_id), *w = *at;

    if (!w)
        return;
    *at = w->next;
    app_session_of(s)->watched--;
    free(w);
}

void party_session_free(app_session *session)
{
    for (party_watch *w = session->party.watched, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    session->party.watched = NULL;
}

static void report_all(sio_socket *s, party_report what)
{
    for (party_watch *w = app_session_of(s)->party.watched; w; w = w->next)
        party_send(app_of(s), what, w->id, app_session_of(s)->user, sio_id_of(s), NULL, NULL);
}

/* A client recovered from another server brings its rooms along, but not the list. */
static void watch_rooms(sio_socket *s)
{
    sio_str room;

    for (size_t i = 1; (room = sio_room_at(s, i)).p; i++)
        if (room.n > 6 && memcmp(room.p, "party:", 6) == 0) {
            sio_str id = {room.p + 6, room.n - 6};

            if (!party_is_watched(s, id))
                party_watch_add(s, id);
        }
}

void party_came(sio_socket *s)
{
    if (sio_recovered(s))
        watch_rooms(s);
    report_all(s, PARTY_COMES);
}

/* When the server stops, everybody goes: there is nobody to tell. */
void party_goes(sio_socket *s, const char *reason)
{
    /* What is under way belongs to this connection, not to a recovered one. */
    app_session_of(s)->party.joining = NULL;
    if (strcmp(reason, "server shutting down") != 0)
        report_all(s, PARTY_GOES);
}
