#include "app/notify/notify_store.h"

#include <stdlib.h>

/* ---- writing ---------------------------------------------------------------------------------------- */

int notify_store_add(db_conn *c, notify_note *n, char id_text[CUID_LEN + 1])
{
    cuid_make(n->created_ms, id_text);
    n->id = (sio_str){id_text, CUID_LEN};
    return db_exec(c,
                   "INSERT INTO notifications (id, user_id, type, title, body, data, is_read, created_at)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                   db_args(db_text(n->id), db_text(n->user_id), db_text(n->type), db_text(n->title),
                           db_text(n->body), db_text(n->data), db_bool(false), db_time(n->created_ms)));
}

int notify_store_make_user(db_conn *c, sio_str id, int64_t now_ms)
{
    return db_exec(c,
                   "INSERT INTO users (id, firebase_id, email, created_at, updated_at)"
                   " VALUES (?1, 'demo:' || ?1, ?1 || '@demo.invalid', ?2, ?2) ON CONFLICT (id) DO NOTHING",
                   db_args(db_text(id), db_time(now_ms)));
}

/* ---- reading them ----------------------------------------------------------------------------------- */

#define CHUNK 24 /* ids of one statement */

typedef struct chunk {
    const sio_str *ids;
    size_t         n;
    bool          *changed;
} chunk;

static int on_changed(void *ctx, const db_row *r)
{
    chunk *k = ctx;
    sio_str id = db_col_text(r, 0);

    for (size_t i = 0; i < k->n; i++) {
        if (sio_str_eq(k->ids[i], id)) {
            k->changed[i] = true;
            break; /* an id given twice changes once */
        }
    }
    return 0;
}

/* A short chunk is filled up with its last id. */
static int read_chunk(db_conn *c, sio_str user_id, chunk *k)
{
    db_val args[3 + CHUNK] = {db_text(user_id), db_bool(true), db_bool(false)};

    for (size_t i = 0; i < CHUNK; i++)
        args[3 + i] = db_text(k->ids[i < k->n ? i : k->n - 1]);
    return db_query(
        c,
        "UPDATE notifications SET is_read = ?2 WHERE user_id = ?1 AND is_read = ?3 AND id IN (?4, ?5, ?6, "
        "?7, ?8, ?9, ?10,"
        " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27) RETURNING id",
        args, 3 + CHUNK, on_changed, k);
}

int notify_store_read(db_conn *c, sio_str user_id, const sio_str *ids, size_t n, bool *changed)
{
    int err = 0;

    memset(changed, 0, n * sizeof(*changed));
    for (size_t at = 0; at < n && err == 0; at += CHUNK) {
        chunk k = {ids + at, n - at < CHUNK ? n - at : CHUNK, changed + at};

        err = read_chunk(c, user_id, &k);
    }
    return err;
}

int notify_store_read_all(db_conn *c, sio_str user_id, int64_t *changed)
{
    int err = db_exec(c, "UPDATE notifications SET is_read = ?2 WHERE user_id = ?1 AND is_read = ?3",
                      db_args(db_text(user_id), db_bool(true), db_bool(false)));

    *changed = err < 0 ? 0 : db_changes(c);
    return err;
}

static int on_count(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

int notify_store_unread(db_conn *c, sio_str user_id, int64_t *count)
{
    return db_query(c,
        "SELECT count(*) FROM (SELECT 1 FROM notifications WHERE user_id = ?1 AND is_read = ?2 LIMIT ?3) t",
        db_args(db_text(user_id), db_bool(false), db_int(NOTIFY_UNREAD_MAX)), on_count, count);
}

/* ---- pages ------------------------------------------------------------------------------------------ */

typedef struct page_row {
    notify_note n;
    char        text[];
} page_row;

struct notify_page {
    unsigned  n, max;
    bool      more;
    page_row *row[NOTIFY_PAGE_MAX];
};

notify_page *notify_page_new(void) { return calloc(1, sizeof(notify_page)); }

static void page_clear(notify_page *p)
{
    while (p->n > 0)
        free(p->row[--p->n]);
    p->more = false;
}

void notify_page_free(notify_page *p)
{
    if (!p)
        return;
    page_clear(p);
    free(p);
}

unsigned notify_page_len(const notify_page *p) { return p->n; }
const notify_note *notify_page_at(const notify_page *p, unsigned i) { return &p->row[i]->n; }
bool notify_page_more(const notify_page *p) { return p->more; }

static sio_str text_put(char **at, sio_str s)
{
    sio_str copy = {s.p ? *at : NULL, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static page_row *row_new(const db_row *r)
{
    sio_str text[5];
    size_t total = 0;
    page_row *row;
    char *at;

    for (unsigned i = 0; i < 5; i++) {
        text[i] = db_col_text(r, i);
        total += text[i].n;
    }
    row = malloc(sizeof(*row) + total);
    if (!row)
        return NULL;
    at = row->text;
    *row = (page_row){.n = {.read = db_col_bool(r, 5), .created_ms = db_col_time(r, 6)}};
    row->n.id = text_put(&at, text[0]);
    row->n.type = text_put(&at, text[1]);
    row->n.title = text_put(&at, text[2]);
    row->n.body = text_put(&at, text[3]);
    row->n.data = text_put(&at, text[4]);
    return row;
}

static int on_note(void *ctx, const db_row *r)
{
    notify_page *p = ctx;

    if (p->n == p->max) {
        p->more = true;
        return 1;
    }
    p->row[p->n] = row_new(r);
    if (!p->row[p->n])
        return SIO_ENOMEM;
    p->n++;
    return 0;
}

/* The table's index has is_read before created_at, so the newest of all are the newest of the unread and of
 * the read, merged: two short walks, however many there are. */
#define WALK(read) \
    "SELECT * FROM (SELECT id, type, title, body, data, is_read, created_at FROM notifications" \
    " WHERE user_id = ?1 AND is_read = " read " AND created_at <= ?2 AND (created_at < ?2 OR id < ?3)" \
    " ORDER BY created_at DESC, id DESC LIMIT ?4) w"
#define FOREVER_MS 253402300799999 /* the end of the year 9999 */

int notify_store_list(db_conn *c, sio_str user_id, notify_key key, bool unread_only, unsigned limit,
                      notify_page *p)
{
    page_clear(p);
    p->max = limit < NOTIFY_PAGE_MAX ? limit : NOTIFY_PAGE_MAX;
    if (!key.id.p)
        key = (notify_key){FOREVER_MS, sio_lit("")};
    if (unread_only)
        return db_query(
            c, WALK("?5"),
            db_args(db_text(user_id), db_time(key.ms), db_text(key.id), db_int(p->max + 1), db_bool(false)),
            on_note, p);
    return db_query(c,
                    "SELECT * FROM (" WALK("?5") " UNION ALL " WALK(
                        "?6") ") t ORDER BY created_at DESC, id DESC LIMIT ?4",
                    db_args(db_text(user_id), db_time(key.ms), db_text(key.id), db_int(p->max + 1),
                            db_bool(false), db_bool(true)),
                    on_note, p);
}
