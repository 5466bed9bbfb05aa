/* The log of a room: edits, deletions, reactions, replies, pages, cursors, and messages that others wrote. */
#include "app/chat/chat_rig_test.h"

#include <sqlite3.h>
#include <stdatomic.h>

static const sio_str none = {NULL, 0};

static sent say(db_conn *c, const char *room, const char *sender, const char *text)
{
    sent s;

    assert_int_equal(add(c, &s, room, sender, text, NULL, 1000), 0);
    return s;
}

typedef int change_fn(db_conn *c, chat_change *ch);

static chat_change change(db_conn *c, change_fn *fn, const char *user, const char *id, const char *content,
                          const char *emoji)
{
    chat_change ch = {.room_id = S("one"), .message_id = S(id), .user_id = S(user),
                      .content = content ? S(content) : none,
                      .emoji = emoji ? S(emoji) : none, .at_ms = 5000,
                      .moderator = strcmp(user, "host") == 0};

    assert_int_equal(fn(c, &ch), 0);
    return ch;
}

static const chat_message *only(db_conn *c, chat_page *p, const char *reader)
{
    assert_int_equal(chat_store_before(c, S("one"), S(reader), INT64_MAX, 1, p), 0);
    assert_int_equal(chat_page_len(p), 1);
    return chat_page_at(p, 0);
}

/* ---- edits and deletions ---------------------------------------------------------------------------- */

static void check_edit(db_conn *c)
{
    chat_page *p = chat_page_new();
    sent s = say(c, "one", "ann", "first");
    chat_change ch = change(c, chat_store_edit, "bob", s.id, "stolen", NULL);

    assert_int_equal(ch.no, CHAT_NOT_YOURS);
    assert_int_equal(change(c, chat_store_edit, "ann", "nowhere", "x", NULL).no, CHAT_NO_MESSAGE);
    assert_int_equal(change(c, chat_store_edit, "ann", s.id, "", NULL).no, CHAT_NO_CONTENT);
    ch = change(c, chat_store_edit, "ann", s.id, "second", NULL);
    assert_int_equal(ch.no, CHAT_YES);
    assert_false(ch.repeated);
    assert_int_equal(ch.seq, 2);
    assert_text(only(c, p, "bob")->content, "second");
    assert_int_equal(only(c, p, "bob")->rev, 2);
    assert_int_equal(only(c, p, "bob")->seq, 1);
    assert_int_equal(only(c, p, "bob")->edited_ms, 5000);
    ch = change(c, chat_store_edit, "ann", s.id, "second", NULL); /* once more: nothing happens */
    assert_true(ch.repeated);
    assert_int_equal(ch.seq, 2);
    assert_int_equal(say(c, "one", "bob", "x").m.seq, 3);
    chat_page_free(p);
}

static void test_edit(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_edit);
}

static void check_delete(db_conn *c)
{
    chat_page *p = chat_page_new();
    sent s = say(c, "one", "ann", "secret");
    chat_change ch;

    change(c, chat_store_react, "bob", s.id, NULL, "\xf0\x9f\x8e\x89");
    assert_int_equal(change(c, chat_store_delete, "bob", s.id, NULL, NULL).no, CHAT_NOT_YOURS);
    ch = change(c, chat_store_delete, "ann", s.id, NULL, NULL);
    assert_int_equal(ch.seq, 3);
    assert_text(only(c, p, "bob")->content, "");
    assert_int_equal(only(c, p, "bob")->deleted_ms, 5000);
    assert_int_equal(only(c, p, "bob")->nreactions, 0);
    assert_int_equal(number(c, "SELECT count(*) FROM chat_messages WHERE content LIKE '%secret%'"), 0);
    assert_int_equal(number(c, "SELECT count(*) FROM partyline_reactions"), 0);
    assert_true(change(c, chat_store_delete, "ann", s.id, NULL, NULL).repeated);
    assert_int_equal(change(c, chat_store_edit, "ann", s.id, "back", NULL).no, CHAT_NO_MESSAGE);
    assert_int_equal(change(c, chat_store_react, "ann", s.id, NULL, "\xf0\x9f\x8e\x89").no, CHAT_NO_MESSAGE);
    s = say(c, "one", "ann", "rude");
    ch = change(c, chat_store_delete, "host", s.id, NULL, NULL); /* a moderator */
    assert_int_equal(ch.no, CHAT_YES);
    assert_int_equal(ch.seq, 5);
    chat_page_free(p);
}

