/* What the files of presence share. */
#ifndef APP_PRESENCE_PRESENCE_INT_H
#define APP_PRESENCE_PRESENCE_INT_H

#include "sio/inbox.h"
#include "app/presence/presence.h"
#include "app/presence/presence_news.h"

/* "presence:<user id>" with a 0 byte: those in it watch the user. */
#define PRESENCE_ROOM_MAX (9 + 128 + 1)
void presence_room(sio_str user_id, char out[PRESENCE_ROOM_MAX]);

/* Sockets whose users' follows are still to be read, on one loop. */
typedef struct presence_follows {
    list     waiting;
    unsigned n;          /* of them */
    unsigned busy;       /* jobs under way */
    bool     collecting; /* a timer asks for those who came until then */
    bool     paused;     /* the database could not: a timer goes on */
} presence_follows;

/* What one loop owns. */
typedef struct presence_loop {
    inbox            inbox;
    app             *a;
    presence_store  *store;
    presence_news   *news;
    bool             ticking;
    bool             flushing; /* what changed is told in the next turn */
    presence_follows follows;
} presence_loop;

typedef struct presence {
    app          *a;
    uint64_t      key[2]; /* of inbox_owner */
    unsigned      n;
    presence_loop loop[];
} presence;

presence_loop *presence_owner(app *a, sio_str user_id);
/* What a loop owns, with its loop's number; 0, SIO_ENOMEM. And its end, with all that waits in it. */
int  presence_loop_init(presence_loop *l, app *a, unsigned index);
void presence_loop_fini(presence_loop *l);

/* Reports to the user's loop. */
typedef enum presence_report { PRESENCE_OPENS, PRESENCE_CLOSES, PRESENCE_CHOOSES,
                               PRESENCE_VANISHES } presence_report;
void presence_send(sio_socket *s, presence_report what, enum presence_status status);

/* A question on its way through the owners of its users (presence_look.c). */
typedef struct presence_question presence_question;
void presence_question_visit(presence_question *q, presence_loop *l);
void presence_question_drop(presence_question *q);
/* Every message of a presence inbox begins so: a report, or a question. */
typedef struct presence_message {
    inbox_item         item;
    presence_question *question; /* NULL: a report */
} presence_message;

/* Lets the socket watch those its user follows, as soon as the database has answered. */
void presence_follow_start(sio_socket *s);
void presence_follows_fini(presence_follows *f);

#endif
