/* Plays a scenario. Steps are interpreted as they stand, one line each. */
#include "play_int.h"

void wrong(const player *pl, const char *fmt, ...)
{
    char what[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s:%u: %.300s\n    %.600s\n", pl->scenario->file, pl->at->line, pl->at->text, what);
    fail();
    abort(); /* not reached */
}

buf expand(const player *pl, const char *text)
{
    buf out;

    buf_init(&out, MAX_TEXT);
    if (!vars_expand(&pl->vars, text, &out))
        wrong(pl, "an unknown name or escape");
    return out;
}

const char *behind(const char *text, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(text, word, n) != 0 || (text[n] && text[n] != ' '))
        return NULL;
    return text[n] ? text + n + 1 : text + n;
}

/* ---- actors ---- */

static actor *actor_of(player *pl, const char *name, size_t n)
{
    actor *a;

    for (unsigned i = 0; i < pl->nactors; i++)
        if (strlen(pl->actor[i].name) == n && memcmp(pl->actor[i].name, name, n) == 0)
            return &pl->actor[i];
    if (pl->nactors == MAX_CLIENTS || n >= sizeof a->name)
        wrong(pl, "too many clients, or too long a name");
    a = &pl->actor[pl->nactors++];
    memcpy(a->name, name, n);
    buf_init(&a->headers, MAX_TEXT);
    buf_init(&a->taken, MAX_TEXT);
    rig_dial(&pl->r, &a->p);
    return a;
}

/* ---- exchanges that have a short name; % is the client, @1 and @2 what stands behind ---- */

static const struct {
    const char *words;
    const char *steps[8];
} shorts[] = {
    {"opens polling", {"% > GET $poll", "% < 200 0{\"sid\":\"$%\",$*"}},
    {"opens websocket", {"% > upgrade $ws", "% < 101", "% < text 0{\"sid\":\"$%\",\"upgrades\":[],$*"}},
    {"upgrades", {"% > upgrade $ws&sid=$@1", "% < 101"}},
    {"takes over",
     {"% > upgrade $ws&sid=$@1", "% < 101", "% > text 2probe", "% < text 3probe", "% > text 5"}},
};

static const char *const joins_websocket[] = {"% > text 40@1", "% < text 40@2{\"sid\":\"$%_id\"}", NULL};
static const char *const joins_polling[] = {"% > POST $poll&sid=$% 40@1", "% < 200 ok",
                                            "% > GET $poll&sid=$%", "% < 200 40@2{\"sid\":\"$%_id\"}", NULL};
static const char *const joins_recoverable[] = {"% > text 40@1",
                                                "% < text 40@2{\"sid\":\"$%_id\",\"pid\":\"$%_pid\"}", NULL};

static void play_step(player *pl, const char *text);

static void play_template(player *pl, const char *step, const char *name, const char *first,
                          const char *second)
{
    buf b;

    buf_init(&b, MAX_TEXT);
    for (; *step; step++) {
        if (*step == '%')
            buf_puts(&b, name);
        else if (*step == '@')
            buf_puts(&b, *++step == '1' ? first : second);
        else
            buf_putc(&b, *step);
    }
    buf_putc(&b, 0);
    play_step(pl, b.p);
    buf_fini(&b);
}

/* "joins", "joins /ns,", "joins /ns,{auth}": the answer names the namespace only. */
static void joins(player *pl, actor *a, const char *rest)
{
    const char *comma = rest[0] == '/' ? strchr(rest, ',') : NULL;
    char *ns = strndup(rest, comma ? (size_t)(comma + 1 - rest) : 0);
    const char *const *step = !a->is_websocket            ? joins_polling
                              : pl->r.io->opt.recovery_ms ? joins_recoverable
                                                          : joins_websocket;
    char name[16], var[32];

    strcpy(name, a->name);
    snprintf(var, sizeof var, "%s_id", name);
    vars_forget(&pl->vars, var);
    snprintf(var, sizeof var, "%s_pid", name);
    vars_forget(&pl->vars, var);
    for (; *step; step++)
        play_template(pl, *step, name, rest, ns);
    free(ns);
}

static bool play_short(player *pl, actor *a, const char *what)
{
    const char *rest = behind(what, "joins");
    char name[16];

    strcpy(name, a->name);
    if (rest) {
        joins(pl, a, rest);
        return true;
    }
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) {
        if (!(rest = behind(what, shorts[i].words)))
            continue;
        for (const char *const *step = shorts[i].steps; *step; step++)
            play_template(pl, *step, name, rest, "");
        return true;
    }
    return false;
}

/* ---- the server, the clock, the log ---- */

static void server_emits(player *pl, const char *what)
{
    char ns[64], event[64];
    int n = 0;
    sio_ns *to;
    buf text;

    if (sscanf(what, "%63s %63s %n", ns, event, &n) < 2 || !(to = sio_find_ns(pl->r.io, sio_str_z(ns))))
        wrong(pl, "server emit /ns event text");
    text = expand(pl, what + n);
    assert_int_equal(sio_emit(to, (const char *)event, buf_str(&text)), 0);
    buf_fini(&text);
}

