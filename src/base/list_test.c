#include "base/list.h"
#include "base/testing.h"

typedef struct item {
    int  value;
    list link;
} item;

static void keeps_order_and_survives_removal_while_walking(void **state)
{
    item items[5];
    list head;
    int sum = 0;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        list_add_tail(&head, &items[i].link);
    }
    list_each(at, &head) {
        item *it = container_of(at, item, link);

        sum = sum * 10 + it->value;
        if (it->value % 2)
            list_del(at);
    }
    assert_int_equal(sum, 1234);
    sum = 0;
    list_each(at, &head)
        sum = sum * 10 + container_of(at, item, link)->value;
    assert_int_equal(sum, 24);
}

static void removing_twice_is_allowed(void **state)
{
    list head, e;

    (void)state;
    list_init(&head);
    list_add_tail(&head, &e);
    list_del(&e);
    list_del(&e);
    assert_true(list_empty(&head));
    assert_true(list_empty(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_survives_removal_while_walking),
        cmocka_unit_test(removing_twice_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
