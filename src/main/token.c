#include "main/auth.h"
#include "main/commands.h"

#include <stdio.h>

int command_token(const options *o)
{
    auth_claims claims = {.id = sio_str_z(o->id), .username = sio_str_z(o->username),
                          .avatar_url = sio_str_z(o->avatar_url),
                          .life_ms = o->expires_ms};
    const char *why;
    config_error err;
    int code = 0;
    buf token;
    auth a;

    buf_init(&token, JWT_MAX);
    if (auth_init(&a, &o->config, AUTH_DEMO_READ, &err) < 0) {
        fprintf(stderr, "partyline: %s\n", err.text);
        code = EXIT_USAGE;
    } else if (auth_token(&a, &claims, &token, &why) < 0) {
        fprintf(stderr, "partyline: no token: %s\n", why);
        code = EXIT_USAGE;
    } else {
        printf("%.*s\n", (int)token.n, token.p);
    }
    auth_fini(&a);
    buf_fini(&token);
    return code;
}
