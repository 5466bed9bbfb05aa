#include "main/demo.h"
#include "main/demo_int.h"

#include "base/log.h"
#include "codec/json.h"

#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MS    (24 * 3600 * 1000L)
#define PAGE_HEADER DEMO_CSP "Referrer-Policy: no-referrer\r\n"

/* What the token route signs with. A body callback gets nothing but the request, so this one hangs
 * from the program. */
static const auth *demo_auth;

void demo_reply_text(sio_request *r, int status, const char *key, sio_str text)
{
    buf body;

    buf_init(&body, 2 * JWT_MAX);
    if (buf_printf(&body, "{\"%s\":", key) == 0 && json_quote(&body, text) == 0 && buf_putc(&body, '}') == 0)
        sio_reply(r, status, sio_lit(DEMO_JSON), buf_str(&body));
    else
        sio_reply(r, 500, sio_lit(""), sio_lit(""));
    buf_fini(&body);
}

bool demo_get_text(sio_val v, const char *key, char *scratch, sio_str *out)
{
    sio_val member = sio_get(v, key);

    return sio_text_max(member) <= DEMO_BODY_MAX && sio_text(member, scratch, out);
}

static void on_token_body(sio_request *r, int err, sio_str body)
{
    char scratch[3][DEMO_BODY_MAX];
    auth_claims claims = {.life_ms = TOKEN_MS};
    const char *why;
    sio_str text;
    buf token;
    sio_val v;

    if (err < 0 || !json_valid(body, &text)) {
        demo_reply_text(r, err < 0 ? 413 : 400, "error",
                        sio_lit("send {\"id\": \"...\", \"username\": \"...\"}"));
        return;
    }
    v = sio_json(text);
    if (!demo_get_text(v, "id", scratch[0], &claims.id) ||
        !demo_get_text(v, "username", scratch[1], &claims.username)) {
        demo_reply_text(r, 400, "error", sio_lit("id and username are needed, as text"));
        return;
    }
    demo_get_text(v, "avatarUrl", scratch[2], &claims.avatar_url);
    buf_init(&token, JWT_MAX);
    if (auth_token(demo_auth, &claims, &token, &why) < 0)
        demo_reply_text(r, 400, "error", sio_str_z(why));
    else
        demo_reply_text(r, 200, "token", buf_str(&token));
    buf_fini(&token);
}

static void on_token(void *arg, sio_request *r)
{
    (void)arg;
    if (!sio_str_eq(sio_request_method(r), sio_lit("POST")))
        sio_reply(r, 405, sio_lit("Allow: POST\r\n"), sio_lit(""));
    else
        sio_request_body(r, DEMO_BODY_MAX, on_token_body);
}

bool demo_find_dir(const char *in_tree, const char *installed, char *out, size_t n)
{
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    struct stat st;
    char *bin;

    if (len <= 0)
        return false;
    program[len] = 0;
    bin = dirname(program);
    if ((size_t)snprintf(out, n, "%s/../%s", bin, in_tree) < n && stat(out, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    return (size_t)snprintf(out, n, "%s/../share/partyline/%s", bin, installed) < n && stat(out, &st) == 0 &&
           S_ISDIR(st.st_mode);
}

int demo_attach(sio_server *io, const auth *a, const config *c)
{
    char found[4200];
    const char *dir = c->web_dir;
    int err;

    demo_auth = a;
    if ((err = sio_http(io, "/demo/token", true, on_token, NULL)) < 0 || (err = demo_party_attach(io)) < 0 ||
        (err = demo_photo_attach(io)) < 0)
        return err;
    if (!dir && demo_find_dir("web/public", "web", found, sizeof(found)))
        dir = found;
    if (!dir) {
        log_warn("the demo page is not installed: set WEB_DIR to where it is");
        return 0;
    }
    if ((err = sio_static(io, "/", dir, sio_lit(PAGE_HEADER))) < 0)
        log_error("cannot serve %s: %s", dir, sio_strerror(err));
    return err;
}
