/* A server of a cluster over Redis that does what it is told, for tests: tests/interop/lib/node_peer.mjs is the same on Node,
 * and its head says which events and orders there are.
 *
 *     cluster PORT REDIS_URL MODE [KEY [TIMEOUT_MS]]
 */
#include "example.h"
#include "sio_redis.h"

#include <string.h>

enum { ITEMS = 32 };

/* ---- reading ---- */

/* A room's name: a text, or a number as its digits. Lives as long as the event. */
static sio_str text_of(sio_in *in, sio_val v)
{
    sio_str s = {NULL, 0};
    int64_t n;
    char *digits;

    if (sio_str_of(in, v, &s) || !sio_int(v, &n) || !(digits = sio_alloc(in, 24)))
        return s;
    return (sio_str){digits, (size_t)snprintf(digits, 24, "%lld", (long long)n)};
}

/* The values of an array; how many. */
static size_t list_of(sio_val array, sio_val out[ITEMS])
{
    sio_iter it = {0};
    size_t n = 0;

    while (n < ITEMS && sio_next(array, &it, NULL, &out[n]))
        n++;
    return n;
}

static bool flag_is(sio_val order, const char *name, bool wanted)
{
    bool set;

    return sio_bool(sio_get(sio_get(order, "flags"), name), &set) && set == wanted;
}

static uint32_t timeout_of(sio_val order)
{
    int64_t ms = 0;

    sio_int(sio_get(order, "timeout"), &ms);
    return (uint32_t)ms;
}

/* t, narrowed down to what the order says of rooms and flags. */
static sio_target choose(sio_in *in, sio_target t)
{
    sio_val order = sio_arg(in, 0), item[ITEMS];
    size_t i, n = list_of(sio_get(order, "rooms"), item);

    for (i = 0; i < n; i++)
        t = sio_to_(t, text_of(in, item[i]));
    n = list_of(sio_get(order, "except"), item);
    for (i = 0; i < n; i++)
        t = sio_except_(t, text_of(in, item[i]));
    if (flag_is(order, "local", true))
        t = sio_local(t);
    if (flag_is(order, "volatile", true))
        t = sio_volatile(t);
    return flag_is(order, "compress", false) ? sio_uncompressed(t) : t;
}

/* The namespace an order is for. */
static sio_ns *named(sio_in *in)
{
    sio_str name = text_of(in, sio_get(sio_arg(in, 0), "nsp"));

    return sio_find_ns(example_io, name.p ? name : sio_lit("/"));
}

static sio_target whom(sio_in *in)
{
    return choose(in, sio_target_ns(named(in)));
}

static void done(sio_in *in)
{
    sio_ack_(in, NULL, 0);
}

/* ---- orders ---- */

static void order_emit(sio_socket *s, sio_in *in)
{
    sio_val arg[ITEMS];

    (void)s;
    sio_emit_(whom(in), arg, list_of(sio_get(sio_arg(in, 0), "args"), arg));
    done(in);
}

static sio_val err_val(int err)
{
    return err < 0 ? sio_val_z(sio_strerror(err)) : sio_null;
}

static void on_answers(void *in, int err, const sio_val *answers, size_t n)
{
    sio_ack(in, sio_obj("err", err_val(err), "answers", sio_list(answers, n)));
    sio_release(in);
}

/* An order whose fn could not be asked for. */
static void failed(sio_in *kept, int err)
{
    sio_ack(kept, sio_obj("err", err_val(err)));
    sio_release(kept);
}

static void order_gather(sio_socket *s, sio_in *in)
{
    sio_val order = sio_arg(in, 0), arg[ITEMS];
    size_t n = list_of(sio_get(order, "args"), arg);
    sio_in *kept = sio_keep(in);
    int err = sio_gather_(whom(in), timeout_of(order), on_answers, kept, arg, n);

    (void)s;
    if (err < 0)
        failed(kept, err);
}

static void on_answer(void *in, int err, const sio_val *answers, size_t n)
{
    if (err == 0 && n == 0)
        err = SIO_ENOENT;
    sio_ack(in, sio_obj("err", err_val(err), "answer", n ? answers[0] : sio_undefined));
    sio_release(in);
}

static void order_call(sio_socket *s, sio_in *in)
{
    sio_val order = sio_arg(in, 0), arg[ITEMS];
    size_t n = list_of(sio_get(order, "args"), arg);
    sio_target one = sio_to(named(in), text_of(in, sio_get(order, "id")));
    sio_in *kept = sio_keep(in);
    int err = sio_gather_(one, timeout_of(order), on_answer, kept, arg, n);

    (void)s;
    if (err < 0)
        failed(kept, err);
}

typedef struct shown_peer {
    sio_val  member[8];
    sio_val *room;
} shown_peer;

