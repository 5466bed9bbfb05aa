/* Party by party of the register, and in each its set of users, some hundred at a time; then the party is
 * struck from the register. A script takes users out of the set and lowers their numbers in one step, so that
 * nothing is lowered twice whenever somebody stops half-way. */
#include "app/batch.h"
#include "app/party/party_share_int.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTIES   "50"
#define USERS     "200"
#define USERS_MAX 500 /* of one script */
#define ID_MAX    128

/* Texts of one answer, kept while they are worked through. */
typedef struct texts {
    sio_str *item;
    unsigned n;
} texts;

typedef struct sweep {
    party_sweep_options o;
    redis_script        drop;
    char                code[8], key[PARTY_KEY_MAX];
    char                cursor[24], users_cursor[24];
    texts               parties, users;
    unsigned            at;   /* in parties */
    bool                more; /* of the users, than one script takes: they are asked for again */
} sweep;

static void scan(sweep *s);
static void scan_users(sweep *s);

static void finish(sweep *s, int err)
{
    s->o.done(s->o.arg, err);
    free(s->parties.item);
    free(s->users.item);
    free(s);
}

/* ---- answers of SSCAN ------------------------------------------------------------------------------- */

static bool texts_take(texts *t, const resp_val *list)
{
    char *at;

    free(t->item);
    t->n = 0;
    t->item = malloc((list->n + 1) * (sizeof(*t->item) + ID_MAX));
    if (!t->item)
        return false;
    at = (char *)&t->item[list->n + 1];
    for (uint32_t i = 0; i < list->n; i++) {
        const resp_val *v = &list->item[i];

        if (v->kind != RESP_BULK || v->s.n > ID_MAX)
            continue;
        memcpy(at, v->s.p, v->s.n);
        t->item[t->n++] = (sio_str){at, v->s.n};
        at += v->s.n;
    }
    return true;
}

/* 0, or the error the sweep ends with. */
static int scanned(int err, const resp_val *v, char cursor[24], texts *t)
{
    if (err < 0)
        return err;
    if (v->kind != RESP_ARRAY || v->n != 2 || v->item[0].kind != RESP_BULK || v->item[0].s.n >= 24 ||
        v->item[1].kind != RESP_ARRAY)
        return SIO_EINVAL;
    snprintf(cursor, 24, "%.*s", (int)v->item[0].s.n, v->item[0].s.p);
    return texts_take(t, &v->item[1]) ? 0 : SIO_ENOMEM;
}

static bool is_end(const char *cursor) { return strcmp(cursor, "0") == 0; }
static sio_str party_of(const sweep *s) { return s->parties.item[s->at]; }

/* ---- parties ---------------------------------------------------------------------------------------- */

static void go(sweep *s, int err)
{
    if (err < 0)
        finish(s, err);
}

static void next_party(sweep *s)
{
    if (s->at < s->parties.n) {
        snprintf(s->users_cursor, sizeof(s->users_cursor), "0");
        scan_users(s);
    } else if (is_end(s->cursor)) {
        finish(s, 0);
    } else {
        scan(s);
    }
}

static void on_struck(void *arg, int err, const resp_val *v)
{
    sweep *s = arg;

    if (err < 0 || v->kind == RESP_ERROR) {
        finish(s, err < 0 ? err : SIO_EINVAL);
        return;
    }
    s->at++;
    next_party(s);
}

static void end_party(sweep *s)
{
    if (s->o.keeps && s->o.keeps(s->o.arg, party_of(s), (sio_str){0})) {
        s->at++;
        next_party(s);
        return;
    }
    go(s, redis_cmd(s->o.r, on_struck, s, "SREM", (const char *)s->key, party_of(s)));
}

/* ---- users ------------------------------------------------------------------------------------------ */

static void tell(sweep *s, int64_t count, const resp_val *gone, bool recount)
{
    for (uint32_t i = 0; i < gone->n && count <= s->o.rules.announce_limit; i++)
        if (gone->item[i].kind == RESP_BULK)
            s->o.gone(s->o.arg, party_of(s), gone->item[i].s, count);
    if (recount)
        s->o.recount(s->o.arg, party_of(s));
}

