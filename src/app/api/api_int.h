/* What the files of api share. */
#ifndef APP_API_API_INT_H
#define APP_API_API_INT_H

#include "app/api/api.h"
#include "app/api/api_store.h"
#include "app/chat/chat_pages.h"
#include "app/notify/notify.h"
#include "base/buf.h"
#include "base/list.h"

/* ---- what requests and answers look like ------------------------------------------------------------- */

typedef enum api_type {
    API_END,
    API_ID,      /* sio_str; text of min to max bytes without control characters */
    API_CHARS,   /* sio_str; text of min to max characters, none of them a 0 byte */
    API_INT,     /* int64_t from min to max */
    API_BOOL,    /* bool */
    API_ENUM,    /* int, the index in `choices` */
    API_IDS,     /* sio_str as it stands: ids with commas between them; queries only */
    API_VALUE,   /* sio_val, any JSON of at most max bytes */
    API_ANYS,    /* sio_val, a list of min to max values */
    API_OBJECT,  /* sio_val, with the members `of` */
    API_LIST,    /* sio_val, min to max items with the members `of` */
    API_TIME,    /* answers only: "2026-01-31T12:34:56.789Z" */
    API_TEXT,    /* answers only: any text */
    API_ID_LIST  /* answers only */
} api_type;

/* A member of an object, or a parameter of path or query. Lists of them end with a zeroed one. */
typedef struct api_field {
    const char             *key;     /* "": the body itself */
    const char             *doc;
    api_type                type;
    bool                    required; /* of answers: always there */
    bool                    nullable; /* answers only */
    size_t                  at;      /* in api_args */
    int64_t                 min, max;
    const char *const      *choices; /* NULL-terminated */
    const struct api_field *of;
} api_field;

/* What requests may say, together; absent texts have p NULL. */
typedef struct api_args {
    sio_str room_id, room, user_id, party_id, socket_id, jti, event, title, body, before_id, ids, queue,
        job_id;
    sio_val payload, media, data, args, requests;
    int     type, status, role; /* -1: absent */
    int64_t before, after, limit, from; /* -1: absent */
    bool    everyone;
} api_args;

/* ---- routes ----------------------------------------------------------------------------------------- */

typedef struct api_call api_call;
typedef enum api_db { API_NO_DB, API_READS, API_WRITES } api_db;

typedef struct api_route {
    const char      *method, *path;  /* below /api/v1; "{roomId}" is a parameter */
    const char      *id, *summary;
    const api_field *params;         /* of path and query; NULL: none */
    const api_field *body;           /* NULL: none */
    const api_field *data;           /* of the answer; NULL: it is no envelope */
    bool             data_is_list;
    int              status;         /* when all went well */
    const char      *refusals;       /* more statuses that it may answer, as "404 409" */
    api_db           db;
    /* In this order. check: more than the fields say; negative after api_fault or api_refuse. run: makes the
     * answer, with c inside a job of the kind `db` says, perhaps more than once; NULL for API_NO_DB. publish:
     * for API_NO_DB on a loop, else on the writer's thread, behind the commit. Instead of all: start, which
     * sees to it that api_end is called on this loop. */
    int  (*check)(api_call *k);
    int  (*run)(api_call *k, db_conn *c);
    void (*publish)(api_call *k);
    void (*start)(api_call *k);
} api_route;

extern const api_route api_routes[];
extern const size_t    api_nroutes;

/* The OpenAPI document of the table, appended. 0 or a buf error. */
int api_openapi(buf *out);

/* ---- calls ------------------------------------------------------------------------------------------ */

#define API_PREFIX     "/api/v1"
#define API_ANSWER_MAX (4u << 20)
#define API_KEY_MAX    128 /* bytes of an Idempotency-Key */
#define API_BATCH_MAX  50

/* A request on its way to its answer. Belongs to one loop; while a job runs, to the job. */
struct api_call {
    db_job           job;
    app             *a;
    const api_route *route;  /* NULL when nothing answers to the path */
    api_args         p;
    char            *text, *at; /* the request's bytes, and room for unescaped texts */
    sio_str          body;
    sio_str          key;    /* Idempotency-Key; n 0: none */
    char             print[API_PRINT_LEN + 1]; /* of the request, to know it again */
    int64_t          now_ms;
    int              status;
    char             message[160];
    char             headers[160]; /* more header lines of the answer */
    buf              errors; /* JSON objects with commas between them */
    buf              data, meta; /* JSON */
    buf              answer; /* the whole body */
    bool             ran, replayed, as_write;
    bool             here;    /* emits reach this server's clients only */
    bool             refused; /* api_refuse said why */
    bool             ended;   /* the server has ended: done is to free, and nothing else */
    unsigned         home;    /* while it is published elsewhere: the loop it belongs to */
    list             link;    /* in a->api */
    /* Where the answer goes. */
    void           (*done)(api_call *k, void *arg);
    void            *arg;
    /* Of single routes. */
    notify_note      note;
    char             id_text[CUID_LEN + 1];
    api_room         room;
    bool             expelled;
    chat_pages      *pages;
    void            *own;     /* one block, freed with the call */
};

/* One request, as HTTP or a batch brings it. Texts are copied. */
typedef struct api_request {
    sio_str method, target; /* target: behind the prefix, with its query */
    sio_str body;
    sio_str key;
    bool    here;
} api_request;

/* Goes all the way: done(k, arg) is called once, on this loop, with k->status and k->answer, perhaps before
 * this returns, and the call is freed when done returns. Without memory it is called with k NULL. `batched`:
 * routes that cannot be inside a batch are refused. */
void api_go(app *a, const api_request *q, bool batched, void (*done)(api_call *k, void *arg), void *arg);
/* For a->api: the calls under way. 0, SIO_ENOMEM. */
int  api_calls_new(app *a);
void api_calls_free(app *a);
/* For route->start: the answer is k->data, or the refusal that was said. */
void api_end(api_call *k);

/* A member at fault: 422. `message` goes behind the path in {path, message}. Returns SIO_EFIELD. */
int  api_fault(api_call *k, const char *path, const char *message);
/* Another refusal. Returns SIO_ESTATE. */
int  api_refuse(api_call *k, int status, const char *message);
/* Refuses with what a failed operation of the server means to the client. */
void api_refuse_fault(api_call *k, int err);
/* For route->start: goes on with fn(k) on loop 0, and ends on its own loop. */
void api_visit(api_call *k, void (*fn)(void *k));
void api_end_home(api_call *k);
/* data and meta of the answer. 0 or a buf error. */
int  api_data(api_call *k, sio_val v);
int  api_meta(api_call *k, sio_val v);

/* Appends v as JSON. */
int  api_add(buf *out, sio_val v);

/* Finds the route of method and path (without query), its parameters undecoded in param[]; NULL with *allowed
 * set to the methods there are ("" when there is no such path). */
#define API_PARAMS_MAX 2
const api_route *api_find(sio_str method, sio_str path, sio_str param[API_PARAMS_MAX], char allowed[64]);
/* Whether a parameter stands in the path of the route. */
bool api_in_path(const api_route *r, const char *key);
/* Reads params and body into k->p; faults are collected. 0 or SIO_EFIELD. */
int  api_read_params(api_call *k, const sio_str param[API_PARAMS_MAX], sio_str query);
int  api_read_object(api_call *k, const api_field *fields, sio_val object, const char *prefix);
/* "must be a whole number from 1 to 100" */
void api_field_rule(const api_field *f, char *out, size_t n);

/* `POST /batch` (api_batch.c). */
void api_batch_start(api_call *k);

#endif
