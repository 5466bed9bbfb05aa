#include "app/api/api_store.h"
#include "app/script_test.h"
#include "base/buf.h"

static void make_users(db_conn *c)
{
    static const char *const ids[] = {"ann", "bob", "cid", "host"};

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(db_exec(c,
                                 "INSERT INTO users (id, firebase_id, email, created_at, updated_at)"
                                 " VALUES (?1, ?1, ?1, ?2, ?2)",
                                 db_args(db_text(S(ids[i])), db_time(0))),
                         0);
    assert_int_equal(
        db_exec(c,
                "INSERT INTO party_events (id, host_id, title, is_private, created_at, updated_at)"
                " VALUES ('party', 'host', 'x', ?1, ?2, ?2)",
                db_args(db_bool(true), db_time(0))),
        0);
}

/* ---- rooms ------------------------------------------------------------------------------------------ */

static void check_rooms(db_conn *c)
{
    api_room first, again, found;
    bool made;

    make_users(c);
    assert_int_equal(api_store_room(c, S("nowhere"), &found), SIO_ENOENT);
    assert_int_equal(api_store_make_room(c, S("nowhere"), 5, &found, &made), SIO_ENOENT);
    assert_int_equal(api_store_make_room(c, S("party"), 5, &first, &made), 0);
    assert_true(made);
    assert_int_equal(strlen(first.id), CUID_LEN);
    assert_string_equal(first.party_id, "party");
    assert_string_equal(first.host_id, "host");
    assert_int_equal(first.created_ms, 5);
    assert_true(first.is_private);
    assert_int_equal(api_store_make_room(c, S("party"), 6, &again, &made), 0);
    assert_false(made);
    assert_string_equal(again.id, first.id);
    assert_int_equal(again.created_ms, 5);
    assert_int_equal(api_store_room(c, S(first.id), &found), 0);
    assert_string_equal(found.party_id, "party");
}

static void test_rooms(void **state) { run_script(state, check_rooms); }

/* ---- members ---------------------------------------------------------------------------------------- */

static int on_member(void *ctx, const api_member *m)
{
    buf *out = ctx;

    return buf_printf(out, "%.*s:%.*s:%.*s ", (int)m->user_id.n, m->user_id.p, (int)m->role.n,
                      m->role.p ? m->role.p : "", (int)m->status.n, m->status.p ? m->status.p : "");
}

static void expect_members(db_conn *c, const char *after, unsigned max, const char *expected)
{
    buf out;

    buf_init(&out, 1000);
    assert_int_equal(api_store_members(c, S("party"), S(after), max, on_member, &out), 0);
    buf_putc(&out, 0);
    assert_string_equal(out.p, expected);
    buf_fini(&out);
}

static void check_members(db_conn *c)
{
    bool removed;

    make_users(c);
    expect_members(c, NULL, 10, "host:HOST: ");
    assert_int_equal(api_store_set_role(c, S("party"), S("nobody"), S("COHOST"), 1), SIO_ENOENT);
    assert_int_equal(api_store_set_status(c, S("party"), S("nobody"), S("GOING"), 1), SIO_ENOENT);
    assert_int_equal(api_store_set_role(c, S("party"), S("bob"), S("COHOST"), 1), 0);
    assert_int_equal(api_store_set_role(c, S("party"), S("bob"), S("MODERATOR"), 1), 0);
    assert_int_equal(api_store_set_status(c, S("party"), S("bob"), S("GOING"), 1), 0);
    assert_int_equal(api_store_set_status(c, S("party"), S("ann"), S("GOING"), 1), 0);
    assert_int_equal(api_store_set_status(c, S("party"), S("ann"), S("MAYBE"), 1), 0);
    assert_int_equal(api_store_set_role(c, S("party"), S("host"), S("MODERATOR"), 1),
                     0); /* remains the host */
    expect_members(c, NULL, 10, "ann::MAYBE bob:MODERATOR:GOING host:HOST: ");
    expect_members(c, NULL, 2, "ann::MAYBE bob:MODERATOR:GOING ");
    expect_members(c, "bob", 2, "host:HOST: ");
    assert_int_equal(api_store_remove(c, S("party"), S("bob"), &removed), 0);
    assert_true(removed);
    assert_int_equal(api_store_remove(c, S("party"), S("bob"), &removed), 0);
    assert_false(removed);
    assert_int_equal(api_store_remove(c, S("party"), S("ann"), &removed), 0);
    assert_true(removed);
    expect_members(c, NULL, 10, "host:HOST: ");
}

static void test_members(void **state) { run_script(state, check_members); }

/* ---- answers kept ----------------------------------------------------------------------------------- */

static int on_body(void *ctx, sio_str body) { return buf_add_str(ctx, body); }

static api_kept look(db_conn *c, const char *key, const char *print, int64_t since, const char *expected)
{
    api_kept k;
    buf body;

    buf_init(&body, 1000);
    assert_int_equal(api_store_kept(c, S(key), S(print), since, &k, on_body, &body), 0);
    buf_putc(&body, 0);
    assert_string_equal(body.p, expected);
    buf_fini(&body);
    return k;
}

static void check_kept(db_conn *c)
{
    api_kept k;

    assert_false(look(c, "k", "p", 0, "").found);
    assert_int_equal(api_store_keep(c, S("k"), S("p"), 201, S("{\"a\":1}"), 1000, 0), 0);
    k = look(c, "k", "p", 1000, "{\"a\":1}");
    assert_true(k.found && k.same);
    assert_int_equal(k.status, 201);
    k = look(c, "k", "q", 1000, "");
    assert_true(k.found && !k.same);
    assert_false(look(c, "k", "p", 1001, "").found); /* too old */
    assert_false(look(c, "l", "p", 0, "").found);
    assert_int_equal(api_store_keep(c, S("k"), S("q"), 200, S("new"), 2000, 1001), 0); /* in its place */
    assert_true(look(c, "k", "q", 1001, "new").same);
}

static int on_number(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

/* Each new one takes more old ones with it than come in, and none that is young enough. */
static void check_drops(db_conn *c)
{
    char key[16];
    int64_t n = -1;

    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "old%d", i);
        assert_int_equal(api_store_keep(c, S(key), S("p"), 200, S(""), i, 0), 0);
    }
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof(key), "new%d", i);
        assert_int_equal(api_store_keep(c, S(key), S("p"), 200, S(""), 1000, 95), 0);
    }
    assert_int_equal(db_query(c, "SELECT count(*) FROM partyline_idempotency", db_no_args, on_number, &n), 0);
    assert_int_equal(n, 5 + 6);
    for (int i = 95; i < 100; i++) {
        snprintf(key, sizeof(key), "old%d", i);
        assert_true(look(c, key, "p", 95, "").found);
    }
}

static void test_kept(void **state) { run_script(state, check_kept); }
static void test_drops(void **state) { run_script(state, check_drops); }

#ifndef with_db
#define with_db(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {with_db(test_rooms), with_db(test_members), with_db(test_kept),
                                       with_db(test_drops)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
