#include "codec/placeholder.h"

#include "base/num.h"
#include "codec/json.h"

#include <math.h>

enum { KEY_OTHER, KEY_MARK, KEY_NUM };

void placeholder_init(placeholder *p)
{
    *p = (placeholder){.num = NAN};
}

void placeholder_key(placeholder *p, sio_str raw)
{
    if (json_equals(raw, sio_lit("_placeholder")))
        p->key_ = KEY_MARK;
    else
        p->key_ = json_equals(raw, sio_lit("num")) ? KEY_NUM : KEY_OTHER;
}

void placeholder_value(placeholder *p, sio_str raw)
{
    if (p->key_ == KEY_MARK)
        p->marked = json_kind_of(raw) == JSON_TRUE;
    else if (p->key_ == KEY_NUM)
        p->num = json_kind_of(raw) == JSON_NUMBER ? json_double(raw) : NAN;
    p->key_ = KEY_OTHER;
}

placeholder_kind placeholder_end(const placeholder *p, unsigned n, unsigned *index)
{
    if (!p->marked)
        return PLACEHOLDER_NONE;
    if (!(p->num >= 0 && p->num < n))
        return PLACEHOLDER_BAD;
    if (p->num != (double)(unsigned)p->num)
        return PLACEHOLDER_HOLE;
    *index = (unsigned)p->num;
    return PLACEHOLDER_INDEX;
}

placeholder_kind placeholder_of(sio_str json, unsigned n, unsigned *index)
{
    sio_str key, item;
    size_t at = 0;
    placeholder p;

    if (json_kind_of(json) != JSON_OBJECT)
        return PLACEHOLDER_NONE;
    placeholder_init(&p);
    while (json_next(json, &at, &key, &item)) {
        placeholder_key(&p, key);
        placeholder_value(&p, item);
    }
    return placeholder_end(&p, n, index);
}

bool placeholder_possible(sio_str json)
{
    /* The name may be spelled with \u escapes, and then it is the same name. */
    return json.n > 0 && (memmem(json.p, json.n, "_placeholder", 12) || memmem(json.p, json.n, "\\u", 2));
}

int placeholder_put(buf *out, unsigned num)
{
    static const sio_str head = SIO_STR("{\"_placeholder\":true,\"num\":");
    char text[64];
    size_t n;

    memcpy(text, head.p, head.n);
    n = head.n + num_u64(num, text + head.n);
    text[n++] = '}';
    return buf_add(out, text, n);
}
