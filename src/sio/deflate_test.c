/* permessage-deflate with a whole server: who gets what in which form. */
#include "sio/rig_test.h"

#define OFFER   "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
#define ENGINE  "/socket.io/?EIO=4&transport=websocket"
#define LONG    3000
#define CLIENTS 8 /* over two loops; the last ones without compression */
#define WITHOUT 6

static rig R;
static sio_ns *root;
static ws_deflate *undo;

static void on_echo(sio_socket *s, sio_in *in)
{
    sio_emit(s, "back", sio_arg(in, 0));
}

static void up(bool enabled)
{
    sio_options o = rig_options(2);

    o.deflate.enabled = enabled;
    rig_init(&R, &o);
    root = sio_of(R.io, "/", NULL);
    sio_on(root, "echo", on_echo);
    assert_int_equal(sio_plain_ws(R.io, "/ws", root), 0);
    rig_listen(&R);
    assert_non_null(undo = ws_deflate_new(0, 6));
}

static void down(peer *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        peer_hangup(&p[i]);
        peer_close(&p[i]);
    }
    rig_fini(&R);
    ws_deflate_free(undo);
}

/* ---- clients ---- */

static void upgrade(peer *p, const char *target, const char *offer, bool agrees)
{
    peer_reply reply;
    buf taken;

    rig_dial(&R, p);
    peer_upgrade(p, target, offer);
    assert_true(peer_take_reply(p, false, &reply, &taken));
    assert_int_equal(reply.status, 101);
    assert_int_equal(peer_header(&reply, "Sec-WebSocket-Extensions").p != NULL, agrees);
    buf_fini(&taken);
}

static void join(peer *p, const char *offer, bool agrees)
{
    upgrade(p, ENGINE, offer, agrees);
    free(peer_take_text(p));
    rig_join_ns(p, "40");
}

/* The next frame's content to free, which must have come compressed or not. */
static char *take(peer *p, unsigned opcode, bool packed, size_t *n)
{
    peer_frame f = {0};
    size_t size = 0;
    char *text;
    buf out;

    if (!peer_peek_frame(p, &f, &size))
        fail_msg("no frame has come");
    assert_int_equal(f.opcode, opcode);
    assert_int_equal(f.rsv, packed);
    if (packed) {
        assert_int_equal(ws_deflate_unpack(undo, f.payload, 100000, &out), 0);
        assert_true(f.payload.n < out.n);
    } else {
        buf_init(&out, f.payload.n);
        assert_int_equal(buf_add_str(&out, f.payload), 0);
    }
    *n = out.n;
    text = strndup(out.p, out.n);
    buf_fini(&out);
    buf_consume(&p->in, size);
    return text;
}

static char letters[LONG + 1];

static const char *long_text(void)
{
    for (size_t i = 0; i < LONG; i++)
        letters[i] = "lorem ipsum "[i % 12];
    return letters;
}

/* The event ev with the long text, as `before` says it begins. */
static void hears(peer *p, bool packed, const char *before)
{
    char want[LONG + 100], *got;
    size_t n;

    snprintf(want, sizeof want, "%s\"%s\"]", before, long_text());
    got = take(p, WS_TEXT, packed, &n);
    assert_string_equal(got, want);
    free(got);
}

/* ---- tests ---- */

static void a_broadcast(void **state)
{
    peer p[CLIENTS], plain;

    (void)state;
    up(true);
    for (unsigned i = 0; i < CLIENTS; i++)
        join(&p[i], i < WITHOUT ? OFFER : "", i < WITHOUT);
    upgrade(&plain, "/ws", OFFER, true);
    sio_emit(root, "ev", long_text());
    sio_emit(root, "ev", "short");
    sio_emit(sio_uncompressed(root), "ev", long_text());
    sim_settle(R.s);
    for (unsigned i = 0; i < CLIENTS; i++) {
        hears(&p[i], i < WITHOUT, "42[\"ev\",");
        peer_hears(&p[i], "42[\"ev\",\"short\"]");
        hears(&p[i], false, "42[\"ev\",");
        peer_expect_nothing(&p[i]);
    }
    hears(&plain, true, "[\"ev\",");
    peer_hears(&plain, "[\"ev\",\"short\"]");
    hears(&plain, false, "[\"ev\",");
    peer_close(&plain);
    down(p, CLIENTS);
}

