/* What the application counts, each declared once with the words for it; as include/sio_stats.h. */
#ifndef APP_APP_STATS_H
#define APP_APP_STATS_H

#include "app/events.h"
#include "base/stat.h"

#define APP_STATS(COUNTER, GAUGE)                                                                         \
    COUNTER(messages, "messages_total", "", "Chat messages saved.")                                       \
    COUNTER(chat_fetched, "chat_fetched_total", "",                                                       \
            "Log entries of chat rooms read from the database since no other server brought them.")       \
    COUNTER(chat_skipped, "chat_skipped_total", "",                                                       \
            "Holes in logs of chat rooms that the database could not fill.")                              \
    COUNTER(chat_refused, "chat_refused_total", "",                                                       \
            "Log entries of chat rooms from other servers that cannot be true.")                          \
    COUNTER(bus_events, "bus_events_total", "", "Events of the event bus that were done.")                \
    COUNTER(bus_refused, "bus_refused_total", "", "Events of the event bus that cannot be done.")         \
    COUNTER(push_delivered, "pushes_total", "outcome=\"delivered\"",                                      \
            "Pushes to devices by what became of them.")                                                  \
    COUNTER(push_handed_over, "pushes_total", "outcome=\"handed_over\"",                                  \
            "Pushes to devices by what became of them.")                                                  \
    COUNTER(push_skipped, "pushes_total", "outcome=\"skipped\"",                                          \
            "Pushes to devices by what became of them.")                                                  \
    COUNTER(push_gone, "pushes_total", "outcome=\"gone\"", "Pushes to devices by what became of them.")   \
    COUNTER(push_later, "pushes_total", "outcome=\"later\"", "Pushes to devices by what became of them.") \
    COUNTER(push_refused, "pushes_total", "outcome=\"refused\"",                                          \
            "Pushes to devices by what became of them.")                                                  \
    COUNTER(push_misconfigured, "pushes_total", "outcome=\"misconfigured\"",                              \
            "Pushes to devices by what became of them.")                                                  \
    COUNTER(token_missing, "auth_failures_total", "reason=\"missing\"",                                   \
            "Connections refused for their token.")                                                       \
    COUNTER(token_invalid, "auth_failures_total", "reason=\"invalid\"",                                   \
            "Connections refused for their token.")

/* APP_CODE_FORBIDDEN, ...: the refusal codes of events.def in its order. */
enum app_code {
#define CODE(ID, code, scope, doc) APP_CODE_##ID,
#include "app/events.def"
    APP_NCODES
};

typedef struct app_stats {
#define APP_STATS_MEMBER(member, name, labels, help) uint64_t member;
    APP_STATS(APP_STATS_MEMBER, APP_STATS_MEMBER)
#undef APP_STATS_MEMBER
    uint64_t refusals[APP_NCODES]; /* events refused, by code */
} app_stats;

/* The same as cells, one set a loop on cache lines of its own, and one that all other threads share. */
typedef struct app_cells {
#define APP_STATS_MEMBER(member, name, labels, help) stat_cell member;
    _Alignas(STAT_LINE) APP_STATS(APP_STATS_MEMBER, APP_STATS_MEMBER)
#undef APP_STATS_MEMBER
    stat_cell refusals[APP_NCODES];
} app_cells;

struct app;
app_cells *app_cells_new(unsigned loops); /* NULL without memory; free() it */
/* Any thread. */
void app_stats_read(const struct app *a, app_stats *out);
/* Counts one; any thread: app_count(a, messages). */
#define app_count(a, member) app_count_at(a, offsetof(app_cells, member))
void app_count_at(const struct app *a, size_t cell);
/* Counts a refusal by its code, one of events.def. */
void app_count_refusal(const struct app *a, const char *code);

#endif
