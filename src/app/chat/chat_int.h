/* What the files of chat share. */
#ifndef APP_CHAT_CHAT_INT_H
#define APP_CHAT_CHAT_INT_H

#include "app/chat/chat.h"
#include "app/chat/chat_store.h"

#define CHAT_ROOM_MAX 64 /* bytes of a room id; Prisma's have 25 or 36 */

/* ---- rooms ------------------------------------------------------------------------------------------ */

/* The Socket.IO room of a chat room. */
typedef struct chat_room {
    sio_str id;                          /* as the client gave it */
    sio_str name;                        /* "room:<id>", a view into text_ */
    char    text_[5 + CHAT_ROOM_MAX];
} chat_room;
void chat_room_init(chat_room *r, sio_str id);

/* Events for a room whose join is still being checked wait for the answer, so that what one client sends
 * takes effect in the order sent. True when `in` was put aside: fn will be called with it, or it was
 * refused. */
bool chat_park(sio_socket *s, sio_in *in, sio_str room_id, sio_event_fn *fn);
/* Refuses unless the socket has joined. */
bool chat_is_member(sio_socket *s, sio_in *in, const chat_room *r);
/* chat:user_joined and chat:user_left {userId, roomId, timestamp}, to the others in the room. */
void chat_tell_others(sio_socket *s, const char *event, const chat_room *r);
/* The socket leaves, if it is in, and the others hear of it. */
void chat_leave(sio_socket *s, const chat_room *r);

/* ---- messages as values ----------------------------------------------------------------------------- */

/* A message as clients see it. The value is a view of this struct and of the message. */
typedef struct chat_val {
    sio_val item[34], sender[6], reply[12];
    char    created_at[APP_ISO_SIZE], edited_at[APP_ISO_SIZE], deleted_at[APP_ISO_SIZE];
    sio_val reaction[CHAT_EMOJIS_MAX], reaction_item[CHAT_EMOJIS_MAX][6];
} chat_val;
sio_val chat_val_make(chat_val *v, const chat_message *m);

/* The messages of a page as one value. */
typedef struct chat_list {
    sio_val   val; /* the array */
    sio_val  *items_;
    chat_val *vals_;
} chat_list;
int  chat_list_init(chat_list *l, const chat_page *p); /* 0, SIO_ENOMEM; the page must live as long */
void chat_list_fini(chat_list *l);                     /* a zeroed one is allowed */

/* Texts of people: halves of surrogate pairs become U+FFFD. 0 or SIO_ENOMEM; memory is the event's. */
int  chat_text_mend(sio_in *in, sio_str *s);
bool chat_has_nul(sio_str s);
/* Whether the text of a message is as short as CHAT_MAX_CONTENT wants it; if not, the event has
 * been refused. */
bool chat_content_fits(sio_socket *s, sio_in *in, sio_str content);

/* ---- a room's log as its members hear it ------------------------------------------------------------- */

typedef enum chat_event { CHAT_NEW_MESSAGE, CHAT_EDITED, CHAT_DELETED, CHAT_REACTION,
                          CHAT_NEVENTS } chat_event;
extern const char *const chat_event_names[CHAT_NEVENTS];
/* Which of them is called so; CHAT_NEVENTS: none, so it has no place in the log. */
chat_event chat_event_of(sio_str name);

/* An edit, deletion or reaction as an event. The value is a view of this struct and of the change. */
typedef struct chat_change_val {
    sio_val item[14];
    char    at[APP_ISO_SIZE];
} chat_change_val;
/* `added` is for reactions. */
sio_val chat_change_val_make(chat_change_val *v, chat_event event, const chat_change *ch, bool added);

/* Any thread, in the order of the commits: to all members of the room, wherever they are. In a cluster the
 * members on this server get it when everything before it has come (chat_relay.c). */
void chat_tell(sio_ns *ns, const chat_room *room, chat_event event, int64_t seq, sio_val payload);
/* A socket has entered the room, and its history will be read from now on; when it was found that it may, the
 * room's log went up to seq. Nothing that comes after that may be missing. */
void chat_tell_from(app *a, const chat_room *room, int64_t seq);
int  chat_relay_attach(app *a); /* 0, SIO_ENOMEM; nothing happens without a cluster */
void chat_relay_detach(app *a);

/* ---- messages that others wrote ---------------------------------------------------------------------- */

