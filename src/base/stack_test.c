#include "base/testing.h"

#include "base/list.h"
#include "base/stack.h"

#include <pthread.h>
#include <stdlib.h>

#define PUSHERS 3
#define PUSHES  20000

typedef struct item {
    stack_item link;
    int        pusher, number;
} item;

static void push(stack *s, int pusher, int number, bool first)
{
    item *it = malloc(sizeof *it);

    *it = (item){.pusher = pusher, .number = number};
    assert_int_equal(stack_push(s, &it->link), first);
}

static void taken_oldest_first(void **state)
{
    stack s = {NULL};
    int n = 0;

    (void)state;
    assert_true(stack_is_empty(&s));
    assert_null(stack_take(&s));
    for (int i = 0; i < 3; i++)
        push(&s, 0, i, i == 0);
    assert_false(stack_is_empty(&s));
    for (stack_item *it = stack_take(&s), *next; it; it = next) {
        next = it->next;
        assert_int_equal(container_of(it, item, link)->number, n++);
        free(container_of(it, item, link));
    }
    assert_int_equal(n, 3);
    assert_null(stack_take(&s));
}

static void an_element_taken_may_be_pushed_again(void **state)
{
    stack s = {NULL};
    item it = {.number = 1};

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(stack_push(&s, &it.link));
        assert_ptr_equal(stack_take(&s), &it.link);
        assert_null(it.link.next);
    }
}

typedef struct pusher {
    pthread_t  thread;
    stack     *s;
    int        number;
    int        firsts; /* how often it found nothing there */
} pusher;

static void *push_many(void *arg)
{
    pusher *p = arg;

    for (int i = 0; i < PUSHES; i++) {
        item *it = malloc(sizeof *it);

        *it = (item){.pusher = p->number, .number = i};
        if (stack_push(p->s, &it->link))
            p->firsts++;
    }
    return NULL;
}

/* How many were there; those of one thread must come in order. */
static int take_and_check(stack *s, int next_of[PUSHERS])
{
    int n = 0;

    for (stack_item *it = stack_take(s), *next; it; it = next) {
        item *got = container_of(it, item, link);

        next = it->next;
        assert_int_equal(got->number, next_of[got->pusher]++);
        free(got);
        n++;
    }
    return n;
}

static void many_threads_push_one_takes(void **state)
{
    stack s = {NULL};
    pusher p[PUSHERS];
    int next_of[PUSHERS] = {0}, total = 0, takes = 0, firsts = 0;

    (void)state;
    for (int i = 0; i < PUSHERS; i++) {
        p[i] = (pusher){.s = &s, .number = i};
        assert_int_equal(pthread_create(&p[i].thread, NULL, push_many, &p[i]), 0);
    }
    while (total < PUSHERS * PUSHES) {
        int n = take_and_check(&s, next_of);

        total += n;
        takes += n > 0;
    }
    for (int i = 0; i < PUSHERS; i++) {
        pthread_join(p[i].thread, NULL);
        firsts += p[i].firsts;
    }
    assert_int_equal(firsts, takes); /* each time somebody was told to wake the reader, and only once */
    assert_null(stack_take(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_oldest_first),
        cmocka_unit_test(an_element_taken_may_be_pushed_again),
        cmocka_unit_test(many_threads_push_one_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
