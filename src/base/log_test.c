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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_reach_the_sink_by_level),
        cmocka_unit_test(a_line_is_one_line),
        cmocka_unit_test(fields_reach_the_sink),
        cmocka_unit_test(the_default_sink_writes_time_and_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
