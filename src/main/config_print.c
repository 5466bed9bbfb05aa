/* The table of settings for people: --help, `partyline config`, docs/CONFIGURATION.md. */
#include "main/config.h"

#include <string.h>

/* The table again, with its titles. */
static const struct row {
    const char *title; /* NULL: an item */
    int         item;
} rows[] = {
#define SECTION(title) {title, -1},
#define X(kind, NAME, ...) {NULL, CONFIG_##NAME},
#include "main/config.def"
#undef X
#undef SECTION
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* What may be written: "0 to 65535", "text, json", "FILE". */
static void range_text(const config_item *item, char *out, size_t n)
{
    size_t used = 0;

    switch (item->kind) {
    case CONFIG_INT:
        snprintf(out, n, "%ld to %ld", item->lo, item->hi);
        break;
    case CONFIG_BYTES:
        snprintf(out, n, "%ld to %ld bytes", item->lo, item->hi);
        break;
    case CONFIG_MS:
        snprintf(out, n, "%ld to %ld ms", item->lo, item->hi);
        break;
    case CONFIG_BOOL:
        snprintf(out, n, "true, false");
        break;
    case CONFIG_ENUM:
        for (const char *p = item->choices; *p && used + 2 < n; p++) {
            out[used++] = *p == '|' ? ',' : *p;
            if (*p == '|')
                out[used++] = ' ';
        }
        out[used] = 0;
        break;
    case CONFIG_PATH:
        snprintf(out, n, "a path");
        break;
    case CONFIG_URL:
        snprintf(out, n, "a database URL");
        break;
    case CONFIG_LIST:
        snprintf(out, n, "a list");
        break;
    default:
        snprintf(out, n, "text");
    }
}

void config_print_help(FILE *f)
{
    char flag[64], range[128];

    for (size_t i = 0; i < NROWS; i++) {
        const config_item *item = &config_items[rows[i].item < 0 ? 0 : rows[i].item];

        if (rows[i].title) {
            fprintf(f, "\n%s\n", rows[i].title);
            continue;
        }
        config_flag_name(item->name, flag, sizeof(flag));
        range_text(item, range, sizeof(range));
        fprintf(f, "  --%s (%s%s%s)\n      %s\n", flag, range, item->fallback ? "; default " : "",
                item->fallback ? item->fallback : "", item->help);
    }
}

void config_print_values(const config *c, FILE *f)
{
    char value[8300];

    for (int i = 0; i < CONFIG_COUNT; i++) {
        config_show(c, &config_items[i], value, sizeof(value));
        fprintf(f, "%-26s %-24s %s\n", config_items[i].name, *value ? value : "(unset)",
                c->origin[i] ? c->origin[i] : "default");
    }
}

/* A | inside a cell would end it. */
static void print_cell(FILE *f, const char *text)
{
    for (; *text; text++)
        fprintf(f, *text == '|' ? "\\|" : "%c", *text);
}

static void print_markdown_item(FILE *f, const config_item *item)
{
    char flag[64], range[128];

    config_flag_name(item->name, flag, sizeof(flag));
    range_text(item, range, sizeof(range));
    fprintf(f, "| `%s`", item->name);
    if (item->kind == CONFIG_SECRET)
        fprintf(f, ", or in a file: `%s_FILE`", item->name);
    fprintf(f, " | `--%s` | ", flag);
    if (item->fallback)
        fprintf(f, "`%s`", item->fallback);
    else
        fputs("unset", f);
    fputs(" | ", f);
    print_cell(f, range);
    fputs(" | ", f);
    print_cell(f, item->help);
    fputs(" |\n", f);
}

void config_print_markdown(FILE *f)
{
    fputs("# Configuration\n\n"
          "Made by `partyline config --markdown` from `src/main/config.def`; `make test` fails when this page is older.\n\n"
          "A flag beats the environment, the environment beats the default. Every variable may also be written with\n"
          "`PARTYLINE_` in front (`PARTYLINE_PORT`), which wins over the short name and keeps clear of other programs; an\n"
          "unknown `PARTYLINE_` variable, an unknown flag or a bad value stops the program with exit code 2 and a message\n"
          "that names it. An empty variable counts as unset. Durations are milliseconds, or a number with `ms`, `s`, `m`,\n"
          "`h` or `d`. `partyline config` prints every value with its source, secrets masked.\n",
          f);
    for (size_t i = 0; i < NROWS; i++) {
        if (rows[i].title)
            fprintf(f, "\n## %s\n\n| Variable | Flag | Default | Values | Meaning |\n|---|---|---|---|---|\n",
                    rows[i].title);
        else
            print_markdown_item(f, &config_items[rows[i].item]);
    }
}
