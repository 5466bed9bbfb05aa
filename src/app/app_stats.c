#include "app/app_stats.h"
#include "app/app.h"

#include <stdlib.h>

app_cells *app_cells_new(unsigned loops)
{
    size_t n = (loops + 1) * sizeof(app_cells);
    app_cells *cells = aligned_alloc(STAT_LINE, n);

    if (cells)
        memset(cells, 0, n);
    return cells;
}

void app_count_at(const app *a, size_t cell)
{
    int loop = sio_loop(a->io);
    unsigned at = loop < 0 ? sio_server_loops(a->io) : (unsigned)loop;
    stat_cell *c = (stat_cell *)(void *)((char *)&a->cells[at] + cell);

    if (loop < 0)
        stat_add_shared(c, 1);
    else
        stat_add(c, 1);
}

void app_count_refusal(const app *a, const char *code)
{
    static const char *const codes[] = {
#define CODE(ID, code, scope, doc) APP_##ID,
#include "app/events.def"
    };

    for (size_t i = 0; i < APP_NCODES; i++)
        if (codes[i] == code)
            app_count_at(a, offsetof(app_cells, refusals) + i * sizeof(stat_cell));
}

void app_stats_read(const app *a, app_stats *out)
{
    *out = (app_stats){0};
    for (unsigned at = 0; at <= sio_server_loops(a->io); at++) {
        const app_cells *c = &a->cells[at];

#define ADD(member, name, labels, help) out->member += stat_get(&c->member);
        APP_STATS(ADD, ADD)
#undef ADD
        for (unsigned i = 0; i < APP_NCODES; i++)
            out->refusals[i] += stat_get(&c->refusals[i]);
    }
}
