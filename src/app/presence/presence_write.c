/* Makes Redis agree with the members, one step of each at a time. */
#include "app/app.h"
#include "app/presence/presence_shared_int.h"
#include "base/log.h"

#include <stdlib.h>

#define MOVED_MS  "3600000"
#define WINDOW    256  /* members of a loop that are written at a time */
#define PAUSE_MS  1000 /* after Redis took no commands */
#define WARN_MS   60000
#define AUDIT_MAX 500  /* users of one question */
#define AUDITS    15   /* so many audits go round all members, when they are many */

static member *of(batch *b) { return container_of(b, member, b); }

/* ---- the end of a step ------------------------------------------------------------------------------ */

/* Whatever was taken out is forgotten, unless it came back meanwhile. */
static void ties_settle(member *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->nties; i++) {
        tie *t = &m->ties[i];

        if (t->leaving && t->wanted)
            t->written = !(m->changed = true);
        else if (t->leaving)
            continue;
        else if (!t->wanted)
            m->changed = true;
        t->leaving = false;
        m->ties[n++] = *t;
    }
    m->nties = n;
}

/* Redis could not: who came is announced by what is known here, and the rest is found by a sweep. */
static void fail(presence_shared *s, member *m, int err)
{
    for (unsigned i = 0; i < m->nties; i++)
        m->ties[i].leaving = false;
    if (!m->here) {
        if (!m->found)
            presence_announce(s, m, m->status, (sio_str){0});
        presence_member_free(s, m);
        s->sweep_again = true;
        return;
    }
    if (m->fresh && !m->said)
        presence_announce(s, m, PRESENCE_OFFLINE, (sio_str){0});
    m->said = true;
    m->chosen = m->chosen || m->writing_choice;
    m->writing_choice = false;
    m->session = s->session - 1;
    if (err == SIO_EINVAL) { /* an answer: asking again at once helps nobody, an audit comes by */
        presence_member_to(s, m, MEMBERS_KEPT);
        return;
    }
    presence_member_to(s, m, MEMBERS_STALE);
    if (s->r && !s->paused) {
        s->paused = true;
        loop_timer_set(s->o.loop, &s->resume, PAUSE_MS);
    }
}

/* Redis is there and says no. Of each loop one warning a minute. */
static void warn_of_refusal(presence_shared *s)
{
    uint64_t now = loop_now(s->o.loop) + 1;

    if (s->warned && now < s->warned + WARN_MS)
        return;
    s->warned = now;
    log_warn("Redis refuses to keep who is here: %s does not tell the truth. Is its memory full, has a key "
             "another type, or are rights missing?",
             PRESENCE_ONLINE_USERS);
}

static void finish(member *m, int err)
{
    presence_shared *s = m->s;

    if (err == SIO_EINVAL)
        warn_of_refusal(s);
    if (err < 0) {
        log_debug("presence of %.*s is not in Redis: %s", (int)m->id_len, m->id, sio_strerror(err));
        fail(s, m, err);
    } else {
        ties_settle(m);
        if (m->changed)
            presence_member_to(s, m, MEMBERS_DUE);
        else if (!m->here && m->nties == 0)
            presence_member_free(s, m);
        else
            presence_member_to(s, m, MEMBERS_KEPT);
    }
    presence_pump(s);
}

/* ---- coming ----------------------------------------------------------------------------------------- */

static void on_was_new(void *arg, int err, const resp_val *v)
{
    member *m = arg;

    if (batch_is_good(&m->b, err, v))
        m->was_new = v->i == 1;
    batch_end(&m->b);
}

static void on_status(void *arg, int err, const resp_val *v)
{
    member *m = arg;

    if (batch_is_good(&m->b, err, v))
        for (int i = PRESENCE_ONLINE; i < PRESENCE_OFFLINE; i++)
            if (resp_is(v, presence_status_names[i]))
                m->answer = (enum presence_status)i;
    batch_end(&m->b);
}

/* The register last: what is still in it is swept by others. */
static void strike(member *m)
{
    sio_str argv[2 + PRESENCE_LEAVE_MAX] = {sio_s("HDEL"), sio_s(m->s->key)};
    unsigned argc = 2;

    for (unsigned i = 0; i < m->nties && argc < 2 + PRESENCE_LEAVE_MAX; i++)
        if (m->ties[i].leaving)
            argv[argc++] = tie_id(&m->ties[i]);
    if (argc > 2 && m->s->r)
        redis_command(m->s->r, NULL, NULL, argv, argc);
}

static void mark_leaving(member *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->nties; i++)
        m->ties[i].leaving = !m->ties[i].wanted && n++ < PRESENCE_LEAVE_MAX;
}

static unsigned count_leaving(const member *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->nties; i++)
        n += m->ties[i].leaving;
    return n;
}

