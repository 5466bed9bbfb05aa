#include "base/log.h"
#include "base/testing.h"

#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char caught[2048];
static log_level caught_level;
static int catches;

static size_t caught_fields;
static log_field caught_first;

static void catch_line(log_level level, const char *line, const log_field *fields, size_t n)
{
    caught_fields = n;
    if (n)
        caught_first = fields[0];
    catches++;
    caught_level = level;
    snprintf(caught, sizeof(caught), "%s", line);
}

static void lines_reach_the_sink_by_level(void **state)
{
    (void)state;
    log_setup(LOG_WARN, catch_line);
    catches = 0;
    log_error("fault %d", 7);
    assert_int_equal(catches, 1);
    assert_int_equal(caught_level, LOG_ERROR);
    assert_string_equal(caught, "fault 7");
    log_info("not now");
    log_debug("nor this");
    assert_int_equal(catches, 1);
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
}

static void a_line_is_one_line(void **state)
{
    char big[5000];

    (void)state;
    log_setup(LOG_INFO, catch_line);
    log_info("name=%s", "a\nb\x1b[31m");
    assert_string_equal(caught, "name=a?b?[31m");
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    log_info("%s", big);
    assert_int_equal(strlen(caught), 1023);
    assert_string_equal(caught + 1020, "...");
}

static void fields_reach_the_sink(void **state)
{
    (void)state;
    log_setup(LOG_INFO, catch_line);
    log_event(LOG_INFO, LOG_FIELDS({"user", sio_lit("ann")}, {"room", {NULL, 0}}), "%s came", "ann");
    assert_string_equal(caught, "ann came");
    assert_int_equal(caught_fields, 2);
    assert_string_equal(caught_first.key, "user");
    assert_true(sio_str_eq(caught_first.value, sio_lit("ann")));
    log_info("plain");
    assert_int_equal(caught_fields, 0);
    catches = 0;
    log_event(LOG_DEBUG, LOG_FIELDS({"user", sio_lit("ann")}), "not now");
    assert_int_equal(catches, 0);
}

/* Runs one log_warn with stderr pointing into a pipe and gives back what came out. */
static void capture_stderr(char *out, size_t room)
{
    int ends[2], saved = dup(2);
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], 2);
    log_warn("hello %s", "there");
    log_event(LOG_ERROR, LOG_FIELDS({"a", sio_lit("x\ny")}, {"b", {NULL, 0}}, {"c", sio_lit("d e")}),
              "again");
    dup2(saved, 2);
    close(saved);
    close(ends[1]);
    n = read(ends[0], out, room - 1);
    close(ends[0]);
    assert_true(n > 0);
    out[n] = 0;
}

static void the_default_sink_writes_time_and_level(void **state)
{
    char text[200];
    regex_t shape;

    (void)state;
    log_setup(LOG_INFO, NULL);
    capture_stderr(text, sizeof(text));
    assert_int_equal(regcomp(&shape,
                             "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
                             "\\.[0-9]{3}Z WARN  hello there\n.* ERROR again a=x[?]y c=\"d e\"\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    assert_int_equal(regexec(&shape, text, 0, NULL, 0), 0);
    regfree(&shape);
}

/* What came out of a pipe that stderr points into, without waiting for more. */
static size_t drain(int fd, char *out, size_t room)
{
    ssize_t n = read(fd, out, room - 1);

    out[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static unsigned lines_of(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* Fills more than a batch holds: every write is of whole lines, in their order. */
static void fill_batches(int fd)
{
    char text[8192], word[32];
    unsigned told = 0, seen = 0;

    while (told < 100) {
        log_info("line %03u %0400d", told++, 0);
        if (drain(fd, text, sizeof(text)) == 0)
            continue;
        assert_int_equal(text[strlen(text) - 1], '\n');
        assert_true(strlen(text) <= 4096);
        for (const char *at = text; lines_of(at); at = strchr(at, '\n') + 1, seen++) {
            snprintf(word, sizeof(word), "line %03u ", seen);
            assert_memory_equal(at + LOG_STAMP_SIZE + 6, word, strlen(word));
        }
    }
    assert_true(seen > 80 && seen < 100);
    log_flush();
    drain(fd, text, sizeof(text));
    assert_int_equal(seen + lines_of(text), 100);
}

static void lines_are_collected(void **state)
{
    int ends[2], saved = dup(2);
    log_batch b = {0};
    char text[8192];

    (void)state;
    log_setup(LOG_INFO, NULL);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    dup2(ends[1], 2);
    log_collect(&b);
    log_info("not collected: nobody turned it on");
    assert_int_equal(lines_of((drain(ends[0], text, sizeof(text)), text)), 1);
    log_batches(true);
    log_collect(&b);
    log_info("first");
    log_warn("second");
    assert_int_equal(drain(ends[0], text, sizeof(text)), 0);
    log_error("third"); /* takes those before it along */
    assert_int_equal(lines_of((drain(ends[0], text, sizeof(text)), text)), 3);
    fill_batches(ends[0]);
    log_info("fourth");
    log_rescue();
    assert_int_equal(lines_of((drain(ends[0], text, sizeof(text)), text)), 1);
    log_info("fifth");
    log_collect(NULL);
    assert_int_equal(lines_of((drain(ends[0], text, sizeof(text)), text)), 1);
    log_info("sixth");
    assert_int_equal(lines_of((drain(ends[0], text, sizeof(text)), text)), 1);
    log_batch_fini(&b);
    log_batches(false);
    dup2(saved, 2);
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_reach_the_sink_by_level),
        cmocka_unit_test(a_line_is_one_line),
        cmocka_unit_test(fields_reach_the_sink),
        cmocka_unit_test(the_default_sink_writes_time_and_level),
        cmocka_unit_test(lines_are_collected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
