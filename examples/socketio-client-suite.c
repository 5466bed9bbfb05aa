/* The server socket.io-client's own tests are pointed at. */
#include "example.h"

#include <string.h>
#include <time.h>

/* ---- refusals and delays ---- */

static void allow_later(void *arg)
{
    sio_allow(arg);
}

/* Some tests rely on a handshake that takes a few milliseconds. */
static void on_allow(void *arg, sio_request *r)
{
    (void)arg;
    sio_after(example_io, 10, allow_later, r);
}

static void guard_main(sio_socket *s, sio_in *in)
{
    char scratch[64];

    if (sio_handshake_query(s, "fail", scratch, sizeof scratch).p)
        sio_refuse(in, "Auth failed (main namespace)", sio_undefined);
    else
        sio_accept(in);
}

static void guard_no(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_refuse(in, "Auth failed (custom namespace)", sio_undefined);
}

/* ---- small answers ---- */

static const char *iso_now(char out[32])
{
    int64_t ms = sio_now(example_io);
    time_t t = (time_t)(ms / 1000);
    char date[24];

    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime(&t));
    snprintf(out, 32, "%s.%03dZ", date, (int)(ms % 1000));
    return out;
}

static void on_hi(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_emit(s, "hi");
}

static void on_echo(sio_socket *s, sio_in *in)
{
    (void)s;
    sio_ack(in, sio_arg(in, 0));
}

static void on_acked(void *arg, int err, sio_in *in)
{
    int64_t n = 0;
    bool test = false;

    (void)arg;
    sio_int(sio_arg(in, 0), &n);
    sio_bool(sio_get(sio_arg(in, 1), "test"), &test);
    if (err == 0 && n == 5 && test)
        sio_emit(sio_in_socket(in), "got it");
}

static void on_ack(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_call(s, 0, on_acked, NULL, "ack");
}

static void on_ack_date(sio_socket *s, sio_in *in)
{
    char date[32];

    (void)s;
    sio_ack(in, iso_now(date));
}

static void on_date(sio_socket *s, sio_in *in)
{
    char date[32];

    (void)in;
    sio_emit(s, "takeDate", iso_now(date));
}

static void on_date_object(sio_socket *s, sio_in *in)
{
    char date[32];

    (void)in;
    sio_emit(s, "takeDateObj", sio_obj("date", iso_now(date)));
}

static void on_utf8(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_emit(s, "takeUtf8", "てすと");
    sio_emit(s, "takeUtf8", "Я Б Г Д Ж Й");
    sio_emit(s, "takeUtf8", "Ä ä Ü ü ß");
    sio_emit(s, "takeUtf8", "utf8 — string");
    sio_emit(s, "takeUtf8", "utf8 — string");
}

static void on_false(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_emit(s, "false", sio_false);
}

/* ---- binary ---- */

static void on_doge(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_emit(s, "doge", sio_bin("asdfasdf", 8));
}

static void on_getbin(sio_socket *s, sio_in *in)
{
    (void)in;
    sio_emit(s, "takebin", sio_bin("asdfasdf", 8));
}

static bool is_binary(sio_val v)
{
    sio_str bytes;

    return sio_binary(v, &bytes);
}

static void on_buffa(sio_socket *s, sio_in *in)
{
    if (is_binary(sio_arg(in, 0)))
        sio_emit(s, "buffack");
}

static bool says(sio_in *in, sio_val v, const char *text)
{
    sio_str s;

    return sio_str_of(in, v, &s) && sio_str_eq(s, sio_str_z(text));
}

static bool is_mixed_object(sio_in *in)
{
    sio_val v = sio_arg(in, 0);

    return says(in, sio_get(v, "hello"), "lol") && is_binary(sio_get(v, "message")) &&
           says(in, sio_get(v, "goodbye"), "gotcha");
}

static void on_jsonbuff(sio_socket *s, sio_in *in)
{
    if (is_mixed_object(in))
        sio_emit(s, "jsonbuff-ack");
}

