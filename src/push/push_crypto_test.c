/* RFC 8291's example and others byte for byte; RFC 8292's token is verified, ours as well:
 * signatures are random. */
#include "push/push_crypto.h"

#include "base/base64.h"
#include "codec/vectors_test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>

static EVP_PKEY *pair_of(sio_str secret, sio_str point)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *d = BN_bin2bn((const uint8_t *)secret.p, (int)secret.n, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d);
    params = OSSL_PARAM_BLD_to_param(b);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(d);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static sio_str bytes(vectors *v, sio_str vector, const char *name)
{
    sio_str raw = {"", 0};

    return json_get(vector, sio_str_z(name), &raw) ? vectors_bytes(v, raw) : (sio_str){NULL, 0};
}

static void check_vector(vectors *v, sio_str vector)
{
    EVP_PKEY *sender = pair_of(bytes(v, vector, "as_private"), bytes(v, vector, "as_public"));
    sio_str want = bytes(v, vector, "body"), hash = bytes(v, vector, "body_sha256"),
            salt = bytes(v, vector, "salt");
    uint8_t digest[EVP_MAX_MD_SIZE];
    push_keys keys;
    buf out;

    memcpy(keys.point, bytes(v, vector, "ua_public").p, PUSH_POINT);
    memcpy(keys.auth, bytes(v, vector, "auth_secret").p, PUSH_AUTH);
    buf_init(&out, PUSH_RECORD);
    assert_int_equal(push_encrypt(&out, &keys, sender, (const uint8_t *)salt.p,
                                  bytes(v, vector, "plaintext")), 0);
    assert_true(want.n || hash.n);
    if (want.n) {
        assert_int_equal(out.n, want.n);
        assert_memory_equal(out.p, want.p, want.n);
    }
    if (hash.n) {
        assert_int_equal(EVP_Digest(out.p, out.n, digest, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(digest, hash.p, hash.n);
    }
    buf_fini(&out);
    EVP_PKEY_free(sender);
}

static void encryption_is_that_of_the_rfc(void **state)
{
    vectors v;
    sio_str vector;
    int n = 0;

    (void)state;
    vectors_open(&v, "webpush.json");
    for (; vectors_next(&v, &vector); n++)
        check_vector(&v, vector);
    vectors_close(&v);
    assert_int_equal(n, 5);
}

static void what_cannot_be_encrypted_is_refused(void **state)
{
    static char text[PUSH_PLAIN_MAX + 1];
    EVP_PKEY *sender = push_key_make();
    uint8_t salt[PUSH_SALT] = {0};
    push_keys keys = {.point = {4}};
    buf out;

    (void)state;
    buf_init(&out, PUSH_RECORD);
    /* Not on the curve */
    assert_int_equal(push_encrypt(&out, &keys, sender, salt, sio_lit("x")), SIO_EINVAL);
    assert_int_equal(push_key_point(sender, keys.point), 0);
    assert_int_equal(push_encrypt(&out, &keys, sender, salt, (sio_str){text, sizeof(text)}), SIO_ETOOBIG);
    assert_int_equal(out.n, 0);
    assert_int_equal(push_encrypt(&out, &keys, sender, salt, (sio_str){text, sizeof(text) - 1}), 0);
    assert_int_equal(out.n, PUSH_RECORD);
    buf_fini(&out);
    EVP_PKEY_free(sender);
}

/* Whether a token of ES256 or RS256 is signed by key. */
static bool verifies(sio_str jwt, EVP_PKEY *key)
{
    const char *dot = memrchr(jwt.p, '.', jwt.n);
    size_t n = (size_t)(dot - jwt.p);
    char raw[1024];
    uint8_t der[256], *at = der;
    long len = base64url_decode_strict(dot + 1, jwt.n - n - 1, raw);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ECDSA_SIG *sig = ECDSA_SIG_new();
    bool good;

    assert_true(len > 0);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        assert_int_equal(len, 64);
        ECDSA_SIG_set0(sig, BN_bin2bn((uint8_t *)raw, 32, NULL), BN_bin2bn((uint8_t *)raw + 32, 32, NULL));
        len = i2d_ECDSA_SIG(sig, &at);
        memcpy(raw, der, (size_t)len);
    }
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    good = EVP_DigestVerify(ctx, (uint8_t *)raw, (size_t)len, (const uint8_t *)jwt.p, n) == 1;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return good;
}

static void the_token_of_rfc_8292_verifies(void **state)
{
    static const char jwt[] =
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNo"
        "QGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA";
    static const char k[] = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
    static const sio_str header = SIO_STR("{\"typ\":\"JWT\",\"alg\":\"ES256\"}"),
                         claims = SIO_STR("{\"aud\":\"https://push.example.net\",\"exp\":1453523768,\"sub\":\"mailto:push@example.com\"}");
    char point[BASE64_LEN(PUSH_POINT) + 3];
    EVP_PKEY *key, *own = push_key_make();
    buf out;

    (void)state;
    assert_int_equal(base64url_decode_strict(k, strlen(k), point), PUSH_POINT);
    assert_non_null(key = push_key_of_point((uint8_t *)point));
    assert_true(verifies(sio_str_z(jwt), key));
    buf_init(&out, 1024);
    assert_int_equal(push_jwt(&out, own, header, claims), 0);
    /* All of it but the signature is as in the RFC. */
    assert_memory_equal(out.p, jwt, (size_t)(strrchr(jwt, '.') - jwt) + 1);
    assert_true(verifies(buf_str(&out), own));
    assert_false(verifies(buf_str(&out), key));
    buf_fini(&out);
    EVP_PKEY_free(key);
    EVP_PKEY_free(own);
}

/* r or s that begin with zeros are padded: among 2000 signatures are about 16 of them. */
static void signatures_are_always_64_bytes(void **state)
{
    EVP_PKEY *key = push_key_make();
    buf out;

    (void)state;
    buf_init(&out, 1024);
    for (int i = 0; i < 2000; i++) {
        out.n = 0;
        assert_int_equal(push_jwt(&out, key, sio_lit("{}"), sio_lit("{}")), 0);
        assert_true(verifies(buf_str(&out), key));
    }
    buf_fini(&out);
    EVP_PKEY_free(key);
}

static void put_pem(char out[8192], EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    n = BIO_read(bio, out, 8191);
    assert_true(n > 0);
    out[n] = 0;
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void keys_are_of_their_kind_and_strength(void **state)
{
    char p256[8192], p384[8192], rsa[8192], weak[8192];
    EVP_PKEY *key = NULL;
    buf out;

    (void)state;
    put_pem(p256, push_key_make());
    put_pem(p384, EVP_EC_gen("P-384"));
    put_pem(rsa, EVP_RSA_gen(2048));
    put_pem(weak, EVP_RSA_gen(1024));
    assert_int_equal(push_key_read(&key, sio_str_z(p384), EVP_PKEY_EC), SIO_EINVAL);
    assert_int_equal(push_key_read(&key, sio_str_z(weak), EVP_PKEY_RSA), SIO_EINVAL);
    assert_int_equal(push_key_read(&key, sio_str_z(rsa), EVP_PKEY_EC), SIO_EINVAL);
    assert_int_equal(push_key_read(&key, sio_lit("no key"), EVP_PKEY_EC), SIO_EINVAL);
    assert_null(key);
    assert_int_equal(push_key_read(&key, sio_str_z(p256), EVP_PKEY_EC), 0);
    EVP_PKEY_free(key);
    assert_int_equal(push_key_read(&key, sio_str_z(rsa), EVP_PKEY_RSA), 0);
    buf_init(&out, 4096);
    assert_int_equal(push_jwt(&out, key, sio_lit("{\"alg\":\"RS256\"}"), sio_lit("{}")), 0);
    assert_true(verifies(buf_str(&out), key));
    buf_fini(&out);
    EVP_PKEY_free(key);
}

static void ids_are_uuids_and_always_the_same(void **state)
{
    char a[PUSH_UUID + 1], b[PUSH_UUID + 1];

    (void)state;
    push_uuid(a, sio_lit("123e4567-e89b-12d3-a456-426614174000"));
    assert_string_equal(a, "123e4567-e89b-12d3-a456-426614174000");
    push_uuid(a, sio_lit("push:1"));
    push_uuid(b, sio_lit("push:1"));
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), PUSH_UUID);
    push_uuid(b, sio_lit("push:2"));
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encryption_is_that_of_the_rfc),
        cmocka_unit_test(what_cannot_be_encrypted_is_refused),
        cmocka_unit_test(the_token_of_rfc_8292_verifies),
        cmocka_unit_test(signatures_are_always_64_bytes),
        cmocka_unit_test(keys_are_of_their_kind_and_strength),
        cmocka_unit_test(ids_are_uuids_and_always_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
