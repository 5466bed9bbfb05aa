/* The table of events as a page for people. */
#include "main/events_doc.h"

#include <inttypes.h>
#include <string.h>

static void print_sizes(FILE *f, const char *what, const event_type *t, const char *unit)
{
    fprintf(f, "%s, %" PRId64 " to %" PRId64 " %s", what, t->min, t->max, unit);
}

static void print_choices(FILE *f, const event_type *t)
{
    for (const char *const *name = t->names; *name; name++)
        fprintf(f, "%s`\"%s\"`", name == t->names ? "" : ", ", *name);
}

static void print_ref(FILE *f, const char *before, const event_type *t)
{
    char anchor[EVENTS_NAME_MAX];
    size_t n = 0;

    for (; t->ref[n] && n + 1 < sizeof(anchor); n++)
        anchor[n] = t->ref[n] >= 'A' && t->ref[n] <= 'Z' ? (char)(t->ref[n] + 32) : t->ref[n];
    anchor[n] = '\0';
    fprintf(f, "%s[%s](#%s)", before, t->ref, anchor);
}

static void print_int(FILE *f, const event_type *t)
{
    if (t->max < INT64_C(9007199254740991))
        fprintf(f, "whole number, %" PRId64 " to %" PRId64, t->min, t->max);
    else
        fprintf(f, "whole number from %" PRId64, t->min);
}

static void print_type(FILE *f, const event_type *t)
{
    switch (t->kind) {
    case EVENT_ID:
        print_sizes(f, "id", t, "bytes");
        break;
    case EVENT_TEXT:
        print_sizes(f, "text", t, "bytes");
        break;
    case EVENT_CHARS:
        print_sizes(f, "text", t, "characters");
        break;
    case EVENT_INT:
        print_int(f, t);
        break;
    case EVENT_BOOL:
        fputs("`true`, `false`", f);
        break;
    case EVENT_ONE_OF:
        print_choices(f, t);
        break;
    case EVENT_IDS:
        fprintf(f, "list of %" PRId64 " to %" PRId64 " ids, each 1 to %" PRId64 " bytes", t->min, t->max,
                t->item_max);
        break;
    case EVENT_INPUTS:
        fprintf(f, "list of %" PRId64 " to %" PRId64 " ", t->min, t->max);
        print_ref(f, "", t);
        break;
    case EVENT_VALUE:
        fputs("any JSON", f);
        break;
    case EVENT_TIME:
        fputs("time, `2026-01-31T12:34:56.789Z`", f);
        break;
    case EVENT_NAMED:
        print_ref(f, "", t);
        break;
    case EVENT_LIST:
        print_ref(f, "list of ", t);
        break;
    }
}

/* One row each; nothing at all when there are none. */
static void print_fields(FILE *f, const event_row *block, unsigned kinds)
{
    const event_row *r = events_first(block, kinds);

    if (!r)
        return;
    fputs("\n| Field | Type | | Meaning |\n|---|---|---|---|\n", f);
    for (; r; r = events_more(r, kinds)) {
        fprintf(f, "| `%s` | ", r->name);
        print_type(f, &r->type);
        fprintf(f, " | %s | %s |\n",
                events_is_optional(r) ? "optional" : r->kind == ROW_HAS_OR_NULL ? "or `null`" : "", r->doc);
    }
}

static void print_payload(FILE *f, const event_row *block, enum event_row_kind kind)
{
    const event_row *r = events_first(block, EVENTS_BIT(kind));

    if (!r)
        return;
    fputs("\nThe payload is ", f);
    print_type(f, &r->type);
    fprintf(f, "%s%s\n", *r->doc ? ": " : ".", r->doc);
}

static void print_refusals(FILE *f, const event_row *block)
{
    const event_row *r = events_first(block, EVENTS_BIT(ROW_REFUSES));

    if (!r)
        return;
    fputs("\nRefused with", f);
    for (const char *comma = " "; r; r = events_more(r, EVENTS_BIT(ROW_REFUSES)), comma = ", ")
        fprintf(f, "%s`%s`", comma, r->name);
    fputs(", beside what every event may be refused with.\n", f);
}

static void print_in(FILE *f, const event_row *block)
{
    fprintf(f, "\n### `%s`\n\n%s\n", block->name, block->doc);
    print_payload(f, block, ROW_PAYLOAD);
    print_fields(f, block, EVENTS_GIVEN);
    if (events_first(block, EVENTS_RESULTS)) {
        fputs("\nAcknowledged with `ok: true` and\n", f);
        print_fields(f, block, EVENTS_RESULTS);
    }
    print_refusals(f, block);
}

static void print_out(FILE *f, const event_row *block)
{
    fprintf(f, "\n### `%s`\n\n%s\n", block->name, block->doc);
    print_payload(f, block, ROW_IS);
    print_fields(f, block, EVENTS_SENT);
}

static void print_objects(FILE *f, enum event_row_kind kind)
{
    for (const event_row *r = events_next(NULL, kind); r; r = events_next(r, kind)) {
        fprintf(f, "\n### %s\n\n%s\n", r->name, r->doc);
        print_fields(f, r, EVENTS_GIVEN | EVENTS_SENT);
    }
}

static void print_codes(FILE *f)
{
    fputs("\n## Refusal codes\n\n| Code | Answered by | Meaning |\n|---|---|---|\n", f);
    for (const event_row *r = events_next(NULL, ROW_CODE); r; r = events_next(r, ROW_CODE))
        fprintf(f, "| `%s` | %s | %s |\n", r->name,
                strcmp(r->id, "EVERY") == 0 ? "every event" : "events that say so", r->doc);
}

void events_print_markdown(FILE *f)
{
    fputs("# Events\n\n"
          "Made by `partyline events --markdown` from `src/app/events.def`; `make test` fails when this page is older. The same\n"
          "table gives [asyncapi.json](asyncapi.json) (AsyncAPI 3) and the TypeScript declarations in\n"
          "[packages/partyline-types](../packages/partyline-types).\n\n"
          "All events are in the namespace `/`. Plain WebSocket clients send and get the same as text frames\n"
          "`[\"event\", payload]`. A client may ask for an acknowledgement of everything it sends: `{ok: true, ...}`, or\n"
          "`{ok: false, error}` with a [RefusalError](#refusalerror). Asked for or not, a refusal also comes as event `error`.\n"
          "Fields that this page does not know are ignored; `null` counts as absent. Ids are text without control characters.\n"
          "\n## From clients\n", f);
    for (const event_row *r = events_next(NULL, ROW_IN); r; r = events_next(r, ROW_IN))
        print_in(f, r);
    fputs("\n## From the server\n", f);
    for (const event_row *r = events_next(NULL, ROW_OUT); r; r = events_next(r, ROW_OUT))
        print_out(f, r);
    fputs("\n## Objects\n", f);
    print_objects(f, ROW_OBJECT);
    print_objects(f, ROW_INPUT);
    print_codes(f);
}
