/* The order of a room's log: every order of few entries with every choice of lost and repeated ones, and long
 * random runs against a log that grows meanwhile. */
#include "app/chat/chat_order.h"
#include "app/loops_test.h"

static chat_item *item_of(int64_t seq, size_t bytes)
{
    chat_item *item = calloc(1, sizeof(*item) + bytes);

    item->seq = seq;
    item->n = bytes;
    return item;
}

static bool put(chat_order *o, int64_t seq) { return chat_order_put(o, item_of(seq, 1)); }

/* Pops everything; the numbers must follow *last. */
static unsigned drain(chat_order *o, int64_t *last)
{
    chat_item *item;
    unsigned n = 0;

    while ((item = chat_order_pop(o, NULL))) {
        assert_int_equal(item->seq, *last + 1);
        *last = item->seq;
        free(item);
        n++;
    }
    return n;
}

/* What a database does that has 1 to head: reads a page behind next - 1. */
static void read_page(chat_order *o, int64_t head, int64_t page, int64_t *last)
{
    int64_t upto = o->next - 1 + page < head ? o->next - 1 + page : head;

    chat_order_ask(o);
    for (int64_t seq = o->next; seq <= upto; seq++) {
        put(o, seq);
        drain(o, last);
    }
    chat_order_told(o, upto, head);
    drain(o, last);
}

/* ---- few entries, all cases ------------------------------------------------------------------------- */

#define FEW 5

/* Each entry comes once (0), never (1) or twice (2), in the order of `perm`; the second time behind all. */
static void run_case(const int *perm, const int *fate, bool start_late)
{
    chat_order o = {0};
    int64_t last = 0, seen = 0;
    unsigned lost = 0;

    if (!start_late)
        assert_true(chat_order_start(&o, 0));
    for (int i = 0; i < FEW; i++) {
        if (fate[perm[i]] == 1) {
            lost++;
            continue;
        }
        assert_true(put(&o, perm[i] + 1));
        seen = perm[i] + 1 > seen ? perm[i] + 1 : seen;
        drain(&o, &last);
    }
    if (start_late)
        assert_true(chat_order_start(&o, 0));
    drain(&o, &last);
    for (int i = 0; i < FEW; i++)
        if (fate[perm[i]] == 2)
            assert_false(put(&o, perm[i] + 1));
    assert_int_equal(drain(&o, &last), 0);
    assert_int_equal(chat_order_gap(&o), last < seen);
    if (lost == 0)
        assert_int_equal(last, FEW);
    read_page(&o, FEW, 2, &last);
    while (chat_order_gap(&o))
        read_page(&o, FEW, 2, &last);
    assert_int_equal(last, FEW);
    assert_int_equal(o.n, 0);
    assert_int_equal(o.bytes, 0);
    chat_order_fini(&o);
}

static void all_fates(const int *perm)
{
    for (int code = 0; code < 243; code++) { /* 3 to the 5th */
        int fate[FEW];

        for (int i = 0, rest = code; i < FEW; i++, rest /= 3)
            fate[i] = rest % 3;
        run_case(perm, fate, false);
        run_case(perm, fate, true);
    }
}

static unsigned permute(int *perm, int k)
{
    unsigned n = 0;

    if (k == FEW) {
        all_fates(perm);
        return 1;
    }
    for (int i = k; i < FEW; i++) {
        int swap = perm[k];

        perm[k] = perm[i];
        perm[i] = swap;
        n += permute(perm, k + 1);
        perm[i] = perm[k];
        perm[k] = swap;
    }
    return n;
}

static void test_all_orders(void **state)
{
    int perm[FEW] = {0, 1, 2, 3, 4};

    (void)state;
    assert_int_equal(permute(perm, 0), 120);
}

/* ---- where it begins -------------------------------------------------------------------------------- */

static void test_start(void **state)
{
    chat_order o = {0};
    int64_t last = 6;

    (void)state;
    assert_null(chat_order_pop(&o, NULL));
    put(&o, 9);
    put(&o, 7);
    assert_null(chat_order_pop(&o, NULL)); /* nobody knows yet where to begin */
    assert_false(chat_order_gap(&o));
    assert_true(chat_order_start(&o, 8)); /* 7 had come to somebody who waits for it */
    assert_false(chat_order_start(&o, 3));
    assert_int_equal(drain(&o, &last), 1);
    assert_true(chat_order_gap(&o)); /* 8 is missing, 9 there */
    put(&o, 8);
    assert_int_equal(drain(&o, &last), 2);
    assert_false(chat_order_gap(&o));
    assert_false(put(&o, 4));
    chat_order_fini(&o);
    assert_false(chat_order_started(&o));
}

/* A number from long ago does not bring back the whole history. */
static void test_start_far_back(void **state)
{
    chat_order o = {0};

    (void)state;
    put(&o, 3);
    put(&o, 5000);
    chat_order_start(&o, 10000);
    assert_int_equal(o.next, 10000 - CHAT_ORDER_BACK + 1);
    assert_int_equal(o.n, 0);
    assert_true(chat_order_gap(&o));
    chat_order_fini(&o);
    put(&o, 1);
    chat_order_start(&o, 0);
    assert_int_equal(o.next, 1);
    chat_order_fini(&o);
}

/* ---- what never was --------------------------------------------------------------------------------- */

