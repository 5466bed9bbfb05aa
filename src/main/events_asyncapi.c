/* The table of events as an AsyncAPI 3.0 document. In its words the application, this server, receives what
 * clients send. */
#include "main/events_doc.h"
#include "main/json_print.h"

#include <string.h>

#define CHANNEL  "#/channels/main"
#define MESSAGES "#/components/messages/"
#define SCHEMAS  "#/components/schemas/"

/* ---- schemas --------------------------------------------------------------------------------------- */

static void put_ref(json_print *j, const char *key, const char *where, const char *name, const char *suffix)
{
    char path[200];

    snprintf(path, sizeof(path), "%s%s%s", where, name, suffix);
    json_print_object(j, key);
    json_print_text(j, "$ref", path);
    json_print_end(j);
}

static void put_choices(json_print *j, const char *const *names)
{
    json_print_array(j, "enum");
    for (; *names; names++)
        json_print_text(j, NULL, *names);
    json_print_end(j);
}

static void put_id(json_print *j, int64_t max)
{
    json_print_int(j, "minLength", 1);
    json_print_int(j, "maxLength", max);
    json_print_text(j, "pattern", "^[^\\u0000-\\u001f\\u007f]*$");
}

static void put_array(json_print *j, const event_type *t)
{
    if (t->max > 0) {
        json_print_int(j, "minItems", t->min);
        json_print_int(j, "maxItems", t->max);
    }
    if (t->kind != EVENT_IDS) {
        put_ref(j, "items", SCHEMAS, t->ref, "");
        return;
    }
    json_print_object(j, "items");
    json_print_text(j, "type", "string");
    put_id(j, t->item_max);
    json_print_end(j);
}

static const char *json_type(enum event_kind kind)
{
    switch (kind) {
    case EVENT_INT:
        return "integer";
    case EVENT_BOOL:
        return "boolean";
    case EVENT_IDS:
    case EVENT_INPUTS:
    case EVENT_LIST:
        return "array";
    default:
        return "string";
    }
}

/* "string", or ["string", "null"]. */
static void put_type_name(json_print *j, const char *type, bool or_null)
{
    if (!or_null) {
        json_print_text(j, "type", type);
        return;
    }
    json_print_array(j, "type");
    json_print_text(j, NULL, type);
    json_print_text(j, NULL, "null");
    json_print_end(j);
}

/* Members that say which JSON the type allows; NAMED and VALUE are not for this. */
static void put_type(json_print *j, const event_type *t, bool or_null)
{
    put_type_name(j, json_type(t->kind), or_null);
    switch (t->kind) {
    case EVENT_ID:
        put_id(j, t->max);
        break;
    case EVENT_TEXT: /* a character has a byte or more */
    case EVENT_CHARS:
        json_print_int(j, "minLength", t->kind == EVENT_CHARS ? t->min : t->min > 0);
        json_print_int(j, "maxLength", t->max);
        break;
    case EVENT_INT:
        json_print_int(j, "minimum", t->min);
        json_print_int(j, "maximum", t->max);
        break;
    case EVENT_ONE_OF:
        put_choices(j, t->names);
        break;
    case EVENT_IDS:
    case EVENT_INPUTS:
    case EVENT_LIST:
        put_array(j, t);
        break;
    case EVENT_TIME:
        json_print_text(j, "format", "date-time");
        break;
    default:
        break;
    }
}

/* The null beside a reference, or beside one of a few texts. */
static void put_null_too(json_print *j, const event_type *t)
{
    json_print_array(j, "oneOf");
    if (t->kind == EVENT_NAMED) {
        put_ref(j, NULL, SCHEMAS, t->ref, "");
    } else {
        json_print_object(j, NULL);
        put_type(j, t, false);
        json_print_end(j);
    }
    json_print_object(j, NULL);
    json_print_text(j, "type", "null");
    json_print_end(j);
    json_print_end(j);
}

static void put_schema(json_print *j, const char *key, const event_row *r)
{
    bool or_null = r->kind == ROW_OPTIONAL || r->kind == ROW_HAS_OR_NULL;

    if (r->type.kind == EVENT_NAMED && !or_null) { /* beside $ref nothing is looked at */
        put_ref(j, key, SCHEMAS, r->type.ref, "");
        return;
    }
    json_print_object(j, key);
    if (*r->doc)
        json_print_text(j, "description", r->doc);
    if (or_null && (r->type.kind == EVENT_NAMED || r->type.kind == EVENT_ONE_OF))
        put_null_too(j, &r->type);
    else if (r->type.kind != EVENT_VALUE)
        put_type(j, &r->type, or_null);
    json_print_end(j);
}

