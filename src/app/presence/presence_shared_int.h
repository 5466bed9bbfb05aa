/* What the files of the shared store have in common. */
#ifndef APP_PRESENCE_PRESENCE_SHARED_INT_H
#define APP_PRESENCE_PRESENCE_SHARED_INT_H

#include "app/batch.h"
#include "app/presence/presence_leave.h"
#include "app/presence/presence_scan.h"
#include "base/list.h"
#include "base/map.h"

#define SOCKET_ID_MAX 20

/* A socket of a member. Redis is to have it while it is wanted. */
typedef struct tie {
    char    id[SOCKET_ID_MAX];
    uint8_t id_len;
    bool    closed : 1;  /* it stays wanted while it is the last one and there is grace */
    bool    wanted : 1;
    bool    written : 1; /* Redis has it, or may have it */
    bool    leaving : 1; /* being taken out */
    bool    moved : 1;   /* it was recovered, perhaps from another server */
} tie;

/* How a member stands: changed since written; to be written again; being written; as Redis has it. */
typedef enum member_list { MEMBERS_DUE, MEMBERS_STALE, MEMBERS_BUSY, MEMBERS_KEPT, MEMBER_LISTS } member_list;

/* A user with sockets here, or one whose going is being written. */
typedef struct member {
    list         link;    /* in one of the lists of the store */
    struct presence_shared *s;
    batch        b;
    tie         *ties;
    unsigned     nties, cap;
    int64_t      status_wall; /* when it was chosen, or the user came */
    int64_t      seen_wall;   /* when the last socket came */
    presence_seen gone;   /* !here: how the user went */
    unsigned     session;     /* of the store: when all of it was written */
    uint32_t     id_len;
    member_list  in : 8;
    enum presence_status status : 8, answer : 8;
    bool         here;    /* as the memory store says */
    bool         fresh;   /* came, and is not in Redis yet */
    bool         said;    /* fresh: announced all the same, as Redis could not be asked */
    bool         chosen;  /* the status is the user's choice and not in Redis yet */
    bool         writing_choice; /* it is on its way there */
    bool         touched; /* Redis may have something of the user */
    bool         found;   /* known from the register alone: that the user is gone was said before */
    bool         repair;  /* being written although nothing changed: newer times win */
    bool         changed; /* while being written: once more */
    bool         was_new; /* answer: nobody of the user was there */
    char         id[];
} member;

typedef struct presence_shared {
    presence_store  face;
    presence_shared_options o;
    presence_store *local;
    redis          *r;       /* NULL: not to be used now */
    redis_script    status;
    map             members;
    list            lists[MEMBER_LISTS]; /* each with the longest in it first */
    unsigned        n[MEMBER_LISTS];
    bool            quiet;   /* what the memory store says is no news */
    bool            paused;  /* Redis refused: a pause before the next try */
    bool            pumping;
    presence_scan   own;     /* of our register */
    bool            sweeping, sweep_again;
    unsigned        session; /* counts presence_shared_up */
    uint64_t        warned;  /* loop_now of the last warning, plus 1; 0: there was none */
    loop_timer      audit, resume;
    char            key[PRESENCE_REGISTER_MAX], code[8];
} presence_shared;

static inline presence_shared *shared_of(presence_store *s) { return container_of(s, presence_shared, face); }
static inline sio_str member_id(const member *m) { return (sio_str){m->id, m->id_len}; }
static inline sio_str tie_id(const tie *t) { return (sio_str){t->id, t->id_len}; }

/* presence_shared.c */
member *presence_member(const presence_shared *s, sio_str user);
void presence_announce(presence_shared *s, const member *m, enum presence_status before, sio_str chosen_by);
void presence_member_free(presence_shared *s, member *m);
/* Puts the member at the end of a list; those that are due or stale get their turn with presence_pump. */
void presence_member_to(presence_shared *s, member *m, member_list to);
/* The status that others have set: the memory store learns it, nobody is told. */
void presence_member_adopt(presence_shared *s, member *m, enum presence_status status);
/* A socket that the register has: if it is not there any more, its user is written, and it leaves. */
void presence_member_found(presence_shared *s, const presence_entry *e);

/* presence_write.c */
void presence_pump(presence_shared *s);
/* Looks for what Redis has of sockets that are gone. */
void presence_sweep_own(presence_shared *s);
void presence_on_audit(loop_timer *t);
void presence_on_resume(loop_timer *t);

/* presence_shared_look.c */
void presence_shared_look(presence_store *s, const sio_str *users, unsigned n, presence_seen *out,
                          void (*done)(void *arg, int err), void *arg);

#endif
