/* Guard, connect and disconnect, and the answers all modules give. */
#include "app/app.h"
#include "app/api/api.h"
#include "app/bus/bus.h"
#include "app/auth/tokens.h"
#include "app/chat/chat.h"
#include "app/notify/notify.h"
#include "app/party/party.h"
#include "app/presence/presence.h"
#include "app/push/pusher.h"
#include "app/queues/queues.h"
#include "app/shared.h"
#include "app/session.h"
#include "base/isotime.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- users ----------------------------------------------------------------------------------------- */

enum { USERNAME, AVATAR_URL, JTI };

static char *text_put(char *at, sio_str s)
{
    if (s.n)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

static uint16_t length_of(sio_str s) { return s.p ? (uint16_t)s.n : UINT16_MAX; }

app_user *app_user_new(const jwt_user *from)
{
    const sio_str *name = &from->username, *avatar = &from->avatar_url, *jti = &from->jti;
    app_user *u;
    char *at;

    if (name->n >= UINT16_MAX || avatar->n >= UINT16_MAX || jti->n >= UINT16_MAX)
        return NULL; /* no token has such, see jwt.c */
    u = malloc(sizeof(*u) + from->id.n + name->n + avatar->n + jti->n);
    if (!u)
        return NULL;
    atomic_init(&u->refs, 1);
    u->id = (sio_str){u->text_, from->id.n};
    u->lengths_[USERNAME] = length_of(*name);
    u->lengths_[AVATAR_URL] = length_of(*avatar);
    u->lengths_[JTI] = length_of(*jti);
    at = text_put(text_put(u->text_, from->id), *name);
    text_put(text_put(at, *avatar), *jti);
    return u;
}

static sio_str text_of(const app_user *u, unsigned which)
{
    const char *at = u->text_ + u->id.n;

    if (u->lengths_[which] == UINT16_MAX)
        return (sio_str){NULL, 0};
    for (unsigned i = 0; i < which; i++)
        at += u->lengths_[i] == UINT16_MAX ? 0 : u->lengths_[i];
    return (sio_str){at, u->lengths_[which]};
}

sio_str app_username(const app_user *u) { return text_of(u, USERNAME); }
sio_str app_avatar_url(const app_user *u) { return text_of(u, AVATAR_URL); }
sio_str app_jti(const app_user *u) { return text_of(u, JTI); }

app_user *app_user_hold(app_user *u)
{
    atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
    return u;
}

void app_user_drop(app_user *u)
{
    if (u && atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) == 1)
        free(u);
}

void app_room(const char *prefix, sio_str id, char *out, size_t max)
{
    size_t nprefix = strlen(prefix), room = max - nprefix - 1;

    *text_put(text_put(out, (sio_str){prefix, nprefix}), (sio_str){id.p, id.n < room ? id.n : room}) = '\0';
}

void app_user_room(sio_str id, char out[APP_USER_ROOM_MAX]) { app_room("user:", id, out, APP_USER_ROOM_MAX); }

/* ---- the guard ------------------------------------------------------------------------------------- */

/* "Bearer TOKEN" (RFC 6750 section 2.1), the scheme in any case. */
static bool bearer(sio_str header, sio_str *token)
{
    if (header.n < 7 || strncasecmp(header.p, "Bearer ", 7) != 0)
        return false;
    header.p += 7;
    header.n -= 7;
    while (header.n && *header.p == ' ') {
        header.p++;
        header.n--;
    }
    *token = header;
    return header.n > 0;
}

/* What JavaScript's `if (!token)` lets through is a token; of those only text can be a good one. */
static bool is_falsy(sio_val v)
{
    int64_t number;
    bool truth;

    switch (sio_kind_of(v)) {
    case SIO_UNDEFINED:
    case SIO_NULL:
        return true;
    case SIO_BOOL:
        return sio_bool(v, &truth) && !truth;
    case SIO_INT:
    case SIO_NUMBER:
        return sio_int(v, &number) && number == 0;
    default:
        return false;
    }
}

