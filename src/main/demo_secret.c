#include "main/demo_secret.h"

#include "base/rand.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "partyline-demo.secret"

static void set_path(demo_secret *s, const config *c)
{
    const char *file = config_database_file(c);
    const char *slash = file ? strrchr(file, '/') : NULL;

    snprintf(s->path, sizeof(s->path), "%.*s%s", slash ? (int)(slash + 1 - file) : 0, slash ? file : "",
             FILE_NAME);
}

static int fail(const demo_secret *s, const char *what, config_error *err)
{
    snprintf(err->text, sizeof(err->text), "demo key %.300s: %s", s->path, what);
    return -1;
}

/* 1 when it was read, 0 when there is none, -1 for one that cannot be used. */
static int read_secret(demo_secret *s, config_error *err)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT ? 0 : fail(s, strerror(errno), err);
    if (fstat(fd, &st) < 0 || (st.st_mode & 077)) {
        close(fd);
        return fail(s, "others may read it; remove it, or chmod 600 it if it never was public", err);
    }
    n = read(fd, s->text, DEMO_SECRET_LEN);
    close(fd);
    if (n != DEMO_SECRET_LEN)
        return fail(s, "is too short; remove it and a new one is made", err);
    s->text[DEMO_SECRET_LEN] = 0;
    return 1;
}

/* Written whole under another name first: whoever finds the file finds all of it, and link() never
 * replaces one. */
static int make_secret(demo_secret *s, config_error *err)
{
    char temporary[sizeof(s->path) + 16];
    int fd, rc;

    rand_id(s->text, DEMO_SECRET_LEN);
    s->text[DEMO_SECRET_LEN] = 0;
    snprintf(temporary, sizeof(temporary), "%s.%d", s->path, (int)getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(s, strerror(errno), err);
    rc = write(fd, s->text, DEMO_SECRET_LEN) == DEMO_SECRET_LEN && fsync(fd) == 0 ? 0 : -1;
    if (rc == 0 && link(temporary, s->path) < 0 && errno != EEXIST)
        rc = -1;
    if (rc < 0)
        fail(s, strerror(errno), err);
    close(fd);
    unlink(temporary);
    return rc;
}

int demo_secret_load(demo_secret *s, const config *c, bool make, config_error *err)
{
    int found;

    set_path(s, c);
    found = read_secret(s, err);
    if (found == 0 && make) {
        if (make_secret(s, err) < 0)
            return -1;
        found = read_secret(s, err);
    }
    if (found == 0)
        return fail(s, "is not there; set JWT_SECRET, or start partyline serve --demo first", err);
    return found < 0 ? -1 : 0;
}