static void test_delete(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_delete);
}

/* ---- reactions -------------------------------------------------------------------------------------- */

static void check_reactions(db_conn *c)
{
    chat_page *p = chat_page_new();
    sent s = say(c, "one", "ann", "x");
    const chat_message *m;
    char emoji[8];

    assert_int_equal(change(c, chat_store_react, "ann", s.id, NULL, "\xe2\x9d\xa4").count, 1);
    assert_int_equal(change(c, chat_store_react, "bob", s.id, NULL, "\xe2\x9d\xa4").count, 2);
    assert_true(change(c, chat_store_react, "bob", s.id, NULL, "\xe2\x9d\xa4").repeated);
    assert_int_equal(change(c, chat_store_react, "bob", s.id, NULL, "\xe2\x9c\x85").seq, 4);
    m = only(c, p, "ann");
    assert_int_equal(m->rev, 4);
    assert_int_equal(m->nreactions, 2);
    assert_text(m->reaction[0].emoji, "\xe2\x9d\xa4");
    assert_int_equal(m->reaction[0].count, 2);
    assert_true(m->reaction[0].mine);
    assert_false(m->reaction[1].mine);
    assert_int_equal(change(c, chat_store_unreact, "ann", s.id, NULL, "\xe2\x9d\xa4").count, 1);
    assert_true(change(c, chat_store_unreact, "ann", s.id, NULL, "\xe2\x9d\xa4").repeated);
    assert_int_equal(change(c, chat_store_unreact, "bob", s.id, NULL, "\xe2\x9d\xa4").count, 0);
    assert_int_equal(only(c, p, "ann")->nreactions, 1);
    for (int i = 0; i < 30; i++) {
        snprintf(emoji, sizeof(emoji), "\xe2\x99%c", 0x80 + i);
        assert_int_equal(change(c, chat_store_react, "ann", s.id, NULL, emoji).no,
                         i < CHAT_EMOJIS_MAX - 1 ? CHAT_YES : CHAT_TOO_MANY);
    }
    assert_int_equal(only(c, p, "ann")->nreactions, CHAT_EMOJIS_MAX);
    chat_page_free(p);
}

static void test_reactions(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_reactions);
}

/* ---- replies ---------------------------------------------------------------------------------------- */

static void check_replies(db_conn *c)
{
    chat_page *p = chat_page_new();
    sent first = say(c, "one", "ann", "question"), reply;
    const chat_message *m;
    char id[CHAT_ID_LEN + 1];
    bool has, repeated;

    assert_int_equal(chat_store_has(c, S("one"), S(first.id), &has), 0);
    assert_true(has);
    assert_int_equal(chat_store_has(c, S("two"), S(first.id), &has), 0);
    assert_false(has);
    reply.m = (chat_message){.room_id = S("one"), .sender_id = S("bob"), .content = S("answer"),
                             .type = S("TEXT"),
                             .reply_id = S(first.id), .created_ms = 2000};
    assert_int_equal(chat_store_add(c, &reply.m, id, &repeated), 0);
    m = only(c, p, "ann");
    assert_text(m->reply_id, first.id);
    assert_text(m->reply_sender_id, "ann");
    assert_text(m->reply_username, "ann");
    assert_text(m->reply_content, "question");
    assert_text(m->reply_type, "TEXT");
    assert_false(m->reply_deleted);
    change(c, chat_store_delete, "ann", first.id, NULL, NULL);
    m = only(c, p, "ann");
    assert_true(m->reply_deleted);
    assert_text(m->reply_content, "");
    chat_page_free(p);
}

static void test_replies(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_replies);
}

/* ---- pages and the log ------------------------------------------------------------------------------ */

