/* Binding: from a value that a client sent to a struct, by a table. */
#include "sio/sio_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static bool in_range(int64_t v, const sio_field *f)
{
    return (f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max);
}

static int64_t code_points(sio_str s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

#ifdef __SSE2__
/* How many bytes in front need no closer look: steps of 16, in each of which nothing is below 0x20, 0x7f or
 * 0xed. */
static size_t plain_start(sio_str s)
{
    size_t i = 0;

    for (; s.n - i >= 16; i += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        __m128i del = _mm_cmpeq_epi8(w, _mm_set1_epi8(0x7f)), ed = _mm_cmpeq_epi8(w, _mm_set1_epi8('\xed'));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(w, _mm_set1_epi8(0x1f)), w);

        if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(del, ed), low)))
            break;
    }
    return i;
}
#else
#define ONES 0x0101010101010101ull

/* Whether one of 8 bytes is below 0x20, 0x7f or 0xed; now and then yes without reason. */
static bool is_odd(uint64_t w)
{
    uint64_t del = w ^ ONES * 0x7f, ed = w ^ ONES * 0xed;

    return (((w - ONES * 0x20) & ~w) | ((del - ONES) & ~del) | ((ed - ONES) & ~ed)) & ONES * 0x80;
}

/* The same in steps of 8. */
static size_t plain_start(sio_str s)
{
    uint64_t w;
    size_t i = 0;

    for (; s.n - i >= 8; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (is_odd(w))
            break;
    }
    return i;
}
#endif

/* No control characters, and no first bytes of a lone surrogate, which is no Unicode. */
static bool is_id(sio_str s)
{
    for (size_t i = plain_start(s); i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f || (c == 0xed && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0xa0))
            return false;
    }
    return true;
}

static bool bind_text(sio_in *in, const sio_field *f, sio_val v, char *out)
{
    sio_str text;

    if (!sio_str_of(in, v, &text) || !in_range(f->type == SIO_FIELD_CHARS ? code_points(text) : (int64_t)text.n, f) ||
        (f->type == SIO_FIELD_ID && !is_id(text)))
        return false;
    memcpy(out, &text, sizeof text);
    return true;
}

static bool bind_int(const sio_field *f, sio_val v, char *out)
{
    int64_t i;

    if (!sio_int(v, &i) || !in_range(i, f))
        return false;
    memcpy(out, &i, sizeof i);
    return true;
}

static bool bind_enum(sio_in *in, const sio_field *f, sio_val v, char *out)
{
    sio_str text;

    if (!sio_str_of(in, v, &text))
        return false;
    for (int i = 0; f->choices[i]; i++) {
        if (sio_str_eq(text, sio_s(f->choices[i]))) {
            memcpy(out, &i, sizeof i);
            return true;
        }
    }
    return false;
}

#define FEW_IDS 8

/* Room for n ids, the first of which are there; NULL when so many are not allowed. */
static sio_str *ids_room(sio_in *in, const sio_field *f, size_t n, const sio_str *first, size_t nfirst)
{
    sio_str *room = in_range((int64_t)n, f) ? sio_alloc(in, (n + 1) * sizeof *room) : NULL;

    if (room && nfirst)
        memcpy(room, first, nfirst * sizeof *room);
    return room;
}

/* Only a list that is longer than most is counted first. */
static bool bind_ids(sio_in *in, const sio_field *f, sio_val v, char *out)
{
    sio_str few[FEW_IDS], *item = few;
    sio_iter it = {0};
    size_t n = 0;
    sio_val id;

    if (sio_kind_of(v) != SIO_ARRAY)
        return false;
    for (; sio_next(v, &it, NULL, &id); n++) {
        if (n == FEW_IDS && !(item = ids_room(in, f, sio_len(v), few, n)))
            return false;
        if (!sio_str_of(in, id, &item[n]) || item[n].n == 0 || (int64_t)item[n].n > f->item_max ||
            !is_id(item[n]))
            return false;
    }
    if (item == few && !(item = ids_room(in, f, n, few, n)))
        return false;
    memcpy(out, &(sio_strs){item, n}, sizeof(sio_strs));
    return true;
}

static bool bind_one(sio_in *in, const sio_field *f, sio_val v, char *out)
{
    switch (f->type) {
    case SIO_FIELD_TEXT:
    case SIO_FIELD_CHARS:
    case SIO_FIELD_ID:
        return bind_text(in, f, v, out);
    case SIO_FIELD_INT:
        return bind_int(f, v, out);
    case SIO_FIELD_BOOL:
        return sio_bool(v, (bool *)(void *)out);
    case SIO_FIELD_ENUM:
        return bind_enum(in, f, v, out);
    case SIO_FIELD_IDS:
        return bind_ids(in, f, v, out);
    case SIO_FIELD_ARRAY:
        if (sio_kind_of(v) != SIO_ARRAY || !in_range((int64_t)sio_len(v), f))
            return false;
        break;
    default:
        if (sio_kind_of(v) == SIO_UNDEFINED)
            return false;
    }
    memcpy(out, &v, sizeof v);
    return true;
}

static bool is_absent(sio_val v)
{
    sio_kind kind = sio_kind_of(v);

    return kind == SIO_UNDEFINED || kind == SIO_NULL;
}

static bool has_required(const sio_field *fields)
{
    for (; fields->key; fields++) {
        if (!fields->optional)
            return true;
    }
    return false;
}

int sio_bind_value(sio_in *in, sio_val object, const sio_field *fields, void *out, const sio_field **bad)
{
    bool whole = fields->key && fields->whole;

    *bad = NULL;
    if (!whole && sio_kind_of(object) != SIO_OBJECT && (!is_absent(object) || has_required(fields)))
        return SIO_EFIELD;
    for (const sio_field *f = fields; f->key; f++) {
        sio_val v = f->whole ? object : sio_get(object, f->key);

        if (f->optional && is_absent(v))
            continue;
        if (!bind_one(in, f, v, (char *)out + f->at)) {
            *bad = f;
            return SIO_EFIELD;
        }
    }
    return 0;
}

int sio_bind(sio_in *in, const sio_field *fields, void *out, const sio_field **bad)
{
    return sio_bind_value(in, sio_arg(in, 0), fields, out, bad);
}
