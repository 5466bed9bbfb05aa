/* What members are told when an entry is written, and what is read back later, must be the same to them. */
#include "app/chat/chat_int.h"
#include "app/chat/chat_log.h"
#include "app/chat/chat_rig_test.h"
#include "base/buf.h"
#include "codec/val.h"

#define HEART "\xe2\x9d\xa4"
#define PARTY "\xf0\x9f\x8e\x89"

/* ---- what was told live ----------------------------------------------------------------------------- */

typedef struct told {
    unsigned   n;
    chat_item *item[64];
} told;

static void tell(told *t, chat_event event, int64_t seq, sio_val payload)
{
    chat_item *item = chat_log_item(event, seq, payload);

    assert_non_null(item);
    assert_true(t->n < 64);
    t->item[t->n++] = item;
}

static sent say(db_conn *c, told *t, const char *sender, const char *text)
{
    char client_id[16];
    chat_val v;
    sent s;

    snprintf(client_id, sizeof(client_id), "client-%u", t->n);
    assert_int_equal(add(c, &s, "one", sender, text, client_id, 1000 + t->n), 0);
    s.m.username = S(sender); /* as make_user does */
    tell(t, CHAT_NEW_MESSAGE, s.m.seq, chat_val_make(&v, &s.m));
    return s;
}

typedef int change_fn(db_conn *c, chat_change *ch);

static void change(db_conn *c, told *t, change_fn *fn, chat_event event, const char *user, const sent *s,
                   const char *what)
{
    chat_change ch = {.room_id = S("one"), .message_id = S(s->id), .user_id = S(user), .at_ms = 5000 + t->n};
    chat_change_val v;

    *(event == CHAT_EDITED ? &ch.content : &ch.emoji) = what ? S(what) : (sio_str){NULL, 0};
    assert_int_equal(fn(c, &ch), 0);
    assert_int_equal(ch.no, CHAT_YES);
    assert_false(ch.repeated);
    tell(t, event, ch.seq, chat_change_val_make(&v, event, &ch, fn == chat_store_react));
}

/* ---- what is read back ------------------------------------------------------------------------------ */

static told replay(db_conn *c, int64_t after, int64_t upto)
{
    chat_item *first = NULL, **tail = &first;
    told t = {0};

    assert_int_equal(chat_log_replay(c, S("one"), after, upto, &tail), 0);
    for (chat_item *item = first; item; item = item->next) {
        assert_true(t.n < 64);
        t.item[t.n++] = item;
    }
    assert_null(*tail);
    return t;
}

static void told_free(told *t)
{
    while (t->n > 0)
        free(t->item[--t->n]);
}

static void same_item(const chat_item *is, const chat_item *was)
{
    assert_int_equal(is->seq, was->seq);
    assert_int_equal(is->event, was->event);
    if (is->n != was->n || memcmp(is->text, was->text, is->n) != 0)
        fail_msg("%.*s\nwas told, but read back is\n%.*s", (int)was->n, was->text, (int)is->n, is->text);
}

/* Every piece of the log, in pieces of every size. */
static void same_log(db_conn *c, const told *live)
{
    for (unsigned after = 0; after < live->n; after++) {
        for (unsigned upto = after + 1; upto <= live->n; upto++) {
            told t = replay(c, after, upto);

            assert_int_equal(t.n, upto - after);
            for (unsigned i = 0; i < t.n && upto == live->n; i++)
                same_item(t.item[i], live->item[after + i]);
            told_free(&t);
        }
    }
}

static void check_same(db_conn *c)
{
    told live = {0};
    sent s;

    say(c, &live, "ann", "first");
    s = say(c, &live, "bob", "second \"\n\xf0\x9f\x98\x80");
    change(c, &live, chat_store_react, CHAT_REACTION, "ann", &s, HEART);
    change(c, &live, chat_store_react, CHAT_REACTION, "bob", &s, HEART);
    change(c, &live, chat_store_react, CHAT_REACTION, "bob", &s, PARTY);
    change(c, &live, chat_store_unreact, CHAT_REACTION, "ann", &s, HEART);
    change(c, &live, chat_store_unreact, CHAT_REACTION, "bob", &s, PARTY);
    change(c, &live, chat_store_react, CHAT_REACTION, "ann", &s, HEART);
    same_log(c, &live);
    told_free(&live);
}

static void test_same(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_same);
}

/* ---- what can not be had any more ------------------------------------------------------------------- */

static bool has(const chat_item *item, const char *text)
{
    return memmem(item->text, item->n, text, strlen(text)) != NULL;
}

