/* Key sets: any text is read or refused with a reason; what was read can be asked for keys. */
#include "app/auth/jwks.h"
#include "app/auth/jwt_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const jwks *set)
{
    static const char *const kids[] = {"rsa", "ec", "ed", "", NULL};
    const jwt_key *key;

    if (jwks_len(set) < 1 || jwks_len(set) > JWKS_KEYS_MAX)
        abort();
    for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
        key = jwks_find(set, sio_str_z(kids[i]));
        if (key && (!key->pkey || key->alg == JWT_HS256 || jwt_pkey_fault(key->pkey, key->alg)))
            abort();
        if (key)
            jwt_key_verify(key, sio_lit("text"),
                           sio_lit("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[100] = "";
    jwks *set = NULL;

    if (jwks_parse(&set, (sio_str){(const char *)data, size}, err, sizeof(err)) < 0) {
        if (set || !*err)
            abort();
        return 0;
    }
    check(set);
    jwks_drop(set);
    return 0;
}
