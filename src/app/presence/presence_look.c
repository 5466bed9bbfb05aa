/* How users are: a question that visits the loops that own them, one after the other, and goes home with
 * the answers. */
#include "app/presence/presence_int.h"

#include <stdlib.h>

struct presence_question {
    presence_message  base;
    app              *a;
    presence_look_fn *fn;
    void             *arg;
    unsigned          home;  /* the loop that asks */
    unsigned          n;
    unsigned          from, upto; /* those of the loop that is being visited, in `sorted` */
    presence_loop    *at;
    int               err;
    sio_str          *ids;
    presence_seen    *seen;
    /* The same, those of one owner side by side: an owner answers into a part of `found`. */
    sio_str          *sorted;
    presence_seen    *found;
    uint32_t         *place; /* of ids[i] in `sorted` */
    presence_loop   **owner; /* of sorted[i] */
};

static size_t text_size(const sio_str *ids, unsigned n)
{
    size_t size = 0;

    for (unsigned i = 0; i < n; i++)
        size += ids[i].n;
    return size;
}

static void *part(char **at, size_t size)
{
    void *p = *at;

    *at += (size + 15) / 16 * 16;
    return p;
}

/* One block with room for n ids and their text behind them; *text is where that goes. */
static presence_question *question_alloc(unsigned n, size_t text, char **end)
{
    size_t each = 2 * (sizeof(sio_str) + sizeof(presence_seen)) + sizeof(uint32_t) + sizeof(presence_loop *);
    presence_question *q = calloc(1, sizeof(*q) + 16 + n * each + 6 * 16 + text);
    char *at;

    if (!q)
        return NULL;
    at = (char *)q;
    part(&at, sizeof(*q));
    q->n = n;
    q->ids = part(&at, n * sizeof(sio_str));
    q->sorted = part(&at, n * sizeof(sio_str));
    q->seen = part(&at, n * sizeof(presence_seen));
    q->found = part(&at, n * sizeof(presence_seen));
    q->owner = part(&at, n * sizeof(presence_loop *));
    q->place = part(&at, n * sizeof(uint32_t));
    *end = at;
    return q;
}

/* The owners are sorted by counting: n ids and as many loops take n + loops steps. */
static int sort_by_owner(presence_question *q)
{
    presence *p = q->a->presence;
    unsigned *next = calloc(p->n + 1, sizeof(*next));

    if (!next)
        return SIO_ENOMEM;
    for (unsigned i = 0; i < q->n; i++)
        next[presence_owner(q->a, q->ids[i])->inbox.loop + 1]++;
    for (unsigned k = 1; k <= p->n; k++)
        next[k] += next[k - 1];
    for (unsigned i = 0; i < q->n; i++) {
        presence_loop *l = presence_owner(q->a, q->ids[i]);

        q->place[i] = next[l->inbox.loop]++;
        q->sorted[q->place[i]] = q->ids[i];
        q->owner[q->place[i]] = l;
    }
    free(next);
    return 0;
}

static void go_on(presence_question *q)
{
    presence_loop *to = &q->a->presence->loop[q->home];

    q->from = q->upto;
    q->at = NULL;
    if (q->from < q->n) {
        to = q->at = q->owner[q->from];
        while (q->upto < q->n && q->owner[q->upto] == to)
            q->upto++;
    }
    inbox_put(&to->inbox, &q->base.item);
}

static void on_looked(void *arg, int err)
{
    presence_question *q = arg;

    if (q->err == 0)
        q->err = err;
    go_on(q);
}

void presence_question_visit(presence_question *q, presence_loop *l)
{
    presence_store *s = l->store;

    if (q->at) {
        s->ops->look(s, q->sorted + q->from, q->upto - q->from, q->found + q->from, on_looked, q);
        return;
    }
    for (unsigned i = 0; i < q->n; i++)
        q->seen[i] = q->found[q->place[i]];
    q->fn(q->arg, q->err, q->ids, q->seen, q->n);
    free(q);
}

void presence_question_drop(presence_question *q)
{
    q->fn(q->arg, SIO_ECLOSED, q->ids, q->seen, q->n);
    free(q);
}

int presence_look(app *a, const sio_str *ids, unsigned n, presence_look_fn *fn, void *arg)
{
    int home = sio_loop(a->io);
    presence_question *q;
    char *text;

    if (home < 0 || n > PRESENCE_CHECK_MAX)
        return home < 0 ? home : SIO_ELIMIT;
    q = question_alloc(n, text_size(ids, n), &text);
    if (!q)
        return SIO_ENOMEM;
    q->base.question = q;
    q->a = a;
    q->home = (unsigned)home;
    q->fn = fn;
    q->arg = arg;
    for (unsigned i = 0; i < n; i++) {
        if (ids[i].n)
            memcpy(text, ids[i].p, ids[i].n);
        q->ids[i] = (sio_str){text, ids[i].n};
        text += ids[i].n;
    }
    if (sort_by_owner(q) < 0) {
        free(q);
        return SIO_ENOMEM;
    }
    go_on(q);
    return 0;
}
