/* What the tests of streams share: one simulated loop that listens, the stream of the newest connection
 * and what happened to it. */
#ifndef NET_RIG_TEST_H
#define NET_RIG_TEST_H

#include "base/testing.h"
#include "loop/sim.h"
#include "net/net.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    sim          *s;
    loop         *l;
    net          *n;
    net_listener *listener;
    int           port;
    net_stream   *last;
    char          got[1 << 20];
    size_t        ngot;
    unsigned      reads, drains, closes;
    int           err;
    net_stream *(*adopt)(int fd); /* makes a stream of a new connection */
    void        (*react)(net_stream *s);
} t;

static void on_data(net_stream *s, char *p, size_t n)
{
    assert_true(t.ngot + n <= sizeof(t.got));
    memcpy(t.got + t.ngot, p, n);
    memset(p, 0xdd, n); /* it may be changed */
    t.ngot += n;
    t.reads++;
    if (t.react)
        t.react(s);
}

static void on_drain(net_stream *s)
{
    assert_int_equal(net_unsent(s), 0);
    assert_false(net_is_blocked(s));
    t.drains++;
}

static void on_close(net_stream *s, int err)
{
    assert_false(net_is_open(s));
    net_send_copy(s, "late", 4); /* all ignored */
    net_close(s);
    net_abort(s, SIO_EIO);
    t.closes++;
    t.err = err;
    t.last = NULL;
}

static const net_ops rig_ops = {on_data, on_drain, on_close};

static void on_accept(void *ctx, int fd)
{
    assert_ptr_equal(ctx, &t);
    t.last = t.adopt(fd);
}

static inline void rig_up(size_t max_unsent, net_stream *(*adopt)(int fd))
{
    net_limits limits = {max_unsent};

    memset(&t, 0, sizeof(t));
    t.err = 99;
    t.adopt = adopt;
    t.s = sim_new(0);
    assert_int_equal(sim_loop_new(t.s, &t.l), 0);
    assert_int_equal(net_new(&t.n, t.l, &limits), 0);
    assert_ptr_equal(net_loop(t.n), t.l);
    assert_int_equal(net_listen(&t.listener, t.n, NULL, &t.port, on_accept, &t), 0);
}

static inline void rig_down(void)
{
    net_listener_close(t.listener);
    net_free(t.n);
    loop_free(t.l);
    sim_free(t.s);
}

#endif
