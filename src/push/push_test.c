/* Tokens, settings and time; what services are sent and answer is tested against
 * tests/interop/lib/push_mock.mjs. */
#include "push/push_int.h"

#include "base/testing.h"
#include "codec/json.h"
#include "push/vapid.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define POINT "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH  "BTBZMqHH6r4Tts7J_aSIgg"

static char dir[64], key_file[128];

static int set_up(void **state)
{
    char key[VAPID_PUBLIC_MAX], err[200];

    (void)state;
    strcpy(dir, "/tmp/push_test.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(key_file, sizeof(key_file), "%s/key.pem", dir);
    return vapid_make(key_file, key, err, sizeof(err));
}

static int tear_down(void **state)
{
    (void)state;
    unlink(key_file);
    return rmdir(dir);
}

static sio_str subscription(char out[512], const char *endpoint)
{
    return (sio_str){out, (size_t)snprintf(out, 512, "{\"endpoint\":\"%s\",\"keys\":{\"p256dh\":\"" POINT "\",\"auth\":\"" AUTH "\"}}", endpoint)};
}

static bool endpoint_is_good(const char *endpoint)
{
    char text[512];

    return push_token_is_good(PUSH_WEB, subscription(text, endpoint), NULL);
}

static void endpoints_are_of_the_public_internet(void **state)
{
    static const char *const bad[] = {
        "", "push", "http://push.example/x", "ftp://push.example/x", "https://u@push.example/",
        "https://u:p@push.example/", "https://push.example/#x", "https://push.example:22/",
        "https://push.example:0/", "https://push.example:99999/", "https://localhost/", "https://localhost./",
        "https://intranet/x", "https://127.0.0.1/", "https://127.1/", "https://2130706433/",
        "https://0x7f000001/", "https://017700000001/", "https://10.1.2.3/", "https://[::1]/",
        "https://[::ffff:8.8.8.8]/", "https://[fe80::1%25eth0]/", "https://push.example/a b",
        "https://push.example/\\n", "https:///x", "https://push.exämple/",
    };

    (void)state;
    assert_true(endpoint_is_good("https://fcm.googleapis.com/fcm/send/abc:DEF-_"));
    assert_true(endpoint_is_good("https://push.example:8443/x?y=z"));
    assert_true(endpoint_is_good("https://8.8.8.8/x"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (endpoint_is_good(bad[i]))
            fail_msg("%s is taken", bad[i]);
    }
}

static void an_origin_is_as_browsers_write_it(void **state)
{
    char text[512], url[PUSH_TOKEN_MAX + 1], origin[300];
    push_keys keys;

    (void)state;
    assert_true(push_subscription_read(subscription(text, "https://Push.Example:443/x"), false, url, origin,
                                       &keys));
    assert_string_equal(origin, "https://push.example");
    assert_true(push_subscription_read(subscription(text, "https://push.example:8443/x"), false, url, origin,
                                       &keys));
    assert_string_equal(origin, "https://push.example:8443");
    assert_string_equal(url, "https://push.example:8443/x");
    assert_int_equal(keys.point[0], 4);
}

static void a_token_says_its_service(void **state)
{
    sio_str hex = sio_lit("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
            ios = sio_lit("IOS"), web = sio_lit("WEB");
    sio_str expo = sio_lit("ExponentPushToken[x-_9]"), fcm = sio_lit("dGVzdA:APA91b-_x");

    (void)state;
    assert_int_equal(push_service_of(sio_lit("{}"), web, NULL), PUSH_WEB);
    assert_int_equal(push_service_of(expo, ios, NULL), PUSH_EXPO);
    assert_int_equal(push_service_of(sio_lit("ExpoPushToken[x]"), ios, NULL), PUSH_EXPO);
    assert_int_equal(push_service_of(hex, ios, NULL), PUSH_APNS);
    assert_int_equal(push_service_of(hex, sio_lit("ANDROID"), NULL), PUSH_FCM);
    assert_int_equal(push_service_of(fcm, ios, NULL), PUSH_FCM);
    assert_true(push_token_is_good(PUSH_EXPO, expo, NULL));
    assert_false(push_token_is_good(PUSH_EXPO, sio_lit("ExponentPushToken[]"), NULL));
    assert_false(push_token_is_good(PUSH_EXPO, sio_lit("ExponentPushToken[a]b]"), NULL));
    assert_true(push_token_is_good(PUSH_APNS, hex, NULL));
    assert_false(push_token_is_good(PUSH_APNS, sio_lit("0123"), NULL));
    assert_true(push_token_is_good(PUSH_FCM, fcm, NULL));
    assert_false(push_token_is_good(PUSH_FCM, sio_lit("dGVzdA:\r\nAPA91b"), NULL));
}

static void a_provider_token_lives_between_20_and_60_minutes(void **state)
{
    push_options o;
    push_apns *a = NULL;
    char err[200] = "", first[1024];

    (void)state;
    push_options_init(&o);
    o.apns_key_file = key_file;
    o.apns_key_id = "KEY1234567";
    o.apns_team_id = "TEAM123456";
    o.apns_topic = "app.party";
    assert_int_equal(push_apns_open(&a, &o, err, sizeof(err)), 0);
    snprintf(first, sizeof(first), "%s", push_apns_token(a, 1000000));
    assert_string_equal(push_apns_token(a, 1000000 + 1200), first);
    assert_string_equal(push_apns_token(a, 1000000 + 2399), first);
    assert_int_equal(push_apns_generation(a), 1);
    assert_string_not_equal(push_apns_token(a, 1000000 + 2400), first);
    assert_int_equal(push_apns_generation(a), 2);
    assert_true(push_apns_refused(a, 1, 1002400));  /* there is a newer one */
    assert_int_equal(push_apns_generation(a), 2);
    assert_true(push_apns_refused(a, 2, 1002401));
    assert_int_equal(push_apns_generation(a), 3);
    assert_false(push_apns_refused(a, 3, 1002402)); /* too soon */
    assert_true(push_apns_refused(a, 3, 1002401 + 1200));
    push_apns_token(a, 500);                        /* the clock was set back */
    assert_int_equal(push_apns_generation(a), 5);
    push_apns_close(a);
}

static void vapid_files_are_private_and_never_overwritten(void **state)
{
    char key[VAPID_PUBLIC_MAX], other[VAPID_PUBLIC_MAX], err[200] = "";
    struct stat st;

    (void)state;
    assert_int_equal(vapid_load(key_file, key, err, sizeof(err)), 0);
    assert_int_equal(strlen(key), 87);
    assert_int_equal(stat(key_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(vapid_make(key_file, other, err, sizeof(err)), SIO_EEXIST);
    assert_int_equal(vapid_load(key_file, other, err, sizeof(err)), 0);
    assert_string_equal(key, other);
    assert_int_equal(vapid_load("/nowhere/key", other, err, sizeof(err)), SIO_ENOENT);
}

/* A message to a port where nobody listens, so that there is a result to wait for; and one where
 * nobody answers. */
typedef struct told {
    loop       *l;
    push       *p;
    push_result result;
    unsigned    n;
    int         port;
    bool        is_deaf;
} told;

static void on_result(void *arg, const push_result *r)
{
    told *t = arg;

    t->result = *r;
    t->n++;
    loop_stop(t->l);
}

static void send_one(loop_task *task)
{
    static char text[512], url[64];
    told *t = *(told **)(task + 1);
    push_message m = {.service = PUSH_WEB, .title = sio_lit("t"), .badge = -1};

    snprintf(url, sizeof(url), "https://127.0.0.1:%d/x", t->port);
    m.token = subscription(text, url);
    assert_int_equal(push_send(t->p, &m, on_result, t), 0);
    m.collapse = sio_lit("not one");
    assert_int_equal(push_send(t->p, &m, on_result, t), SIO_EINVAL);
    m.collapse = sio_lit("one");
    if (t->is_deaf) /* else the first may have its result already */
        assert_int_equal(push_send(t->p, &m, on_result, t), SIO_ELIMIT);
    m.service = PUSH_FCM;
    assert_int_equal(push_send(t->p, &m, on_result, t), SIO_ESTATE);
}

static void send_and_stop(loop_task *task)
{
    told *t = *(told **)(task + 1);

    send_one(task);
    loop_stop(t->l);
}

/* A port whose listener takes nothing up. */
static int deaf_port(loop *l, int *listener)
{
    int port = 0;

    *listener = loop_listen(l, "127.0.0.1", &port, 1);
    assert_true(*listener >= 0);
    return port;
}

static void a_result_comes_on_the_loop_or_is_dropped(void **state)
{
    struct { loop_task task; told *t; } first = {.task.fn = send_one}, second = {.task.fn = send_and_stop};
    told t = {.port = 1025};
    push_options o;
    char err[200];
    int listener;

    (void)state;
    push_options_init(&o);
    o.vapid_key_file = key_file;
    o.vapid_subject = "mailto:x@y.example";
    o.allow_private = true;
    o.max_under_way = 1;
    assert_int_equal(push_new(&t.p, &o, err, sizeof(err)), 0);
    assert_true(push_has(t.p, PUSH_WEB));
    assert_false(push_has(t.p, PUSH_APNS));
    assert_int_equal(loop_new(&t.l), 0);
    first.t = second.t = &t;
    loop_post(t.l, &first.task);
    loop_run(t.l);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.result.outcome, PUSH_LATER);
    assert_int_equal(t.result.status, 0);
    t.is_deaf = true;
    t.port = deaf_port(t.l, &listener);
    loop_post(t.l, &second.task);
    loop_run(t.l);
    push_free(t.p);
    loop_drop_tasks(t.l);
    assert_int_equal(t.n, 1);
    loop_close(t.l, listener);
    loop_free(t.l);
}

static void fits(int (*build)(buf *out, const push_message *m), size_t max)
{
    static char body[PUSH_TEXT_MAX];
    push_message m = {.service = PUSH_WEB, .token = sio_lit("t"), .title = sio_lit("T"),
                      .body = {body, sizeof(body)}, .badge = -1};
    sio_str value;
    buf out;

    memset(body, '\1', sizeof(body));
    buf_init(&out, 2 * PUSH_RECORD);
    assert_int_equal(build(&out, &m), 0);
    assert_true(out.n <= max && out.n > max - 12);
    assert_true(json_valid(buf_str(&out), &value));
    m.title.n = sizeof(body);
    m.title.p = body;
    out.n = 0;
    assert_int_equal(build(&out, &m), SIO_ETOOBIG);
    buf_fini(&out);
}

static int build_fcm(buf *out, const push_message *m) { return push_body_fcm(out, m, 1700000000); }

static void what_is_too_long_is_cut(void **state)
{
    (void)state;
    fits(push_body_web, PUSH_PLAIN_MAX);
    fits(build_fcm, PUSH_PAYLOAD_MAX);
    fits(push_body_apns, PUSH_PAYLOAD_MAX);
    fits(push_body_expo, PUSH_PAYLOAD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_of_the_public_internet),
        cmocka_unit_test(an_origin_is_as_browsers_write_it),
        cmocka_unit_test(a_token_says_its_service),
        cmocka_unit_test(a_provider_token_lives_between_20_and_60_minutes),
        cmocka_unit_test(vapid_files_are_private_and_never_overwritten),
        cmocka_unit_test(a_result_comes_on_the_loop_or_is_dropped),
        cmocka_unit_test(what_is_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
