#include "app/chat/chat_rig_test.h"

/* ---- access ----------------------------------------------------------------------------------------- */

static void make_party(db_conn *c, const char *id, bool is_private)
{
    assert_int_equal(db_exec(c, "INSERT INTO party_events (id, host_id, title, is_private, created_at,"
                                " updated_at)"
                                " VALUES (?1, 'host', 'x', ?2, ?3, ?3)",
                             db_args(db_text(S(id)), db_bool(is_private), db_time(0))), 0);
    assert_int_equal(db_exec(c,
                             "INSERT INTO chat_rooms (id, party_id, created_at) VALUES ('r-' || ?1, ?1, ?2)",
                             db_args(db_text(S(id)), db_time(0))), 0);
}

static void make_guests(db_conn *c)
{
    static const char *const people[] = {"host", "co", "going", "maybe", "not", "stranger"};

    for (unsigned i = 0; i < 6; i++)
        make_user(c, people[i]);
    make_party(c, "open", false);
    make_party(c, "closed", true);
    sql(c, "INSERT INTO party_cohosts VALUES ('1', 'closed', 'co', 'MODERATOR')");
    sql(c, "INSERT INTO party_attendees VALUES ('1', 'closed', 'going', 'GOING'), ('2', 'closed', 'maybe',"
           " 'MAYBE'),"
           " ('3', 'closed', 'not', 'NOT_GOING'), ('4', 'open', 'stranger', 'GOING')");
}

static void check_access(db_conn *c)
{
    static const struct { const char *room, *user; bool allowed; } cases[] = {
        {"r-closed", "host", true}, {"r-closed", "co", true}, {"r-closed", "going", true},
        {"r-closed", "maybe", true}, {"r-closed", "not", false}, {"r-closed", "stranger", false},
        {"r-closed", "no such user", false}, {"r-open", "not", true}, {"r-open", "no such user", true},
        {"open", "host", false}, {"nowhere", "host", false},
    };
    chat_door d;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        d.allowed = !cases[i].allowed;
        assert_int_equal(chat_store_door(c, S(cases[i].room), S(cases[i].user), &d), 0);
        if (d.allowed != cases[i].allowed)
            fail_msg("%s in %s: %d", cases[i].user, cases[i].room, d.allowed);
        assert_int_equal(d.exists, cases[i].room[0] == 'r');
        assert_int_equal(d.moderator, d.exists &&
                         (strcmp(cases[i].user, "host") == 0 || strcmp(cases[i].user, "co") == 0));
    }
}

static void test_access(void **state)
{
    (void)state;
    run_scripts(make_guests, check_access);
}

/* ---- messages --------------------------------------------------------------------------------------- */

static void check_numbers(db_conn *c)
{
    sent a, b;

    for (int i = 1; i <= 5; i++) {
        assert_int_equal(add(c, &a, "one", "ann", "x", NULL, 1000 + i), 0);
        assert_int_equal(a.m.seq, i);
        assert_int_equal(a.m.created_ms, 1000 + i);
        assert_int_equal(a.m.id.n, CHAT_ID_LEN);
        assert_int_equal(strspn(a.id, "0123456789abcdefghijklmnopqrstuvwxyz"), CHAT_ID_LEN);
        assert_int_equal(a.id[0], 'c');
    }
    assert_int_equal(add(c, &b, "two", "ann", "x", NULL, 7), 0);
    assert_int_equal(b.m.seq, 1);
    assert_string_not_equal(a.id, b.id);
    assert_int_equal(add(c, &b, "one", "ann", "x", NULL, 500), 0); /* a clock that went back */
    assert_int_equal(b.m.seq, 6);
    assert_int_equal(b.m.created_ms, 1005);
}

static void test_numbers(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_numbers);
}

static void check_repeats(db_conn *c)
{
    sent first, again, other;

    assert_int_equal(add(c, &first, "one", "ann", "once", "k", 1000), 0);
    assert_false(first.repeated);
    assert_int_equal(add(c, &again, "one", "ann", "twice", "k", 2000), 0);
    assert_true(again.repeated);
    assert_string_equal(again.id, first.id);
    assert_text(again.m.id, first.id);
    assert_int_equal(again.m.seq, 1);
    assert_int_equal(again.m.created_ms, 1000);
    assert_int_equal(add(c, &other, "one", "bob", "x", "k", 2000), 0); /* another sender */
    assert_false(other.repeated);
    assert_int_equal(other.m.seq, 2); /* the repeat took no number */
    assert_int_equal(add(c, &other, "two", "ann", "x", "k", 2000), 0); /* another room */
    assert_false(other.repeated);
    assert_int_equal(add(c, &other, "one", "ann", "x", NULL, 2000), 0); /* none: never the same */
    assert_int_equal(add(c, &other, "one", "ann", "x", NULL, 2000), 0);
    assert_int_equal(other.m.seq, 4);
    assert_int_equal(number(c, "SELECT count(*) FROM chat_messages WHERE content = 'twice'"), 0);
}

static void test_repeats(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_repeats);
}

/* A job of its own: PostgreSQL may say no only when the job ends. */
static int unknown_room(db_job *j, db_conn *c)
{
    sent s;

    (void)j;
    return add(c, &s, "nowhere", "ann", "x", NULL, 1);
}