static void on_gone(void *arg, int err, bool gone)
{
    member *m = arg;

    if (err == 0) {
        strike(m);
        if (gone && !m->here)
            presence_announce(m->s, m, m->status, (sio_str){0});
    }
    finish(m, err);
}

/* Those that are leaving; ends the step. */
static void leave(member *m)
{
    sio_str sockets[PRESENCE_LEAVE_MAX];
    presence_leaving o = {.r = m->s->r, .status = &m->s->status, .moves = m->s->o.moves ? m->s->o.code : NULL,
                          .user = member_id(m), .sockets = sockets, .fn = on_gone, .arg = m};
    int err = SIO_ECLOSED;

    o.last =
        (presence_seen){.status = m->status, .wall = m->gone.wall ? m->gone.wall : loop_wall(m->s->o.loop)};
    for (unsigned i = 0; i < m->nties; i++)
        if (m->ties[i].leaving)
            sockets[o.n++] = tie_id(&m->ties[i]);
    if (o.r)
        err = presence_leave(&o);
    if (err < 0)
        finish(m, err);
}

/* It is in Redis: what is to be said of it is said by the one that made it true. */
static void tell(member *m)
{
    presence_shared *s = m->s;
    bool came = m->fresh && m->was_new, chose_alone = m->writing_choice && m->said;

    m->writing_choice = false;
    if (!m->here)
        return;
    if (!m->chosen && m->answer != m->status)
        presence_member_adopt(s, m, m->answer);
    m->fresh = m->said = false;
    if (came || chose_alone)
        presence_announce(s, m, PRESENCE_OFFLINE, (sio_str){0});
}

/* Sockets that have been replaced can go now. */
static void on_there(batch *b)
{
    member *m = of(b);

    if (b->err == 0) {
        tell(m);
        mark_leaving(m);
    }
    if (b->err == 0 && count_leaving(m) > 0)
        leave(m);
    else
        finish(m, b->err);
}

static int write_status(member *m)
{
    char key[PRESENCE_KEY_MAX], seen[APP_ISO_SIZE];
    bool repair = m->repair && !m->fresh;
    const char *how = m->chosen && !repair ? "choose" : repair ? "repair" : "join";
    sio_str argv[] = {presence_key_status(member_id(m), key), sio_s(presence_status_names[m->status]),
                      {seen, APP_ISO_SIZE - 1}, sio_s(how)};

    m->writing_choice = m->chosen;
    m->chosen = false;
    app_iso(m->writing_choice || repair ? m->status_wall : m->seen_wall, seen);
    return redis_eval(m->s->r, &m->s->status, on_status, m, 1, argv, 4);
}

/* The sockets are in: the user and the status follow. */
static void on_sockets_in(batch *b)
{
    member *m = of(b);
    int err = b->err < 0 ? b->err : m->s->r ? 0 : SIO_ECLOSED;

    if (err < 0) {
        finish(m, err);
        return;
    }
    m->was_new = false;
    m->answer = m->status;
    batch_begin(b, on_there);
    batch_add(b, redis_cmd(m->s->r, on_was_new, m, "SADD", PRESENCE_ONLINE_USERS, member_id(m)));
    batch_add(b, write_status(m));
    batch_sent(b);
}

/* So that the server that had it before leaves it alone. */
static int mark_moved(member *m, const tie *t)
{
    char key[PRESENCE_MOVED_MAX];

    return redis_cmd(m->s->r, batch_on_reply, &m->b, "SET", presence_key_moved(tie_id(t), key), m->s->o.code,
                     "PX", MOVED_MS);
}

/* The register first: what is in it is swept when we die. */
static void put_in(member *m)
{
    sio_str reg[2 + 2 * PRESENCE_LEAVE_MAX] = {sio_s("HSET"), sio_s(m->s->key)};
    sio_str add[2 + PRESENCE_LEAVE_MAX] = {sio_s("SADD")};
    char key[PRESENCE_KEY_MAX];
    unsigned n = 0;

    add[1] = presence_key_sockets(member_id(m), key);
    for (unsigned i = 0; i < m->nties; i++) {
        tie *t = &m->ties[i];

        if (!t->wanted || t->written)
            continue;
        if (n == PRESENCE_LEAVE_MAX) {
            m->changed = true;
            break;
        }
        t->written = true;
        if (t->moved)
            batch_add(&m->b, mark_moved(m, t));
        t->moved = false;
        reg[2 + 2 * n] = add[2 + n] = tie_id(t);
        reg[3 + 2 * n++] = member_id(m);
    }
    if (n == 0)
        return;
    m->touched = true;
    batch_add(&m->b, redis_command(m->s->r, batch_on_reply, &m->b, reg, 2 + 2 * n));
    batch_add(&m->b, redis_command(m->s->r, batch_on_reply, &m->b, add, 2 + n));
}

