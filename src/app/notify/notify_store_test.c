#include "app/notify/notify_store.h"
#include "app/script_test.h"

#define LONG_AGO 1000

static char id[300][CUID_LEN + 1];

/* The i-th notification in id[]. */
static void add(db_conn *c, unsigned i, const char *user, int64_t ms, const char *data)
{
    notify_note n = {.user_id = S(user), .type = S("PARTY_LIVE"), .title = S("Títle"), .body = S(""),
                     .data = S(data), .created_ms = ms};

    assert_int_equal(notify_store_add(c, &n, id[i]), 0);
    assert_int_equal(n.id.n, CUID_LEN);
    assert_true(n.id.p == id[i]);
}

static void make_users(db_conn *c)
{
    assert_int_equal(notify_store_make_user(c, S("ann"), LONG_AGO), 0);
    assert_int_equal(notify_store_make_user(c, S("ann"), LONG_AGO), 0); /* already there */
    assert_int_equal(notify_store_make_user(c, S("bob"), LONG_AGO), 0);
}

static int64_t unread(db_conn *c, const char *user)
{
    int64_t n = -1;

    assert_int_equal(notify_store_unread(c, S(user), &n), 0);
    return n;
}

/* ---- marking ---------------------------------------------------------------------------------------- */

static void check_marks(db_conn *c)
{
    sio_str ids[5];
    bool changed[5];
    int64_t n;

    make_users(c);
    add(c, 0, "ann", 1, NULL);
    add(c, 1, "ann", 2, NULL);
    add(c, 2, "bob", 3, NULL);
    add(c, 3, "ann", 4, NULL);
    ids[0] = S(id[1]);
    ids[1] = S(id[2]); /* not ann's */
    ids[2] = S("nowhere");
    ids[3] = S(id[1]); /* twice */
    ids[4] = S(id[0]);
    assert_int_equal(notify_store_read(c, S("ann"), ids, 5, changed), 0);
    assert_true(changed[0] && !changed[1] && !changed[2] && !changed[3] && changed[4]);
    assert_int_equal(unread(c, "ann"), 1);
    assert_int_equal(unread(c, "bob"), 1);
    assert_int_equal(notify_store_read(c, S("ann"), ids, 5, changed), 0);
    assert_true(!changed[0] && !changed[4]);
    assert_int_equal(notify_store_read(c, S("ann"), ids, 0, changed), 0);
    assert_int_equal(notify_store_read_all(c, S("ann"), &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(notify_store_read_all(c, S("ann"), &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(unread(c, "bob"), 1);
}

static void check_many_marks(db_conn *c)
{
    sio_str ids[101];
    bool changed[101];

    make_users(c);
    for (unsigned i = 0; i < 101; i++) {
        add(c, i, i == 50 ? "bob" : "ann", i, NULL);
        ids[i] = S(id[i]);
    }
    assert_int_equal(notify_store_read(c, S("ann"), ids, 101, changed), 0);
    for (unsigned i = 0; i < 101; i++)
        assert_int_equal(changed[i], i != 50);
    assert_int_equal(unread(c, "ann"), 0);
}

static void check_bounded_count(db_conn *c)
{
    make_users(c);
    assert_int_equal(
        db_exec(c,
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
                " INSERT INTO notifications (id, user_id, type, title, body, is_read, created_at)"
                " SELECT 'n' || i, 'ann', 'NEW_RSVP', '', '', ?1, ?2 FROM n",
                db_args(db_bool(false), db_time(0))),
        0);
    assert_int_equal(unread(c, "ann"), NOTIFY_UNREAD_MAX);
}

static void test_marks(void **state) { run_script(state, check_marks); }
static void test_many_marks(void **state) { run_script(state, check_many_marks); }
static void test_bounded_count(void **state) { run_script(state, check_bounded_count); }

/* ---- pages ------------------------------------------------------------------------------------------ */

static void check_contents(db_conn *c)
{
    notify_page *p = notify_page_new();
    const notify_note *n;

    make_users(c);
    add(c, 0, "ann", 1234, "{\"a\": [1]}");
    add(c, 1, "ann", 1235, NULL);
    assert_int_equal(notify_store_list(c, S("ann"), (notify_key){0}, false, 10, p), 0);
    assert_int_equal(notify_page_len(p), 2);
    n = notify_page_at(p, 1);
    assert_true(sio_str_eq(n->id, S(id[0])) && sio_str_eq(n->type, S("PARTY_LIVE")) &&
                sio_str_eq(n->title, S("Títle")));
    assert_true(n->body.p && n->body.n == 0);
    assert_true(sio_str_eq(n->data, S("{\"a\": [1]}")));
    assert_int_equal(n->created_ms, 1234);
    assert_false(n->read);
    assert_null(notify_page_at(p, 0)->data.p);
    assert_int_equal(notify_store_list(c, S("bob"), (notify_key){0}, false, 10, p), 0);
    assert_int_equal(notify_page_len(p), 0);
    notify_page_free(p);
}

/* Every page size meets every notification once, in order, though many have the same time and some are read.
 */
static void walk(db_conn *c, unsigned limit, bool unread_only, unsigned expected)
{
    notify_page *p = notify_page_new();
    notify_key key = {0};
    char last[CUID_LEN + 1] = "~";
    int64_t last_ms = INT64_MAX;
    unsigned seen = 0;
    bool more = true;

    while (more) {
        assert_int_equal(notify_store_list(c, S("ann"), key, unread_only, limit, p), 0);
        assert_in_range(notify_page_len(p), 1, limit);
        for (unsigned i = 0; i < notify_page_len(p); i++, seen++) {
            const notify_note *n = notify_page_at(p, i);

            assert_true(n->created_ms < last_ms ||
                        (n->created_ms == last_ms && memcmp(n->id.p, last, CUID_LEN) < 0));
            assert_false(unread_only && n->read);
            last_ms = n->created_ms;
            memcpy(last, n->id.p, CUID_LEN);
        }
        key = (notify_key){last_ms, {last, CUID_LEN}};
        more = notify_page_more(p);
    }
    assert_int_equal(seen, expected);
    notify_page_free(p);
}

static void check_pages(db_conn *c)
{
    make_users(c);
    for (unsigned i = 0; i < 120; i++) {
        sio_str one;
        bool changed;

        add(c, i, "ann", i / 7, NULL);
        if (i % 3 == 0) {
            one = S(id[i]);
            assert_int_equal(notify_store_read(c, S("ann"), &one, 1, &changed), 0);
            assert_true(changed);
        }
    }
    for (unsigned limit = 1; limit <= 100; limit += 9) {
        walk(c, limit, false, 120);
        walk(c, limit, true, 80);
    }
}

static void test_contents(void **state) { run_script(state, check_contents); }
static void test_pages(void **state) { run_script(state, check_pages); }

/* ---- refusals --------------------------------------------------------------------------------------- */

static int unknown_user_run(db_job *j, db_conn *c)
{
    notify_note n = {.user_id = S("nobody"), .type = S("PARTY_LIVE"), .title = S(""), .body = S("")};
    char text[CUID_LEN + 1];

    (void)j;
    return notify_store_add(c, &n, text);
}

static int unknown_type_run(db_job *j, db_conn *c)
{
    notify_note n = {.user_id = S("ann"), .type = S("PARTY"), .title = S(""), .body = S("")};
    char text[CUID_LEN + 1];

    (void)j;
    make_users(c);
    return notify_store_add(c, &n, text);
}

static void test_unknown_user(void **state)
{
    db_job j = {.run = unknown_user_run};

    run_job(state, &j);
    assert_int_equal(j.err, SIO_ENOENT);
}

static void test_unknown_type(void **state)
{
    db_job j = {.run = unknown_type_run};

    run_job(state, &j);
    assert_int_equal(j.err, SIO_EINVAL);
}

#define with_db(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_db(test_marks), with_db(test_many_marks), with_db(test_bounded_count), with_db(test_contents),
        with_db(test_pages), with_db(test_unknown_user), with_db(test_unknown_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