static void server_flutters(player *pl, const char *what)
{
    char ns[64], event[64];
    sio_ns *to;

    if (sscanf(what, "%63s %63s", ns, event) != 2 || !(to = sio_find_ns(pl->r.io, sio_str_z(ns))))
        wrong(pl, "server flutters /ns event");
    assert_int_equal(sio_emit(sio_volatile(to), (const char *)event), 0);
}

static void server_does(player *pl, const char *what)
{
    sio_ns *ns = sio_find_ns(pl->r.io, sio_lit("/"));
    const char *rest;

    if ((rest = behind(what, "emit")))
        server_emits(pl, rest);
    else if ((rest = behind(what, "flutters")))
        server_flutters(pl, rest);
    else if (strcmp(what, "closes") == 0)
        rig_close_all(&pl->r);
    else if ((rest = behind(what, "kicks")))
        sio_sockets_disconnect(sio_to(ns, rest), false);
    else if ((rest = behind(what, "drops")))
        sio_sockets_disconnect(sio_to(ns, rest), true);
    else
        wrong(pl, "no such thing for a server to do");
    sim_settle(pl->r.s);
}

static void time_passes(player *pl, const char *how_long)
{
    char unit[4] = "";
    unsigned n;

    if (sscanf(how_long, "%u%3s", &n, unit) != 2 || (strcmp(unit, "s") != 0 && strcmp(unit, "ms") != 0))
        wrong(pl, "this is no time");
    sim_advance(pl->r.s, unit[0] == 's' ? (uint64_t)n * 1000 : n);
}

static void log_says(player *pl, const char *line)
{
    const char *next = lab_log_next(&pl->lab);

    if (strcmp(line, "nothing") == 0 ? next != NULL : !next || !vars_match(&pl->vars, line, sio_str_z(next)))
        wrong(pl, "the log says: %s", next ? next : "nothing");
}

/* ---- one step ---- */

static void play_step(player *pl, const char *text)
{
    const char *space = strchr(text, ' '), *rest;
    actor *a;

    if ((rest = behind(text, "~"))) {
        time_passes(pl, rest);
    } else if ((rest = behind(text, "server"))) {
        server_does(pl, rest);
    } else if ((rest = behind(text, "log"))) {
        log_says(pl, rest);
    } else if (behind(text, "options")) {
        return; /* read when the server was made */
    } else if (!space) {
        wrong(pl, "a step has at least two words");
    } else {
        a = actor_of(pl, text, (size_t)(space - text));
        if ((rest = behind(space + 1, ">"))) {
            client_does(pl, a, rest);
        } else if ((rest = behind(space + 1, "<"))) {
            client_sees(pl, a, rest);
        } else if ((rest = behind(space + 1, "+"))) {
            buf line = expand(pl, rest);

            buf_add(&a->headers, line.p, line.n);
            buf_puts(&a->headers, "\r\n");
            buf_fini(&line);
        } else if (!play_short(pl, a, space + 1)) {
            wrong(pl, "no such step");
        }
    }
}

/* ---- one scenario ---- */

static void read_options(player *pl, sio_options *o)
{
    const scenario *s = pl->scenario;
    const char *bad, *rest;

    if (!lab_options(&pl->lab, s->options, o, &bad))
        fail_msg("%s: unknown option %s", s->file, bad);
    for (size_t i = 0; i < s->n; i++)
        if ((rest = behind(s->step[i].text, "options")) && !lab_options(&pl->lab, rest, o, &bad))
            fail_msg("%s: unknown option %s", s->file, bad);
    lab_hooks(&pl->lab, o);
}

static void begin(player *pl)
{
    sio_options o = rig_options(pl->v.loops);
    buf path;

    lab_init(&pl->lab);
    read_options(pl, &o);
    rig_init_seeded(&pl->r, &o, pl->v.seed);
    pl->r.chunk = pl->v.chunk;
    if (!lab_attach(&pl->lab, pl->r.io, pl->scenario->apps))
        fail_msg("%s: unknown app in \"%s\"", pl->scenario->file, pl->scenario->apps);
    rig_listen(&pl->r);
    buf_init(&path, 4096);
    buf_printf(&path, "%s%s?EIO=4&transport=polling", o.path, o.exact_path ? "" : "/");
    vars_set(&pl->vars, "poll", buf_str(&path));
    path.n = 0;
    buf_printf(&path, "%s%s?EIO=4&transport=websocket", o.path, o.exact_path ? "" : "/");
    vars_set(&pl->vars, "ws", buf_str(&path));
    buf_fini(&path);
}

static void end(player *pl)
{
    for (unsigned i = 0; i < pl->nactors; i++) {
        actor *a = &pl->actor[i];
        sio_str in = peer_pull(&a->p);

        if (in.n)
            wrong(pl, "at the end %s has not looked at: %.*s", a->name, (int)in.n, in.p);
        peer_close(&a->p);
        buf_fini(&a->headers);
        buf_fini(&a->taken);
    }
    rig_fini(&pl->r);
    lab_fini(&pl->lab);
    vars_fini(&pl->vars);
}

void scenario_play(const scenario *s, variant v)
{
    player *pl = calloc(1, sizeof *pl);

    if (!pl)
        abort();
    pl->scenario = s;
    pl->v = v;
    begin(pl);
    for (size_t i = 0; i < s->n; i++) {
        pl->at = &s->step[i];
        play_step(pl, s->step[i].text);
    }
    end(pl);
    free(pl);
}