typedef struct chat_filler {
    int64_t    from_ms; /* where the next step starts; a step that is run again starts there again */
    chat_fill  step;    /* the last one */
    chat_page *page;    /* what the room has to be told */
} chat_filler;
void chat_filler_fini(chat_filler *f);
/* Inside a write job. One step from f->from_ms / all steps that `d` asks for. */
int  chat_filler_step(chat_filler *f, db_conn *c, sio_str room_id);
/* Behind a step: whether there is another one, which starts where that one ended. */
bool chat_filler_more(chat_filler *f);
int  chat_filler_all(chat_filler *f, db_conn *c, sio_str room_id, const chat_door *d, int64_t now_ms);
/* Inside `committed`: chat:new_message for each, when the room was in use before. */
void chat_filler_tell(const chat_filler *f, sio_ns *ns, sio_str room_id);

/* ---- operations: an event, a database job, an answer ------------------------------------------------- */

typedef struct chat_op chat_op;

/* One kind of operation. Offsets are those of the struct that has the chat_op as its first member. */
typedef struct chat_op_kind {
    size_t            size;
    const char       *fault;              /* message when the server failed */
    const sio_field *(*fields)(void);     /* of the payload; NULL: it is not looked at */
    size_t            payload_at;
    size_t            room_at;            /* of the payload's room_id; 0: there is none */
    sio_event_fn     *handler;            /* itself, for events that wait for a join */
    bool              member;             /* refused to sockets that have not joined */
    bool              write;
    void            (*init)(chat_op *o);  /* optional: before the payload is read */
    int             (*check)(chat_op *o); /* optional: after it; below 0 when it was refused or put aside */
    int             (*run)(chat_op *o, db_conn *c);
    void            (*committed)(chat_op *o); /* optional */
    void            (*answer)(chat_op *o);
    void            (*fini)(chat_op *o);      /* optional */
} chat_op_kind;

struct chat_op {
    db_job              job;
    const chat_op_kind *kind;
    sio_ns             *ns;
    sio_socket         *socket;  /* pinned by in */
    sio_in             *in;      /* kept; the payload's texts live in it */
    app_user           *user;    /* held */
    chat_room           room;
    sio_id              sid;     /* for sio_except: the others of the user's devices */
    int64_t             now_ms;
    bool                demo;
    chat_door           door;
    const char         *code, *message; /* set by run: it is refused */
    bool                expelled; /* set by run: the user may not be in the room any more */
    /* What the room `fill_room` has without numbers: found by a read job, done by a write job, then the read
     * job runs again. A write job does it by itself. */
    chat_filler         fill;
    sio_str             fill_room;
    bool                unfilled;
    unsigned            fills;
};

/* The whole way of an event: reads the payload, waits for a join under way, wants membership, runs the job,
 * answers. */
void chat_op_go(sio_socket *s, sio_in *in, const chat_op_kind *kind);
/* Inside run, and its last words: refused. */
int  chat_op_no(chat_op *o, const char *code, const char *message);
/* Inside run: fills o->door for the room; refuses strangers. Messages without numbers get them first: a
 * write job goes on, a read job must return when o->unfilled is set. 0 or an error to return. */
int  chat_op_door(chat_op *o, db_conn *c, sio_str room_id);

/* ---- typing ------------------------------------------------------------------------------------------ */

int  chat_typing_attach(app *a); /* 0, SIO_ENOMEM */
void chat_typing_detach(app *a);
/* The socket no longer types in the room (all rooms: NULL); others hear of it if it did. */
void chat_typing_stop(sio_socket *s, const chat_room *r);

/* ---- the handlers, one file each ---------------------------------------------------------------------- */

void chat_on_join(sio_socket *s, sio_in *in);
void chat_on_message(sio_socket *s, sio_in *in);
void chat_on_typing(sio_socket *s, sio_in *in);
void chat_on_history(sio_socket *s, sio_in *in);
void chat_on_sync(sio_socket *s, sio_in *in);
void chat_on_edit(sio_socket *s, sio_in *in);
void chat_on_delete(sio_socket *s, sio_in *in);
void chat_on_react(sio_socket *s, sio_in *in);
void chat_on_unreact(sio_socket *s, sio_in *in);
void chat_on_read(sio_socket *s, sio_in *in);
void chat_on_unread(sio_socket *s, sio_in *in);
void chat_on_mute(sio_socket *s, sio_in *in);

#endif