/* Texts are those of today, but nothing says what is only to come. */
static void check_edits(db_conn *c)
{
    told live = {0}, t;
    sent s = say(c, &live, "ann", "old");

    change(c, &live, chat_store_edit, CHAT_EDITED, "ann", &s, "newer");
    change(c, &live, chat_store_edit, CHAT_EDITED, "ann", &s, "newest");
    t = replay(c, 0, 3);
    assert_int_equal(t.n, 3);
    assert_true(has(t.item[0], "\"content\":\"newest\"") && has(t.item[0], "\"seq\":1,\"rev\":1"));
    assert_false(has(t.item[0], "editedAt"));
    assert_true(has(t.item[1], "\"content\":\"newest\"") && has(t.item[1], "1970-01-01T00:00:05.001Z"));
    same_item(t.item[2], live.item[2]);
    told_free(&t);
    change(c, &live, chat_store_react, CHAT_REACTION, "bob", &s, HEART);
    change(c, &live, chat_store_delete, CHAT_DELETED, "ann", &s, NULL);
    t = replay(c, 0, 5);
    assert_int_equal(t.n, 5);
    assert_true(has(t.item[0], "\"content\":\"\"") && !has(t.item[0], "deletedAt") &&
                !has(t.item[0], "reactions"));
    assert_true(has(t.item[1], "\"content\":\"\""));
    assert_true(has(t.item[3], "\"added\":true,\"count\":1"));
    same_item(t.item[4], live.item[4]);
    told_free(&t);
    told_free(&live);
}

static void test_edits(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_edits);
}

/* Messages and their entries that the backend has deleted leave holes. */
static void check_holes(db_conn *c)
{
    told live = {0}, t;
    sent s;

    say(c, &live, "ann", "a");
    s = say(c, &live, "bob", "b");
    change(c, &live, chat_store_edit, CHAT_EDITED, "bob", &s, "bb");
    say(c, &live, "ann", "c");
    sql(c, "DELETE FROM chat_messages WHERE content = 'bb'");
    t = replay(c, 0, 4);
    assert_int_equal(t.n, 2);
    same_item(t.item[0], live.item[0]);
    same_item(t.item[1], live.item[3]);
    told_free(&t);
    told_free(&live);
}

static void test_holes(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_holes);
}

/* ---- heads ------------------------------------------------------------------------------------------ */

static void check_heads(db_conn *c)
{
    chat_head h[CHAT_HEADS_MAX] = {{.room_id = S("two")}, {.room_id = S("nowhere")}, {.room_id = S("one")}};
    told live = {0};
    chat_fill fill = {0};

    assert_int_equal(chat_log_heads(c, h, 3), 0);
    assert_int_equal(h[0].seq, 0);
    assert_false(h[0].filled);
    say(c, &live, "ann", "a");
    say(c, &live, "ann", "b");
    assert_int_equal(chat_store_fill(c, S("one"), &fill), 0);
    assert_int_equal(chat_log_heads(c, h, 3), 0);
    assert_int_equal(h[2].seq, 2);
    assert_true(h[2].filled);
    assert_int_equal(h[0].seq + h[1].seq, 0);
    for (unsigned i = 3; i < CHAT_HEADS_MAX; i++)
        h[i].room_id = i % 2 ? S("nowhere") : S("one");
    assert_int_equal(chat_log_heads(c, h, CHAT_HEADS_MAX), 0);
    assert_int_equal(h[30].seq, 2);
    assert_int_equal(h[31].seq, 0);
    told_free(&live);
}

static void test_heads(void **state)
{
    (void)state;
    run_scripts(make_two_rooms, check_heads);
}

/* ---- events ----------------------------------------------------------------------------------------- */

static void test_events(void **state)
{
    (void)state;
    assert_int_equal(chat_event_of(S("chat:new_message")), CHAT_NEW_MESSAGE);
    assert_int_equal(chat_event_of(S("chat:message_edited")), CHAT_EDITED);
    assert_int_equal(chat_event_of(S("chat:message_deleted")), CHAT_DELETED);
    assert_int_equal(chat_event_of(S("chat:reaction")), CHAT_REACTION);
    assert_int_equal(chat_event_of(S("chat:user_typing")), CHAT_NEVENTS);
    assert_int_equal(chat_event_of(S("")), CHAT_NEVENTS);
    assert_null(chat_log_item(CHAT_NEW_MESSAGE, 1, sio_obj("x", sio_bin("y", 1))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_db(test_same),  with_db(test_edits),          with_db(test_holes),
        with_db(test_heads), cmocka_unit_test(test_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