/* NULL with *token set, or the refusal. */
static const char *find_token(sio_socket *s, sio_in *in, sio_str *token)
{
    sio_val v = sio_get(sio_arg(in, 0), "token");
    bool is_text = sio_str_of(in, v, token);

    if (is_text && token->n)
        return NULL;
    if (is_text || is_falsy(v))
        return bearer(sio_handshake_header(s, "authorization"), token) ? NULL : "Authentication required";
    return "Invalid token";
}

/* A client recovered from another server has a user already, whose rooms it is in: nobody else may come
 * back as that one. */
static bool set_user(app_session *me, const jwt_user *from)
{
    app_user *before = me->user;
    bool same = !before || sio_str_eq(before->id, from->id);

    me->user = same ? app_user_new(from) : NULL;
    app_user_drop(before);
    return me->user != NULL;
}

static const char *admit(sio_socket *s, sio_in *in)
{
    app *a = app_of(s);
    jwt_user user;
    sio_str token;
    const char *no = find_token(s, in, &token);

    if (no) {
        app_count(a, token_missing);
        return no;
    }
    if (jwt_verify(a->opt.verifier, token, sio_now(a->io), &user) < 0) {
        app_count(a, token_invalid);
        log_event(LOG_DEBUG, LOG_FIELDS({"address", sio_handshake_address(s)}, {"reason", sio_s(user.why)}),
                  "token refused"); /* not above debug: anybody can make it happen at will */
        return "Invalid token";
    }
    if (!tokens_admit(a, &app_session_of(s)->token, &user)) {
        app_count(a, token_invalid);
        return "Invalid token";
    }
    return set_user(app_session_of(s), &user) ? NULL : "Invalid token";
}

static void on_guard(sio_socket *s, sio_in *in)
{
    limits *l = app_of(s)->opt.limits;
    limit_session *me = &app_session_of(s)->limit;
    int64_t retry_ms = 0;
    const char *no = limit_arrive(l, me, s, &retry_ms);

    if (!no)
        no = admit(s, in);
    if (!no)
        no = limit_enter(l, me, app_session_of(s)->user->id, &retry_ms);
    if (!no)
        sio_accept(in);
    else if (retry_ms)
        sio_refuse(in, no, sio_obj("code", APP_RATE_LIMITED, "retryAfterMs", retry_ms));
    else
        sio_refuse(in, no, sio_undefined);
}

/* Before every event: 0 lets it pass. */
static int on_packet(sio_socket *s, sio_in *in)
{
    bool flood;
    int64_t wait_ms = limit_event(app_of(s)->opt.limits, &app_session_of(s)->limit, sio_event_name(in),
                                  &flood);

    if (!wait_ms)
        return 0;
    app_refuse_for(s, in, APP_RATE_LIMITED, flood ? "Too many events, disconnected" : "Too many events",
                   wait_ms);
    if (flood) {
        sio_str id = app_session_of(s)->user->id;

        log_warn("%.*s sends far more than allowed and is disconnected", (int)id.n, id.p);
        sio_disconnect(s, true);
    }
    return SIO_ELIMIT;
}

/* ---- coming and going ------------------------------------------------------------------------------ */

static void on_connect(sio_socket *s)
{
    sio_str id = app_session_of(s)->user->id;
    const sio_id socket = sio_id_of(s);
    char room[APP_USER_ROOM_MAX];

    limit_connected(app_of(s)->opt.limits, &app_session_of(s)->limit, s, id);
    app_user_room(id, room);
    sio_join(s, room);
    tokens_came(s);
    presence_came(s);
    party_came(s);
    pusher_came(s);
    log_event(LOG_INFO,
              LOG_FIELDS({"connection", sio_s(socket.s)}, {"user", id},
                         {"transport", sio_s(sio_transport_name(s))},
                         {"address", sio_handshake_address(s)},
                         {"recovered", sio_s(sio_recovered(s) ? "true" : "false")}),
              "User connected: %.*s", (int)id.n, id.p);
}

/* Not on_disconnect: by then the session may have moved to where it waits for the client's return. */
static void on_disconnecting(sio_socket *s, const char *reason)
{
    app_session *me = app_session_of(s);
    const sio_id socket = sio_id_of(s);

    limit_leave(&me->limit);
    tokens_goes(s);
    chat_disconnecting(s);
    party_goes(s, reason);
    presence_goes(s, reason);
    pusher_goes(s);
    me->pending = 0; /* what is under way belongs to this connection, not to a recovered one */
    log_event(LOG_INFO,
              LOG_FIELDS({"connection", sio_s(socket.s)}, {"user", me->user->id}, {"reason", sio_s(reason)}),
              "User disconnected: %.*s, reason: %s", (int)me->user->id.n, me->user->id.p, reason);
}

