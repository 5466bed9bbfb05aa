/* Strings and values of libsio.
 *
 * A `sio_val` is what travels in an event: built in place for sending (no allocation, nests), or a view of
 * what a peer sent. Both are borrowed: what you build lives until the end of the enclosing block, what you
 * receive lives as long as the event it came with. Build a value inside the call that sends it:
 *
 *     sio_emit(socket, "joined", sio_obj("room", room, "count", 7, "admin", sio_true));
 */
#ifndef SIO_VAL_H
#define SIO_VAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- strings: pointer and length, not 0-terminated ------------------------------------------------- */

typedef struct sio_str {
    const char *p;
    size_t      n;
} sio_str;

/* A string literal as sio_str, usable in initialisers. */
#define SIO_STR(literal) { "" literal, sizeof(literal) - 1 }
#define sio_lit(literal) ((sio_str)SIO_STR(literal))

static inline sio_str sio_str_z(const char *z) { return (sio_str){z, z ? strlen(z) : 0}; }
static inline sio_str sio_str_same(sio_str s) { return s; }
static inline bool sio_str_eq(sio_str a, sio_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/* char * or sio_str, both become sio_str. */
#define sio_s(x) _Generic((x), char *: sio_str_z, const char *: sio_str_z, sio_str: sio_str_same)(x)

/* ---- values ---------------------------------------------------------------------------------------- */

typedef enum sio_kind {
    SIO_UNDEFINED, /* absent: null inside arrays, left out of objects */
    SIO_NULL,
    SIO_BOOL,
    SIO_INT,
    SIO_NUMBER,
    SIO_STRING,
    SIO_BINARY,
    SIO_ARRAY,
    SIO_OBJECT,
    SIO_JSON       /* a piece of validated JSON text, see sio_kind_of */
} sio_kind;

/* The binary attachments that the placeholders of a piece of JSON refer to. */
typedef struct sio_bins {
    const sio_str *bin;
    unsigned       n;
} sio_bins;

typedef struct sio_val {
    uint8_t  kind; /* enum sio_kind */
    uint32_t n;    /* SIO_ARRAY: items; SIO_OBJECT: items, keys and values alternating */
    union {
        bool                  b;
        int64_t               i;
        double                d;
        sio_str               s;    /* SIO_STRING (UTF-8), SIO_BINARY, SIO_JSON */
        const struct sio_val *item;
    };
    const sio_bins *bins;           /* SIO_JSON only: what its placeholders stand for; may be NULL */
} sio_val;

static inline sio_val sio_val_bool(bool v) { return (sio_val){.kind = SIO_BOOL, .b = v}; }
static inline sio_val sio_val_int(int64_t v) { return (sio_val){.kind = SIO_INT, .i = v}; }
static inline sio_val sio_val_uint(uint64_t v)
{
    return v <= INT64_MAX ? sio_val_int((int64_t)v) : (sio_val){.kind = SIO_NUMBER, .d = (double)v};
}
static inline sio_val sio_val_num(double v) { return (sio_val){.kind = SIO_NUMBER, .d = v}; }
static inline sio_val sio_val_str(sio_str v)
{
    return v.p ? (sio_val){.kind = SIO_STRING, .s = v} : (sio_val){.kind = SIO_NULL};
}
static inline sio_val sio_val_z(const char *v) { return sio_val_str(sio_str_z(v)); }
static inline sio_val sio_val_same(sio_val v) { return v; }

/* Bytes, sent as a binary attachment. */
static inline sio_val sio_bin(const void *p, size_t n)
{
    return (sio_val){.kind = SIO_BINARY, .s = {p ? (const char *)p : "", n}};
}
/* JSON text that you vouch for (it is sent as it stands). */
static inline sio_val sio_json(sio_str text) { return (sio_val){.kind = SIO_JSON, .s = text}; }

/* In C `true` is an int and would travel as 1: write sio_true, or use a bool variable. */
#define sio_true      (sio_val_bool(true))
#define sio_false     (sio_val_bool(false))
#define sio_null      ((sio_val){.kind = SIO_NULL})
#define sio_undefined ((sio_val){.kind = SIO_UNDEFINED})

/* Any C value as a sio_val. A NULL string is null. */
#define sio_v(x)                                                                                    \
    _Generic((x),                                                                                   \
        bool: sio_val_bool, signed char: sio_val_int, short: sio_val_int, int: sio_val_int,         \
        long: sio_val_int, long long: sio_val_int, unsigned char: sio_val_uint,                     \
        unsigned short: sio_val_uint, unsigned: sio_val_uint, unsigned long: sio_val_uint,          \
        unsigned long long: sio_val_uint, float: sio_val_num, double: sio_val_num,                  \
        char *: sio_val_z, const char *: sio_val_z, sio_str: sio_val_str, sio_val: sio_val_same)(x)

/* Applies sio_v to each of 1 to 32 arguments; more is a compile error. */
#define SIO_MAP_(...)    SIO_CAT_(SIO_M, SIO_COUNT_(__VA_ARGS__))(__VA_ARGS__)
#define SIO_CAT_(a, b)   SIO_CAT2_(a, b)
#define SIO_CAT2_(a, b)  a##b
#define SIO_COUNT_(...)  SIO_NTH_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, \
    21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define SIO_NTH_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
    a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, n, ...) n
