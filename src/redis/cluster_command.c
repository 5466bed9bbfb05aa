/* Commands on Redis Cluster: to the node of their key, and after it when it has moved. */
#include "redis/cluster_int.h"

#include <stdlib.h>

#define MAX_REDIRECTS 8u
#define MAX_TRIES     12u  /* of what is refused for the moment */
#define PAUSE_MS      50u

static void on_reply(void *arg, int err, const resp_val *v);

/* ---- a command that is kept ---- */

static kcmd *kcmd_new(redis *r, const sio_str *argv, unsigned argc)
{
    size_t bytes = 0;
    kcmd *k;
    char *p;

    for (unsigned i = 0; i < argc; i++)
        bytes += argv[i].n;
    k = calloc(1, sizeof(*k) + argc * sizeof(sio_str) + bytes);
    if (!k)
        return NULL;
    k->r = r;
    k->argc = argc;
    list_init(&k->link);
    p = (char *)&k->argv[argc];
    for (unsigned i = 0; i < argc; i++) {
        k->argv[i] = (sio_str){p, argv[i].n};
        if (argv[i].n)
            memcpy(p, argv[i].p, argv[i].n);
        p += argv[i].n;
    }
    return k;
}

static void finish(kcmd *k, int err, const resp_val *v)
{
    redis_reply_fn *fn = k->fn;
    void *arg = k->arg;

    free(k);
    if (fn)
        fn(arg, err, v);
}

/* ---- sending ---- */

static int send_to(kcmd *k, cnode *node)
{
    sio_str asking = sio_lit("ASKING");
    int rc = 0;

    k->at = node;
    if (k->ask)
        rc = conn_ask(&node->c, (ask){.kind = ASK_CALL}, &asking, 1);
    k->ask = false;
    if (rc < 0)
        return rc;
    return conn_ask(&node->c, (ask){.kind = ASK_CALL, .fn = on_reply, .arg = k}, k->argv, k->argc);
}

/* Now, or when the node is ready. */
static void send_soon(kcmd *k, cnode *node)
{
    if (node->c.state == CONN_READY) {
        if (send_to(k, node) < 0)
            finish(k, SIO_ECLOSED, NULL);
        return;
    }
    k->at = node;
    list_add_tail(&node->queue, &k->link);
    cluster_open(node);
}

void cluster_queue_send(cnode *node)
{
    redis *r = node->c.r;

    while (!r->dead && node->c.state == CONN_READY && !list_empty(&node->queue)) {
        kcmd *k = container_of(node->queue.next, kcmd, link);
        list_del(&k->link);
        if (send_to(k, node) < 0)
            finish(k, SIO_ECLOSED, NULL);
    }
}

void cluster_queue_fail(list *queue, int err)
{
    while (!list_empty(queue)) {
        kcmd *k = container_of(queue->next, kcmd, link);
        list_del(&k->link);
        finish(k, err, NULL);
    }
}

static cnode *place_of(cluster *cl, int slot) { return slot >= 0 ? cl->slot[slot] : cluster_home(cl); }

void cluster_delayed_send(cluster *cl)
{
    redis *r = cl->r;
    list now;

    list_init(&now);
    while (!list_empty(&cl->delayed)) { /* what is put off again waits for the next time */
        list *it = cl->delayed.next;
        list_del(it);
        list_add_tail(&now, it);
    }
    while (!r->dead && !list_empty(&now)) {
        kcmd *k = container_of(now.next, kcmd, link);
        cnode *node = place_of(cl, k->slot);
        list_del(&k->link);
        if (node)
            send_soon(k, node);
        else
            finish(k, SIO_ECLOSED, NULL);
    }
    cluster_queue_fail(&now, SIO_ECANCELED);
}

/* ---- redirections ---- */

static int number(const char *p, const char *end, int max)
{
    int v = 0;

    if (p == end)
        return -1;
    for (; p < end; p++)
        if (*p < '0' || *p > '9' || (v = v * 10 + (*p - '0')) > max)
            return -1;
    return v;
}

cnode *cluster_moved(cluster *cl, const conn *said_by, sio_str error, const char *word)
{
    size_t n = strlen(word);
    const char *end = error.p + error.n, *at = error.p + n + 1, *space, *colon;
    int slot, port;
    sio_str host;
    cnode *node;

    if (!begins(error, word) || error.n < n + 2 || error.p[n] != ' ')
        return NULL;
    space = memchr(at, ' ', (size_t)(end - at));
    colon = space ? memrchr(space, ':', (size_t)(end - space)) : NULL;
    if (!colon)
        return NULL;
    slot = number(at, space, CLUSTER_SLOTS - 1);
    port = number(colon + 1, end, 65535);
    host = (sio_str){space + 1, (size_t)(colon - space - 1)};
    if (host.n == 0)
        host = sio_str_z(said_by->host);
    node = slot >= 0 && port > 0 ? cluster_node(cl, host, port) : NULL;
    if (node && strcmp(word, "MOVED") == 0) {
        cl->covered += !cl->slot[slot];
        cl->slot[slot] = node;
        node->role = NODE_MASTER;
        cl->stale = true;
        cluster_tick(cl, PAUSE_MS);
        cluster_open(node);
    }
    return node;
}

static bool is_for_the_moment(sio_str error)
{
    return begins(error, "TRYAGAIN") || begins(error, "CLUSTERDOWN") || begins(error, "LOADING") ||
           begins(error, "MASTERDOWN");
}

