/* The command line, and the demo key that serve and token share. */
#include "main/demo_secret.h"
#include "main/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Parses "partyline" with the words given. */
#define PARSE(...) parse((char *const[]){"partyline", __VA_ARGS__ __VA_OPT__(,) NULL})

static options     opt;
static config_error why;

static int parse(char *const *argv)
{
    static char *const no_env[] = {NULL};
    int argc = 0;

    while (argv[argc])
        argc++;
    options_fini(&opt);
    return options_parse(&opt, argc, argv, no_env, &why);
}

static void refused(int rc, const char *name)
{
    assert_int_equal(rc, -1);
    if (!strstr(why.text, name))
        fail_msg("\"%s\" does not name %s", why.text, name);
}

static void commands_and_flags(void **state)
{
    (void)state;
    assert_int_equal(PARSE("serve", "--demo", "--port=4000"), 0);
    assert_int_equal(opt.command, COMMAND_SERVE);
    assert_true(opt.demo);
    assert_int_equal(opt.config.port, 4000);
    assert_int_equal(PARSE("token", "--id", "alice", "--username=Alice"), 0);
    assert_string_equal(opt.id, "alice");
    assert_string_equal(opt.username, "Alice");
    assert_null(opt.avatar_url);
    assert_int_equal(opt.expires_ms, 86400000);
    assert_int_equal(PARSE("token", "--id", "a", "--username", "A", "--expires-in", "90m"), 0);
    assert_int_equal(opt.expires_ms, 5400000);
    assert_int_equal(PARSE("config", "--markdown"), 0);
    assert_true(opt.markdown);
    assert_int_equal(PARSE("events", "--asyncapi"), 0);
    assert_int_equal(opt.command, COMMAND_EVENTS);
    assert_true(opt.asyncapi && !opt.markdown && !opt.typescript);
    assert_int_equal(PARSE("serve", "--help", "--nonsense"), 0);
    assert_int_equal(opt.command, COMMAND_HELP);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused(PARSE(), "serve");
    refused(PARSE("swerve"), "swerve");
    refused(PARSE("serve", "--prot=1"), "--prot:");
    refused(PARSE("serve", "4000"), "4000");
    refused(PARSE("serve", "--id", "alice"), "--id");
    refused(PARSE("serve", "--demo=yes"), "--demo");
    refused(PARSE("token", "--id", "alice"), "--username");
    refused(PARSE("token", "--username", "Alice", "--id"), "--id");
    refused(PARSE("token", "--id", "a", "--username", "A", "--expires-in", "never"), "--expires-in");
    refused(PARSE("events"), "--markdown");
    refused(PARSE("events", "--markdown", "--typescript"), "--markdown");
    refused(PARSE("serve", "--database-url", "mysql://h/db"), "--database-url");
}

static void demo_key_is_made_once_and_private(void **state)
{
    char dir[] = "/tmp/options_test.XXXXXX", url[64];
    demo_secret one, two;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(url, sizeof(url), "sqlite:%s/p.db", dir);
    assert_int_equal(PARSE("serve", "--database-url", url), 0);
    assert_int_equal(demo_secret_load(&one, &opt.config, false, &why), -1);
    assert_non_null(strstr(why.text, "serve --demo"));
    assert_int_equal(demo_secret_load(&one, &opt.config, true, &why), 0);
    assert_int_equal(strlen(one.text), DEMO_SECRET_LEN);
    assert_int_equal(stat(one.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(demo_secret_load(&two, &opt.config, true, &why), 0);
    assert_string_equal(one.text, two.text);

    chmod(one.path, 0644);
    assert_int_equal(demo_secret_load(&two, &opt.config, true, &why), -1);
    assert_non_null(strstr(why.text, "others may read"));
    chmod(one.path, 0600);
    assert_int_equal(truncate(one.path, 3), 0);
    assert_int_equal(demo_secret_load(&two, &opt.config, true, &why), -1);
    assert_non_null(strstr(why.text, "too short"));
    unlink(one.path);
    assert_int_equal(rmdir(dir), 0); /* and no temporary file is left */
}

static int fini(void **state)
{
    (void)state;
    options_fini(&opt);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_flags),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(demo_key_is_made_once_and_private),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, fini);
}
