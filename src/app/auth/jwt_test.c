#include "base/testing.h"

#include "app/auth/jwt.h"
#include "base/base64.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW    1700000000000ll /* milliseconds */
#define SECRET "a secret of more than thirty-two bytes, as advised"

/* ---- helpers ---------------------------------------------------------------------------------------- */

static sio_str str_of(const buf *b) { return buf_str(b); }

static jwt_verifier *verifier(const jwt_options *o)
{
    jwt_verifier *v = NULL;
    char err[200] = "";

    if (jwt_verifier_new(&v, o, err, sizeof(err)) < 0)
        fail_msg("%s", err);
    return v;
}

static jwt_options hs256(void)
{
    jwt_options o;

    jwt_options_init(&o);
    o.secret = SECRET;
    return o;
}

/* The reason for which a token is refused, "" when it is not. */
static const char *verdict(const jwt_options *o, sio_str token, int64_t now, jwt_user *user)
{
    jwt_verifier *v = verifier(o);
    int err = jwt_verify(v, token, now, user);

    jwt_verifier_free(v);
    assert_int_equal(err, user->why ? SIO_EINVAL : 0);
    return user->why ? user->why : "";
}

static const char *claims_verdict(const jwt_options *o, const char *claims, int64_t now, jwt_user *user)
{
    const char *why;
    buf token;

    buf_init(&token, 100000);
    assert_int_equal(jwt_sign_hs256(&token, sio_lit(SECRET), sio_str_z(claims)), 0);
    why = verdict(o, str_of(&token), now, user);
    buf_fini(&token);
    return why; /* static text */
}

#define assert_text(str, z) assert_true(sio_str_eq(str, sio_str_z(z)))

static void write_file(char *path, const char *text)
{
    int fd;

    strcpy(path, "/tmp/jwt_test_XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void write_public(char *path, EVP_PKEY *key)
{
    FILE *f;

    write_file(path, "");
    f = fopen(path, "w");
    assert_int_equal(PEM_write_PUBKEY(f, key), 1);
    fclose(f);
}

static void add_part(buf *b, const void *p, size_t n)
{
    assert_int_equal(buf_reserve(b, BASE64_LEN(n)), 0);
    b->n += base64url_encode(p, n, b->p + b->n);
}

/* header.claims as the signature sees it. */
static void start_token(buf *b, const char *header, const char *claims)
{
    buf_init(b, 100000);
    add_part(b, header, strlen(header));
    buf_putc(b, '.');
    add_part(b, claims, strlen(claims));
}

static void sign_hmac(buf *b, const void *key, size_t nkey)
{
    unsigned char mac[32];
    unsigned n = 0;

    assert_non_null(HMAC(EVP_sha256(), key, (int)nkey, (unsigned char *)b->p, b->n, mac, &n));
    buf_putc(b, '.');
    add_part(b, mac, n);
}

static size_t der_to_rs(const unsigned char *der, size_t n, unsigned char *out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);

    assert_non_null(pair);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32), 32);
    ECDSA_SIG_free(pair);
    return 64;
}

static void sign_key(buf *b, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[512], rs[64], *out = sig;
    size_t n = sizeof(sig);
    const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &n, (unsigned char *)b->p, b->n), 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        n = der_to_rs(sig, n, rs);
        out = rs;
    }
    buf_putc(b, '.');
    add_part(b, out, n);
}

/* ---- published vectors ------------------------------------------------------------------------------ */

/* The claims of RFC 7515 name no user: a signature that holds is seen by the check after it. */
#define RFC7515_CLAIMS \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC7515_EXP 1300819380000ll

static const struct vector {
    jwt_alg     alg;
    const char *key, *token, *why;
} vectors[] = {
    {JWT_HS256, NULL, /* RFC 7515 A.1 */
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC7515_CLAIMS ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
     "no usable sub or id"},
    {JWT_RS256, /* A.2 */
     "-----BEGIN PUBLIC KEY-----\n"
     "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
     "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
     "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
     "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
     "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
     "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
     "oQIDAQAB\n"
     "-----END PUBLIC KEY-----\n",
     "eyJhbGciOiJSUzI1NiJ9." RFC7515_CLAIMS
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
     "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO"
     "--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN"
     "_IoypGlUPQGe77Rw",
     "no usable sub or id"},
    {JWT_ES256, /* A.3 */
     "-----BEGIN PUBLIC KEY-----\n"
     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
     "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
     "-----END PUBLIC KEY-----\n",
     "eyJhbGciOiJFUzI1NiJ9." RFC7515_CLAIMS
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
     "no usable sub or id"},
    {JWT_EDDSA, /* RFC 8037 A.4; what it signs is a sentence */
     "-----BEGIN PUBLIC KEY-----\n"
     "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
     "-----END PUBLIC KEY-----\n",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
     ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
     "not a JSON object"},
};

