#include "app/party/party_store.h"
#include "db/rig_test.h"

#define S(z) sio_str_z(z)

typedef struct script {
    db_job job;
    void (*fn)(db_conn *c);
} script;

static int on_run(db_job *j, db_conn *c)
{
    container_of(j, script, job)->fn(c);
    return 0;
}

static void run(void **state, void (*fn)(db_conn *c))
{
    fixture *f = *state;
    script s = {.job = {.run = on_run}, .fn = fn};

    assert_int_equal(db_write(f->d, &s.job), 0);
    db_stop(f->d); /* runs it */
    assert_int_equal(s.job.err, 0);
}

static void sql(db_conn *c, const char *text) { assert_int_equal(db_exec(c, text, db_no_args), 0); }

static void make(db_conn *c, const char *party, const char *host)
{
    assert_int_equal(party_store_make(c, S(party), S(host), 7), 0);
}

static void check_doors(db_conn *c)
{
    static const struct { const char *party, *user; bool allowed; } cases[] = {
        {"closed", "host", true},   {"closed", "co", true},        {"closed", "going", true},
        {"closed", "maybe", true},  {"closed", "not", false},      {"closed", "stranger", false},
        {"closed", "nobody", false}, {"open", "not", true},        {"open", "nobody", true},
        {"nowhere", "host", false},
    };
    party_door d;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&d, 1, sizeof(d));
        assert_int_equal(party_store_door(c, S(cases[i].party), S(cases[i].user), &d), 0);
        if (d.allowed != cases[i].allowed)
            fail_msg("%s at %s: %d", cases[i].user, cases[i].party, d.allowed);
        assert_int_equal(d.exists, cases[i].party[0] != 'n');
        assert_string_equal(d.status, cases[i].party[0] == 'o' ? "LIVE" : d.exists ? "CANCELLED" : "");
    }
}

static void doors(db_conn *c)
{
    static const char *const people[] = {"co", "going", "maybe", "not", "stranger"};

    make(c, "open", "host");
    make(c, "closed", "host");
    for (unsigned i = 0; i < 5; i++)
        make(c, people[i], people[i]);
    sql(c, "UPDATE party_events SET is_private = NOT is_private, status = 'CANCELLED' WHERE id = 'closed'");
    sql(c, "INSERT INTO party_cohosts (id, party_id, user_id, role)"
           " VALUES ('1', 'closed', 'co', 'MODERATOR')");
    sql(c, "INSERT INTO party_attendees (id, party_id, user_id, status)"
           " VALUES ('1', 'closed', 'going', 'GOING'),"
           " ('2', 'closed', 'maybe', 'MAYBE'), ('3', 'closed', 'not', 'NOT_GOING')");
    check_doors(c);
}

static void test_doors(void **state) { run(state, doors); }

static int on_host(void *ctx, const db_row *r)
{
    snprintf(ctx, 32, "%.*s", (int)db_col_text(r, 0).n, db_col_text(r, 0).p);
    return 0;
}

static void make_twice(db_conn *c)
{
    char host[32] = "";

    make(c, "p", "ann");
    make(c, "p", "bob");
    assert_int_equal(
        db_query(c, "SELECT host_id FROM party_events WHERE id = 'p'", db_no_args, on_host, host), 0);
    assert_string_equal(host, "ann");
}

static void test_make(void **state) { run(state, make_twice); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_doors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_make, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
