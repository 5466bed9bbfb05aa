/* partyline vapid: a key pair for Web Push. */
#include "main/commands.h"
#include "push/vapid.h"
#include "sio_err.h"

int command_vapid(const options *o)
{
    const char *file = o->config.push_vapid_key_file;
    char key[VAPID_PUBLIC_MAX], why[400] = "";
    int err;

    if (!file) {
        fprintf(stderr, "partyline: vapid needs PUSH_VAPID_KEY_FILE, the file of the key\n");
        return EXIT_USAGE;
    }
    err = vapid_load(file, key, why, sizeof(why));
    if (err == SIO_ENOENT)
        err = vapid_make(file, key, why, sizeof(why));
    if (err < 0) {
        fprintf(stderr, "partyline: %s\n", why);
        return EXIT_FAULT;
    }
    printf("%s\n", key);
    return 0;
}