static const char rfc7515_secret[] =
    "\003\043\065\113\053\017\245\274\203\176\006\145\167\173\246\217\132\263\050\346\360\124\311\050\251\017\204\262"
    "\322\120\056\277\323\373\132\222\322\006\107\357\226\212\264\303\167\142\075\042\075\056\041\162\005\056\117\010"
    "\300\315\232\365\147\320\200\243";

static void check_vector(const struct vector *w)
{
    jwt_options o;
    jwt_user user;
    char path[32] = "", token[1000];

    jwt_options_init(&o);
    o.alg = w->alg;
    o.secret = rfc7515_secret;
    if (w->key)
        write_file(path, w->key);
    o.key_file = path;
    assert_string_equal(verdict(&o, sio_str_z(w->token), RFC7515_EXP - 1, &user), w->why);
    if (w->alg != JWT_EDDSA)
        assert_string_equal(verdict(&o, sio_str_z(w->token), RFC7515_EXP + 30000, &user), "expired");
    /* One bit of the signature; not in the last character, which may have spare bits */
    strcpy(token, w->token);
    token[strlen(token) - 5] ^= 1;
    assert_string_equal(verdict(&o, sio_str_z(token), RFC7515_EXP - 1, &user), "wrong signature");
    unlink(path);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        check_vector(&vectors[i]);
}

/* ---- claims ----------------------------------------------------------------------------------------- */

static void test_user(void **state)
{
    jwt_options o = hs256();
    jwt_user u;

    (void)state;
    assert_string_equal(claims_verdict(&o, "{\"sub\":\"u1\",\"username\":\"Zo\\u00eb\",\"avatarUrl\":\"https:\\/\\/a/b.png\"}",
                                       NOW, &u), "");
    assert_text(u.id, "u1");
    assert_text(u.username, "Zo\xc3\xab");
    assert_text(u.avatar_url, "https://a/b.png");
    assert_int_equal(u.expires_ms, 0);
    assert_string_equal(claims_verdict(&o,
                                       " {\"id\":\"u2\",\"avatarUrl\":null,\"exp\":1700000001.5,\"x\":[{}]}",
                                       NOW, &u), "");
    assert_text(u.id, "u2");
    assert_null(u.username.p);
    assert_null(u.avatar_url.p);
    assert_int_equal(u.expires_ms, 1700000001500);
    assert_string_equal(claims_verdict(&o, "{\"id\":\"second\",\"sub\":\"first\"}", NOW, &u), "");
    assert_text(u.id, "first");
}

static void test_bad_claims(void **state)
{
    static const struct { const char *claims, *why; } bad[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"sub\":\"u\"", "not a JSON object"},
        {"{\"sub\":\"\xff\"}", "not a JSON object"},
        {"{}", "no usable sub or id"},
        {"{\"sub\":\"\"}", "no usable sub or id"},
        {"{\"sub\":\"a\\nb\"}", "no usable sub or id"},
        {"{\"sub\":\"a\\u007f\"}", "no usable sub or id"},
        {"{\"sub\":7}", "a claim has the wrong type"},
        {"{\"sub\":\"u\",\"username\":[]}", "a claim has the wrong type"},
        {"{\"sub\":\"u\",\"username\":\"\\ud800\"}", "a claim is too long or not UTF-8"},
        {"{\"sub\":\"u\",\"sub\":\"v\"}", "a claim is given twice"},
        {"{\"sub\":\"u\",\"x\":1,\"s\\u0075b\":\"v\"}", "a claim is given twice"},
        {"{\"sub\":\"u\",\"exp\":\"1900000000\"}", "a date is not a number"},
        {"{\"sub\":\"u\",\"exp\":1e999}", "a date is not a number"},
        {"{\"sub\":\"u\",\"nbf\":null}", "a date is not a number"},
    };
    jwt_options o = hs256();
    jwt_user u;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(claims_verdict(&o, bad[i].claims, NOW, &u), bad[i].why);
}

