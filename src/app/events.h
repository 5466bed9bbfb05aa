/* What events.def makes, for C code. Names by pattern; for IN(chat_join, "chat:join", ...):
 *
 *     in_chat_join                its payload as a struct, one member per field
 *     in_chat_join_name           "chat:join"
 *     in_chat_join_fields()       the table that reads one into the other, see app_payload in app.h
 *
 * and for INPUT the first and the last; for OUT(chat_history, ...) out_chat_history, its name; for
 * CODE(FORBIDDEN, ...) APP_FORBIDDEN, its text; for ENUM(sent_type, ...) with CHOICE(SENT_TEXT, "TEXT")
 * the enum sent_type, and sent_type_names[SENT_TEXT] is "TEXT", with NULL behind the last. All are
 * constants: any thread. */
#ifndef APP_EVENTS_H
#define APP_EVENTS_H

#include "sio.h"

#define CODE(ID, code, scope, doc) extern const char APP_##ID[];
#define ENUM(id, Name, doc) extern const char *const id##_names[];
#define CHOICE(ID, text)
#define END_ENUM
#define IN(id, name, doc)  \
    typedef struct in_##id in_##id; \
    extern const char in_##id##_name[]; \
    const sio_field *in_##id##_fields(void);
#define END_IN
#define INPUT(id, Name, doc) \
    typedef struct in_##id in_##id; \
    const sio_field *in_##id##_fields(void);
#define END_INPUT
#define OUT(id, name, doc) extern const char out_##id[];
#define END_OUT
#include "app/events.def"

#define ENUM(id, Name, doc) enum id {
#define CHOICE(ID, text) ID,
#define END_ENUM };
#include "app/events.def"

/* The C type of a member. */
#define EVENT_C_ID(n)               sio_str
#define EVENT_C_TEXT(lo, hi)        sio_str
#define EVENT_C_CHARS(lo, hi)       sio_str
#define EVENT_C_INT(lo, hi)         int64_t
#define EVENT_C_BOOL                bool
#define EVENT_C_ONE_OF(id)          int
#define EVENT_C_IDS(lo, hi, n)      sio_strs
#define EVENT_C_INPUTS(Name, lo, hi) sio_val
#define EVENT_C_VALUE               sio_val
#define EVENT_MEMBER(type, member)  EVENT_C_##type member;

#define IN(id, name, doc) struct in_##id {
#define END_IN };
#define INPUT(id, Name, doc) struct in_##id {
#define END_INPUT };
#define REQUIRED(key, member, type, doc) EVENT_MEMBER(type, member)
#define OPTIONAL(key, member, type, doc) EVENT_MEMBER(type, member)
#define PAYLOAD(key, member, type, doc)  EVENT_MEMBER(type, member)
#include "app/events.def"

/* ---- the table as data, for documents ---------------------------------------------------------------- */

enum event_kind { EVENT_ID, EVENT_TEXT, EVENT_CHARS, EVENT_INT, EVENT_BOOL, EVENT_ONE_OF, EVENT_IDS,
                  EVENT_INPUTS, EVENT_VALUE,
                  EVENT_TIME, EVENT_NAMED, EVENT_LIST };

/* Unused members are 0. */
typedef struct event_type {
    enum event_kind    kind;
    int64_t            min, max;       /* as in events.def */
    int64_t            item_max;       /* IDS: bytes of each */
    const char        *ref;            /* ONE_OF: the ENUM's id; INPUTS, NAMED, LIST: the Name */
    const char *const *names;          /* ONE_OF: the texts, NULL-terminated */
} event_type;

enum event_row_kind { ROW_CODE, ROW_ENUM, ROW_CHOICE, ROW_OBJECT, ROW_INPUT, ROW_IN, ROW_OUT, ROW_END,
                      ROW_REQUIRED, ROW_OPTIONAL, ROW_PAYLOAD, ROW_RESULT, ROW_MAY_RESULT, ROW_REFUSES,
                      ROW_HAS, ROW_MAY_HAVE, ROW_HAS_OR_NULL, ROW_IS };

/* One line of events.def. */
typedef struct event_row {
    enum event_row_kind kind;
    const char         *id;            /* ENUM, INPUT, IN, OUT: for C. CODE: "EVERY" or "SOME" events
                                        * may answer it */
    const char         *name;          /* CODE, REFUSES: the code; CHOICE: the text; ENUM, OBJECT, INPUT: the
                                        * Name; IN, OUT: the event; fields: the key; "" for END and IS */
    event_type          type;          /* fields and IS */
    const char         *doc;
} event_row;

/* All lines in the order of the file. */
extern const event_row event_rows[];
extern const size_t    event_nrows;

#endif
