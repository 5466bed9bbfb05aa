#include "app/api/api_act.h"

#include "app/api/api_int.h"

#include <stdlib.h>

/* Nobody is told when the server has ended: who asked has gone. */
typedef struct acting {
    api_acted_fn *fn;
    void         *arg;
} acting;

static void on_answer(api_call *k, void *arg)
{
    acting act = *(acting *)arg;

    free(arg);
    if (k && k->ended)
        return;
    act.fn(act.arg, k ? k->status : 0, k ? buf_str(&k->answer) : (sio_str){0});
}

void api_act_go(app *a, const api_act *act, api_acted_fn *fn, void *arg)
{
    api_request q = {.method = sio_lit("POST"), .target = act->target, .body = act->body, .key = act->key,
                     .here = act->here};
    acting *k = malloc(sizeof(*k));

    if (!k) {
        fn(arg, 0, (sio_str){0});
        return;
    }
    *k = (acting){fn, arg};
    api_go(a, &q, false, on_answer, k);
}