/* An object's members; `ok` adds that of a good acknowledgement. */
static void put_object(json_print *j, const event_row *block, unsigned kinds, bool ok)
{
    json_print_text(j, "type", "object");
    json_print_object(j, "properties");
    if (ok) {
        json_print_object(j, "ok");
        json_print_bool(j, "const", true);
        json_print_end(j);
    }
    for (const event_row *r = events_first(block, kinds); r; r = events_more(r, kinds))
        put_schema(j, r->name, r);
    json_print_end(j);
    json_print_array(j, "required");
    if (ok)
        json_print_text(j, NULL, "ok");
    for (const event_row *r = events_first(block, kinds); r; r = events_more(r, kinds)) {
        if (!events_is_optional(r))
            json_print_text(j, NULL, r->name);
    }
    json_print_end(j);
}

static void put_objects(json_print *j, enum event_row_kind kind)
{
    for (const event_row *r = events_next(NULL, kind); r; r = events_next(r, kind)) {
        json_print_object(j, r->name);
        json_print_text(j, "description", r->doc);
        put_object(j, r, EVENTS_GIVEN | EVENTS_SENT, false);
        json_print_end(j);
    }
}

static void put_refused(json_print *j)
{
    json_print_object(j, "Refused");
    json_print_text(j, "description", "The acknowledgement of an event that was refused.");
    json_print_text(j, "type", "object");
    json_print_object(j, "properties");
    json_print_object(j, "ok");
    json_print_bool(j, "const", false);
    json_print_end(j);
    put_ref(j, "error", SCHEMAS, "RefusalError", "");
    json_print_end(j);
    json_print_array(j, "required");
    json_print_text(j, NULL, "ok");
    json_print_text(j, NULL, "error");
    json_print_end(j);
    json_print_end(j);
}

/* ---- messages -------------------------------------------------------------------------------------- */

/* Which of a block's lines are a message: the payload a client gives, or the server sends. */
typedef struct side {
    enum event_row_kind block, whole;
    unsigned            fields;
    const char         *prefix, *operation, *action;
} side;

static const side sides[] = {
    {ROW_IN, ROW_PAYLOAD, EVENTS_GIVEN, "in_", "receive_", "receive"},
    {ROW_OUT, ROW_IS, EVENTS_SENT, "out_", "send_", "send"},
};

static void put_key(char *out, size_t n, const char *prefix, const char *id, const char *suffix)
{
    snprintf(out, n, "%s%s%s", prefix, id, suffix);
}

static void put_message(json_print *j, const side *side, const event_row *block)
{
    const event_row *whole = events_first(block, EVENTS_BIT(side->whole));
    char key[100];

    put_key(key, sizeof(key), side->prefix, block->id, "");
    json_print_object(j, key);
    json_print_text(j, "name", block->name);
    json_print_text(j, "summary", block->doc);
    if (whole) {
        put_schema(j, "payload", whole);
    } else {
        json_print_object(j, "payload");
        put_object(j, block, side->fields, false);
        json_print_end(j);
    }
    json_print_end(j);
}

static void put_answer(json_print *j, const event_row *block)
{
    char key[100];

    put_key(key, sizeof(key), "in_", block->id, "_ack");
    json_print_object(j, key);
    put_key(key, sizeof(key), block->name, " acknowledged", "");
    json_print_text(j, "name", key);
    json_print_object(j, "payload");
    json_print_array(j, "oneOf");
    json_print_object(j, NULL);
    put_object(j, block, EVENTS_RESULTS, true);
    json_print_end(j);
    put_ref(j, NULL, SCHEMAS, "Refused", "");
    json_print_end(j);
    json_print_end(j);
    json_print_end(j);
}

static void put_messages(json_print *j)
{
    json_print_object(j, "messages");
    for (unsigned i = 0; i < 2; i++) {
        for (const event_row *r = events_next(NULL, sides[i].block); r; r = events_next(r, sides[i].block)) {
            put_message(j, &sides[i], r);
            if (r->kind == ROW_IN)
                put_answer(j, r);
        }
    }
    json_print_end(j);
}

/* ---- channel and operations ------------------------------------------------------------------------ */