static void test_skip(void **state)
{
    chat_order o = {0};
    int64_t skipped = 0;
    chat_item *item;

    (void)state;
    chat_order_start(&o, 10);
    put(&o, 14);
    chat_order_ask(&o);
    put(&o, 12); /* of 11 to 14 the database has 12 only */
    assert_null(chat_order_pop(&o, &skipped));
    assert_int_equal(chat_order_told(&o, 14, 14), 0);
    item = chat_order_pop(&o, &skipped);
    assert_int_equal(item->seq, 12);
    free(item);
    assert_int_equal(skipped, 1);
    item = chat_order_pop(&o, &skipped);
    assert_int_equal(item->seq, 14);
    free(item);
    assert_int_equal(skipped, 2);
    assert_null(chat_order_pop(&o, &skipped));
    assert_int_equal(o.next, 15);
    chat_order_ask(&o);
    chat_order_told(&o, 20, 20); /* all of it is gone */
    assert_null(chat_order_pop(&o, &skipped));
    assert_int_equal(skipped, 8);
    assert_int_equal(o.next, 21);
    chat_order_fini(&o);
}

static void test_made_up(void **state)
{
    chat_order o = {0};
    int64_t last = 1;

    (void)state;
    chat_order_start(&o, 1);
    put(&o, 1000000);
    put(&o, 9007199254740991);
    assert_true(chat_order_gap(&o));
    chat_order_ask(&o);
    put(&o, 3); /* after the question: it may be true, though the answer does not know it */
    put(&o, 500);
    assert_int_equal(chat_order_told(&o, 2, 2), 2);
    assert_int_equal(o.n, 2);
    assert_true(chat_order_gap(&o));
    chat_order_ask(&o);
    put(&o, 2);
    assert_int_equal(chat_order_told(&o, 3, 3), 1);
    drain(&o, &last);
    assert_int_equal(last, 3);
    assert_false(chat_order_gap(&o));
    chat_order_fini(&o);
}

/* ---- limits ----------------------------------------------------------------------------------------- */

static void test_flood(void **state)
{
    chat_order o = {0};
    int64_t last = 0;

    (void)state;
    chat_order_start(&o, 0);
    for (int64_t seq = 100000; seq > 1; seq--) {
        put(&o, seq);
        assert_true(o.n <= CHAT_ORDER_ITEMS);
    }
    assert_int_equal(o.seen, 100000);
    assert_int_equal(o.first->seq, 2); /* the nearest are kept */
    put(&o, 1);
    assert_int_equal(drain(&o, &last), CHAT_ORDER_ITEMS); /* the last of them had to make room */
    assert_true(chat_order_gap(&o)); /* what was let go is not forgotten */
    chat_order_fini(&o);
}

static void test_bytes(void **state)
{
    chat_order o = {0};

    (void)state;
    chat_order_start(&o, 0);
    for (int64_t seq = 2; seq < 20; seq++) {
        chat_order_put(&o, item_of(seq, CHAT_ORDER_BYTES / 4));
        assert_true(o.bytes <= CHAT_ORDER_BYTES);
    }
    assert_int_equal(o.n, 4);
    chat_order_put(&o, item_of(1, CHAT_ORDER_BYTES)); /* a large one has its turn, too */
    assert_int_equal(o.n, 1);
    assert_int_equal(o.first->seq, 1);
    assert_int_equal(o.seen, 19);
    chat_order_fini(&o);
}

static void test_note(void **state)
{
    chat_order o = {0};
    int64_t last = 0;

    (void)state;
    chat_order_start(&o, 0);
    chat_order_note(&o, 3);
    assert_true(chat_order_gap(&o));
    read_page(&o, 2, 10, &last);
    assert_int_equal(last, 2);
    assert_false(chat_order_gap(&o)); /* 3 was never written */
    chat_order_ask(&o);
    chat_order_note(&o, 3);
    chat_order_told(&o, 2, 2);
    assert_true(chat_order_gap(&o)); /* told while the question was under way: asked once more */
    chat_order_fini(&o);
}

/* ---- long runs -------------------------------------------------------------------------------------- */

#define NEWS 40

/* A log grows; entries travel in any order, some are lost, some come twice, some are made up; now and then
 * the database is asked, in pages, and while the answer is under way more happens. */
static void run_random(dice *d)
{
    chat_order o = {0};
    int64_t head = roll(d, 50), last, under_way[NEWS], asked = -1, ask_head = 0;
    int n = 0;

    chat_order_start(&o, head);
    last = head;
    for (int step = 0; step < 2000; step++) {
        int what = roll(d, 12);

        if (what < 5 && n < NEWS) {
            under_way[n++] = ++head;
            if (roll(d, 10) == 0)
                n--;
        } else if (what < 9 && n > 0) {
            int i = roll(d, n);

            put(&o, under_way[i]);
            if (roll(d, 10) > 0)
                under_way[i] = under_way[--n];
        } else if (what == 9 && roll(d, 5) == 0) {
            put(&o, head + 1 + roll(d, 1000)); /* may become true later */
        } else if (what == 10 && asked < 0) {
            chat_order_ask(&o);
            asked = o.next;
            ask_head = head;
        } else if (what == 11 && asked >= 0) {
            int64_t upto = asked + roll(d, 20) < ask_head ? asked + roll(d, 20) : ask_head;

            upto = upto > ask_head ? ask_head : upto;
            for (int64_t seq = asked; seq <= upto; seq++) {
                put(&o, seq);
                drain(&o, &last);
            }
            chat_order_told(&o, upto, ask_head);
            asked = -1;
        }
        drain(&o, &last);
        assert_true(o.n <= CHAT_ORDER_ITEMS);
        assert_true(o.next == last + 1);
    }
    do
        read_page(&o, head, 7, &last);
    while (chat_order_gap(&o));
    assert_true(last >= head); /* over it only by what was made up */
    chat_order_fini(&o);
}

static void test_random(void **state)
{
    dice d = {dice_seed()};

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)d.state);
    for (int i = 0; i < 200; i++)
        run_random(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_orders),     cmocka_unit_test(test_start),
        cmocka_unit_test(test_start_far_back), cmocka_unit_test(test_skip),
        cmocka_unit_test(test_made_up),        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_note),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