static void check_pages(db_conn *c)
{
    chat_page *p = chat_page_new();

    for (int i = 1; i <= 10; i++)
        say(c, "one", "ann", "x");
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), 8, 3, p), 0);
    assert_int_equal(chat_page_len(p), 3);
    assert_int_equal(chat_page_at(p, 0)->seq, 5);
    assert_int_equal(chat_page_at(p, 2)->seq, 7);
    assert_true(chat_page_more(p));
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), 4, 3, p), 0);
    assert_int_equal(chat_page_len(p), 3);
    assert_false(chat_page_more(p));
    assert_int_equal(chat_store_after(c, S("one"), S("ann"), 6, 3, p), 0);
    assert_int_equal(chat_page_at(p, 0)->seq, 7);
    assert_int_equal(chat_page_at(p, 2)->seq, 9);
    assert_true(chat_page_more(p));
    assert_int_equal(chat_store_after(c, S("one"), S("ann"), 7, 3, p), 0);
    assert_false(chat_page_more(p));
    chat_page_free(p);
}

static void test_pages(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_pages);
}

static void check_log(db_conn *c)
{
    chat_page *p = chat_page_new();
    sent a = say(c, "one", "ann", "a"), b = say(c, "one", "bob", "b");

    change(c, chat_store_edit, "ann", a.id, "a2", NULL);            /* 3 */
    change(c, chat_store_react, "bob", a.id, NULL, "\xe2\x9d\xa4"); /* 4 */
    say(c, "one", "ann", "c");                                      /* 5 */
    change(c, chat_store_delete, "bob", b.id, NULL, NULL);          /* 6 */
    assert_int_equal(chat_store_log(c, S("one"), S("ann"), 2, 6, p), 0);
    assert_int_equal(chat_page_entries(p), 3);
    assert_text(chat_page_entry(p, 0)->kind, "edit");
    assert_int_equal(chat_page_entry(p, 0)->seq, 3);
    assert_text(chat_page_entry(p, 1)->kind, "react");
    assert_text(chat_page_entry(p, 1)->emoji, "\xe2\x9d\xa4");
    assert_text(chat_page_entry(p, 1)->user_id, "bob");
    assert_text(chat_page_entry(p, 2)->message_id, b.id);
    assert_int_equal(chat_page_len(p), 3); /* a, b and c, each once, as they are now */
    assert_text(chat_page_at(p, 0)->content, "a2");
    assert_int_equal(chat_page_at(p, 0)->rev, 4);
    assert_int_equal(chat_page_at(p, 0)->nreactions, 1);
    assert_int_equal(chat_page_at(p, 1)->deleted_ms, 5000);
    assert_int_equal(chat_page_at(p, 2)->seq, 5);
    assert_int_equal(chat_store_log(c, S("one"), S("ann"), 4, 5, p), 0); /* a piece out of the middle */
    assert_int_equal(chat_page_entries(p), 0);
    assert_int_equal(chat_page_len(p), 1);
    chat_page_free(p);
}

static void test_log(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_log);
}

/* ---- cursors ---------------------------------------------------------------------------------------- */

static chat_unread unread(db_conn *c, const char *user, int64_t from)
{
    chat_unread u = {.read_seq = from};

    assert_int_equal(chat_store_unread(c, S("one"), S(user), &u), 0);
    return u;
}

static void check_cursor(db_conn *c)
{
    chat_unread u;
    sent gone;
    bool moved;

    say(c, "one", "ann", "1");
    say(c, "one", "bob", "2");
    gone = say(c, "one", "bob", "3");
    say(c, "one", "bob", "4");
    assert_int_equal(unread(c, "ann", 0).unread, 3);
    assert_int_equal(unread(c, "bob", 0).unread, 1);
    change(c, chat_store_delete, "bob", gone.id, NULL, NULL);
    assert_int_equal(unread(c, "ann", 0).unread, 2);
    assert_int_equal(chat_store_read(c, S("one"), S("ann"), 3, &u, &moved), 0);
    assert_true(moved);
    assert_int_equal(u.read_seq, 3);
    assert_int_equal(chat_store_read(c, S("one"), S("ann"), 2, &u, &moved), 0); /* never back */
    assert_false(moved);
    assert_int_equal(u.read_seq, 3);
    assert_int_equal(unread(c, "ann", u.read_seq).unread, 1);
    for (int i = 0; i < CHAT_UNREAD_MAX + 5; i++)
        say(c, "one", "bob", "x");
    /* Own and deleted ones are looked at too */
    assert_int_equal(unread(c, "ann", 0).unread, CHAT_UNREAD_MAX - 2);
    assert_true(unread(c, "ann", 0).more);
}

