/* The apps behind the transcripts, and their hooks. */
#include "lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lab *lab_of(const sio_socket *s)
{
    return sio_context(sio_server_of(s));
}

/* ---- the log ---- */

void lab_note(lab *l, const char *fmt, ...)
{
    char line[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (buf_add(&l->log, line, strlen(line) + 1) < 0)
        abort();
}

const char *lab_log_next(lab *l)
{
    const char *line;

    if (l->read == l->log.n)
        return NULL;
    line = l->log.p + l->read;
    l->read += strlen(line) + 1;
    return line;
}

static const char *ns_of(const sio_socket *s)
{
    return sio_ns_name(sio_ns_of(s)).p; /* 0-terminated in memory of its own */
}

static void on_disconnect(sio_socket *s, const char *reason)
{
    lab_note(lab_of(s), "disconnect %s %s", ns_of(s), reason);
}

static void on_error(sio_socket *s, int err, const char *what)
{
    (void)what;
    lab_note(lab_of(s), "error %s %s", ns_of(s), sio_errcode(err));
}

static void on_any(sio_socket *s, sio_in *in)
{
    lab *l = lab_of(s);
    sio_val args = sio_args(in);
    sio_str name = sio_event_name(in);

    if (l->logs_any)
        lab_note(l, "any %s %.*s%s %.*s", ns_of(s), (int)name.n, name.p, sio_wants_ack(in) ? " ack" : "",
                 (int)(args.kind == SIO_JSON ? args.s.n : 2), args.kind == SIO_JSON ? args.s.p : "[]");
}

/* ---- echo: events come back, or are acknowledged with their arguments ---- */

static size_t args_of(sio_in *in, sio_val *args, size_t max)
{
    size_t n = sio_argc(in) < max ? sio_argc(in) : max;

    for (size_t i = 0; i < n; i++)
        args[i] = sio_arg(in, i);
    return n;
}

static void on_echo(sio_socket *s, sio_in *in)
{
    sio_val args[17] = {sio_v("echo")};
    size_t n = args_of(in, args + 1, 16);

    if (sio_wants_ack(in))
        sio_ack_(in, args + 1, n);
    else
        sio_emit_(sio_dest(s), args, n + 1);
}

static void on_bye(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_disconnect(s, false);
}

static void on_quit(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_disconnect(s, true);
}

/* ["burst", n]: n events to the asker; ["volatile", n] likewise, if it can take them. */
static void on_burst(sio_socket *s, sio_in *in)
{
    bool may_drop = sio_str_eq(sio_event_name(in), sio_lit("volatile"));
    int64_t n = 0;

    sio_int(sio_arg(in, 0), &n);
    for (int64_t i = 1; i <= n; i++)
        sio_emit(may_drop ? sio_volatile(s) : sio_dest(s), "n", i);
}

/* ["big", n], ["bulky", n]: a text of n letters, to be compressed or not. */
static void on_big(sio_socket *s, sio_in *in)
{
    int64_t n = 0;
    char *text;

    sio_int(sio_arg(in, 0), &n);
    if (!(text = calloc(1, (size_t)n + 1)))
        abort();
    memset(text, 'a', (size_t)n);
    sio_emit(sio_str_eq(sio_event_name(in), sio_lit("big")) ? sio_dest(s) : sio_uncompressed(s), "big", text);
    free(text);
}

static void on_twice(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_ack(in, 1);
    sio_ack(in, 2);
}

static void attach_echo(lab *l, sio_server *io)
{
    sio_ns *ns = sio_of(io, "/", NULL);

    (void)l;
    sio_on(ns, "echo", on_echo);
    sio_on(ns, "bye", on_bye);
    sio_on(ns, "quit", on_quit);
    sio_on(ns, "burst", on_burst);
    sio_on(ns, "volatile", on_burst);
    sio_on(ns, "big", on_big);
    sio_on(ns, "bulky", on_big);
    sio_on(ns, "twice", on_twice);
}

/* ---- guards: /admin wants a token, /nodata refuses, /later accepts after 50 ms ---- */

static void admin_guard(sio_socket *s, sio_in *in)
{
    sio_str token;

    (void)s;
    if (sio_str_of(in, sio_get(sio_arg(in, 0), "token"), &token) && sio_str_eq(token, sio_lit("abc")))
        sio_accept(in);
    else
        sio_refuse(in, "not authorized", sio_obj("content", "please retry later"));
}

static void on_admin(sio_socket *s)
{
    sio_emit(s, "welcome", sio_auth(s));
}

static void nodata_guard(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_refuse(in, "nope", sio_undefined);
}

static void accept_kept(void *arg)
{
    sio_in *in = arg;

    sio_accept(in);
    sio_release(in);
}

static void later_guard(sio_socket *s, sio_in *in)
{
    sio_in *kept = sio_keep(in);

    if (!kept || sio_after(sio_server_of(s), 50, accept_kept, kept) < 0)
        abort();
}

static void attach_guards(lab *l, sio_server *io)
{
    sio_ns *admin = sio_of(io, "/admin", NULL), *later = sio_of(io, "/later", NULL);

    (void)l;
    sio_use(admin, admin_guard);
    sio_on_connect(admin, on_admin);
    sio_on(admin, "echo", on_echo);
    sio_use(sio_of(io, "/nodata", NULL), nodata_guard);
    sio_use(later, later_guard);
    sio_on(later, "echo", on_echo);
}

/* ---- dynamic: /dyn-NUMBER, and under /any- all names ---- */

static bool is_numbered(void *arg, sio_str name, sio_val auth)
{
    (void)arg, (void)auth;
    if (name.n < 6 || memcmp(name.p, "/dyn-", 5) != 0)
        return false;
    for (size_t i = 5; i < name.n; i++)
        if (name.p[i] < '0' || name.p[i] > '9')
            return false;
    return true;
}

static bool is_invited(void *arg, sio_str name, sio_val auth)
{
    bool invited = false;

    (void)arg;
    return name.n > 5 && memcmp(name.p, "/any-", 5) == 0 && sio_bool(sio_get(auth, "invited"), &invited) &&
           invited;
}

static void on_dynamic(sio_socket *s)
{
    sio_emit(s, "hi", sio_ns_name(sio_ns_of(s)));
}

static void attach_dynamic(lab *l, sio_server *io)
{
    sio_on_connect(sio_of_dynamic(io, is_numbered, l, NULL), on_dynamic);
    sio_on(sio_of_dynamic(io, is_invited, l, NULL), "echo", on_echo);
}

/* ---- rooms ---- */

static sio_str text_arg(sio_in *in, size_t i)
{
    sio_str text = {0};

    sio_str_of(in, sio_arg(in, i), &text);
    return text;
}

static void on_join(sio_socket *s, sio_in *in)
{
    sio_ack(in, sio_join(s, text_arg(in, 0)));
}

static void on_leave(sio_socket *s, sio_in *in)
{
    sio_ack(in, sio_leave(s, text_arg(in, 0)));
}

/* ["to", room, value]: to the room, but not to the sender. */
static void on_to(sio_socket *s, sio_in *in)
{
    sio_emit(sio_to(s, text_arg(in, 0)), "said", sio_arg(in, 1));
}

static void on_all(sio_socket *s, sio_in *in)
{
    sio_emit(sio_ns_of(s), "said", sio_arg(in, 0));
}

static void on_others(sio_socket *s, sio_in *in)
{
    sio_emit(sio_broadcast(s), "said", sio_arg(in, 0));
}

/* ["but", room, value]: to all that are not in the room. */
static void on_but(sio_socket *s, sio_in *in)
{
    sio_emit(sio_except(sio_ns_of(s), text_arg(in, 0)), "said", sio_arg(in, 1));
}

static void on_rooms(sio_socket *s, sio_in *in)
{
    sio_val room[16];
    size_t n = 0;

    while (n < 16 && sio_room_at(s, n + 1).p) {
        room[n] = sio_v(sio_room_at(s, n + 1));
        n++;
    }
    sio_ack(in, sio_list(room, n));
}

static void attach_rooms(lab *l, sio_server *io)
{
    sio_ns *ns = sio_of(io, "/", NULL);

    (void)l;
    sio_on(ns, "join", on_join);
    sio_on(ns, "leave", on_leave);
    sio_on(ns, "to", on_to);
    sio_on(ns, "all", on_all);
    sio_on(ns, "others", on_others);
    sio_on(ns, "but", on_but);
    sio_on(ns, "rooms", on_rooms);
}

/* ---- acks: the server asks the clients ---- */

typedef struct asker {
    sio_ns *ns;
    sio_id id;
} asker;

static asker *asker_new(const sio_socket *s)
{
    asker *a = malloc(sizeof *a);

    if (!a)
        abort();
    *a = (asker){sio_ns_of(s), sio_id_of(s)};
    return a;
}

static void on_answer(void *arg, int err, sio_in *in)
{
    asker *a = arg;
    sio_socket *s = sio_find(a->ns, a->id);

    if (err == 0)
        sio_emit(s, "answered", sio_args(in));
    else if (s)
        sio_emit(s, "unanswered", sio_errcode(err));
    else
        lab_note(sio_context(sio_ns_server(a->ns)), "unanswered %s", sio_errcode(err));
    free(a);
}

/* ["ask", ms, value] */
static void on_ask(sio_socket *s, sio_in *in)
{
    int64_t ms = 0;

    sio_int(sio_arg(in, 0), &ms);
    if (sio_call(s, (uint32_t)ms, on_answer, asker_new(s), "question", sio_arg(in, 1)) < 0)
        abort();
}

static void on_answers(void *arg, int err, const sio_val *answers, size_t n)
{
    asker *a = arg;
    sio_socket *s = sio_find(a->ns, a->id);

    if (s)
        sio_emit(s, "answers", err ? sio_errcode(err) : "all", sio_list(answers, n));
    free(a);
}

/* ["ask all", ms, value]: everybody, the asker too; ["ask others", ms, value] */
static void on_ask_all(sio_socket *s, sio_in *in)
{
    bool all = sio_str_eq(sio_event_name(in), sio_lit("ask all"));
    int64_t ms = 0;

    sio_int(sio_arg(in, 0), &ms);
    if (sio_gather(all ? sio_dest(sio_ns_of(s)) : sio_broadcast(s), (uint32_t)ms, on_answers, asker_new(s),
                   "question", sio_arg(in, 1)) < 0)
        abort();
}

static void ack_kept(void *arg)
{
    sio_in *in = arg;

    sio_ack(in, "late");
    sio_release(in);
}

/* ["later", ms] is acknowledged after so long. */
static void on_later(sio_socket *s, sio_in *in)
{
    int64_t ms = 0;
    sio_in *kept;

    sio_int(sio_arg(in, 0), &ms);
    kept = sio_keep(in);
    if (!kept || sio_after(sio_server_of(s), (uint32_t)ms, ack_kept, kept) < 0)
        abort();
}

static void attach_acks(lab *l, sio_server *io)
{
    sio_ns *ns = sio_of(io, "/", NULL);

    (void)l;
    sio_on(ns, "ask", on_ask);
    sio_on(ns, "ask all", on_ask_all);
    sio_on(ns, "ask others", on_ask_all);
    sio_on(ns, "later", on_later);
}

/* ---- putting it together ---- */

static const struct {
    const char *name;
    void (*attach)(lab *l, sio_server *io);
} apps[] = {
    {"echo", attach_echo},   {"guards", attach_guards}, {"dynamic", attach_dynamic},
    {"rooms", attach_rooms}, {"acks", attach_acks},
};

static bool attach_one(lab *l, sio_server *io, const char *name)
{
    for (size_t i = 0; i < sizeof apps / sizeof *apps; i++)
        if (strcmp(apps[i].name, name) == 0) {
            apps[i].attach(l, io);
            return true;
        }
    return false;
}

bool lab_attach(lab *l, sio_server *io, const char *names)
{
    static const char *const spaces[] = {"/", "/admin", "/later"};
    char *copy = arena_dup(&l->strings, names, strlen(names)), *name;

    l->io = io;
    while ((name = strsep(&copy, " ")))
        if (*name && !attach_one(l, io, name))
            return false;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        sio_ns *ns = sio_find_ns(io, sio_str_z(spaces[i]));

        if (!ns)
            continue;
        sio_on_disconnect(ns, on_disconnect);
        sio_on_error(ns, on_error);
        sio_on_any(ns, on_any);
    }
    return true;
}

void lab_init(lab *l)
{
    *l = (lab){0};
    arena_init(&l->strings, 1 << 20);
    buf_init(&l->log, 16 << 20);
}

void lab_fini(lab *l)
{
    arena_fini(&l->strings);
    buf_fini(&l->log);
}