static void on_free(void *data)
{
    app_session *session = data;

    limit_leave(&session->limit);
    party_session_free(session);
    app_user_drop(session->user);
}

void app_init(app *a, const app_options *o) { *a = (app){.opt = *o}; }

void app_fini(app *a)
{
    api_fini(a);
    free(a->cells);
    a->cells = NULL;
}

int app_attach(app *a, sio_server *io)
{
    sio_ns_options opt = {.data_size = sizeof(app_session), .on_free = on_free, .data_show = session_show,
                          .data_load = session_load};
    int err;

    a->io = io;
    a->ns = sio_of(io, "/", &opt);
    a->cells = app_cells_new(sio_server_loops(io));
    if (!a->ns || !a->cells)
        return SIO_ENOMEM;
    err = sio_use(a->ns, on_guard);
    if (err == 0)
        err = tokens_attach(a);
    if (err == 0)
        err = chat_attach(a);
    if (err == 0)
        err = presence_attach(a);
    if (err == 0)
        err = party_attach(a);
    if (err == 0)
        err = notify_attach(a);
    if (err == 0)
        err = api_attach(a);
    if (err == 0)
        err = bus_attach(a);
    if (err == 0)
        err = shared_attach(a);
    if (err == 0)
        err = pusher_attach(a);
    if (err == 0)
        err = queues_attach(a);
    if (err == 0)
        err = sio_plain_ws(io, "/", a->ns);
    if (limit_has_rates(a->opt.limits))
        sio_use_packet(a->ns, on_packet);
    sio_on_connect(a->ns, on_connect);
    sio_on_disconnecting(a->ns, on_disconnecting);
    return err;
}

void app_detach(app *a)
{
    shared_detach(a);
    tokens_detach(a);
    chat_detach(a);
    presence_detach(a);
    party_detach(a);
    bus_detach(a);
    pusher_detach(a);
    queues_detach(a);
}

/* ---- database jobs of a socket --------------------------------------------------------------------- */

static int op_start(sio_socket *s, db_job *j, int (*how)(db *, db_job *))
{
    app_session *me = app_session_of(s);
    int err = SIO_ELIMIT;

    db_job_here(j);
    if (me->pending < APP_PENDING_MAX)
        err = how(app_of(s)->opt.db, j);
    if (err == 0)
        me->pending++;
    return err;
}

int app_read(sio_socket *s, db_job *j) { return op_start(s, j, db_read); }
int app_write(sio_socket *s, db_job *j) { return op_start(s, j, db_write); }

bool app_op_end(sio_socket *s)
{
    if (!sio_connected(s))
        return false;
    app_session_of(s)->pending--;
    return true;
}

/* ---- answers --------------------------------------------------------------------------------------- */

/* At level debug, and warn for faults of the server: what a client does at will must not fill the disk. */
static void log_refusal(sio_socket *s, sio_in *in, log_level level, const char *code, const char *reason)
{
    const sio_id socket = sio_id_of(s);
    sio_str room = {NULL, 0}, event = sio_event_name(in);

    if (!log_enabled(level))
        return;
    if (!sio_str_of(in, sio_get(sio_arg(in, 0), "roomId"), &room))
        room.p = NULL;
    log_event(level,
              LOG_FIELDS({"connection", sio_s(socket.s)}, {"user", app_session_of(s)->user->id},
                         {"room", room},
                         {"event", event}, {"code", sio_s(code)}, {"reason", sio_s(reason)}),
              "%.*s refused: %s", (int)event.n, event.p, code);
}

static void refuse(sio_socket *s, sio_in *in, const char *code, const char *message, sio_val retry)
{
    app_count_refusal(app_of(s), code);
    sio_emit(s, out_error,
             sio_obj("message", message, "code", code, "event", sio_event_name(in), "retryAfterMs", retry));
    if (sio_wants_ack(in))
        sio_ack(in, sio_obj("ok", sio_false, "error", sio_obj("code", code, "message", message,
                                                              "retryAfterMs", retry)));
}