static void test_cursor(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_cursor);
}

typedef struct room_names {
    char     text[200];
    unsigned n;
} room_names;

static int on_room(void *ctx, sio_str id, const chat_unread *u)
{
    room_names *r = ctx;

    snprintf(r->text + strlen(r->text), sizeof(r->text) - strlen(r->text), "%.*s:%d/%d ", (int)id.n, id.p,
             (int)u->read_seq,
             (int)u->last_seq);
    r->n++;
    return 0;
}

static void check_rooms(db_conn *c)
{
    room_names r = {.n = 0};
    chat_unread u;
    sent s;
    bool moved;

    assert_int_equal(add(c, &s, "one", "ann", "x", NULL, 1000), 0);
    assert_int_equal(add(c, &s, "two", "ann", "x", NULL, 3000), 0);
    assert_int_equal(chat_store_rooms(c, S("ann"), 9, on_room, &r), 0);
    assert_string_equal(r.text, "one:0/1 "); /* hosted; "two" is bob's */
    assert_int_equal(chat_store_read(c, S("two"), S("ann"), 1, &u, &moved), 0);
    r = (room_names){.n = 0};
    assert_int_equal(chat_store_rooms(c, S("ann"), 9, on_room, &r), 0);
    assert_string_equal(r.text, "two:1/1 one:0/1 ");
    /* A cursor is no ticket */
    assert_int_equal(db_exec(c, "UPDATE party_events SET is_private = ?1", db_args(db_bool(true))), 0);
    r = (room_names){.n = 0};
    assert_int_equal(chat_store_rooms(c, S("ann"), 9, on_room, &r), 0);
    assert_string_equal(r.text, "one:0/1 ");
    sql(c, "INSERT INTO party_attendees (id, party_id, user_id, status) VALUES ('1', 'two', 'ann', 'GOING')");
    r = (room_names){.n = 0};
    assert_int_equal(chat_store_rooms(c, S("ann"), 9, on_room, &r), 0);
    assert_int_equal(r.n, 2);
}

static void test_rooms(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_rooms);
}

/* ---- what others wrote ------------------------------------------------------------------------------ */

/* A message as the application's backend writes it. */
static void others(db_conn *c, const char *id, int64_t at)
{
    assert_int_equal(db_exec(c, "INSERT INTO chat_messages (id, room_id, sender_id, content, type,"
                                " created_at)"
                                " VALUES (?1, 'one', 'bob', ?1, 'TEXT', ?2)",
                                db_args(db_text(S(id)), db_time(at))), 0);
}

/* Messages number `from` to `to`, so many in each millisecond. */
static void others_many(db_conn *c, int from, int to, int each)
{
    static const char *const numbers[] = {
        "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
        " INSERT INTO chat_messages SELECT 'm' || i, 'one', 'bob', 'old', 'TEXT', NULL, i / ?3 FROM n",
        "INSERT INTO chat_messages SELECT 'm' || i, 'one', 'bob', 'old', 'TEXT', NULL,"
        " timestamp '1970-01-01' + interval '1 millisecond' * (i / ?3::bigint)"
        " FROM generate_series(?1::bigint, ?2::bigint) i",
    };

    assert_int_equal(db_exec(c, numbers[on_postgres() != NULL],
                             db_args(db_int(from), db_int(to), db_int(each))), 0);
}

static bool is_unfilled(db_conn *c, int64_t *from, chat_door *d)
{
    bool unfilled;

    assert_int_equal(chat_store_door(c, S("one"), S("ann"), d), 0);
    assert_int_equal(chat_store_unfilled(c, S("one"), d, &unfilled, from), 0);
    return unfilled;
}

static void fill(db_conn *c, chat_fill *f)
{
    chat_door d;

    assert_true(is_unfilled(c, &f->from_ms, &d));
    do {
        assert_int_equal(chat_store_fill(c, S("one"), f), 0);
    } while (f->more);
    assert_false(is_unfilled(c, &f->from_ms, &d));
}

