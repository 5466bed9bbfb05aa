#include "main/events_doc.h"

#include <ctype.h>

const event_row *events_next(const event_row *row, enum event_row_kind kind)
{
    for (row = row ? row + 1 : event_rows; row < event_rows + event_nrows; row++) {
        if (row->kind == kind)
            return row;
    }
    return NULL;
}

const event_row *events_more(const event_row *row, unsigned kinds)
{
    while ((++row)->kind != ROW_END) {
        if (kinds & EVENTS_BIT(row->kind))
            return row;
    }
    return NULL;
}

const event_row *events_first(const event_row *block, unsigned kinds)
{
    return events_more(block, kinds);
}

void events_pascal(const char *id, char out[EVENTS_NAME_MAX])
{
    size_t n = 0;
    bool start = true;

    for (; *id && n + 1 < EVENTS_NAME_MAX; id++) {
        if (*id == '_') {
            start = true;
            continue;
        }
        out[n++] = start ? (char)toupper((unsigned char)*id) : *id;
        start = false;
    }
    out[n] = '\0';
}
