#include "codec/val.h"

#include "base/num.h"
#include "codec/json.h"
#include "codec/placeholder.h"
#include "sio_err.h"

typedef struct val_writer {
    buf      *out;
    sio_str  *bins;
    unsigned  max_bins, nbins;
} val_writer;

static int val_put(val_writer *w, sio_val v, unsigned depth);

static int val_put_binary(val_writer *w, sio_str bytes)
{
    if (w->nbins >= w->max_bins)
        return SIO_ELIMIT;
    w->bins[w->nbins] = bytes;
    return placeholder_put(w->out, w->nbins++);
}

/* ---- pieces of JSON whose placeholders must be renumbered ------------------------------------------ */

/* An open container. What it is shows only at its end: then a placeholder's text is taken back. */
typedef struct val_frame {
    placeholder holder;
    size_t      start;  /* where its text begins */
    size_t      key_at; /* where the current member begins, comma included */
    unsigned    nbins;  /* attachments before it */
    unsigned    count;  /* items or members so far */
    bool        object;
} val_frame;

/* Whatever stands before an item: the comma inside an array. In objects the key took care of that. */
static int val_begin_item(val_writer *w, val_frame *f, sio_str raw)
{
    placeholder_value(&f->holder, raw);
    if (f->object || f->count++ == 0)
        return 0;
    return buf_putc(w->out, ',');
}

static int val_copy_open(val_writer *w, val_frame *f, sio_str raw)
{
    int err = val_begin_item(w, &f[-1], raw);

    *f = (val_frame){.start = w->out->n, .nbins = w->nbins, .object = *raw.p == '{'};
    placeholder_init(&f->holder);
    return err < 0 ? err : buf_add_str(w->out, raw);
}

static int val_copy_key(val_writer *w, val_frame *f, sio_str raw)
{
    int err = 0;

    placeholder_key(&f->holder, raw);
    f->key_at = w->out->n;
    if (f->count++ > 0)
        err = buf_putc(w->out, ',');
    if (err == 0)
        err = buf_add_str(w->out, raw);
    return err < 0 ? err : buf_putc(w->out, ':');
}

static int val_copy_scalar(val_writer *w, val_frame *f, sio_str raw)
{
    int err = val_begin_item(w, f, raw);

    return err < 0 ? err : buf_add_str(w->out, raw);
}

/* f is the container that stays open, f[1] the one that ends. */
static int val_copy_close(val_writer *w, val_frame *f, sio_str raw, const sio_bins *bins)
{
    unsigned index;
    int err = buf_add_str(w->out, raw);

    if (err < 0)
        return err;
    switch (placeholder_end(&f[1].holder, bins->n, &index)) {
    case PLACEHOLDER_INDEX:
        w->out->n = f[1].start;
        w->nbins = f[1].nbins;
        return val_put_binary(w, bins->bin[index]);
    case PLACEHOLDER_HOLE:
        w->nbins = f[1].nbins;
        w->out->n = f->object ? f->key_at : f[1].start;
        if (!f->object)
            return buf_puts(w->out, "null");
        f->count--;
        return 0;
    default:
        return 0;
    }
}

static int val_copy_json(val_writer *w, sio_str json, const sio_bins *bins)
{
    val_frame frame[JSON_WALK_DEPTH + 1];
    json_token token;
    json_walk walk;
    sio_str raw;
    int err = 0;

    frame[0] = (val_frame){0};
    json_walk_init(&walk, json);
    while (err == 0 && (token = json_walk_next(&walk, &raw)) != JSON_END) {
        val_frame *f = &frame[walk.depth];

        switch (token) {
        case JSON_OPEN:
            err = val_copy_open(w, f, raw);
            break;
        case JSON_KEY:
            err = val_copy_key(w, f, raw);
            break;
        case JSON_CLOSE:
            err = val_copy_close(w, f, raw, bins);
            break;
        default:
            err = val_copy_scalar(w, f, raw);
            break;
        }
    }
    return err;
}

static int val_put_json(val_writer *w, sio_val v)
{
    sio_str json = json_trim(v.s);

    if (json.n == 0)
        return buf_puts(w->out, "null");
    if (v.bins && v.bins->n > 0 && placeholder_possible(json))
        return val_copy_json(w, json, v.bins);
    return buf_add_str(w->out, json);
}

/* ---- built values ---------------------------------------------------------------------------------- */

static int val_put_array(val_writer *w, sio_val v, unsigned depth)
{
    int err = buf_putc(w->out, '[');

    for (uint32_t i = 0; i < v.n && err == 0; i++) {
        if (i > 0)
            err = buf_putc(w->out, ',');
        if (err == 0)
            err = val_put(w, v.item[i], depth + 1);
    }
    return err < 0 ? err : buf_putc(w->out, ']');
}

static int val_put_key(val_writer *w, sio_val key)
{
    int err;

    if (key.kind == SIO_STRING)
        err = json_quote(w->out, key.s);
    else if (key.kind == SIO_JSON && sio_kind_of(key) == SIO_STRING)
        err = buf_add_str(w->out, json_trim(key.s));
    else
        return SIO_EINVAL;
    return err < 0 ? err : buf_putc(w->out, ':');
}

static int val_put_object(val_writer *w, sio_val v, unsigned depth)
{
    bool first = true;
    int err = buf_putc(w->out, '{');

    if (v.n % 2 != 0)
        return SIO_EINVAL;
    for (uint32_t i = 0; i < v.n && err == 0; i += 2) {
        if (sio_kind_of(v.item[i + 1]) == SIO_UNDEFINED)
            continue;
        if (!first)
            err = buf_putc(w->out, ',');
        first = false;
        if (err == 0)
            err = val_put_key(w, v.item[i]);
        if (err == 0)
            err = val_put(w, v.item[i + 1], depth + 1);
    }
    return err < 0 ? err : buf_putc(w->out, '}');
}

static int val_put(val_writer *w, sio_val v, unsigned depth)
{
    char num[32];

    if ((v.kind == SIO_ARRAY || v.kind == SIO_OBJECT) && depth == VAL_MAX_DEPTH)
        return SIO_ELIMIT;
    switch (v.kind) {
    case SIO_BOOL:
        return buf_puts(w->out, v.b ? "true" : "false");
    case SIO_INT:
        return buf_add(w->out, num, num_i64(v.i, num));
    case SIO_NUMBER:
        return buf_add(w->out, num, num_double(v.d, num));
    case SIO_STRING:
        return json_quote(w->out, v.s);
    case SIO_BINARY:
        return val_put_binary(w, v.s);
    case SIO_ARRAY:
        return val_put_array(w, v, depth);
    case SIO_OBJECT:
        return val_put_object(w, v, depth);
    case SIO_JSON:
        return val_put_json(w, v);
    default:
        return buf_puts(w->out, "null");
    }
}

int val_to_json(buf *out, sio_val v, sio_str *bins, unsigned max_bins, unsigned *nbins)
{
    val_writer w = {.out = out, .bins = bins, .max_bins = max_bins, .nbins = *nbins};
    size_t before = out->n;
    int err = val_put(&w, v, 0);

    if (err < 0) {
        out->n = before;
        return err;
    }
    *nbins = w.nbins;
    return 0;
}