static void test_claim_limits(void **state)
{
    jwt_options o = hs256();
    jwt_user u;
    buf b;

    (void)state;
    for (int n = 64; n <= 65; n++) {
        buf_init(&b, 10000);
        buf_puts(&b, "{\"sub\":\"u\"");
        for (int i = 1; i < n; i++)
            buf_printf(&b, ",\"k%d\":0", i);
        buf_puts(&b, "}");
        buf_putc(&b, '\0');
        assert_string_equal(claims_verdict(&o, b.p, NOW, &u), n == 64 ? "" : "too many claims");
        buf_fini(&b);
    }
    for (int n = 128; n <= 129; n++) {
        buf_init(&b, 10000);
        buf_printf(&b, "{\"sub\":\"%0*d\"}", n, 7);
        buf_putc(&b, '\0');
        assert_string_equal(claims_verdict(&o, b.p, NOW, &u),
                            n == 128 ? "" : "a claim is too long or not UTF-8");
        buf_fini(&b);
    }
}

static void test_dates(void **state)
{
    static const struct { const char *claims; int64_t now_s; const char *why; } dates[] = {
        {"{\"sub\":\"u\",\"exp\":1000}", 999, ""},
        {"{\"sub\":\"u\",\"exp\":1000}", 1029, ""}, /* leeway */
        {"{\"sub\":\"u\",\"exp\":1000}", 1030, "expired"},
        {"{\"sub\":\"u\",\"exp\":1e300}", 1030, ""},
        {"{\"sub\":\"u\",\"exp\":-1}", 1030, "expired"},
        {"{\"sub\":\"u\",\"nbf\":1000}", 1000, ""},
        {"{\"sub\":\"u\",\"nbf\":1000}", 970, ""},
        {"{\"sub\":\"u\",\"nbf\":1000}", 969, "not valid yet"},
    };
    jwt_options o = hs256();
    jwt_user u;

    (void)state;
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
        assert_string_equal(claims_verdict(&o, dates[i].claims, dates[i].now_s * 1000, &u), dates[i].why);
    o.require_exp = true;
    assert_string_equal(claims_verdict(&o, "{\"sub\":\"u\"}", NOW, &u), "no expiry");
    assert_string_equal(claims_verdict(&o, dates[0].claims, 999000, &u), "");
}

static void test_issuer_audience(void **state)
{
    static const struct { const char *claims, *why; } cases[] = {
        {"{\"sub\":\"u\",\"iss\":\"party-gallery\",\"aud\":\"api\"}", ""},
        {"{\"sub\":\"u\",\"iss\":\"p\\u0061rty-gallery\",\"aud\":[7,\"x\",\"api\"]}", ""},
        {"{\"sub\":\"u\",\"aud\":\"api\"}", "another issuer"},
        {"{\"sub\":\"u\",\"iss\":\"party-gallery2\",\"aud\":\"api\"}", "another issuer"},
        {"{\"sub\":\"u\",\"iss\":[\"party-gallery\"],\"aud\":\"api\"}", "another issuer"},
        {"{\"sub\":\"u\",\"iss\":\"party-gallery\"}", "no audience"},
        {"{\"sub\":\"u\",\"iss\":\"party-gallery\",\"aud\":\"apis\"}", "another audience"},
        {"{\"sub\":\"u\",\"iss\":\"party-gallery\",\"aud\":[]}", "another audience"},
        {"{\"sub\":\"u\",\"iss\":\"party-gallery\",\"aud\":{\"api\":1}}", "another audience"},
    };
    jwt_options o = hs256();
    jwt_user u;

    (void)state;
    o.issuer = "party-gallery";
    o.audience = "api";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(claims_verdict(&o, cases[i].claims, NOW, &u), cases[i].why);
}

/* ---- forgeries -------------------------------------------------------------------------------------- */

static const char good_claims[] = "{\"sub\":\"u\"}";

static const char *hmac_verdict(const char *header)
{
    jwt_options o = hs256();
    jwt_user u;
    const char *why;
    buf b;

    start_token(&b, header, good_claims);
    sign_hmac(&b, SECRET, strlen(SECRET));
    why = verdict(&o, str_of(&b), NOW, &u);
    buf_fini(&b);
    return why;
}

static void test_headers(void **state)
{
    (void)state;
    assert_string_equal(hmac_verdict("{\"alg\":\"HS256\"}"), "");
    assert_string_equal(hmac_verdict("{\"kid\":\"k\",\"typ\":\"at+jwt\",\"alg\":\"HS256\"}"), "");
    assert_string_equal(hmac_verdict("{\"alg\":\"none\"}"), "another algorithm");
    assert_string_equal(hmac_verdict("{\"alg\":\"hs256\"}"), "another algorithm");
    assert_string_equal(hmac_verdict("{\"alg\":\"HS512\"}"), "another algorithm");
    assert_string_equal(hmac_verdict("{\"alg\":[\"HS256\"]}"), "another algorithm");
    assert_string_equal(hmac_verdict("{}"), "another algorithm");
    assert_string_equal(hmac_verdict("\"HS256\""), "not a JSON object");
    assert_string_equal(hmac_verdict("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}"),
                        "asks for an extension");
    assert_string_equal(hmac_verdict("{\"alg\":\"none\",\"alg\":\"HS256\"}"), "a claim is given twice");
}

