/* Documents made from the table of events (app/events.h), for `partyline events`. */
#ifndef MAIN_EVENTS_DOC_H
#define MAIN_EVENTS_DOC_H

#include "app/events.h"

#include <stdio.h>

/* docs/EVENTS.md */
void events_print_markdown(FILE *f);
/* docs/asyncapi.json: AsyncAPI 3.0 */
void events_print_asyncapi(FILE *f, const char *version);
/* packages/partyline-types/index.d.ts */
void events_print_typescript(FILE *f);

/* ---- for those that print -------------------------------------------------------------------------- */

/* The next line of that kind behind `row`, the first for NULL; NULL when there is none. */
const event_row *events_next(const event_row *row, enum event_row_kind kind);
/* The first line of a block (of IN, OUT, OBJECT, ...) whose kind is in the set, a sum of EVENTS_BIT;
 * events_more for those behind it. NULL when there is none. */
#define EVENTS_BIT(kind) (1u << (kind))
const event_row *events_first(const event_row *block, unsigned kinds);
const event_row *events_more(const event_row *row, unsigned kinds);
/* "chat_join" as "ChatJoin". */
#define EVENTS_NAME_MAX 64
void             events_pascal(const char *id, char out[EVENTS_NAME_MAX]);

/* What a field may be. */
#define EVENTS_GIVEN    (EVENTS_BIT(ROW_REQUIRED) | EVENTS_BIT(ROW_OPTIONAL))
#define EVENTS_RESULTS  (EVENTS_BIT(ROW_RESULT) | EVENTS_BIT(ROW_MAY_RESULT))
#define EVENTS_SENT     (EVENTS_BIT(ROW_HAS) | EVENTS_BIT(ROW_MAY_HAVE) | EVENTS_BIT(ROW_HAS_OR_NULL))
static inline bool events_is_optional(const event_row *r)
{
    return r->kind == ROW_OPTIONAL || r->kind == ROW_MAY_RESULT || r->kind == ROW_MAY_HAVE;
}

#endif
