#include "app/session.h"

#include "codec/val.h"

#include <stdlib.h>

#define SHOWN_MAX 65536

char *session_show(const void *data)
{
    const app_user *u = ((const app_session *)data)->user;
    unsigned nbins = 0;
    char *text = NULL;
    buf out;

    if (!u)
        return NULL;
    buf_init(&out, SHOWN_MAX);
    if (val_to_json(&out, sio_obj("user", sio_obj("id", u->id, "username", app_username(u), "avatarUrl",
                                          app_avatar_url(u))), NULL, 0,
                    &nbins) == 0)
        text = strndup(out.p, out.n);
    buf_fini(&out);
    return text;
}

/* A text of the user, unescaped into *scratch, which moves on. */
static sio_str text_of(sio_val user, const char *key, char **scratch)
{
    sio_str text = {0};

    if (sio_text(sio_get(user, key), *scratch, &text) && text.p == *scratch)
        *scratch += text.n;
    return text;
}

int session_load(void *data, sio_val shown)
{
    sio_val user = sio_get(shown, "user");
    char *scratch = malloc(shown.s.n + 1), *at = scratch; /* JSON always */
    app_session *me = data;
    jwt_user from = {0};

    if (!scratch)
        return SIO_ENOMEM;
    from.id = text_of(user, "id", &at);
    from.username = text_of(user, "username", &at);
    from.avatar_url = text_of(user, "avatarUrl", &at);
    if (from.id.n && from.id.n <= 128)
        me->user = app_user_new(&from);
    free(scratch);
    return me->user ? 0 : SIO_EPARSE;
}