static void write_coming(member *m)
{
    m->repair = m->session != m->s->session;
    for (unsigned i = 0; m->repair && i < m->nties; i++)
        m->ties[i].written = false;
    m->session = m->s->session;
    batch_begin(&m->b, on_sockets_in);
    put_in(m);
    batch_sent(&m->b);
}

/* ---- going ------------------------------------------------------------------------------------------ */

static void write_going(member *m)
{
    mark_leaving(m);
    if (m->touched || m->said)
        leave(m);
    else
        finish(m, 0); /* came and went before anybody was told */
}

/* ---- turns ------------------------------------------------------------------------------------------ */

static member *next(presence_shared *s)
{
    list *from = !list_empty(&s->lists[MEMBERS_DUE]) ? &s->lists[MEMBERS_DUE] : &s->lists[MEMBERS_STALE];

    return list_empty(from) ? NULL : container_of(from->next, member, link);
}

void presence_pump(presence_shared *s)
{
    member *m;

    if (s->pumping)
        return;
    s->pumping = true;
    while (s->r && !s->paused && s->n[MEMBERS_BUSY] < WINDOW && (m = next(s))) {
        presence_member_to(s, m, MEMBERS_BUSY);
        m->changed = false;
        if (m->here)
            write_coming(m);
        else
            write_going(m);
    }
    s->pumping = false;
}

void presence_on_resume(loop_timer *t)
{
    presence_shared *s = container_of(t, presence_shared, resume);

    s->paused = false;
    presence_pump(s);
}

/* ---- our own register ------------------------------------------------------------------------------- */

static void on_register(presence_scan *scan, int err)
{
    presence_shared *s = container_of(scan, presence_shared, own);
    bool more = err == 0 && !presence_scan_is_over(scan);

    for (unsigned i = 0; err == 0 && i < scan->n; i++)
        presence_member_found(s, &scan->entries[i]);
    if (more)
        err = s->r ? presence_scan_next(scan) : SIO_ECANCELED;
    s->sweeping = more && err == 0;
    s->sweep_again = s->sweep_again || err < 0;
}

void presence_sweep_own(presence_shared *s)
{
    s->sweep_again = s->sweeping || presence_scan_begin(&s->own, s->r, s->key, on_register) < 0;
    s->sweeping = s->sweeping || !s->sweep_again;
}

/* ---- audits ----------------------------------------------------------------------------------------- */

/* Are these users still there? Others may have erred: Node servers look and write in separate steps. */
typedef struct question {
    presence_shared *s;
    unsigned         n;
    sio_str          argv[2 + AUDIT_MAX];
    char             text[];
} question;

static void on_audited(void *arg, int err, const resp_val *v)
{
    question *q = arg;

    if (err == 0 && v->kind == RESP_ARRAY && v->n == q->n)
        for (unsigned i = 0; i < q->n; i++) {
            member *m = presence_member(q->s, q->argv[2 + i]);
            bool missing = v->item[i].kind == RESP_INT && v->item[i].i == 0;

            if (m && m->in == MEMBERS_KEPT && (missing || m->session != q->s->session)) {
                m->session = q->s->session - 1;
                presence_member_to(q->s, m, MEMBERS_STALE);
            }
        }
    if (err == 0)
        presence_pump(q->s);
    free(q);
}

static void audit_some(presence_shared *s, unsigned n)
{
    question *q = malloc(sizeof(*q) + n * 128);
    char *at;

    if (!q)
        return;
    *q = (question){.s = s, .argv = {sio_s("SMISMEMBER"), sio_s(PRESENCE_ONLINE_USERS)}};
    at = q->text;
    for (; q->n < n; q->n++) {
        member *m = container_of(s->lists[MEMBERS_KEPT].next, member, link);
        uint32_t len = m->id_len < 128 ? m->id_len : 128;

        memcpy(at, m->id, len);
        q->argv[2 + q->n] = (sio_str){at, len};
        at += len;
        presence_member_to(s, m, MEMBERS_KEPT);
    }
    if (redis_command(s->r, on_audited, q, q->argv, 2 + n) < 0)
        free(q);
}

void presence_on_audit(loop_timer *t)
{
    presence_shared *s = container_of(t, presence_shared, audit);
    unsigned kept = s->n[MEMBERS_KEPT];
    unsigned n = kept / AUDITS > AUDIT_MAX ? kept / AUDITS : kept < AUDIT_MAX ? kept : AUDIT_MAX;

    if (!s->r)
        return;
    if (s->sweep_again && !s->sweeping)
        presence_sweep_own(s);
    for (; n > 0; n -= n < AUDIT_MAX ? n : AUDIT_MAX)
        audit_some(s, n < AUDIT_MAX ? n : AUDIT_MAX);
    loop_timer_set(s->o.loop, t, s->o.audit_ms);
}