static void test_shapes(void **state)
{
    static const struct { const char *token, *why; } bad[] = {
        {"", "not a token"},
        {"a", "not a token"},
        {"a.b", "not a token"},
        {"a.b.c.d", "not a token"},
        {"..", "not a JSON object"},
        {"eyJhbGciOiJIUzI1NiJ9=.e30.AA", "header is not base64url"},
        {"eyJhbGciOiJIUzI1NiJ9.e30.A", "signature is not base64url"},
        {"eyJhbGciOiJIUzI1NiJ9.e30.+/", "signature is not base64url"},
        {"eyJhbGciOiJIUzI1NiJ9.e30.", "wrong signature"},
        {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.", "another algorithm"},
        {" eyJhbGciOiJIUzI1NiJ9.e30.AA", "header is not base64url"},
    };
    jwt_options o = hs256();
    jwt_user u;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(verdict(&o, sio_str_z(bad[i].token), NOW, &u), bad[i].why);
    assert_string_equal(verdict(&o, (sio_str){NULL, 0}, NOW, &u), "not a token");
}

/* Padding out the claims to a token of exactly the limit, and one byte more. */
static void test_length(void **state)
{
    jwt_options o = hs256();
    jwt_user u;
    buf claims, token;

    (void)state;
    for (int pad = 0, over = 0; !over; pad++) {
        buf_init(&claims, 10000);
        buf_printf(&claims, "{\"sub\":\"u\",\"pad\":\"%0*d\"}", 6000 + pad, 0);
        buf_init(&token, 100000);
        assert_int_equal(jwt_sign_hs256(&token, sio_lit(SECRET), buf_str(&claims)), 0);
        over = token.n > JWT_MAX;
        assert_string_equal(verdict(&o, str_of(&token), NOW, &u), over ? "too long" : "");
        buf_fini(&claims);
        buf_fini(&token);
    }
}

/* The public key is no secret: it must not work as one. */
static void test_key_confusion(void **state)
{
    jwt_options o;
    jwt_user u;
    char path[32], err[200];
    jwt_verifier *v = NULL;
    buf b;

    (void)state;
    write_file(path, vectors[1].key);
    jwt_options_init(&o);
    o.alg = JWT_RS256;
    o.key_file = path;
    start_token(&b, "{\"alg\":\"HS256\"}", good_claims);
    sign_hmac(&b, vectors[1].key, strlen(vectors[1].key));
    assert_string_equal(verdict(&o, str_of(&b), NOW, &u), "another algorithm");
    buf_fini(&b);
    start_token(&b, "{\"alg\":\"RS256\"}", good_claims);
    sign_hmac(&b, vectors[1].key, strlen(vectors[1].key));
    assert_string_equal(verdict(&o, str_of(&b), NOW, &u), "wrong signature");
    buf_fini(&b);
    unlink(path);
    o.alg = JWT_HS256;
    o.secret = vectors[1].key;
    assert_int_equal(jwt_verifier_new(&v, &o, err, sizeof(err)), SIO_EINVAL);
    assert_non_null(strstr(err, "PEM"));
}

/* ---- keys ------------------------------------------------------------------------------------------- */

static void check_round_trip(jwt_alg alg, const char *header, EVP_PKEY *key, EVP_PKEY *stranger)
{
    jwt_options o;
    jwt_user u;
    char path[32];
    buf b;

    write_public(path, key);
    jwt_options_init(&o);
    o.alg = alg;
    o.key_file = path;
    for (int i = 0; i < 20; i++) { /* ES256: r and s with leading zeros come up now and then */
        start_token(&b, header, good_claims);
        sign_key(&b, key);
        assert_string_equal(verdict(&o, str_of(&b), NOW, &u), "");
        assert_text(u.id, "u");
        buf_fini(&b);
    }
    start_token(&b, header, good_claims);
    sign_key(&b, stranger);
    assert_string_equal(verdict(&o, str_of(&b), NOW, &u), "wrong signature");
    b.n--;
    assert_string_not_equal(verdict(&o, str_of(&b), NOW, &u), "");
    buf_fini(&b);
    unlink(path);
}

static void test_fresh_keys(void **state)
{
    EVP_PKEY *rsa[2], *ec[2], *ed[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        rsa[i] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        ec[i] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        ed[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    check_round_trip(JWT_RS256, "{\"alg\":\"RS256\"}", rsa[0], rsa[1]);
    check_round_trip(JWT_ES256, "{\"alg\":\"ES256\"}", ec[0], ec[1]);
    check_round_trip(JWT_EDDSA, "{\"alg\":\"EdDSA\"}", ed[0], ed[1]);
    for (int i = 0; i < 2; i++) {
        EVP_PKEY_free(rsa[i]);
        EVP_PKEY_free(ec[i]);
        EVP_PKEY_free(ed[i]);
    }
}

static void write_certificate(char *path, EVP_PKEY *key)
{
    X509 *cert = X509_new();
    FILE *f;

    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    write_file(path, "");
    f = fopen(path, "w");
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
    X509_free(cert);
}

static void test_certificate(void **state)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    jwt_options o;
    jwt_user u;
    char path[32];
    buf b;

    (void)state;
    write_certificate(path, key);
    jwt_options_init(&o);
    o.alg = JWT_RS256;
    o.key_file = path;
    start_token(&b, "{\"alg\":\"RS256\"}", good_claims);
    sign_key(&b, key);
    assert_string_equal(verdict(&o, str_of(&b), NOW, &u), "");
    buf_fini(&b);
    unlink(path);
    EVP_PKEY_free(key);
}

static void check_unfit(jwt_alg alg, EVP_PKEY *key, const char *says)
{
    jwt_options o;
    jwt_verifier *v = NULL;
    char path[32] = "/nowhere", err[200] = "";

    if (key)
        write_public(path, key);
    jwt_options_init(&o);
    o.alg = alg;
    o.key_file = path;
    assert_true(jwt_verifier_new(&v, &o, err, sizeof(err)) < 0);
    assert_null(v);
    if (!strstr(err, says) || !strstr(err, path))
        fail_msg("%s", err);
    unlink(path);
    EVP_PKEY_free(key);
}

static void test_unfit_keys(void **state)
{
    jwt_options o;
    jwt_verifier *v = NULL;
    char path[32], err[200];

    (void)state;
    check_unfit(JWT_RS256, NULL, "No such file");
    check_unfit(JWT_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), "2048 bits");
    check_unfit(JWT_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "RSA key");
    check_unfit(JWT_ES256, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), "P-256");
    check_unfit(JWT_ES256, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "P-256");
    check_unfit(JWT_EDDSA, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "Ed25519");
    jwt_options_init(&o);
    assert_int_equal(jwt_verifier_new(&v, &o, err, sizeof(err)), SIO_EINVAL);
    assert_string_equal(err, "HS256 needs a secret");
    o.alg = JWT_ES256;
    assert_int_equal(jwt_verifier_new(&v, &o, err, sizeof(err)), SIO_EINVAL);
    assert_string_equal(err, "ES256 needs a file with the public key");
    write_file(path, "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n");
    o.key_file = path;
    assert_int_equal(jwt_verifier_new(&v, &o, err, sizeof(err)), SIO_EINVAL);
    assert_non_null(strstr(err, "no public key"));
    unlink(path);
}

/* Our HMAC against OpenSSL's: secrets around a block of the hash, texts of all lengths. */
static void test_secrets(void **state)
{
    static const size_t lengths[] = {1, 31, 32, 63, 64, 65, 128, 200};
    char secret[201], claims[160];
    jwt_options o;

    (void)state;
    jwt_options_init(&o);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        memset(secret, 'a' + (int)i, lengths[i]);
        secret[lengths[i]] = 0;
        o.secret = secret;
        for (int n = 1; n < 128; n++) {
            jwt_user user;
            buf token;

            snprintf(claims, sizeof(claims), "{\"sub\":\"%0*d\"}", n, 1);
            start_token(&token, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims);
            sign_hmac(&token, secret, lengths[i]);
            assert_string_equal(verdict(&o, str_of(&token), 0, &user), "");
            token.p[token.n - 2] ^= 1;
            assert_string_not_equal(verdict(&o, str_of(&token), 0, &user), "");
            buf_fini(&token);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_bad_claims),
        cmocka_unit_test(test_claim_limits),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_issuer_audience),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_key_confusion),
        cmocka_unit_test(test_fresh_keys),
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_unfit_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