static sio_val show_peer(shown_peer *out, const sio_peer *p)
{
    out->room = calloc(p->nrooms + 1, sizeof *out->room);
    for (unsigned i = 0; out->room && i < p->nrooms; i++)
        out->room[i] = sio_v(p->rooms[i]);
    memcpy(out->member, SIO_LIST_("id", p->id, "rooms", sio_list(out->room, out->room ? p->nrooms : 0),
                                  "data", p->shown,
                                  "handshake", p->handshake), sizeof out->member);
    return sio_members(out->member, 8);
}

static void on_peers(void *in, int err, const sio_peer *peers, size_t n)
{
    shown_peer *shown = calloc(n + 1, sizeof *shown);
    sio_val *list = calloc(n + 1, sizeof *list);

    for (size_t i = 0; list && shown && i < n; i++)
        list[i] = show_peer(&shown[i], &peers[i]);
    sio_ack(in, sio_obj("err", err_val(err), "sockets", sio_list(list, list && shown ? n : 0)));
    for (size_t i = 0; shown && i < n; i++)
        free(shown[i].room);
    free(list);
    free(shown);
    sio_release(in);
}

static void order_fetch(sio_socket *s, sio_in *in)
{
    sio_in *kept = sio_keep(in);
    int err = sio_fetch_(whom(in), on_peers, kept);

    (void)s;
    if (err < 0)
        failed(kept, err);
}

static void to_rooms(sio_in *in, int (*change)(sio_target t, sio_str room))
{
    sio_val to[ITEMS];
    size_t n = list_of(sio_get(sio_arg(in, 0), "to"), to);

    for (size_t i = 0; i < n; i++)
        change(whom(in), text_of(in, to[i]));
    done(in);
}

static void order_join(sio_socket *s, sio_in *in)
{
    (void)s;
    to_rooms(in, sio_sockets_join_);
}

static void order_leave(sio_socket *s, sio_in *in)
{
    (void)s;
    to_rooms(in, sio_sockets_leave_);
}

static void order_kick(sio_socket *s, sio_in *in)
{
    bool close = false;

    (void)s;
    sio_bool(sio_get(sio_arg(in, 0), "close"), &close);
    sio_sockets_disconnect_(whom(in), close);
    done(in);
}

static void order_server_emit(sio_socket *s, sio_in *in)
{
    sio_val arg[ITEMS];

    (void)s;
    sio_server_emit_(named(in), arg, list_of(sio_get(sio_arg(in, 0), "args"), arg));
    done(in);
}

static void order_server_call(sio_socket *s, sio_in *in)
{
    sio_val arg[ITEMS];
    size_t n = list_of(sio_get(sio_arg(in, 0), "args"), arg);
    sio_in *kept = sio_keep(in);
    int err = sio_server_call_(named(in), 0, on_answers, kept, arg, n);

    (void)s;
    if (err < 0)
        failed(kept, err);
}

static void on_count(void *in, int err, unsigned n)
{
    sio_ack(in, sio_obj("err", err_val(err), "count", n));
    sio_release(in);
}

static void order_server_count(sio_socket *s, sio_in *in)
{
    sio_in *kept = sio_keep(in);
    int err = sio_server_count(named(in), on_count, kept);

    (void)s;
    if (err < 0)
        failed(kept, err);
}

/* ---- what other servers emit ---- */

static void heard(sio_ns *ns, sio_in *in)
{
    sio_val item[ITEMS + 1] = {sio_v(sio_event_name(in))};
    size_t n = list_of(sio_args(in), item + 1);
    sio_ns *ctl = sio_find_ns(example_io, sio_lit("/ctl"));

    sio_emit(sio_local(ctl), "heard", sio_obj("nsp", sio_ns_name(ns), "args", sio_list(item, n + 1)));
}

static void heard_ask(sio_ns *ns, sio_in *in)
{
    heard(ns, in);
    sio_ack(in, sio_obj("port", sio_server_port(example_io), "args", sio_args(in)));
}

/* ---- the tests' clients ---- */

typedef struct socket_data {
    char *json;
} socket_data;

static int data_load(void *data, sio_val shown)
{
    socket_data *d = data;

    free(d->json);
    d->json = shown.kind == SIO_JSON ? strndup(shown.s.p, shown.s.n) : NULL;
    return 0;
}

static char *data_show(const void *data)
{
    const socket_data *d = data;

    return d->json ? strdup(d->json) : NULL;
}

static void data_free(void *data)
{
    free(((socket_data *)data)->json);
}

static void on_connect(sio_socket *s)
{
    if (!sio_recovered(s))
        data_load(sio_data(s), sio_get(sio_auth(s), "data"));
}

static void on_join(sio_socket *s, sio_in *in)
{
    sio_val room[ITEMS];
    size_t n = list_of(sio_arg(in, 0), room);

    for (size_t i = 0; i < n; i++)
        sio_join(s, text_of(in, room[i]));
    done(in);
}

static void on_leave(sio_socket *s, sio_in *in)
{
    sio_leave(s, text_of(in, sio_arg(in, 0)));
    done(in);
}

