/* JSON (RFC 8259) as slices: text is validated once, then read and forwarded without a tree. Numbers, key
 * order and lone surrogate escapes pass through untouched. No function here allocates or keeps state,
 * except that json_quote grows its buffer; all may be called from any thread. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>

#define JSON_MAX_DEPTH 64

typedef enum json_kind {
    JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
} json_kind;

/* Validates one value at the start of p (leading white space allowed). Returns the bytes up to the end of
 * the value, or SIO_EPARSE. Strict: UTF-8 checked, no control characters in strings, nesting to
 * JSON_MAX_DEPTH. */
long      json_scan(const char *p, size_t n);
/* The whole text is one value with optional white space around it. On success *value is the trimmed slice. */
bool      json_valid(sio_str text, sio_str *value);
/* json_valid of a text that begins with "[": notes on the way where the first items are. False for all other
 * texts. */
#define JSON_ITEMS 9
typedef struct json_items {
    unsigned n;                /* all there are, which may be more than were noted */
    sio_str  item[JSON_ITEMS];
} json_items;
bool      json_valid_items(sio_str text, sio_str *value, json_items *items);
/* The text without the white space around it. */
sio_str   json_trim(sio_str text);

/* ---- reading: everything below takes trimmed, validated text (and stays inside it even if it is not)  */

/* Told by the first character; the empty text is JSON_NULL. */
json_kind json_kind_of(sio_str v);
/* Walks the items of an array or the members of an object (key set to the raw string with quotes; NULL if
 * it is not wanted; untouched for arrays): start with *at = 0. False at the end, and for anything else.
 * Costs the length of the item. */
bool      json_next(sio_str container, size_t *at, sio_str *key, sio_str *item);
/* Member by unescaped name; the last duplicate wins, as in JavaScript. False when absent or no object. */
bool      json_get(sio_str object, sio_str name, sio_str *item);
/* Items of an array or members (duplicates counted) of an object, else 0. */
size_t    json_len(sio_str container);

/* Walks all values of a text, depth first, in one pass: for work that would otherwise look at inner values
 * once per level. Goes as deep as received JSON inside a built value can be. */
#define JSON_WALK_DEPTH 128

typedef enum json_token {
    JSON_END,    /* also when the text is not valid or too deep: depth is not 0 then */
    JSON_OPEN,   /* raw = "[" or "{"; depth counts this container already */
    JSON_CLOSE,  /* raw = "]" or "}"; depth no longer counts it */
    JSON_KEY,    /* raw = the string with quotes */
    JSON_SCALAR  /* raw = string with quotes, number, true, false or null */
} json_token;
typedef struct json_walk {
    const char *p_, *end_;
    uint64_t    objects_[2]; /* a bit for each open container: is it an object? */
    unsigned    depth;       /* open containers, at most JSON_WALK_DEPTH */
    bool        after_key_;
} json_walk;
/* Starts a walk; the text must outlive it. */
void       json_walk_init(json_walk *w, sio_str text);
/* The next token; *raw is untouched for JSON_END, which stays once reached. */
json_token json_walk_next(json_walk *w, sio_str *raw);

/* Strings. json_plain gives a view when there is no escape, and is false when there is one or v is no string.
 * json_unescape writes at most raw.n bytes (lone surrogates become WTF-8) and returns the length. json_equals
 * compares the unescaped text. */
bool      json_plain(sio_str raw, sio_str *text);
size_t    json_unescape(sio_str raw, char *out);
bool      json_equals(sio_str raw, sio_str text);
/* Numbers. json_int: whole, within +-(2^53 - 1); accepts 1e3 and 5.0; false with *out untouched for all else.
 * json_double takes a number: infinities for overflow, as JavaScript. */
bool      json_int(sio_str raw, int64_t *out);
double    json_double(sio_str raw);

/* ---- writing ------------------------------------------------------------------------------------- */

/* Appends text as a JSON string literal the way JSON.stringify does (WTF-8 surrogates as \udXXX); other bytes
 * that are no UTF-8 become U+FFFD, so that the result is always valid. All or nothing, errors as buf_add. */
int       json_quote(buf *out, sio_str text);

#endif
