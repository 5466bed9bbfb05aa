/* What the files of bus share. Everything is on loop 0. */
#ifndef APP_BUS_BUS_INT_H
#define APP_BUS_BUS_INT_H

#include "app/api/api_act.h"
#include "app/bus/bus.h"
#include "base/buf.h"
#include "redis/redis.h"

#define BUS_EVENT_MAX (256u << 10) /* bytes of an event */
#define BUS_TEXT_MAX  256          /* of a reason */

typedef struct bus_stream bus_stream;
typedef struct bus_queue  bus_queue;

typedef struct bus {
    app        *a;
    redis      *channel;   /* subscribed */
    bus_stream *stream;
    bus_queue  *queue;
    unsigned    under_way; /* events of the channel that are being done */
    int64_t     said_ms;   /* when a refusal was logged last */
} bus;

/* Counts a refusal; true when it may be logged, too: at most one a second, since one mistake
 * makes thousands. */
bool bus_refused_says(bus *b);

/* ---- events (bus_event.c) ---- */

typedef enum bus_way { BUS_CHANNEL, BUS_STREAM } bus_way;

/* Understood, and ready to be done. */
typedef struct bus_event {
    api_act act;
    buf     body;
    char    key[API_ACT_KEY_MAX];
} bus_event;

/* Reads one; `entry` is the id of a stream's entry, n 0 from the channel. NULL, or why not (static).
 * bus_event_fini in both cases. */
const char *bus_event_read(bus_event *e, sio_str json, bus_way way, sio_str entry);
/* The same from an entry's fields. */
const char *bus_event_fields(bus_event *e, sio_str type, sio_str payload, sio_str id, sio_str entry);
/* The same from a job of the queue: `notification`, `party-event`, `emit`. data was checked to be JSON. */
const char *bus_event_job(bus_event *e, sio_str name, sio_str data, sio_str id);
void        bus_event_fini(bus_event *e);

/* What an answer says was wrong: "payload.partyId is missing". */
void        bus_reason(int status, sio_str answer, char out[BUS_TEXT_MAX]);

/* ---- the stream (bus_stream.c) ---- */

int  bus_stream_new(bus_stream **out, bus *b);
void bus_stream_free(bus_stream *s); /* NULL is allowed */

/* ---- the queue (bus_queue.c) ---- */

int  bus_queue_new(bus_queue **out, bus *b);
void bus_queue_free(bus_queue *q); /* NULL is allowed; after its keeper was freed */

#endif
