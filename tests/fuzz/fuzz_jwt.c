/* Tokens. The first byte chooses how the rest is used: as a token as it is, as the claims, or as header
 * and claims on two lines, the last two signed with the right key so that what is behind the signature
 * is reached too. */
#include "app/auth/jwt.h"
#include "app/auth/jwt_int.h"
#include "base/base64.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const sio_str secret = SIO_STR("0123456789abcdef0123456789abcdef");

static void add(buf *b, sio_str s)
{
    if (!s.n)
        return; /* nothing may have been allocated yet */
    if (buf_reserve(b, BASE64_LEN(s.n)) < 0)
        abort();
    b->n += base64url_encode(s.p, s.n, b->p + b->n);
}

static void make_token(buf *b, sio_str header, sio_str claims)
{
    unsigned char mac[32];

    add(b, header);
    buf_putc(b, '.');
    add(b, claims);
    jwt_hmac_sha256(secret, buf_str(b), mac);
    buf_putc(b, '.');
    add(b, (sio_str){(char *)mac, sizeof(mac)});
}

/* Everything of an accepted token must keep its promises. */
static void check(const jwt_user *u)
{
    if (u->id.n < 1 || u->id.n > 128 || u->username.n > 256 || u->avatar_url.n > 2048 || u->expires_ms < 0)
        abort();
    for (size_t i = 0; i < u->id.n; i++) {
        if ((unsigned char)u->id.p[i] < 0x20)
            abort();
    }
}

static void verify(sio_str token, const char *issuer, const char *audience)
{
    jwt_options o;
    jwt_verifier *v;
    jwt_user u;
    char err[100];

    jwt_options_init(&o);
    o.secret = secret.p;
    o.issuer = issuer;
    o.audience = audience;
    if (jwt_verifier_new(&v, &o, err, sizeof(err)) < 0)
        abort();
    if (jwt_verify(v, token, 1700000000000, &u) == 0)
        check(&u);
    else if (!u.why)
        abort();
    jwt_verifier_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sio_str rest = {(const char *)data + 1, size - 1};
    const char *line;
    buf token;

    if (size < 1 || size > 16384)
        return 0;
    buf_init(&token, 100000);
    line = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
    if (data[0] == 't')
        buf_add_str(&token, rest);
    else if (data[0] == 'h' && line)
        make_token(&token, (sio_str){rest.p, (size_t)(line - rest.p)},
                   (sio_str){line + 1, (size_t)(rest.p + rest.n - line - 1)});
    else
        make_token(&token, sio_lit("{\"alg\":\"HS256\"}"), rest);
    verify(buf_str(&token), NULL, NULL);
    verify(buf_str(&token), "party-gallery", "party-gallery-api");
    buf_fini(&token);
    return 0;
}