void app_refuse_for(sio_socket *s, sio_in *in, const char *code, const char *message, int64_t retry_ms)
{
    log_refusal(s, in, LOG_DEBUG, code, message);
    refuse(s, in, code, message, sio_v(retry_ms));
}

void app_refuse(sio_socket *s, sio_in *in, const char *code, const char *message)
{
    log_refusal(s, in, LOG_DEBUG, code, message);
    refuse(s, in, code, message, sio_undefined);
}

void app_refuse_fault(sio_socket *s, sio_in *in, int err, const char *message)
{
    bool busy = err == SIO_ELIMIT || err == SIO_ECLOSED || err == SIO_ETIMEOUT || err == SIO_EUNAVAILABLE;
    const char *code = busy ? APP_BUSY : APP_INTERNAL;

    /* Busy comes in thousands when it comes */
    log_refusal(s, in, busy ? LOG_DEBUG : LOG_WARN, code, sio_strerror(err));
    refuse(s, in, code, message, sio_undefined);
}

static void bad_choice(const sio_field *f, char *out, size_t n)
{
    size_t used = (size_t)snprintf(out, n, "%s must be ", f->key);

    for (int i = 0; f->choices[i] && used < n; i++)
        used += (size_t)snprintf(out + used, n - used, "%s%s",
                                 i == 0 ? "" : f->choices[i + 1] ? ", " : " or ", f->choices[i]);
}

/* "text of 1 to 64 bytes" */
static void bad_size(const sio_field *f, const char *what, const char *unit, char *out, size_t n)
{
    snprintf(out, n, "%s must be %s %lld to %lld%s", f->key, what, (long long)f->min, (long long)f->max,
             unit);
}

static void bad_field(const sio_field *f, char *out, size_t n)
{
    switch (f->type) {
    case SIO_FIELD_TEXT:
        bad_size(f, "text of", " bytes", out, n);
        return;
    case SIO_FIELD_CHARS:
        bad_size(f, "text of", " characters", out, n);
        return;
    case SIO_FIELD_ID:
        bad_size(f, "text without control characters of", " bytes", out, n);
        return;
    case SIO_FIELD_IDS:
        bad_size(f, "a list of", " ids", out, n);
        return;
    case SIO_FIELD_ARRAY:
        bad_size(f, "a list of", " objects", out, n);
        return;
    case SIO_FIELD_INT:
        bad_size(f, "a whole number from", "", out, n);
        return;
    case SIO_FIELD_ENUM:
        bad_choice(f, out, n);
        return;
    case SIO_FIELD_BOOL:
        snprintf(out, n, "%s must be true or false", f->key);
        return;
    default:
        snprintf(out, n, "%s is missing", f->key);
    }
}

/* A field that is refused for having more characters than it may. */
static bool is_too_long(sio_in *in, sio_val object, const sio_field *f)
{
    sio_str text;

    return f->type == SIO_FIELD_CHARS && sio_str_of(in, f->whole ? object : sio_get(object, f->key), &text)
        && (int64_t)text.n > f->max;
}

int app_bind(sio_socket *s, sio_in *in, sio_val v, const sio_field *fields, void *out)
{
    const sio_field *bad = NULL;
    char text[160] = "The payload must be an object";
    int err = sio_bind_value(in, v, fields, out, &bad);

    if (err == 0)
        return 0;
    if (bad && is_too_long(in, v, bad)) {
        snprintf(text, sizeof(text), "%s must have at most %lld characters", bad->key, (long long)bad->max);
        app_refuse(s, in, APP_TOO_LONG, text);
        return SIO_EFIELD;
    }
    if (bad)
        bad_field(bad, text, sizeof(text));
    app_refuse(s, in, APP_BAD_REQUEST, text);
    return SIO_EFIELD;
}

void app_iso(int64_t ms, char out[APP_ISO_SIZE])
{
    char text[ISOTIME_MAX];
    size_t n = isotime_put(ms, text);

    if (n >= APP_ISO_SIZE) /* no year that a server sees */
        n = 0;
    memcpy(out, text, n);
    out[n] = '\0';
}
