/* Replays captured WebSocket dialogues (tests/vectors/protocol/ws_behaviour.json): what the server sends,
 * whether it ends TCP, and what its application hears. */
#include "codec/vectors_test.h"
#include "lab.h"
#include "sio/rig_test.h"

typedef struct dialogue {
    sio_str scenario, frames, events; /* frames, events: JSON lists */
    bool ended;
} dialogue;

/* ---- where we answer otherwise, on purpose ---- */

static const struct {
    const char *scenario, *reason, *ours; /* ours: as heard() writes it */
} deviations[] = {
    {"sio connected, send \"42\"", "an event without data reaches nobody, not even onAny", ""},
    {"sio connected, send \"422222222222222222222222222222222222222222222222222\"",
     "an event without data reaches nobody, not even onAny", ""},
    {"sio connected, send \"42[\\\"error\\\",\\\"x\\\"]\"",
     "an EventEmitter's quirk: a client's event named error runs the error listeners",
     "any:[\"error\",\"x\"]\n"},
    {"sio connected, send \"42 [\\\"echo\\\",1]\"", "a space is no ack id",
     "CLOSE (no code)\nerror\ndisconnect:forced close\nengine close:forced close\n"},
    {"sio connected, send \"4299999999999999999999[\\\"echo\\\",1]\"",
     "an ack id has 64 bits; over 2^53 it is rounded",
     "4318446744073709550000[1]\nany:[\"echo\",1,\"<ack>\"]\n"},
    {"sio connected, send \"451e0-[\\\"echo\\\",{\\\"_placeholder\\\":true,\\\"num\\\":0}]\" + BIN 0x09",
     "the number of attachments is written in digits",
     "CLOSE (no code)\nerror\ndisconnect:forced close\nengine close:forced close\n"},
};

/* ---- the server and its ears ---- */

typedef struct ears {
    buf heard;
    void (*on_close)(eio_session *s, eio_reason why); /* the server's own */
} ears;

static ears E;

static void hear(const char *what, const char *detail)
{
    buf_puts(&E.heard, what);
    buf_puts(&E.heard, detail);
    buf_putc(&E.heard, '\n');
}

static void on_engine_close(eio_session *s, eio_reason why)
{
    E.on_close(s, why);
    hear("engine close:", eio_reason_text(why));
}

static void on_disconnect(sio_socket *s, const char *reason)
{
    (void)s;
    hear("disconnect:", reason);
}

static void on_error(sio_socket *s, int err, const char *what)
{
    (void)s, (void)err, (void)what;
    hear("error", "");
}

/* A Buffer as JSON.stringify shows it. */
static void put_value(buf *out, sio_val v)
{
    sio_str bytes;

    if (!sio_binary(v, &bytes)) {
        buf_add_str(out, v.s);
        return;
    }
    buf_puts(out, "{\"type\":\"Buffer\",\"data\":[");
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(out, "%s%u", i ? "," : "", (unsigned char)bytes.p[i]);
    buf_puts(out, "]}");
}

static void on_any(sio_socket *s, sio_in *in)
{
    sio_str name = sio_event_name(in);
    bool is_number = name.n && name.p[0] >= '0' && name.p[0] <= '9';
    size_t start = E.heard.n;

    (void)s;
    buf_printf(&E.heard, is_number ? "any:[%.*s" : "any:[\"%.*s\"", (int)name.n, name.p);
    for (size_t i = 0; i < sio_argc(in); i++) {
        buf_putc(&E.heard, ',');
        put_value(&E.heard, sio_arg(in, i));
    }
    buf_puts(&E.heard, sio_wants_ack(in) ? ",\"<ack>\"]" : "]");
    if (E.heard.n - start > 1000) { /* shortened as in the file */
        E.heard.n = start + 4 + 40;
        buf_puts(&E.heard, "...");
    }
    buf_putc(&E.heard, '\n');
}

static void server_begin(rig *r, lab *l, unsigned loops, size_t chunk)
{
    sio_options o = rig_options(loops);
    const char *bad;

    lab_init(l);
    assert_true(lab_options(l, "max_payload=10000 keep_handshake", &o, &bad));
    lab_hooks(l, &o);
    rig_init(r, &o);
    r->chunk = chunk;
    assert_true(lab_attach(l, r->io, "echo guards dynamic"));
    sio_on_any(sio_of(r->io, "/", NULL), on_any);
    sio_on_error(sio_of(r->io, "/", NULL), on_error);
    sio_on_disconnect(sio_of(r->io, "/", NULL), on_disconnect);
    buf_init(&E.heard, PEER_MAX);
    E.on_close = r->io->eio.on_close;
    r->io->eio.on_close = on_engine_close;
    rig_listen(r);
}

static void server_end(rig *r, lab *l)
{
    rig_fini(r);
    lab_fini(l);
    buf_fini(&E.heard);
}

/* ---- what the client does ---- */

static void say_many(peer *p, const char *head, size_t fill, const char *tail)
{
    buf text;

    buf_init(&text, PEER_MAX);
    buf_puts(&text, head);
    while (fill--)
        buf_putc(&text, 'x');
    buf_puts(&text, tail);
    peer_send_frame(p, 0x81, text.p, text.n);
    buf_fini(&text);
}