static void on_dropped(void *arg, int err, const resp_val *v)
{
    sweep *s = arg;

    if (err == 0 &&
        (v->kind != RESP_ARRAY || v->n != 3 || v->item[0].kind != RESP_INT || v->item[1].kind != RESP_ARRAY ||
         v->item[2].kind != RESP_INT))
        err = SIO_EINVAL;
    if (err < 0) {
        finish(s, err);
        return;
    }
    tell(s, v->item[0].i, &v->item[1], v->item[2].i == 1);
    if (s->more)
        snprintf(s->users_cursor, sizeof(s->users_cursor), "0");
    if (is_end(s->users_cursor) && !s->more)
        end_party(s);
    else
        scan_users(s);
}

static void drop(sweep *s)
{
    char viewers[PARTY_KEY_MAX], theirs[PARTY_KEY_MAX], told[PARTY_KEY_MAX], limit[24];
    char interval[24];
    sio_str party = party_of(s);
    sio_str argv[5 + USERS_MAX] = {party_key_viewers(party, viewers),
                                   party_key_here(party, sio_str_z(s->code), theirs),
                                   party_key_told(party, told)};
    unsigned argc = 5;

    snprintf(limit, sizeof(limit), "%lld", (long long)s->o.rules.announce_limit);
    snprintf(interval, sizeof(interval), "%lld", (long long)s->o.rules.interval_ms);
    argv[3] = sio_str_z(limit);
    argv[4] = sio_str_z(interval);
    s->more = false;
    for (unsigned i = 0; i < s->users.n && !s->more; i++) {
        if (s->o.keeps && s->o.keeps(s->o.arg, party, s->users.item[i]))
            continue;
        s->more = argc == 5 + USERS_MAX;
        if (!s->more)
            argv[argc++] = s->users.item[i];
    }
    if (argc > 5)
        go(s, redis_eval(s->o.r, &s->drop, on_dropped, s, 3, argv, argc));
    else if (is_end(s->users_cursor))
        end_party(s);
    else
        scan_users(s);
}

static void on_users(void *arg, int err, const resp_val *v)
{
    sweep *s = arg;

    err = scanned(err, v, s->users_cursor, &s->users);
    if (err < 0)
        finish(s, err);
    else
        drop(s);
}

static int may_go_on(const sweep *s) { return s->o.goes_on && !s->o.goes_on(s->o.arg) ? SIO_ECANCELED : 0; }

static void scan_users(sweep *s)
{
    char key[PARTY_KEY_MAX];
    int err = may_go_on(s);

    if (err == 0)
        err = redis_cmd(s->o.r, on_users, s, "SSCAN", party_key_here(party_of(s), sio_str_z(s->code), key),
                        (const char *)s->users_cursor, "COUNT", USERS);
    go(s, err);
}

/* ---- the register ----------------------------------------------------------------------------------- */

static void on_parties(void *arg, int err, const resp_val *v)
{
    sweep *s = arg;

    err = scanned(err, v, s->cursor, &s->parties);
    if (err < 0) {
        finish(s, err);
        return;
    }
    s->at = 0;
    next_party(s);
}

static int ask(sweep *s)
{
    return redis_cmd(s->o.r, on_parties, s, "SSCAN", (const char *)s->key, (const char *)s->cursor, "COUNT",
                     PARTIES);
}

static void scan(sweep *s)
{
    int err = may_go_on(s);

    go(s, err < 0 ? err : ask(s));
}

int party_sweep_viewers(const party_sweep_options *o)
{
    sweep *s = calloc(1, sizeof(*s));
    int err;

    if (!s)
        return SIO_ENOMEM;
    s->o = *o;
    s->drop.text = party_drop_script;
    snprintf(s->code, sizeof(s->code), "%.*s", (int)o->code.n, o->code.p);
    s->o.code = sio_str_z(s->code);
    s->key[party_key_register(s->o.code, o->index, s->key).n] = '\0';
    snprintf(s->cursor, sizeof(s->cursor), "0");
    err = ask(s);
    if (err < 0)
        free(s);
    return err;
}