static void on_jsonblob(sio_socket *s, sio_in *in)
{
    if (is_mixed_object(in))
        sio_emit(s, "jsonblob-ack");
}

/* ---- order: how far each sequence has come ---- */

typedef struct progress {
    bool abuff1;
    int  blobs;
} progress;

static void on_abuff1(sio_socket *s, sio_in *in)
{
    ((progress *)sio_data(s))->abuff1 = is_binary(sio_arg(in, 0));
}

static void on_abuff2(sio_socket *s, sio_in *in)
{
    (void)in;
    if (((progress *)sio_data(s))->abuff1)
        sio_emit(s, "abuff2-ack");
}

static void on_blob1(sio_socket *s, sio_in *in)
{
    if (is_binary(sio_arg(in, 0)))
        ((progress *)sio_data(s))->blobs = 1;
}

static void on_blob2(sio_socket *s, sio_in *in)
{
    progress *p = sio_data(s);

    if (p->blobs == 1 && says(in, sio_arg(in, 0), "second"))
        p->blobs = 2;
}

static void on_blob3(sio_socket *s, sio_in *in)
{
    if (((progress *)sio_data(s))->blobs == 2 && is_binary(sio_arg(in, 0)))
        sio_emit(s, "blob3-ack");
}

static void on_blob(sio_socket *s, sio_in *in)
{
    if (is_binary(sio_arg(in, 0)))
        sio_emit(s, "back");
}

/* ---- handshakes and ids ---- */

static void on_get_handshake(sio_socket *s, sio_in *in)
{
    sio_ack(in, sio_handshake(s));
}

static void on_get_id(sio_socket *s, sio_in *in)
{
    sio_id id = sio_id_of(s);

    sio_ack(in, id.s);
}

static void on_connect_abc(sio_socket *s)
{
    sio_emit(s, "handshake", sio_handshake(s));
}

static void add(sio_ns *ns, const char *event, sio_event_fn *fn)
{
    if (sio_on(ns, event, fn) < 0)
        abort();
}

static void add_main(sio_ns *ns)
{
    sio_use(ns, guard_main);
    add(ns, "hi", on_hi);
    add(ns, "echo", on_echo);
    add(ns, "ack", on_ack);
    add(ns, "getAckDate", on_ack_date);
    add(ns, "getDate", on_date);
    add(ns, "getDateObj", on_date_object);
    add(ns, "getUtf8", on_utf8);
    add(ns, "false", on_false);
    add(ns, "doge", on_doge);
    add(ns, "getbin", on_getbin);
    add(ns, "buffa", on_buffa);
    add(ns, "jsonbuff", on_jsonbuff);
    add(ns, "jsonblob", on_jsonblob);
    add(ns, "abuff1", on_abuff1);
    add(ns, "abuff2", on_abuff2);
    add(ns, "blob1", on_blob1);
    add(ns, "blob2", on_blob2);
    add(ns, "blob3", on_blob3);
    add(ns, "blob", on_blob);
    add(ns, "getHandshake", on_get_handshake);
    add(ns, "getId", on_get_id);
}

int main(void)
{
    sio_options o = example_options(3210);
    sio_ns_options data = {.data_size = sizeof(progress)};
    sio_server *io;

    o.ping_interval_ms = 2000;
    o.recovery_ms = 120000;
    o.keep_handshake = true;
    o.hooks.allow_request = on_allow;
    io = example_server(&o);
    add_main(sio_of(io, "/", &data));
    add(sio_of(io, "/foo", NULL), "getId", on_get_id);
    sio_of(io, "/timeout_socket", NULL);
    sio_of(io, "/valid", NULL);
    sio_of(io, "/asd", NULL);
    sio_on_connect(sio_of(io, "/abc", NULL), on_connect_abc);
    sio_use(sio_of(io, "/no", NULL), guard_no);
    return example_run();
}