static void put_channel_message(json_print *j, const char *prefix, const char *id, const char *suffix)
{
    char key[100];

    put_key(key, sizeof(key), prefix, id, suffix);
    put_ref(j, key, MESSAGES, key, "");
}

static void put_channels(json_print *j)
{
    json_print_object(j, "channels");
    json_print_object(j, "main");
    json_print_text(j, "address", "/");
    json_print_text(j, "title", "The namespace /");
    json_print_object(j, "messages");
    for (unsigned i = 0; i < 2; i++) {
        for (const event_row *r = events_next(NULL, sides[i].block); r; r = events_next(r, sides[i].block)) {
            put_channel_message(j, sides[i].prefix, r->id, "");
            if (r->kind == ROW_IN)
                put_channel_message(j, sides[i].prefix, r->id, "_ack");
        }
    }
    json_print_end(j);
    json_print_end(j);
    json_print_end(j);
}

/* The message of an operation: a list of one. */
static void put_operation_messages(json_print *j, const char *prefix, const char *id, const char *suffix)
{
    char key[100];

    put_key(key, sizeof(key), prefix, id, suffix);
    json_print_array(j, "messages");
    put_ref(j, NULL, CHANNEL "/messages/", key, "");
    json_print_end(j);
}

static void put_reply(json_print *j, const event_row *block)
{
    json_print_object(j, "reply");
    put_ref(j, "channel", CHANNEL, "", "");
    put_operation_messages(j, "in_", block->id, "_ack");
    json_print_end(j);
    json_print_array(j, "x-refusals");
    for (const event_row *r = events_first(block, EVENTS_BIT(ROW_REFUSES)); r;
         r = events_more(r, EVENTS_BIT(ROW_REFUSES)))
        json_print_text(j, NULL, r->name);
    json_print_end(j);
}

static void put_operation(json_print *j, const side *side, const event_row *block)
{
    char key[100];

    put_key(key, sizeof(key), side->operation, block->id, "");
    json_print_object(j, key);
    json_print_text(j, "action", side->action);
    put_ref(j, "channel", CHANNEL, "", "");
    json_print_text(j, "summary", block->doc);
    put_operation_messages(j, side->prefix, block->id, "");
    if (block->kind == ROW_IN)
        put_reply(j, block);
    json_print_end(j);
}

static void put_operations(json_print *j)
{
    json_print_object(j, "operations");
    for (unsigned i = 0; i < 2; i++) {
        for (const event_row *r = events_next(NULL, sides[i].block); r; r = events_next(r, sides[i].block))
            put_operation(j, &sides[i], r);
    }
    json_print_end(j);
}

/* With `every` those that every event may be refused with. */
static void put_codes(json_print *j)
{
    json_print_array(j, "x-refusals");
    for (const event_row *r = events_next(NULL, ROW_CODE); r; r = events_next(r, ROW_CODE)) {
        json_print_object(j, NULL);
        json_print_text(j, "code", r->name);
        json_print_bool(j, "every", strcmp(r->id, "EVERY") == 0);
        json_print_text(j, "description", r->doc);
        json_print_end(j);
    }
    json_print_end(j);
}

static void put_head(json_print *j, const char *version)
{
    json_print_text(j, "asyncapi", "3.0.0");
    json_print_object(j, "info");
    json_print_text(j, "title", "partyline");
    json_print_text(j, "version", version);
    json_print_text(j, "description",
                    "Events between Socket.IO 4 clients and partyline. "
                    "Made by `partyline events --asyncapi`.");
    json_print_end(j);
    json_print_text(j, "defaultContentType", "application/json");
    json_print_object(j, "servers");
    json_print_object(j, "local");
    json_print_text(j, "host", "localhost:3000");
    json_print_text(j, "pathname", "/socket.io/");
    json_print_text(j, "protocol", "socket.io");
    json_print_end(j);
    json_print_end(j);
}

void events_print_asyncapi(FILE *f, const char *version)
{
    json_print j = {.f = f};

    json_print_object(&j, NULL);
    put_head(&j, version);
    put_channels(&j);
    put_operations(&j);
    put_codes(&j);
    json_print_object(&j, "components");
    put_messages(&j);
    json_print_object(&j, "schemas");
    put_objects(&j, ROW_OBJECT);
    put_objects(&j, ROW_INPUT);
    put_refused(&j);
    json_print_end(&j);
    json_print_end(&j);
    json_print_end(&j);
}
