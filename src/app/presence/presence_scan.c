#include "app/presence/presence_scan.h"

#include <stdio.h>
#include <stdlib.h>

#define PART     "200"
#define TEXT_MAX 160 /* bytes of an id in the register: what is longer is not ours */

static bool is_text(const resp_val *v) { return v->kind == RESP_BULK && v->s.n <= TEXT_MAX; }

static sio_str keep(char **at, sio_str text)
{
    sio_str kept = {memcpy(*at, text.p, text.n), text.n};

    *at += text.n;
    return kept;
}

static bool take(presence_scan *s, const resp_val *list)
{
    uint32_t pairs = list->n / 2;
    char *at;

    free(s->entries);
    s->n = 0;
    s->entries = malloc((pairs + 1) * (sizeof(*s->entries) + 2 * TEXT_MAX));
    if (!s->entries)
        return false;
    at = (char *)&s->entries[pairs + 1];
    for (uint32_t i = 0; i < pairs; i++) {
        const resp_val *socket = &list->item[2 * i], *user = &list->item[2 * i + 1];

        if (is_text(socket) && is_text(user))
            s->entries[s->n++] = (presence_entry){keep(&at, socket->s), keep(&at, user->s)};
    }
    return true;
}

static void on_scanned(void *arg, int err, const resp_val *v)
{
    presence_scan *s = arg;
    bool good = err == 0 && v->kind == RESP_ARRAY && v->n == 2 && v->item[0].kind == RESP_BULK &&
                v->item[0].s.n < sizeof(s->cursor) && v->item[1].kind == RESP_ARRAY;

    if (!good) {
        s->fn(s, err < 0 ? err : SIO_EINVAL);
        return;
    }
    snprintf(s->cursor, sizeof(s->cursor), "%.*s", (int)v->item[0].s.n, v->item[0].s.p);
    s->fn(s, take(s, &v->item[1]) ? 0 : SIO_ENOMEM);
}

int presence_scan_next(presence_scan *s)
{
    return redis_cmd(s->r, on_scanned, s, "HSCAN", (const char *)s->key, (const char *)s->cursor, "COUNT",
                     PART);
}

bool presence_scan_is_over(const presence_scan *s) { return strcmp(s->cursor, "0") == 0; }

int presence_scan_begin(presence_scan *s, redis *r, const char *key, presence_scan_fn *fn)
{
    s->r = r;
    s->fn = fn;
    snprintf(s->key, sizeof(s->key), "%s", key);
    snprintf(s->cursor, sizeof(s->cursor), "0");
    return presence_scan_next(s);
}