static void do_invalid_utf8(peer *p)
{
    peer_send_frame(p, 0x81, "42\xff", 3);
}
static void do_too_big(peer *p)
{
    say_many(p, "42[\"echo\",\"", 10001 - 13, "\"]");
}
static void do_exact_max(peer *p)
{
    say_many(p, "42[\"echo\",\"", 10000 - 13, "\"]");
}
static void do_unmasked(peer *p)
{
    peer_send(p,
              "\x81\x02"
              "42",
              4);
}
static void do_rsv1(peer *p)
{
    peer_send_frame(p, 0xc1, "42", 2);
}
static void do_opcode3(peer *p)
{
    peer_send_frame(p, 0x83, "42", 2);
}
static void do_ping(peer *p)
{
    peer_send_frame(p, 0x89, "hi", 2);
}
static void do_close_1000(peer *p)
{
    peer_send_frame(p, 0x88, "\x03\xe8", 2);
}
static void do_close_1001(peer *p)
{
    peer_send_frame(p, 0x88,
                    "\x03\xe9"
                    "bye",
                    5);
}
static void do_close_empty(peer *p)
{
    peer_send_frame(p, 0x88, "", 0);
}

static void do_fin(peer *p)
{
    sim_end(p->s, p->fd);
    sim_settle(p->s);
}

static void do_destroy(peer *p)
{
    sim_reset(p->s, p->fd);
    sim_settle(p->s);
}

static const struct {
    const char *scenario;
    void (*fn)(peer *p);
} low_level[] = {
    {"ws-level: invalid utf8 text", do_invalid_utf8},
    {"ws-level: too big (10001 bytes)", do_too_big},
    {"ws-level: exact max (10000 bytes)", do_exact_max},
    {"ws-level: unmasked frame", do_unmasked},
    {"ws-level: rsv1 set", do_rsv1},
    {"ws-level: reserved opcode 3", do_opcode3},
    {"ws-level: ws ping", do_ping},
    {"ws-level: ws close 1000", do_close_1000},
    {"ws-level: ws close 1001 bye", do_close_1001},
    {"ws-level: ws close empty", do_close_empty},
    {"ws-level: tcp FIN", do_fin},
    {"ws-level: tcp destroy", do_destroy},
};

static void send_binary(peer *p, const char *hex, size_t n)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < n / 2; i++)
        assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1);
    peer_send_frame(p, 0x82, bytes, n / 2);
}

/* `"text" + BIN 0x0102 + "text"`: texts as JSON strings. Returns what is left. */
static sio_str send_one(peer *p, sio_str list)
{
    sio_str rest = list;
    char text[4096];

    if (list.p[0] == '"') {
        long n = json_scan(list.p, list.n);

        assert_true(n > 0 && (size_t)n < sizeof text);
        peer_send_frame(p, 0x81, text, json_unescape((sio_str){list.p, (size_t)n}, text));
        rest = (sio_str){list.p + n, list.n - (size_t)n};
    } else {
        size_t n = strspn(list.p + 6, "0123456789abcdef");

        assert_memory_equal(list.p, "BIN 0x", 6);
        send_binary(p, list.p + 6, n);
        rest = (sio_str){list.p + 6 + n, list.n - 6 - n};
    }
    return rest.n > 3 ? (sio_str){rest.p + 3, rest.n - 3} : (sio_str){0};
}

static bool starts_with(sio_str s, const char *z)
{
    return s.n >= strlen(z) && memcmp(s.p, z, strlen(z)) == 0;
}

static void act(rig *r, peer *p, sio_str scenario)
{
    sio_str list = {memmem(scenario.p, scenario.n, "send ", 5), 0};

    rig_open(r, p);
    if (starts_with(scenario, "ws-level"))
        peer_say(p, "40");
    if (starts_with(scenario, "sio connected"))
        rig_join_ns(p, "40");
    for (size_t i = 0; i < sizeof low_level / sizeof *low_level; i++)
        if (sio_str_eq(scenario, sio_str_z(low_level[i].scenario))) {
            low_level[i].fn(p);
            return;
        }
    assert_non_null(list.p);
    list.p += 5;
    list.n = (size_t)(scenario.p + scenario.n - list.p);
    while (list.n)
        list = send_one(p, list);
}

/* ---- what came of it, in one form ---- */

static void put_masked(buf *out, sio_str s)
{
    char *sid = s.n > 7 ? memmem(s.p, s.n, "\"sid\":\"", 7) : NULL;

    if (sid) {
        buf_add(out, s.p, (size_t)(sid + 7 - s.p));
        buf_puts(out, "(an id)\"}\n");
        return;
    }
    buf_add_str(out, s);
    buf_putc(out, '\n');
}

static void put_hex(buf *out, const char *what, sio_str bytes)
{
    buf_puts(out, what);
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(out, "%02x", (unsigned char)bytes.p[i]);
    buf_putc(out, '\n');
}