static void check_order(db_conn *c, const char *ids)
{
    chat_page *p = chat_page_new();

    assert_int_equal(chat_store_after(c, S("one"), S("ann"), 0, 100, p), 0);
    assert_int_equal(chat_page_len(p), strlen(ids));
    for (unsigned i = 0; i < chat_page_len(p); i++) {
        assert_int_equal(chat_page_at(p, i)->content.p[0], ids[i]);
        assert_int_equal(chat_page_at(p, i)->seq, i + 1);
        assert_int_equal(chat_page_at(p, i)->rev, i + 1);
    }
    chat_page_free(p);
}

static void check_fill(db_conn *c)
{
    chat_fill f = {0};
    chat_door d;

    others(c, "c", 300);
    others(c, "a", 100);
    others(c, "d", 300);
    others(c, "b", 200);
    fill(c, &f);
    assert_int_equal(f.after, 0);
    assert_int_equal(f.n, 4);
    assert_false(f.was_used);
    check_order(c, "abcd");
    assert_int_equal(chat_store_door(c, S("one"), S("ann"), &d), 0);
    assert_int_equal(d.last_seq, 4);
    assert_int_equal(d.last_ms, 300);
    assert_int_equal(say(c, "one", "ann", "e").m.seq, 5); /* at 1000 */
    others(c, "f", 2000);
    assert_int_equal(chat_store_door(c, S("one"), S("ann"), &d), 0);
    assert_true(d.behind);
    fill(c, &f);
    assert_int_equal(f.after, 5);
    assert_int_equal(f.n, 1);
    assert_true(f.was_used);
    others(c, "g", 1500); /* its transaction took long */
    assert_int_equal(chat_store_door(c, S("one"), S("ann"), &d), 0);
    assert_false(d.behind);
    fill(c, &f);
    check_order(c, "abcdefg");
}

static void test_fill(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_fill);
}

/* Its transaction took long, and many messages came in between: who enters finds it, and the first that
 * writes behind a boundary of 5 s. */
static void check_late_fill(db_conn *c)
{
    const int64_t last = 99999;
    chat_fill f = {0};
    chat_door d;
    bool late;

    others_many(c, (int)last - 200, (int)last, 1);
    fill(c, &f);
    others(c, "late", last - 5000);
    assert_int_equal(chat_store_door(c, S("one"), S("ann"), &d), 0);
    assert_int_equal(d.last_ms, last);
    assert_int_equal(chat_store_late(c, S("one"), &d, last, &late), 0);
    assert_false(late);
    assert_int_equal(chat_store_late(c, S("one"), &d, last + 1, &late), 0);
    assert_true(late);
    fill(c, &f);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.after, 201);
    assert_int_equal(chat_store_door(c, S("one"), S("ann"), &d), 0);
    assert_int_equal(chat_store_late(c, S("one"), &d, last + 1, &late), 0);
    assert_false(late);
}

static void test_late_fill(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_late_fill);
}

/* 30,000 old messages get numbers in steps, and no step is larger than it may be. */
static void check_large_fill(db_conn *c)
{
    chat_fill f = {0};
    unsigned steps = 0;

    others_many(c, 1, 30000, 3);
    do {
        assert_int_equal(chat_store_fill(c, S("one"), &f), 0);
        assert_true(f.n <= CHAT_FILL_MAX);
        steps++;
    } while (f.more);
    assert_int_equal(steps, 30000 / CHAT_FILL_MAX + 1);
    assert_int_equal(number(c, "SELECT count(*) FROM partyline_messages WHERE room_id = 'one'"), 30000);
    assert_int_equal(number(c, "SELECT last_seq FROM partyline_rooms WHERE room_id = 'one'"), 30000);
    assert_int_equal(number(c, "SELECT count(*) FROM (SELECT m.created_at AS a,"
                               " lag(m.created_at) OVER (ORDER BY p.seq) AS b"
                               " FROM partyline_messages p JOIN chat_messages m"
                               " ON m.id = p.message_id) t WHERE a < b"), 0);
}

static void test_large_fill(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_large_fill);
}