static int unknown_sender(db_job *j, db_conn *c)
{
    sent s;

    (void)j;
    return add(c, &s, "one", "nobody", "x", NULL, 1);
}

static void test_unknown(void **state)
{
    step first = {.base = {.run = step_run}, .fn = make_two_rooms};
    db_job jobs[] = {{.run = unknown_room}, {.run = unknown_sender}};

    (void)state;
    assert_int_equal(db_write(the_db, &first.base), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(db_write(the_db, &jobs[i]), 0);
    db_stop(the_db);
    assert_int_equal(jobs[0].err, SIO_ENOENT);
    assert_int_equal(jobs[1].err, SIO_ENOENT);
}

/* ---- history ---------------------------------------------------------------------------------------- */

static void check_history(db_conn *c)
{
    chat_page *p = chat_page_new();
    char text[16];
    sent s;

    assert_int_equal(chat_store_before(c, S("one"), S("ann"), INT64_MAX, 50, p), 0);
    assert_int_equal(chat_page_len(p), 0);
    for (int i = 1; i <= 130; i++) {
        snprintf(text, sizeof(text), "n%d", i);
        assert_int_equal(add(c, &s, "one", i % 2 ? "ann" : "bob", text, i == 130 ? "k130" : NULL, i), 0);
        assert_int_equal(add(c, &s, "two", "ann", "elsewhere", NULL, i), 0);
    }
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), INT64_MAX, 50, p), 0);
    assert_int_equal(chat_page_len(p), 50);
    for (unsigned i = 0; i < 50; i++) {
        const chat_message *m = chat_page_at(p, i);

        snprintf(text, sizeof(text), "n%u", 81 + i);
        assert_text(m->content, text);
        assert_int_equal(m->seq, 81 + i);
        assert_int_equal(m->created_ms, 81 + i);
        assert_text(m->sender_id, i % 2 ? "bob" : "ann");
    }
    assert_text(chat_page_at(p, 49)->client_id, "k130");
    assert_null(chat_page_at(p, 48)->client_id.p);
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), INT64_MAX, 1000, p), 0);
    assert_int_equal(chat_page_len(p), CHAT_PAGE_MAX);
    chat_page_free(p);
}

static void test_history(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_history);
}

/* A message of every field comes back as it was; texts with any byte. */
static void check_fields(db_conn *c)
{
    chat_page *p = chat_page_new();
    const chat_message *m;
    chat_message in = {.room_id = S("one"), .sender_id = S("zoe"), .content = S(""), .type = S("IMAGE"),
                       .media_url = S("https://img.example/\xc3\xa4.png"), .client_id = S("a'b\"c"),
                       .created_ms = 42};
    char id[CHAT_ID_LEN + 1];
    bool repeated;

    assert_int_equal(chat_store_make_user(c, S("zoe"), S("Zo\xc3\xab"), S("https://a/b"), 5), 0);
    assert_int_equal(chat_store_add(c, &in, id, &repeated), 0);
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), INT64_MAX, 50, p), 0);
    m = chat_page_at(p, 0);
    assert_text(m->id, id);
    assert_text(m->room_id, "one");
    assert_text(m->sender_id, "zoe");
    assert_text(m->username, "Zo\xc3\xab");
    assert_text(m->avatar_url, "https://a/b");
    assert_non_null(m->content.p);
    assert_int_equal(m->content.n, 0);
    assert_text(m->type, "IMAGE");
    assert_text(m->media_url, "https://img.example/\xc3\xa4.png");
    assert_text(m->client_id, "a'b\"c");
    assert_int_equal(m->created_ms, 42);
    chat_page_free(p);
}

static void test_fields(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_fields);
}

/* ---- the demo --------------------------------------------------------------------------------------- */

static void check_demo(db_conn *c)
{
    sio_str none = {NULL, 0};

    make_user(c, "ann");
    /* Follows the token */
    assert_int_equal(chat_store_make_user(c, S("ann"), S("Ann"), S("http://a"), 9), 0);
    assert_int_equal(number(c, "SELECT count(*) FROM users WHERE id = 'ann' AND username = 'Ann'"
                               " AND avatar_url = 'http://a' AND updated_at = created_at"), 1);
    assert_int_equal(chat_store_make_user(c, S("a2"), S("Ann"), none, 9), 0); /* a name that is taken */
    assert_int_equal(number(c, "SELECT count(*) FROM users WHERE id = 'a2' AND username = 'Ann (a2)'"), 1);
    assert_int_equal(chat_store_make_user(c, S("a3"), none, none, 9), 0); /* two without a name */
    assert_int_equal(chat_store_make_user(c, S("a4"), none, none, 9), 0);
    assert_int_equal(chat_store_make_room(c, S("r"), S("ann"), 1), 0);
    assert_int_equal(chat_store_make_room(c, S("r"), S("a2"), 1), 0); /* is there */
    assert_int_equal(number(c, "SELECT count(*) FROM party_events WHERE id = 'r' AND host_id = 'ann'"), 1);
    assert_int_equal(number(c, "SELECT count(*) FROM chat_rooms WHERE id = 'r' AND party_id = 'r'"), 1);
}

static void test_demo(void **state)
{
    (void)state;
    run_scripts(check_demo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_db(test_access),  with_db(test_numbers), with_db(test_repeats), with_db(test_unknown),
        with_db(test_history), with_db(test_fields),  with_db(test_demo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