#define SIO_M1(a)        sio_v(a)
#define SIO_M2(a, ...)      sio_v(a), SIO_M1(__VA_ARGS__)
#define SIO_M3(a, ...)      sio_v(a), SIO_M2(__VA_ARGS__)
#define SIO_M4(a, ...)      sio_v(a), SIO_M3(__VA_ARGS__)
#define SIO_M5(a, ...)      sio_v(a), SIO_M4(__VA_ARGS__)
#define SIO_M6(a, ...)      sio_v(a), SIO_M5(__VA_ARGS__)
#define SIO_M7(a, ...)      sio_v(a), SIO_M6(__VA_ARGS__)
#define SIO_M8(a, ...)      sio_v(a), SIO_M7(__VA_ARGS__)
#define SIO_M9(a, ...)      sio_v(a), SIO_M8(__VA_ARGS__)
#define SIO_M10(a, ...)     sio_v(a), SIO_M9(__VA_ARGS__)
#define SIO_M11(a, ...)     sio_v(a), SIO_M10(__VA_ARGS__)
#define SIO_M12(a, ...)     sio_v(a), SIO_M11(__VA_ARGS__)
#define SIO_M13(a, ...)     sio_v(a), SIO_M12(__VA_ARGS__)
#define SIO_M14(a, ...)     sio_v(a), SIO_M13(__VA_ARGS__)
#define SIO_M15(a, ...)     sio_v(a), SIO_M14(__VA_ARGS__)
#define SIO_M16(a, ...)     sio_v(a), SIO_M15(__VA_ARGS__)
#define SIO_M17(a, ...)     sio_v(a), SIO_M16(__VA_ARGS__)
#define SIO_M18(a, ...)     sio_v(a), SIO_M17(__VA_ARGS__)
#define SIO_M19(a, ...)     sio_v(a), SIO_M18(__VA_ARGS__)
#define SIO_M20(a, ...)     sio_v(a), SIO_M19(__VA_ARGS__)
#define SIO_M21(a, ...)     sio_v(a), SIO_M20(__VA_ARGS__)
#define SIO_M22(a, ...)     sio_v(a), SIO_M21(__VA_ARGS__)
#define SIO_M23(a, ...)     sio_v(a), SIO_M22(__VA_ARGS__)
#define SIO_M24(a, ...)     sio_v(a), SIO_M23(__VA_ARGS__)
#define SIO_M25(a, ...)     sio_v(a), SIO_M24(__VA_ARGS__)
#define SIO_M26(a, ...)     sio_v(a), SIO_M25(__VA_ARGS__)
#define SIO_M27(a, ...)     sio_v(a), SIO_M26(__VA_ARGS__)
#define SIO_M28(a, ...)     sio_v(a), SIO_M27(__VA_ARGS__)
#define SIO_M29(a, ...)     sio_v(a), SIO_M28(__VA_ARGS__)
#define SIO_M30(a, ...)     sio_v(a), SIO_M29(__VA_ARGS__)
#define SIO_M31(a, ...)     sio_v(a), SIO_M30(__VA_ARGS__)
#define SIO_M32(a, ...)     sio_v(a), SIO_M31(__VA_ARGS__)

#define SIO_LIST_(...)  ((const sio_val[]){SIO_MAP_(__VA_ARGS__)})

/* sio_obj("key", value, ...) and sio_arr(value, ...): up to 16 pairs, 32 items. */
#define sio_obj(...)                                                                                \
    ((sio_val){.kind = SIO_OBJECT, .n = SIO_COUNT_(__VA_ARGS__), .item = SIO_LIST_(__VA_ARGS__)})
#define sio_arr(...)                                                                                \
    ((sio_val){.kind = SIO_ARRAY, .n = SIO_COUNT_(__VA_ARGS__), .item = SIO_LIST_(__VA_ARGS__)})

/* An array of n values that were collected at run time. */
static inline sio_val sio_list(const sio_val *item, size_t n)
{
    return (sio_val){.kind = SIO_ARRAY, .n = (uint32_t)n, .item = item};
}
/* An object of n/2 members, keys and values alternating, collected at run time. */
static inline sio_val sio_members(const sio_val *item, size_t n)
{
    return (sio_val){.kind = SIO_OBJECT, .n = (uint32_t)n, .item = item};
}

/* ---- reading (any thread; O(size of the text)) ------------------------------------------------------ */

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* What the value is, with JSON text resolved: never SIO_JSON. A placeholder of an attachment is SIO_BINARY, a
 * number in JSON is SIO_INT if sio_int can read it. */
sio_kind sio_kind_of(sio_val v);
/* The member of an object; undefined when absent or v is no object. The last of duplicate keys wins. */
sio_val  sio_get(sio_val v, const char *key);
/* The i-th item of an array; undefined when absent or v is no array. */
sio_val  sio_at(sio_val v, size_t i);
/* Items of an array or members of an object, else 0. */
size_t   sio_len(sio_val v);
/* Walks an array or object: start with a zeroed iterator; false at the end. `key` is raw: see sio_text; it is
 * undefined for arrays and may be NULL. */
typedef struct sio_iter {
    size_t at_;
} sio_iter;
bool     sio_next(sio_val v, sio_iter *it, sio_val *key, sio_val *item);
/* Typed reads: false, with *out untouched, when v is of another kind or out of range. */
bool     sio_bool(sio_val v, bool *out);
bool     sio_int(sio_val v, int64_t *out);    /* whole numbers within +-(2^53 - 1) */
bool     sio_number(sio_val v, double *out);
bool     sio_binary(sio_val v, sio_str *out); /* a view of the bytes */
/* The UTF-8 text of a string value. Without escapes it is a view; else it is written to scratch, which
 * must have room for the raw length (sio_text_max). False when v is no string, or has escapes and
 * scratch is NULL. */
bool     sio_text(sio_val v, char *scratch, sio_str *out);
size_t   sio_text_max(sio_val v);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
