#include "base/testing.h"

#include "sio/inbox.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PUTTERS 3
#define PUTS    20000

typedef struct item {
    inbox_item head;
    int        putter, number;
} item;

typedef struct box {
    inbox      in;
    int        next[PUTTERS + 1]; /* the number that must come */
    int        total, turns, dropped;
} box;

static void put(box *b, int putter, int number)
{
    item *it = malloc(sizeof(*it));

    *it = (item){.putter = putter, .number = number};
    inbox_put(&b->in, &it->head);
}

static void check(box *b, inbox_item *head)
{
    item *it = container_of(head, item, head);

    assert_int_equal(it->number, b->next[it->putter]++);
    free(it);
}

static void on_take(inbox *in, inbox_item *head)
{
    box *b = container_of(in, box, in);

    assert_int_equal(sio_loop(in->io), (int)in->loop);
    check(b, head);
    b->total++;
}

static void on_taken(inbox *in)
{
    box *b = container_of(in, box, in);

    b->turns++;
    if (b->total == PUTTERS * PUTS)
        sio_server_stop(in->io, 0);
}

static void on_drop(inbox *in, inbox_item *head)
{
    box *b = container_of(in, box, in);

    check(b, head);
    b->dropped++;
}

typedef struct putter {
    pthread_t thread;
    box      *b;
    int       number;
} putter;

static void *put_many(void *arg)
{
    putter *p = arg;

    for (int i = 0; i < PUTS; i++)
        put(p->b, p->number, i);
    return NULL;
}

static void threads_put_one_loop_takes(void **state)
{
    box b = {.in = {.loop = 1, .take = on_take, .taken = on_taken}};
    putter p[PUTTERS];
    sio_options o;

    (void)state;
    sio_options_init(&o);
    o.host = "127.0.0.1";
    o.port = 0;
    o.loops = 2;
    assert_int_equal(sio_server_new(&b.in.io, &o), 0);
    for (int i = 0; i < PUTTERS; i++) {
        p[i] = (putter){.b = &b, .number = i};
        assert_int_equal(pthread_create(&p[i].thread, NULL, put_many, &p[i]), 0);
    }
    assert_int_equal(sio_server_run(b.in.io), 0);
    for (int i = 0; i < PUTTERS; i++)
        pthread_join(p[i].thread, NULL);
    assert_int_equal(b.total, PUTTERS * PUTS);
    assert_in_range(b.turns, 1, b.total);
    for (int i = 0; i < 5; i++)
        put(&b, PUTTERS, i);
    inbox_drop_all(&b.in, on_drop);
    assert_int_equal(b.dropped, 5);
    assert_int_equal(b.total, PUTTERS * PUTS);
    sio_server_free(b.in.io);
}

static void owners_are_fixed_and_spread(void **state)
{
    uint64_t key[2] = {1, 2};
    int owned[4] = {0};
    char id[20];

    (void)state;
    for (int i = 0; i < 4000; i++) {
        sio_str s = {id, (size_t)snprintf(id, sizeof(id), "user-%d", i)};
        unsigned owner = inbox_owner(key, s, 4);

        assert_in_range(owner, 0, 3);
        assert_int_equal(inbox_owner(key, s, 4), owner);
        owned[owner]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(owned[i], 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_put_one_loop_takes),
        cmocka_unit_test(owners_are_fixed_and_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
