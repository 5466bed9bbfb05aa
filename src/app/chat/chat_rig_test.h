/* What the tests of chat's store share: a database for each test, and scripts that run inside its jobs. */
#ifndef APP_CHAT_CHAT_RIG_TEST_H
#define APP_CHAT_CHAT_RIG_TEST_H

#include "app/chat/chat_store.h"
#include "db/rig_test.h"

/* Each test is a script that runs inside one database job after another. */
typedef void script(db_conn *c);

typedef struct step {
    db_job  base;
    script *fn;
} step;

static db *the_db;

static int step_run(db_job *j, db_conn *c)
{
    container_of(j, step, base)->fn(c);
    return 0;
}

static void write_all(script *const *fn, unsigned n)
{
    step *s = calloc(n, sizeof(*s));

    for (unsigned i = 0; i < n; i++) {
        s[i] = (step){.base = {.run = step_run}, .fn = fn[i]};
        assert_int_equal(db_write(the_db, &s[i].base), 0);
    }
    db_stop(the_db); /* runs them */
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(s[i].base.err, 0);
    free(s);
}
#define run_scripts(...) \
    write_all((script *const[]){__VA_ARGS__}, sizeof((script *const[]){__VA_ARGS__}) / sizeof(script *))

static inline int chat_setup(void **state)
{
    int err = setup(state);

    the_db = ((fixture *)*state)->d;
    return err;
}

#define S(z)              sio_str_z(z)
#define assert_text(s, z) assert_true(sio_str_eq(s, S(z)))

static inline void sql(db_conn *c, const char *text) { assert_int_equal(db_exec(c, text, db_no_args), 0); }

static inline int on_number(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

static inline int64_t number(db_conn *c, const char *text)
{
    int64_t n = -1;

    assert_int_equal(db_query(c, text, db_no_args, on_number, &n), 0);
    return n;
}

static inline void make_user(db_conn *c, const char *id)
{
    assert_int_equal(chat_store_make_user(c, S(id), S(id), (sio_str){NULL, 0}, 1), 0);
}

typedef struct sent {
    chat_message m;
    char         id[CHAT_ID_LEN + 1];
    bool         repeated;
} sent;

static inline int add(db_conn *c, sent *s, const char *room, const char *sender, const char *text,
                      const char *client_id,
               int64_t now)
{
    memset(s, 0, sizeof(*s));
    s->m = (chat_message){.room_id = S(room), .sender_id = S(sender), .content = S(text), .type = S("TEXT"),
                          .client_id = client_id ? S(client_id) : (sio_str){NULL, 0}, .created_ms = now};
    return chat_store_add(c, &s->m, s->id, &s->repeated);
}

static inline void make_two_rooms(db_conn *c)
{
    make_user(c, "ann");
    make_user(c, "bob");
    assert_int_equal(chat_store_make_room(c, S("one"), S("ann"), 1), 0);
    assert_int_equal(chat_store_make_room(c, S("two"), S("bob"), 1), 0);
}

#define with_db(test) cmocka_unit_test_setup_teardown(test, chat_setup, teardown)

#endif