static void attachments(void **state)
{
    peer p[2];

    (void)state;
    up(true);
    join(&p[0], OFFER, true);
    join(&p[1], "", false);
    for (unsigned round = 0; round < 2; round++) {
        sio_target to = round ? sio_uncompressed(root) : sio_target_ns(root);

        sio_emit(to, "bin", sio_bin(long_text(), LONG), sio_bin("123", 3));
        sim_settle(R.s);
        for (unsigned i = 0; i < 2; i++) {
            size_t n;
            char *got;

            peer_hears(&p[i],
                       "452-[\"bin\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
            got = take(&p[i], WS_BINARY, i == 0 && round == 0, &n);
            assert_int_equal(n, LONG);
            assert_memory_equal(got, long_text(), LONG);
            free(got);
            peer_expect_frame(&p[i], WS_BINARY, "123", 3);
        }
    }
    down(p, 2);
}

/* A session that begins with polling agrees on it when it changes to WebSocket; what waited goes
 * compressed, too. */
static void after_an_upgrade(void **state)
{
    char where[200], *open;
    sio_id sid;
    peer poll, ws;

    (void)state;
    up(true);
    rig_dial(&R, &poll);
    peer_get(&poll, "/socket.io/?EIO=4&transport=polling");
    rig_field(open = peer_body(&poll, 200), "sid", &sid);
    free(open);
    snprintf(where, sizeof where, "/socket.io/?EIO=4&transport=polling&sid=%s", sid.s);
    peer_post(&poll, where, "40");
    free(peer_body(&poll, 200));
    peer_get(&poll, where);
    free(peer_body(&poll, 200));
    snprintf(where, sizeof where, ENGINE "&sid=%s", sid.s);
    upgrade(&ws, where, OFFER, true);
    peer_say(&ws, "2probe");
    peer_hears(&ws, "3probe");
    sio_emit(root, "ev", long_text());
    sim_settle(R.s);
    peer_say(&ws, "5");
    hears(&ws, true, "42[\"ev\",");
    peer_close(&poll);
    down(&ws, 1);
}

static void events_of_the_client(void **state)
{
    char event[LONG + 100];
    buf packed;
    peer p;

    (void)state;
    up(true);
    join(&p, OFFER, true);
    snprintf(event, sizeof event, "42[\"echo\",\"%s\"]", long_text());
    buf_init(&packed, UINT32_MAX);
    assert_int_equal(ws_deflate_pack(undo, sio_str_z(event), &packed), 0);
    peer_send_frame(&p, 0xc1, packed.p, packed.n);
    hears(&p, true, "42[\"back\",");
    buf_fini(&packed);
    peer_say(&p, "42[\"echo\",1]");
    peer_hears(&p, "42[\"back\",1]");
    down(&p, 1);
}

static void off_by_default(void **state)
{
    peer p;

    (void)state;
    up(false);
    join(&p, OFFER, false);
    sio_emit(root, "ev", long_text());
    sim_settle(R.s);
    hears(&p, false, "42[\"ev\",");
    down(&p, 1);
}

static void a_malformed_offer(void **state)
{
    char *body;
    peer p;

    (void)state;
    up(true);
    rig_dial(&R, &p);
    peer_upgrade(&p, ENGINE, "Sec-WebSocket-Extensions: permessage-deflate;\r\n");
    body = peer_body(&p, 400);
    assert_string_equal(body, "Invalid or unacceptable Sec-WebSocket-Extensions header");
    assert_int_equal(sio_clients_count(R.io), 0);
    free(body);
    down(&p, 1);
}

static void options_out_of_range(void **state)
{
    sio_options o = rig_options(1);
    sio_server *io;

    (void)state;
    o.deflate = (sio_deflate){.enabled = true, .level = 10};
    assert_int_equal(sio_server_new(&io, &o), SIO_EINVAL);
    o.deflate.level = 0;
    assert_int_equal(sio_server_new(&io, &o), SIO_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broadcast),          cmocka_unit_test(attachments),
        cmocka_unit_test(after_an_upgrade),     cmocka_unit_test(events_of_the_client),
        cmocka_unit_test(off_by_default),       cmocka_unit_test(a_malformed_offer),
        cmocka_unit_test(options_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
