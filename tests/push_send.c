/* Sends push messages for the interop tests: settings from the environment as partyline reads them, a message a line on standard
 * input, {"n","service","token","title","body","data","collapse","id","badge","ttl","urgent"}, a result a line on standard output,
 * in the order in which they come. "service" may be left out: it is told by the token and "platform". {"stop":true} ends what is
 * under way; end of input ends the program when all results are told. */
#include "base/arena.h"
#include "base/buf.h"
#include "codec/json.h"
#include "loop/loop.h"
#include "main/push_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct sender {
    loop_io io;
    loop   *l;
    push   *push;
    buf     in;
    size_t  under_way;
    bool    ended;
} sender;

typedef struct sent {
    sender *s;
    int64_t n;
} sent;

static void end_if_done(sender *s)
{
    if (s->ended && s->under_way == 0)
        loop_stop(s->l);
}

static void tell(int64_t n, const char *outcome, const push_result *r)
{
    printf("{\"n\":%lld,\"outcome\":\"%s\",\"retryMs\":%lld,\"status\":%d,\"reason\":\"%s\"", (long long)n, outcome,
           (long long)r->retry_ms, r->status, r->reason);
    if (r->gone_ms)
        printf(",\"goneMs\":%lld", (long long)r->gone_ms);
    puts("}");
    fflush(stdout);
}

static void on_result(void *arg, const push_result *r)
{
    static const char *const names[] = {"delivered", "gone", "later", "refused", "misconfigured"};
    sent *t = arg;

    tell(t->n, names[r->outcome], r);
    t->s->under_way--;
    end_if_done(t->s);
    free(t);
}

static sio_str text_of(arena *texts, sio_str line, const char *name)
{
    sio_str raw;
    char *p;

    if (!json_get(line, sio_str_z(name), &raw) || json_kind_of(raw) != JSON_STRING)
        return sio_lit("");
    if (!(p = arena_alloc(texts, raw.n)))
        abort();
    return (sio_str){p, json_unescape(raw, p)};
}

static int64_t int_of(sio_str line, const char *name, int64_t without)
{
    sio_str raw;

    if (json_get(line, sio_str_z(name), &raw))
        json_int(raw, &without);
    return without;
}

static void send_line(sender *s, arena *texts, sio_str line)
{
    push_message m = {.badge = (int)int_of(line, "badge", -1), .ttl_s = int_of(line, "ttl", 86400)};
    int64_t service = int_of(line, "service", -1);
    sent *t = calloc(1, sizeof(*t));
    sio_str raw, platform = text_of(texts, line, "platform");
    int err;

    if (!t)
        abort();
    *t = (sent){s, int_of(line, "n", -1)};
    m.urgent = json_get(line, sio_lit("urgent"), &raw) && json_kind_of(raw) == JSON_TRUE;
    json_get(line, sio_lit("data"), &m.data);
    m.title = text_of(texts, line, "title");
    m.body = text_of(texts, line, "body");
    m.collapse = text_of(texts, line, "collapse");
    m.id = text_of(texts, line, "id");
    m.token = text_of(texts, line, "token");
    m.service = service >= 0 ? (push_service)service : push_service_of(m.token, platform, s->push);
    err = push_send(s->push, &m, on_result, t);
    if (err == 0) {
        s->under_way++;
        return;
    }
    tell(t->n, sio_errcode(err), &(push_result){.retry_ms = -1});
    free(t);
}

static void take_line(sender *s, sio_str text)
{
    sio_str line, raw;
    arena texts;

    if (!json_valid(text, &line)) {
        fprintf(stderr, "not JSON\n");
        exit(2);
    }
    if (json_get(line, sio_lit("stop"), &raw)) {
        push_free(s->push);
        s->push = NULL;
        s->ended = true;
    } else {
        arena_init(&texts, 1 << 22);
        send_line(s, &texts, line);
        arena_fini(&texts);
    }
}

static void on_input(loop_io *io, unsigned events)
{
    sender *s = container_of(io, sender, io);
    char piece[65536], *end;
    ssize_t n = read(io->fd, piece, sizeof(piece));

    (void)events;
    if (n <= 0) {
        s->ended = true;
        loop_unwatch(s->l, io);
    } else if (buf_add(&s->in, piece, (size_t)n) < 0) {
        exit(2);
    }
    while (!s->ended && s->in.n && (end = memchr(s->in.p, '\n', s->in.n)) != NULL) {
        size_t len = (size_t)(end - s->in.p);

        take_line(s, (sio_str){s->in.p, len});
        buf_consume(&s->in, len + 1);
    }
    end_if_done(s);
}

static void run(sender *s)
{
    if (loop_new(&s->l) < 0)
        abort();
    s->io = (loop_io){.fd = STDIN_FILENO, .want = LOOP_READ, .fn = on_input};
    if (loop_watch(s->l, &s->io) < 0)
        abort();
    printf("{\"key\":\"%s\"}\n", push_vapid_public_key(s->push) ? push_vapid_public_key(s->push) : "");
    fflush(stdout);
    loop_run(s->l);
    push_free(s->push);
    loop_free(s->l);
}

int main(void)
{
    sender s = {0};
    config_error err;
    config c;

    config_init(&c);
    buf_init(&s.in, 1 << 24);
    if (config_env(&c, environ, &err) < 0 || push_setup(&s.push, &c, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        config_fini(&c);
        return 2;
    }
    if (s.push)
        run(&s);
    buf_fini(&s.in);
    config_fini(&c);
    return 0;
}
