#include "push/vapid.h"

#include "base/base64.h"
#include "push/push_int.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int show(const EVP_PKEY *key, char out[VAPID_PUBLIC_MAX])
{
    uint8_t point[PUSH_POINT];
    int err = push_key_point(key, point);

    if (err == 0)
        out[base64url_encode(point, PUSH_POINT, out)] = 0;
    return err;
}

static int write_key(const char *file, EVP_PKEY *key, char *err, size_t nerr)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    bool ok;

    if (!f) {
        snprintf(err, nerr, "cannot make %s: %s", file, strerror(errno));
        if (fd >= 0)
            close(fd);
        return errno == EEXIST ? SIO_EEXIST : SIO_EIO;
    }
    ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fflush(f) == 0 && fsync(fd) == 0;
    if (fclose(f) == 0 && ok)
        return 0;
    snprintf(err, nerr, "cannot write %s", file);
    unlink(file);
    return SIO_EIO;
}

int vapid_make(const char *file, char public_key[VAPID_PUBLIC_MAX], char *err, size_t nerr)
{
    EVP_PKEY *key = push_key_make();
    int rc = key ? show(key, public_key) : SIO_ENOMEM;

    if (rc == 0)
        rc = write_key(file, key, err, nerr);
    else
        snprintf(err, nerr, "cannot make a key");
    EVP_PKEY_free(key);
    return rc;
}

int vapid_load(const char *file, char public_key[VAPID_PUBLIC_MAX], char *err, size_t nerr)
{
    EVP_PKEY *key = NULL;
    int rc;

    if (access(file, F_OK) != 0 && errno == ENOENT)
        return SIO_ENOENT;
    rc = push_read_key(&key, "PUSH_VAPID_KEY_FILE", file, err, nerr);
    if (rc == 0)
        rc = show(key, public_key);
    EVP_PKEY_free(key);
    return rc;
}