/* Sent elsewhere or put off: nothing was done yet. */
static bool goes_on(kcmd *k, sio_str error)
{
    cluster *cl = k->r->more;
    cnode *node;

    if (is_for_the_moment(error) && k->tries < MAX_TRIES) {
        k->tries++;
        list_add_tail(&cl->delayed, &k->link);
        cl->stale = true;
        cluster_tick(cl, PAUSE_MS * k->tries);
        return true;
    }
    if (k->redirects >= MAX_REDIRECTS)
        return false;
    node = cluster_moved(cl, &k->at->c, error, "MOVED");
    if (!node) {
        node = cluster_moved(cl, &k->at->c, error, "ASK");
        k->ask = node != NULL;
    }
    if (!node)
        return false;
    k->redirects++;
    send_soon(k, node);
    return true;
}

static void on_reply(void *arg, int err, const resp_val *v)
{
    kcmd *k = arg;

    if (err == 0 && v->kind == RESP_ERROR && !k->r->dead && goes_on(k, v->s))
        return;
    finish(k, err, v);
}

/* ---- sums over all nodes ---- */

/* PUBSUB NUMSUB: every node counts its own subscribers. Replicas are asked as well: some clients subscribe
 * there. */
typedef struct sum {
    redis_reply_fn *fn;
    void           *arg;
    unsigned        left, answered, n;
    int             err;
    bool            starting;
    kcmd           *names;          /* keeps the channels */
    resp_val        item[];         /* names and counts alternating */
} sum;

static void sum_end(sum *s)
{
    resp_val v = {.kind = RESP_ARRAY, .n = 2 * s->n, .item = s->item};

    if (s->left > 0 || s->starting)
        return;
    if (s->fn && s->answered)
        s->fn(s->arg, 0, &v);
    else if (s->fn)
        s->fn(s->arg, s->err ? s->err : SIO_ECLOSED, NULL);
    free(s->names);
    free(s);
}

static void on_part(void *arg, int err, const resp_val *v)
{
    sum *s = arg;

    s->left--;
    if (err < 0)
        s->err = err;
    if (err == 0 && v->kind == RESP_ARRAY && v->n == 2 * s->n) {
        s->answered++;
        for (unsigned i = 1; i < v->n; i += 2)
            s->item[i].i += v->item[i].kind == RESP_INT ? v->item[i].i : 0;
    }
    sum_end(s);
}

static sum *sum_new(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc)
{
    sum *s = calloc(1, sizeof(*s) + 2 * argc * sizeof(resp_val));

    if (!s)
        return NULL;
    s->names = kcmd_new(r, argv, argc);
    if (!s->names) {
        free(s);
        return NULL;
    }
    s->fn = fn;
    s->arg = arg;
    s->n = argc - 2;
    for (unsigned i = 0; i < s->n; i++) {
        s->item[2 * i] = (resp_val){.kind = RESP_BULK, .s = s->names->argv[i + 2]};
        s->item[2 * i + 1] = (resp_val){.kind = RESP_INT, .i = 0};
    }
    return s;
}

static int sum_send(sum *s, cluster *cl)
{
    list_each(it, &cl->nodes) {
        cnode *node = container_of(it, cnode, link);
        kcmd *k = node->role == NODE_GONE ? NULL : kcmd_new(cl->r, s->names->argv, s->names->argc);
        if (!k)
            continue;
        k->slot = -1;
        k->redirects = MAX_REDIRECTS; /* what this node says is its part */
        k->tries = MAX_TRIES;
        k->fn = on_part;
        k->arg = s;
        s->left++;
        if (node->c.state == CONN_READY) {
            if (send_to(k, node) < 0)
                finish(k, SIO_ECLOSED, NULL);
        } else {
            send_soon(k, node);
        }
    }
    return s->left ? 0 : SIO_EUNAVAILABLE;
}

/* Its callback, even when all parts fail, runs in a later turn only: parts that cannot be sent are left
 * out. */
static int sum_start(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc)
{
    sum *s = sum_new(r, fn, arg, argv, argc);
    int rc;

    if (!s)
        return SIO_ENOMEM;
    s->starting = true;
    rc = sum_send(s, r->more);
    s->starting = false;
    if (rc < 0) {
        free(s->names);
        free(s);
    }
    return rc;
}

static bool is_sum(const sio_str *argv, unsigned argc)
{
    return argc > 2 && slot_is_word(argv[0], "PUBSUB") &&
           (slot_is_word(argv[1], "NUMSUB") || slot_is_word(argv[1], "SHARDNUMSUB"));
}

/* ---- the face ---- */

/* A master that is new to us, not one that has gone. */
static bool is_coming(const cnode *node)
{
    return (node->c.state == CONN_DIALING || node->c.state == CONN_GREETING) && node->c.tries == 0;
}

int cluster_command(redis *r, redis_reply_fn *fn, void *arg, const sio_str *argv, unsigned argc)
{
    cluster *cl = r->more;
    int slot = slot_of_command(argv, argc), rc;
    cnode *node = place_of(cl, slot);
    kcmd *k;

    if (!node || (node->c.state != CONN_READY && !is_coming(node)))
        return SIO_EUNAVAILABLE;
    if (is_sum(argv, argc))
        return sum_start(r, fn, arg, argv, argc);
    k = kcmd_new(r, argv, argc);
    if (!k)
        return SIO_ENOMEM;
    k->fn = fn;
    k->arg = arg;
    k->slot = slot;
    rc = node->c.state == CONN_READY ? send_to(k, node) : 0;
    if (rc < 0)
        free(k);
    else if (!k->at)
        send_soon(k, node);
    return rc;
}
