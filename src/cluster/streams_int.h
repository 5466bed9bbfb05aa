/* The streams adapter: broadcasts are entries of a Redis stream that every server reads, its own included.
 * So all servers deliver in one order, and the id of an entry is a position from which a client can go on,
 * on any server.
 *
 *   streams.c          the adapter; what is published, from any thread
 *   streams_lane.c     one stream: entries on their way into it, and back
 *   streams_read.c     reading it
 *   streams_restore.c  sessions, and what was missed
 *
 * A `lane` is one stream. What this server publishes waits there (`outgoing`) until it is read back, and
 * is delivered then, with its id. While Redis is away, or slow, it is delivered without one, and kept to
 * be added later. All on loop 0. */
#ifndef CLUSTER_STREAMS_INT_H
#define CLUSTER_STREAMS_INT_H

#include "cluster/talk_int.h"

#define STREAMS_MAX      256           /* of them, at most (streamCount) */
#define STREAMS_STALL_MS 2000          /* who waits longer to be read back is delivered without a position */
#define STREAMS_TICK_MS  500
#define STREAMS_RETRY_MS 1000          /* after an error of Redis */
#define STREAMS_CATCH_UP 1000          /* rounds of reading for one client that comes back */

typedef struct streams    streams;
typedef struct streams_ns streams_ns;

/* One entry of ours, from its publishing until it was read back. */
typedef struct outgoing {
    list             link;             /* in lane.pending, in order; in no list once it was seen */
    struct outgoing *next;             /* before loop 0 has it */
    streams_ns      *ns;
    uint64_t         since;            /* loop_now when loop 0 got it */
    message_at       at;               /* its id, when replied */
    message_type     type;
    bool             others;           /* this server's sockets are served */
    bool             is_volatile;
    bool             sent, replied;    /* XADD is under way; has been answered */
    bool             uncertain;        /* Redis was lost before the answer: it may be in the stream */
    bool             delivered, seen;  /* to this server's sockets; read back */
    size_t           n;
    char             data[];
} outgoing;

typedef struct lane {
    streams   *s;
    char      *name;                   /* of the stream */
    redis     *reader;                 /* a connection of its own: it waits in XREAD */
    message_at at;                     /* the last entry that was read */
    message_at asked;                  /* the one we asked for when the reader was back: is it still there? */
    message_at target;                 /* the last one when Redis was back: beyond it nothing is uncertain */
    bool       positioned, targeted;   /* `at`, `target` are known */
    bool       caught_up;              /* nothing is uncertain: entries may be added */
    bool       reader_up, reading;
    bool       stalled;
    bool       listen_only;            /* we add nothing there */
    list       pending;                /* outgoing */
    list       comebacks;              /* clients that saw more on another server than this one has read */
    loop_timer timer;                  /* stalls, while something waits */
    loop_timer retry;
} lane;

struct streams {
    talk                      talk;
    lane                    **lane;
    unsigned                  nlanes;  /* the first stream_count are those all servers read */
    bool                      up;      /* both common connections */
    bool                      draining; /* the inbox is being emptied */
    _Atomic(struct outgoing *) inbox;  /* newest first */
    atomic_size_t             queued;  /* bytes of all outgoings */
    redis_script              take;    /* a session, once */
};

struct streams_ns {
    talk_ns  talk;
    unsigned lane;                     /* where its entries go */
    int      deaf;                     /* the stream with a sign that only the reference writes to;
                                        * 0 = none */
};

/* ---- streams_lane.c ---- */

/* NULL without memory or when the URL is no good. */
lane    *lane_new(streams *s, char *name, bool listen_only);
/* When no loop runs any more. */
void     lane_free(lane *l);
/* An entry to be added; takes it. */
void     lane_add(lane *l, outgoing *o);
/* Whether that only means to add it. */
bool     lane_is_open(const lane *l);
void     lane_up(lane *l);             /* the common connections are there; are gone */
void     lane_down(lane *l);
/* An entry of our own was read; delivers it when that was not done before. */
void     lane_read_back(lane *l, streams_ns *ns, message_at at, sio_str id, sio_str type, sio_str data);
/* Reading has moved on. */
void     lane_moved(lane *l);
void     outgoing_free(streams *s, outgoing *o);
lane    *lane_of(const streams_ns *ns);

/* ---- streams_read.c ---- */

typedef struct stream_entry {
    message_at at;
    sio_str    id, uid, nsp, type, data; /* p NULL: absent */
} stream_entry;
/* False when it is none. */
bool     stream_entry_of(const resp_val *v, stream_entry *e);
/* Waits for entries behind lane.at, unless it does already or cannot. */
void     lane_read(lane *l);
/* Asks, ahead of the next reading, whether something was lost since the last one. */
void     lane_check(lane *l);

/* ---- streams_restore.c ---- */

/* Reading has moved on; who waits for that waits in vain. */
void     restore_moved(lane *l);
void     restore_give_up(lane *l);
/* For sio_adapter_ops as they stand. */

void     streams_persist(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str id, const sio_str *rooms,
                         unsigned nrooms, sio_str data, uint32_t keep_ms);
void     streams_restore(sio_adapter *a, sio_ns *ns, sio_str pid, sio_str offset, sio_restored *r);

#endif