static void on_data(sio_socket *s, sio_in *in)
{
    data_load(sio_data(s), sio_arg(in, 0));
    done(in);
}

static void on_tell(sio_socket *s, sio_in *in)
{
    sio_val order = sio_arg(in, 0), arg[ITEMS];
    bool all = sio_len(sio_get(order, "rooms")) == 0;

    sio_emit_(choose(in, all ? sio_broadcast(s) : sio_target_socket(s)), arg,
              list_of(sio_get(order, "args"), arg));
    done(in);
}

static void on_self(sio_socket *s, sio_in *in)
{
    sio_val arg[ITEMS];

    sio_emit_(sio_target_socket(s), arg, list_of(sio_get(sio_arg(in, 0), "args"), arg));
    done(in);
}

/* ---- setting up ---- */

static void serve(sio_ns *ns)
{
    sio_on_connect(ns, on_connect);
    sio_on(ns, "join", on_join);
    sio_on(ns, "leave", on_leave);
    sio_on(ns, "data", on_data);
    sio_on(ns, "tell", on_tell);
    sio_on(ns, "self", on_self);
    sio_on_server(ns, "sse", heard);
    sio_on_server(ns, "sse-mute", heard);
    sio_on_server(ns, "sse-ask", heard_ask);
}

static void take_orders(sio_ns *ctl)
{
    sio_on(ctl, "emit", order_emit);
    sio_on(ctl, "gather", order_gather);
    sio_on(ctl, "call", order_call);
    sio_on(ctl, "fetch", order_fetch);
    sio_on(ctl, "join", order_join);
    sio_on(ctl, "leave", order_leave);
    sio_on(ctl, "kick", order_kick);
    sio_on(ctl, "server-emit", order_server_emit);
    sio_on(ctl, "server-call", order_server_call);
    sio_on(ctl, "server-count", order_server_count);
}

static bool is_dynamic(void *arg, sio_str name, sio_val auth)
{
    (void)arg;
    (void)auth;
    return name.n > 5 && memcmp(name.p, "/dyn-", 5) == 0;
}

static bool read_mode(sio_redis_options *r, const char *mode)
{
    static const struct {
        const char             *name;
        sio_redis_mode          mode;
        bool                    specific;
        sio_redis_subscriptions subscriptions;
    } modes[] = {
        {"classic", SIO_REDIS_CLASSIC, false, SIO_REDIS_DYNAMIC},
        {"classic-specific", SIO_REDIS_CLASSIC, true, SIO_REDIS_DYNAMIC},
        {"sharded-static", SIO_REDIS_SHARDED, false, SIO_REDIS_STATIC},
        {"sharded-dynamic", SIO_REDIS_SHARDED, false, SIO_REDIS_DYNAMIC},
        {"sharded-dynamic-private", SIO_REDIS_SHARDED, false, SIO_REDIS_DYNAMIC_PRIVATE},
        {"streams", SIO_REDIS_STREAMS, false, SIO_REDIS_DYNAMIC},
        {"streams-recovery", SIO_REDIS_STREAMS, false, SIO_REDIS_DYNAMIC},
    };

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(mode, modes[i].name) == 0) {
            r->mode = modes[i].mode;
            r->specific_response_channel = modes[i].specific;
            r->subscriptions = modes[i].subscriptions;
            return true;
        }
    }
    return false;
}

static bool read_arguments(int argc, char **argv, sio_options *o, sio_redis_options *r)
{
    if (argc < 4 || argc > 6 || !read_mode(r, argv[3]))
        return false;
    o->host = "127.0.0.1";
    o->port = atoi(argv[1]);
    o->loops = 2;
    o->keep_handshake = true;
    o->recovery_ms = strcmp(argv[3], "streams-recovery") == 0 ? 120000 : 0;
    r->url = argv[2];
    if (argc > 4)
        r->key = r->stream = argv[4];
    if (argc > 5)
        r->requests_timeout_ms = (uint32_t)atoi(argv[5]);
    return true;
}

int main(int argc, char **argv)
{
    static const sio_ns_options with_data = {sizeof(socket_data), data_free, data_show, data_load};
    sio_redis_options redis;
    sio_options o;
    sio_server *io;

    sio_options_init(&o);
    sio_redis_options_init(&redis);
    if (!read_arguments(argc, argv, &o, &redis) || sio_redis_adapter(&o.adapter, &redis) < 0) {
        fprintf(stderr, "usage: cluster PORT REDIS_URL MODE [KEY [TIMEOUT_MS]]\n");
        return 2;
    }
    io = example_server(&o);
    serve(sio_of(io, "/", &with_data));
    serve(sio_of(io, "/admin", &with_data));
    serve(sio_of_dynamic(io, is_dynamic, NULL, &with_data));
    take_orders(sio_of(io, "/ctl", NULL));
    return example_run();
}
