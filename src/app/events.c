/* events.def as names, tables for sio_bind, and data. */
#include "app/events.h"

#define CODE(ID, code, scope, doc) const char APP_##ID[] = code;
#define IN(id, name, doc) const char in_##id##_name[] = name;
#define END_IN
#define OUT(id, name, doc) const char out_##id[] = name;
#define END_OUT
#include "app/events.def"

#define ENUM(id, Name, doc) const char *const id##_names[] = {
#define CHOICE(ID, text) text,
#define END_ENUM NULL};
#include "app/events.def"

/* ---- tables for sio_bind ---------------------------------------------------------------------------- */

#define FIELD_ID(n)                  .type = SIO_FIELD_ID, .min = 1, .max = n
#define FIELD_TEXT(lo, hi)           .type = SIO_FIELD_TEXT, .min = lo, .max = hi
#define FIELD_CHARS(lo, hi)          .type = SIO_FIELD_CHARS, .min = lo, .max = hi
#define FIELD_INT(lo, hi)            .type = SIO_FIELD_INT, .min = lo, .max = hi
#define FIELD_BOOL                   .type = SIO_FIELD_BOOL
#define FIELD_ONE_OF(id)             .type = SIO_FIELD_ENUM, .choices = id##_names
#define FIELD_IDS(lo, hi, n)         .type = SIO_FIELD_IDS, .min = lo, .max = hi, .item_max = n
#define FIELD_INPUTS(Name, lo, hi)   .type = SIO_FIELD_ARRAY, .min = lo, .max = hi
#define FIELD_VALUE                  .type = SIO_FIELD_ANY
#define FIELD(key_, member, type_, ...) {.key = key_, .at = offsetof(payload, member), FIELD_##type_, __VA_ARGS__},

#define IN(id, name, doc) \
    const sio_field *in_##id##_fields(void) \
    { \
        typedef in_##id payload __attribute__((unused)); /* an event may have none */ \
        static const sio_field fields[] = {
#define END_IN {0}}; return fields; }
#define INPUT(id, Name, doc) IN(id, Name, doc)
#define END_INPUT END_IN
#define REQUIRED(key, member, type, doc) FIELD(key, member, type, .optional = false)
#define OPTIONAL(key, member, type, doc) FIELD(key, member, type, .optional = true)
#define PAYLOAD(key, member, type, doc)  FIELD(key, member, type, .whole = true)
#include "app/events.def"

/* ---- data ------------------------------------------------------------------------------------------- */

#define TYPE_ID(n)                   {EVENT_ID, .min = 1, .max = n}
#define TYPE_TEXT(lo, hi)            {EVENT_TEXT, .min = lo, .max = hi}
#define TYPE_CHARS(lo, hi)           {EVENT_CHARS, .min = lo, .max = hi}
#define TYPE_INT(lo, hi)             {EVENT_INT, .min = lo, .max = hi}
#define TYPE_BOOL                    {EVENT_BOOL}
#define TYPE_ONE_OF(id)              {EVENT_ONE_OF, .ref = #id, .names = id##_names}
#define TYPE_IDS(lo, hi, n)          {EVENT_IDS, .min = lo, .max = hi, .item_max = n}
#define TYPE_INPUTS(Name, lo, hi)    {EVENT_INPUTS, .min = lo, .max = hi, .ref = #Name}
#define TYPE_VALUE                   {EVENT_VALUE}
#define TYPE_TIME                    {EVENT_TIME}
#define TYPE_NAMED(Name)             {EVENT_NAMED, .ref = #Name}
#define TYPE_LIST(Name)              {EVENT_LIST, .ref = #Name}
#define ROW(kind, id, name, doc)     {kind, id, name, {0}, doc},
#define ROW_FIELD(kind, key, type, doc) {kind, "", key, TYPE_##type, doc},

#define CODE(ID, code, scope, doc)   ROW(ROW_CODE, #scope, code, doc)
#define ENUM(id, Name, doc)          ROW(ROW_ENUM, #id, #Name, doc)
#define CHOICE(ID, text)             ROW(ROW_CHOICE, #ID, text, "")
#define END_ENUM                     ROW(ROW_END, "", "", "")
#define OBJECT(Name, doc)            ROW(ROW_OBJECT, "", #Name, doc)
#define END_OBJECT                   ROW(ROW_END, "", "", "")
#define INPUT(id, Name, doc)         ROW(ROW_INPUT, #id, #Name, doc)
#define END_INPUT                    ROW(ROW_END, "", "", "")
#define IN(id, name, doc)            ROW(ROW_IN, #id, name, doc)
#define END_IN                       ROW(ROW_END, "", "", "")
#define OUT(id, name, doc)           ROW(ROW_OUT, #id, name, doc)
#define END_OUT                      ROW(ROW_END, "", "", "")
#define REQUIRED(key, member, type, doc) ROW_FIELD(ROW_REQUIRED, key, type, doc)
#define OPTIONAL(key, member, type, doc) ROW_FIELD(ROW_OPTIONAL, key, type, doc)
#define PAYLOAD(key, member, type, doc)  ROW_FIELD(ROW_PAYLOAD, key, type, doc)
#define RESULT(key, type, doc)       ROW_FIELD(ROW_RESULT, key, type, doc)
#define MAY_RESULT(key, type, doc)   ROW_FIELD(ROW_MAY_RESULT, key, type, doc)
#define REFUSES(CODE)                ROW(ROW_REFUSES, "", APP_##CODE, "")
#define HAS(key, type, doc)          ROW_FIELD(ROW_HAS, key, type, doc)
#define MAY_HAVE(key, type, doc)     ROW_FIELD(ROW_MAY_HAVE, key, type, doc)
#define HAS_OR_NULL(key, type, doc)  ROW_FIELD(ROW_HAS_OR_NULL, key, type, doc)
#define IS(type)                     ROW_FIELD(ROW_IS, "", type, "")

const event_row event_rows[] = {
#include "app/events.def"
};
const size_t event_nrows = sizeof(event_rows) / sizeof(event_rows[0]);
