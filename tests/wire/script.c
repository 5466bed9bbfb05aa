#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *p, size_t n, size_t size)
{
    if (!(p = realloc(p, n * size)))
        abort();
    return p;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0, got;

    if (!f) {
        perror(path);
        exit(1);
    }
    do {
        text = grow(text, n + 65536, 1);
        got = fread(text + n, 1, 65535, f);
        n += got;
    } while (got);
    text[n] = 0;
    fclose(f);
    return text;
}

/* "word rest": the rest, when the line starts with word. */
static const char *behind(const char *line, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' '))
        return NULL;
    return line[n] ? line + n + 1 : line + n;
}

static void bad_line(const char *path, unsigned line, const char *text)
{
    fprintf(stderr, "%s:%u: outside of a scenario: %s\n", path, line, text);
    exit(1);
}

static void add_line(script *s, scenario *file, const char *path, unsigned number, char *line)
{
    scenario *sc = s->n ? &s->scenario[s->n - 1] : NULL;
    const char *rest;

    if (!*line || *line == '#')
        return;
    if ((rest = behind(line, "scenario"))) {
        s->scenario = grow(s->scenario, s->n + 1, sizeof *s->scenario);
        s->scenario[s->n] = *file;
        s->scenario[s->n++].name = rest;
    } else if (sc) {
        sc->step = grow(sc->step, sc->n + 1, sizeof *sc->step);
        sc->step[sc->n++] = (step){number, line};
    } else if ((rest = behind(line, "app"))) {
        file->apps = rest;
    } else if ((rest = behind(line, "options"))) {
        file->options = rest;
    } else {
        bad_line(path, number, line);
    }
}

void script_read(script *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    scenario file = {.apps = "echo", .options = ""};
    char *at, *line;

    file.file = slash ? slash + 1 : path;
    *s = (script){.text = read_file(path)};
    at = s->text;
    for (unsigned number = 1; (line = strsep(&at, "\n")); number++)
        add_line(s, &file, path, number, line);
}

void script_free(script *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->scenario[i].step);
    free(s->scenario);
    free(s->text);
}
