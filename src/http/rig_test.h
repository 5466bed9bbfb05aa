/* For tests: servers on a simulated machine, and clients that send and expect text. */
#ifndef HTTP_RIG_TEST_H
#define HTTP_RIG_TEST_H

#include "base/testing.h"
#include "http/http.h"
#include "loop/sim.h"
#include "sio_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RIG_SERVERS 2

typedef struct rig {
    sim         *s;
    loop        *l[RIG_SERVERS];
    net         *n[RIG_SERVERS];
    http_server *http[RIG_SERVERS];
    int          port; /* of server 0 */
    char         got[1 << 20];
} rig;

static rig R;

static inline int rig_up(void **state)
{
    static const net_limits limits = {4 << 20};

    (void)state;
    memset(&R, 0, sizeof(R));
    R.s = sim_new(0);
    for (int i = 0; i < RIG_SERVERS; i++) {
        assert_int_equal(sim_loop_new(R.s, &R.l[i]), 0);
        assert_int_equal(net_new(&R.n[i], R.l[i], &limits), 0);
        assert_int_equal(http_server_new(&R.http[i], R.n[i], NULL), 0);
    }
    assert_int_equal(http_server_listen(R.http[0], NULL, &R.port), 0);
    return 0;
}

static inline int rig_down(void **state)
{
    (void)state;
    sim_settle(R.s);
    for (int i = 0; i < RIG_SERVERS; i++) {
        http_server_free(R.http[i]);
        net_free(R.n[i]);
    }
    for (int i = 0; i < RIG_SERVERS; i++)
        loop_free(R.l[i]);
    sim_free(R.s);
    return 0;
}

static inline void rig_route(const char *path, bool exact, void (*fn)(void *ctx, http_req *r))
{
    http_route route = {path, exact, fn, &R, false};

    assert_int_equal(http_server_route(R.http[0], route), 0);
    assert_int_equal(http_server_route(R.http[1], route), 0);
}

static inline int rig_dial(void)
{
    int fd = sim_dial(R.s, R.port);

    assert_true(fd >= 0);
    sim_settle(R.s);
    return fd;
}

static inline void rig_send(int fd, const char *text)
{
    sim_send(R.s, fd, text, strlen(text));
    sim_settle(R.s);
}

/* What has come, as text. */
static inline const char *rig_recv(int fd)
{
    size_t n = sim_recv(R.s, fd, R.got, sizeof(R.got) - 1);

    R.got[n] = '\0';
    sim_settle(R.s);
    return R.got;
}

#define rig_expect(fd, text) assert_string_equal(rig_recv(fd), text)
#define RIG_TEST(f)          cmocka_unit_test_setup_teardown(f, rig_up, rig_down)

#define OK_REPLY(length, body) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body
#define BAD(line)              "HTTP/1.1 " line "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static inline sio_str str(const char *z) { return sio_str_z(z); }

#endif
