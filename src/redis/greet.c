/* The first words on a connection: who we are, which database, what we are called, and whether somebody is
 * there. */
#include "redis/redis_int.h"

#include <stdio.h>

/* Errors of the server name no secrets. */
static void refuse(conn *c, const char *what, const resp_val *v)
{
    sio_str error = error_text(v);

    snprintf(c->why, sizeof(c->why), "%s: %.*s", what, (int)error.n, error.p);
    conn_drop(c, SIO_ECLOSED, c->why);
}

static void on_auth(void *arg, int err, const resp_val *v)
{
    if (err == 0 && v->kind == RESP_ERROR)
        refuse(arg, "AUTH", v);
}

static void on_select(void *arg, int err, const resp_val *v)
{
    if (err == 0 && v->kind == RESP_ERROR)
        refuse(arg, "SELECT", v);
}

/* The last word of the greeting: the server answers, has loaded its data, and lets us in. */
static void on_pong(void *arg, int err, const resp_val *v)
{
    conn *c = arg;

    if (err < 0)
        return;
    if (v->kind == RESP_ERROR) {
        refuse(c, "PING", v);
        return;
    }
    conn_be_ready(c);
}

static int greet_with(conn *c, redis_reply_fn *fn, const sio_str *argv, unsigned argc)
{
    return conn_ask(c, (ask){.kind = ASK_CALL, .fn = fn, .arg = c}, argv, argc);
}

int conn_greet(conn *c)
{
    const conn_login *l = &c->login;
    sio_str auth[3] = {SIO_STR("AUTH")}, db[2] = {SIO_STR("SELECT")}, ping = sio_lit("PING");
    sio_str name[3] = {SIO_STR("CLIENT"), SIO_STR("SETNAME"), sio_str_z(c->r->name)};
    unsigned n = 1;
    char digits[16];
    int rc = 0;

    if (l->user)
        auth[n++] = sio_str_z(l->user);
    auth[n++] = sio_str_z(l->password);
    snprintf(digits, sizeof(digits), "%d", l->db);
    db[1] = sio_str_z(digits);
    if (l->password)
        rc = greet_with(c, on_auth, auth, n);
    if (rc == 0 && l->db)
        rc = greet_with(c, on_select, db, 2);
    if (rc == 0 && c->r->name) /* an ACL may forbid it: then it has no name */
        rc = greet_with(c, NULL, name, 3);
    return rc < 0 ? rc : greet_with(c, on_pong, &ping, 1);
}
