/* JSON (RFC 8259) as slices: text is validated once, then read and forwarded without a tree. Numbers, key order
 * and lone surrogate escapes pass through untouched. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buf.h"
#include "sio_val.h"

#include <stdbool.h>

#define JSON_MAX_DEPTH 64

typedef enum json_kind {
    JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
} json_kind;

/* Validates one value at the start of p (leading white space allowed). Returns the bytes up to the end of the
 * value, or SIO_EPARSE. Strict: UTF-8 checked, no control characters in strings, nesting to JSON_MAX_DEPTH. */
long      json_scan(const char *p, size_t n);
/* The whole text is one value with optional white space around it. On success *value is the trimmed slice. */
bool      json_valid(sio_str text, sio_str *value);

/* Everything below takes trimmed, validated text. */
json_kind json_kind_of(sio_str v);
/* Walks the items of an array or the members of an object (key set to the raw string with quotes, or NULL
 * allowed for arrays): start with *at = 0. */
bool      json_next(sio_str container, size_t *at, sio_str *key, sio_str *item);
/* Member by unescaped name; the last duplicate wins, as in JavaScript. */
bool      json_get(sio_str object, sio_str name, sio_str *item);
size_t    json_len(sio_str container);
/* Strings: json_plain gives a view when there is no escape; json_unescape writes at most raw.n bytes (lone
 * surrogates become WTF-8) and returns the length. json_equals compares the unescaped text. */
bool      json_plain(sio_str raw, sio_str *text);
size_t    json_unescape(sio_str raw, char *out);
bool      json_equals(sio_str raw, sio_str text);
bool      json_int(sio_str raw, int64_t *out);   /* whole, within +-(2^53 - 1); accepts 1e3 and 5.0 */
double    json_double(sio_str raw);              /* infinities for overflow, as JavaScript */

/* Appends text as a JSON string literal the way JSON.stringify does (WTF-8 surrogates as \udXXX). Input is
 * trusted to be (W)UTF-8. Errors as buf_add. */
int       json_quote(buf *out, sio_str text);

#endif