static void put_frame(buf *out, const peer_frame *f)
{
    char head[64];

    if (f->opcode == 8 && f->payload.n >= 2) {
        snprintf(head, sizeof head, "CLOSE code %u payload 0x",
                 (unsigned)(uint8_t)f->payload.p[0] << 8 | (uint8_t)f->payload.p[1]);
        put_hex(out, head, f->payload);
    } else if (f->opcode == 8) {
        buf_puts(out, "CLOSE (no code)\n");
    } else if (f->opcode != 1) {
        put_hex(out, f->opcode == 2 ? "BIN 0x" : "PONG 0x", f->payload);
    } else if (f->payload.n > 1000) { /* shortened as in the file */
        buf_printf(out, "%.30s...(%zu)\n", f->payload.p, f->payload.n);
    } else {
        put_masked(out, f->payload);
    }
}

/* What the client and the application have heard. */
static buf heard(peer *p)
{
    peer_frame f;
    size_t size;
    buf out;

    buf_init(&out, PEER_MAX);
    while (peer_peek_frame(p, &f, &size)) {
        put_frame(&out, &f);
        buf_consume(&p->in, size);
    }
    if (peer_is_ended(p))
        buf_puts(&out, "TCP has ended\n");
    buf_add(&out, E.heard.p ? E.heard.p : "", E.heard.n);
    return out;
}

/* Details of errors are the reference's own. */
static sio_str without_detail(sio_str event)
{
    const char *slash = memchr(event.p, '/', event.n);

    if (starts_with(event, "error:"))
        return sio_lit("error");
    if (slash && !starts_with(event, "any:"))
        event.n = (size_t)(slash - event.p);
    return event;
}

static buf expected(vectors *v, const dialogue *d)
{
    sio_str item;
    size_t at = 0;
    buf out;

    buf_init(&out, PEER_MAX);
    while (json_next(d->frames, &at, NULL, &item))
        put_masked(&out, vectors_text(v, item));
    if (d->ended)
        buf_puts(&out, "TCP has ended\n");
    at = 0;
    while (json_next(d->events, &at, NULL, &item)) {
        buf_add_str(&out, without_detail(vectors_text(v, item)));
        buf_putc(&out, '\n');
    }
    return out;
}

/* ---- running ---- */

static const char *deviation_of(sio_str scenario)
{
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
        if (sio_str_eq(scenario, sio_str_z(deviations[i].scenario)))
            return deviations[i].ours;
    return NULL;
}

typedef struct tally {
    unsigned same, deviating, wrong;
} tally;

static void check(tally *t, const dialogue *d, const buf *want, const buf *got)
{
    const char *ours = deviation_of(d->scenario);
    bool same = sio_str_eq(buf_str(want), buf_str(got));

    if (ours ? !same && sio_str_eq(sio_str_z(ours), buf_str(got)) : same) {
        t->same += same;
        t->deviating += ours != NULL;
        return;
    }
    fprintf(stderr, "---- %.*s%s\nexpected:\n%.*s\ngot:\n%.*s\n", (int)d->scenario.n, d->scenario.p,
            ours ? " (listed as a deviation)" : "", (int)want->n, want->p, (int)got->n, got->p);
    t->wrong++;
}

static void replay(vectors *v, const dialogue *d, tally *t, unsigned loops, size_t chunk)
{
    buf want = expected(v, d), got;
    rig r;
    lab l;
    peer p;

    server_begin(&r, &l, loops, chunk);
    act(&r, &p, d->scenario);
    got = heard(&p);
    check(t, d, &want, &got);
    buf_fini(&want);
    buf_fini(&got);
    peer_close(&p);
    server_end(&r, &l);
}

static void replay_all(unsigned loops, size_t chunk)
{
    vectors v;
    tally t = {0};
    sio_str object, raw;
    dialogue d;

    vectors_open(&v, "ws_behaviour.json");
    while (vectors_next(&v, &object)) {
        assert_true(json_get(object, sio_lit("scenario"), &raw));
        d.scenario = vectors_text(&v, raw);
        assert_true(json_get(object, sio_lit("server_frames"), &d.frames));
        assert_true(json_get(object, sio_lit("server_events"), &d.events));
        assert_true(json_get(object, sio_lit("server_closed_tcp"), &raw));
        d.ended = json_kind_of(raw) == JSON_TRUE;
        replay(&v, &d, &t, loops, chunk);
    }
    vectors_close(&v);
    print_message("%u as captured, %u deviate as listed\n", t.same, t.deviating);
    assert_int_equal(t.wrong, 0);
    assert_int_equal(t.deviating, sizeof deviations / sizeof *deviations);
    assert_true(t.same > 100);
}

static void test_one_loop(void **state)
{
    (void)state;
    replay_all(1, 0);
}
static void test_three_loops(void **state)
{
    (void)state;
    replay_all(3, 0);
}
static void test_byte_by_byte(void **state)
{
    (void)state;
    replay_all(1, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_loop),
        cmocka_unit_test(test_three_loops),
        cmocka_unit_test(test_byte_by_byte),
    };

    return cmocka_run_group_tests_name("ws vectors", tests, NULL, NULL);
}
