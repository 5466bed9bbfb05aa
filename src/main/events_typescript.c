/* The table of events as TypeScript declarations for Socket<ServerToClientEvents, ClientToServerEvents>. */
#include "main/events_doc.h"

#include <string.h>

/* The Name of an enum, by its id. */
static const char *enum_name(const char *id)
{
    const event_row *r = events_next(NULL, ROW_ENUM);

    while (r && strcmp(r->id, id) != 0)
        r = events_next(r, ROW_ENUM);
    return r ? r->name : "never";
}

static void print_type(FILE *f, const event_type *t)
{
    switch (t->kind) {
    case EVENT_ID:
    case EVENT_TEXT:
    case EVENT_CHARS:
    case EVENT_TIME:
        fputs("string", f);
        break;
    case EVENT_INT:
        fputs("number", f);
        break;
    case EVENT_BOOL:
        fputs("boolean", f);
        break;
    case EVENT_ONE_OF:
        fputs(enum_name(t->ref), f);
        break;
    case EVENT_IDS:
        fputs("string[]", f);
        break;
    case EVENT_VALUE:
        fputs("unknown", f);
        break;
    case EVENT_NAMED:
        fputs(t->ref, f);
        break;
    case EVENT_INPUTS:
    case EVENT_LIST:
        fprintf(f, "%s[]", t->ref);
        break;
    }
}

static void print_interface(FILE *f, const char *name, const char *suffix, const char *doc,
                            const event_row *block, unsigned kinds)
{
    fprintf(f, "\n/** %s */\nexport interface %s%s {\n", doc, name, suffix);
    for (const event_row *r = events_first(block, kinds); r; r = events_more(r, kinds)) {
        fprintf(f, "    /** %s */\n    %s%s: ", r->doc, r->name, events_is_optional(r) ? "?" : "");
        print_type(f, &r->type);
        if (r->kind == ROW_OPTIONAL || r->kind == ROW_HAS_OR_NULL)
            fputs(" | null", f);
        fputs(";\n", f);
    }
    fputs("}\n", f);
}

static void print_enums(FILE *f)
{
    for (const event_row *r = events_next(NULL, ROW_ENUM); r; r = events_next(r, ROW_ENUM)) {
        const char *comma = "";

        fprintf(f, "\n/** %s */\nexport type %s = ", r->doc, r->name);
        for (const event_row *c = events_first(r, EVENTS_BIT(ROW_CHOICE)); c;
             c = events_more(c, EVENTS_BIT(ROW_CHOICE))) {
            fprintf(f, "%s\"%s\"", comma, c->name);
            comma = " | ";
        }
        fputs(";\n", f);
    }
}

static void print_codes(FILE *f)
{
    const char *comma = "";

    fputs("\n/** Why an event was refused. Newer servers may have more. */\nexport type RefusalCode = ", f);
    for (const event_row *r = events_next(NULL, ROW_CODE); r; r = events_next(r, ROW_CODE)) {
        fprintf(f, "%s\"%s\"", comma, r->name);
        comma = " | ";
    }
    fputs(" | (string & {});\n", f);
}

static void print_payloads(FILE *f)
{
    char name[EVENTS_NAME_MAX];

    for (const event_row *r = events_next(NULL, ROW_IN); r; r = events_next(r, ROW_IN)) {
        events_pascal(r->id, name);
        if (events_first(r, EVENTS_GIVEN))
            print_interface(f, name, "Payload", r->doc, r, EVENTS_GIVEN);
        if (events_first(r, EVENTS_RESULTS))
            print_interface(f, name, "Result", "What the acknowledgement has beside ok.", r, EVENTS_RESULTS);
    }
    for (const event_row *r = events_next(NULL, ROW_OUT); r; r = events_next(r, ROW_OUT)) {
        events_pascal(r->id, name);
        if (events_first(r, EVENTS_SENT))
            print_interface(f, name, "Event", r->doc, r, EVENTS_SENT);
    }
}

/* "payload: ChatJoinPayload, " */
static void print_parameter(FILE *f, const event_row *block, const char *name)
{
    const event_row *whole = events_first(block, EVENTS_BIT(ROW_PAYLOAD));

    if (whole) {
        fprintf(f, "%s: ", whole->name);
        print_type(f, &whole->type);
        fputs(", ", f);
    } else if (events_first(block, EVENTS_GIVEN)) {
        fprintf(f, "payload%s: %sPayload, ", events_first(block, EVENTS_BIT(ROW_REQUIRED)) ? "" : "?", name);
    }
}

static void print_client_events(FILE *f)
{
    char name[EVENTS_NAME_MAX];

    fputs("\n/** What clients send. Every event may be acknowledged. */\nexport interface ClientToServerEvents {\n", f);
    for (const event_row *r = events_next(NULL, ROW_IN); r; r = events_next(r, ROW_IN)) {
        bool has_result = events_first(r, EVENTS_RESULTS);

        events_pascal(r->id, name);
        fprintf(f, "    /** %s */\n    \"%s\": (", r->doc, r->name);
        print_parameter(f, r, name);
        fprintf(f, "ack?: Acknowledge%s%s%s) => void;\n", has_result ? "<" : "", has_result ? name : "",
                has_result ? "Result>" : "");
    }
    fputs("}\n", f);
}

static void print_server_events(FILE *f)
{
    char name[EVENTS_NAME_MAX];

    fputs("\n/** What the server sends. */\nexport interface ServerToClientEvents {\n", f);
    for (const event_row *r = events_next(NULL, ROW_OUT); r; r = events_next(r, ROW_OUT)) {
        const event_row *is = events_first(r, EVENTS_BIT(ROW_IS));

        events_pascal(r->id, name);
        fprintf(f, "    /** %s */\n    \"%s\": (", r->doc, r->name);
        if (is) {
            fputs("payload: ", f);
            print_type(f, &is->type);
        } else if (events_first(r, EVENTS_SENT)) {
            fprintf(f, "payload: %sEvent", name);
        }
        fputs(") => void;\n", f);
    }
    fputs("}\n", f);
}

static void print_objects(FILE *f, enum event_row_kind kind)
{
    for (const event_row *r = events_next(NULL, kind); r; r = events_next(r, kind))
        print_interface(f, r->name, "", r->doc, r, EVENTS_GIVEN | EVENTS_SENT);
}

void events_print_typescript(FILE *f)
{
    fputs("// Made by `partyline events --typescript` from src/app/events.def: change it there.\n", f);
    print_enums(f);
    print_codes(f);
    print_objects(f, ROW_OBJECT);
    print_objects(f, ROW_INPUT);
    fputs("\n/** The answer to an event that was refused. */\nexport interface Refused {\n    ok: false;\n    error: RefusalError;\n}\n"
          "\n/** The answer to an event. */\nexport type Answer<Result = {}> = ({ ok: true } & Result) | Refused;\n"
          "\n/** An acknowledgement callback. */\nexport type Acknowledge<Result = {}> = (answer: Answer<Result>) => void;\n", f);
    print_payloads(f);
    print_client_events(f);
    print_server_events(f);
}
