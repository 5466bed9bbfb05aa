/* What push keeps, on SQLite and PostgreSQL: who is concerned by what, badges, devices, mutes. */
#include "app/chat/chat_rig_test.h"
#include "app/notify/notify_store.h"
#include "app/push/pusher_store.h"

static char names[256];

static int note_user(void *ctx, sio_str user_id, int64_t read_seq)
{
    size_t n = strlen(names);

    (void)ctx;
    snprintf(names + n, sizeof(names) - n, "%.*s:%d ", (int)user_id.n, user_id.p, (int)read_seq);
    return 0;
}

static int note_token(void *ctx, sio_str token_id)
{
    snprintf(ctx, 64, "%.*s", (int)token_id.n, token_id.p);
    return 0;
}

static void members(db_conn *c, const char *after, unsigned max, const char *expected)
{
    pusher_news n;

    names[0] = '\0';
    assert_int_equal(pusher_store_news(c, S("one"), &n), 0);
    assert_int_equal(pusher_store_members(c, S("one"), &n, S(after), 1000, max, note_user, NULL), 0);
    assert_string_equal(names, expected);
}

static void device(db_conn *c, const char *user, const char *token, unsigned max, int64_t now)
{
    assert_int_equal(pusher_store_register(c, S(user), S(token), "ANDROID", max, now), 0);
}

static void say_in(db_conn *c, const char *sender, const char *text, int64_t seq, bool first_expected)
{
    int64_t from = -1;
    bool first;
    sent s;

    assert_int_equal(add(c, &s, "one", sender, text, NULL, 100 + seq), 0);
    assert_int_equal(s.m.seq, seq);
    assert_int_equal(pusher_store_dirty(c, S("one"), seq, &from, &first), 0);
    assert_int_equal(first, first_expected);
    if (first)
        assert_int_equal(from, seq - 1);
}

static void make_people(db_conn *c)
{
    static const char *const people[] = {"co", "going", "maybe", "not", "deaf"};

    make_two_rooms(c); /* ann has the room "one" */
    for (unsigned i = 0; i < 5; i++)
        make_user(c, people[i]);
    sql(c, "INSERT INTO party_cohosts (id, party_id, user_id, role) VALUES ('1', 'one', 'co', 'MODERATOR')");
    sql(c,
        "INSERT INTO party_attendees (id, party_id, user_id, status) VALUES ('1', 'one', 'going', 'GOING'),"
        " ('2', 'one', 'maybe', 'MAYBE'), ('3', 'one', 'not', 'NOT_GOING'), ('4', 'one', 'deaf', 'GOING')");
    device(c, "ann", "t-ann", 10, 1);
    device(c, "co", "t-co", 10, 1);
    device(c, "going", "t-going", 10, 1);
    device(c, "maybe", "t-maybe", 10, 1);
    device(c, "not", "t-not", 10, 1);
}

static void check_members(db_conn *c)
{
    chat_unread u = {0};
    pusher_news n;
    bool moved;

    assert_int_equal(pusher_store_news(c, S("nowhere"), &n), 0);
    assert_int_equal(n.upto, 0);
    say_in(c, "ann", "hello", 1, true);
    say_in(c, "co", "you too", 2, false);
    members(c, "", 10, "ann:0 co:0 going:0 "); /* deaf has no device */
    members(c, "ann", 1, "co:0 ");
    assert_int_equal(chat_store_read(c, S("one"), S("going"), 1, &u, &moved), 0);
    members(c, "", 10, "ann:0 co:0 going:1 ");
    assert_int_equal(chat_store_read(c, S("one"), S("going"), 2, &u, &moved), 0);
    members(c, "", 10, "ann:0 co:0 ");
    assert_int_equal(pusher_store_mute(c, S("ann"), S("one"), 0), 0);
    members(c, "", 10, "co:0 ");
    assert_int_equal(pusher_store_mute(c, S("ann"), S("one"), 1000), 0); /* over by now */
    members(c, "", 10, "ann:0 co:0 ");
    assert_int_equal(pusher_store_mute(c, S("ann"), S("one"), 1001), 0);
    members(c, "", 10, "co:0 ");
    assert_int_equal(pusher_store_unmute(c, S("ann"), S("one")), 0);
    members(c, "", 10, "ann:0 co:0 ");
}