/* ---- what it costs ---------------------------------------------------------------------------------- */

/* Steps of SQLite's virtual machine, of all statements that ended: a measure of work that no
 * clock disturbs. */
static atomic_llong vm_steps;

static int on_statement(unsigned what, void *ctx, void *statement, void *ns)
{
    (void)what;
    (void)ctx;
    (void)ns;
    atomic_fetch_add(&vm_steps, sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1));
    return 0;
}

static int on_open(sqlite3 *native, char **err, const void *api)
{
    (void)err;
    (void)api;
    return sqlite3_trace_v2(native, SQLITE_TRACE_PROFILE, on_statement, NULL);
}

static int setup_counting(void **state)
{
    sqlite3_auto_extension((void (*)(void))on_open);
    return chat_setup(state);
}

static int teardown_counting(void **state)
{
    sqlite3_cancel_auto_extension((void (*)(void))on_open);
    return teardown(state);
}

static void grow(db_conn *c, int from, int to)
{
    chat_fill f = {.from_ms = 0};

    others_many(c, from, to, 1);
    do {
        assert_int_equal(chat_store_fill(c, S("one"), &f), 0);
    } while (f.more);
}

typedef void work(db_conn *c, int64_t last, chat_page *p);

static void enter(db_conn *c, int64_t last, chat_page *p)
{
    chat_door d;
    int64_t from;

    assert_false(is_unfilled(c, &from, &d));
    assert_int_equal(d.last_seq, last);
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), INT64_MAX, 50, p), 0);
    assert_int_equal(chat_page_len(p), 50);
}

static void page_back(db_conn *c, int64_t last, chat_page *p)
{
    assert_int_equal(chat_store_before(c, S("one"), S("ann"), last / 2, 100, p), 0);
    assert_int_equal(chat_store_after(c, S("one"), S("ann"), last / 2, 100, p), 0);
    assert_int_equal(chat_page_len(p), 100);
}

static void sync_up(db_conn *c, int64_t last, chat_page *p)
{
    assert_int_equal(chat_store_log(c, S("one"), S("ann"), last - 100, last, p), 0);
    assert_int_equal(chat_page_len(p), 100);
}

static void count_unread(db_conn *c, int64_t last, chat_page *p)
{
    (void)p;
    assert_int_equal(unread(c, "ann", last - 100).unread, 100);
}

static void look_around(db_conn *c, int64_t last, chat_page *p)
{
    room_names r = {.n = 0};

    (void)last;
    (void)p;
    assert_int_equal(chat_store_rooms(c, S("ann"), 100, on_room, &r), 0);
}

static work *const works[] = {enter, page_back, sync_up, count_unread, look_around};
#define WORKS (sizeof(works) / sizeof(works[0]))

static void measure(db_conn *c, int64_t last, long long steps[WORKS])
{
    chat_page *p = chat_page_new();

    for (size_t i = 0; i < WORKS; i++) {
        works[i](c, last, p); /* prepares the statements */
        atomic_store(&vm_steps, 0);
        works[i](c, last, p);
        steps[i] = atomic_load(&vm_steps);
        assert_true(steps[i] > 0);
    }
    chat_page_free(p);
}

static void check_cost(db_conn *c)
{
    long long small[WORKS], large[WORKS];

    grow(c, 1, 1000);
    measure(c, 1000, small);
    grow(c, 1001, 100000);
    measure(c, 100000, large);
    for (size_t i = 0; i < WORKS; i++) {
        if (large[i] > small[i] + small[i] / 10)
            fail_msg("work %zu: %lld steps with 1000 messages, %lld with 100000", i, small[i], large[i]);
    }
}

static void test_cost(void **state)
{
    (void)state;
    if (on_postgres())
        skip();
    run_scripts(make_two_rooms, check_cost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_db(test_edit),  with_db(test_delete), with_db(test_reactions), with_db(test_replies),
        with_db(test_pages),
        with_db(test_log),   with_db(test_cursor), with_db(test_rooms),     with_db(test_fill),
        with_db(test_large_fill),
        with_db(test_late_fill),
        cmocka_unit_test_setup_teardown(test_cost, setup_counting, teardown_counting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