static void check_news(db_conn *c)
{
    pusher_news n;
    bool more;

    assert_int_equal(pusher_store_news(c, S("one"), &n), 0);
    assert_int_equal(n.from, 0);
    assert_int_equal(n.upto, 2);
    assert_string_equal(n.last.text, "you too");
    assert_string_equal(n.last.sender_id, "co");
    assert_string_equal(n.other.sender_id, "ann");
    assert_int_equal(n.other.seq, 1);
    assert_int_equal(pusher_store_clean(c, S("one"), 1, &more), 0);
    assert_true(more); /* and it stays dirty */
    say_in(c, "co", "again", 3, false);
    assert_int_equal(pusher_store_clean(c, S("one"), 3, &more), 0);
    assert_false(more);
    assert_int_equal(pusher_store_news(c, S("one"), &n), 0);
    assert_false(n.last.there);
    say_in(c, "co", "new", 4, true);
    assert_int_equal(pusher_store_news(c, S("one"), &n), 0);
    assert_int_equal(n.from, 3);
    assert_string_equal(n.last.text, "new");
    assert_false(n.other.there);
}

static void test_rooms(void **state)
{
    (void)state;
    run_scripts(make_people, check_members, check_news);
}

static void check_devices(db_conn *c)
{
    char id[64] = "", same[64] = "";
    pusher_token t;
    bool there;

    assert_int_equal(pusher_store_tokens(c, S("ann"), 10, note_token, id), 0);
    assert_int_equal(pusher_store_token(c, S(id), &t), 0);
    assert_true(t.there);
    assert_string_equal(t.user_id, "ann");
    assert_string_equal(t.token, "t-ann");
    assert_string_equal(t.platform, "ANDROID");
    device(c, "co", "t-ann", 10, 2); /* the phone was sold */
    assert_int_equal(pusher_store_token(c, S(id), &t), 0);
    assert_string_equal(t.user_id, "co");
    assert_int_equal(pusher_store_tokens(c, S("ann"), 10, note_token, same), 0);
    assert_string_equal(same, "");
    assert_int_equal(pusher_store_forget(c, S(id), S("ann"), 1000), 0); /* is no longer ann's */
    assert_int_equal(pusher_store_forget(c, S(id), S("co"), 1), 0); /* was dead before it was co's */
    assert_int_equal(number(c, "SELECT count(*) FROM device_tokens WHERE token = 't-ann'"), 1);
    assert_int_equal(pusher_store_forget(c, S(id), S("co"), 2), 0);
    assert_int_equal(number(c, "SELECT count(*) FROM device_tokens WHERE token = 't-ann'"), 0);
    for (int i = 0; i < 5; i++) {
        snprintf(same, sizeof(same), "more-%d", i);
        device(c, "co", same, 3, 10 + i);
    }
    assert_int_equal(number(c, "SELECT count(*) FROM device_tokens WHERE user_id = 'co'"), 3);
    assert_int_equal(
        number(c, "SELECT count(*) FROM device_tokens WHERE token IN ('more-2', 'more-3', 'more-4')"), 3);
    assert_int_equal(pusher_store_unregister(c, S("ann"), S("more-4"), &there), 0);
    assert_false(there);
    assert_int_equal(pusher_store_unregister(c, S("co"), S("more-4"), &there), 0);
    assert_true(there);
}

static void test_devices(void **state)
{
    (void)state;
    run_scripts(make_people, check_devices);
}

static void badge(db_conn *c, const char *user, int expected)
{
    int n = -1;

    assert_int_equal(pusher_store_badge(c, S(user), 1000, &n), 0);
    assert_int_equal(n, expected);
}

static void check_badge(db_conn *c)
{
    notify_note n = {
        .user_id = S("going"), .type = S("NEW_MESSAGE"), .title = S("t"), .body = S("b"), .created_ms = 5};
    char id[CUID_LEN + 1];
    pusher_note out;
    sent s;

    badge(c, "going", 0);
    say_in(c, "ann", "a", 1, true);
    say_in(c, "going", "own", 2, false);
    badge(c, "going", 1);
    assert_int_equal(notify_store_add(c, &n, id), 0);
    badge(c, "going", 2);
    assert_int_equal(pusher_store_note(c, S(id), &out), 0);
    assert_true(out.there);
    assert_false(out.read);
    assert_string_equal(out.title, "t");
    assert_int_equal(pusher_store_mute(c, S("going"), S("one"), 0), 0);
    badge(c, "going", 1);
    assert_int_equal(pusher_store_unmute(c, S("going"), S("one")), 0);
    for (int i = 0; i < 120; i++)
        assert_int_equal(add(c, &s, "one", "ann", "x", NULL, 200 + i), 0);
    badge(c, "going", PUSHER_BADGE_MAX);
}

static void test_badge(void **state)
{
    (void)state;
    run_scripts(make_people, check_badge);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {with_db(test_rooms), with_db(test_devices),
                                              with_db(test_badge)};

    return cmocka_run_group_tests_name("push store", tests, NULL, NULL);
}
