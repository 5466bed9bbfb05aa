#include "push/push_crypto.h"

#include "base/base64.h"

#include <ctype.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH      32
#define HALF      32      /* of an ES256 signature */
#define SIGNATURE 1024    /* RSA of 8192 bits */
#define TAG       16
#define NONCE     12
#define CEK       16

/* ---- keys ------------------------------------------------------------------------------------------- */

static bool is_p256(const EVP_PKEY *key)
{
    char name[32];

    return EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1 &&
           (strcmp(name, SN_X9_62_prime256v1) == 0 || strcmp(name, "P-256") == 0);
}

static bool fits(const EVP_PKEY *key, int type)
{
    if (EVP_PKEY_get_base_id(key) != type)
        return false;
    return type == EVP_PKEY_EC ? is_p256(key)
                               : EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_size(key) <= SIGNATURE;
}

/* There is nobody to ask for a pass phrase: without this the terminal would be. */
static int no_phrase(char *out, int n, int writing, void *arg)
{
    (void)out, (void)n, (void)writing, (void)arg;
    return -1;
}

int push_key_read(EVP_PKEY **out, sio_str pem, int type)
{
    BIO *bio = pem.n < 65536 ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL) : NULL;

    BIO_free(bio);
    if (!key || !fits(key, type)) {
        EVP_PKEY_free(key);
        return SIO_EINVAL;
    }
    *out = key;
    return 0;
}

EVP_PKEY *push_key_make(void) { return EVP_EC_gen("P-256"); }

EVP_PKEY *push_key_of_point(const uint8_t point[PUSH_POINT])
{
    char curve[] = "P-256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                             (void *)(uintptr_t)point, PUSH_POINT),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

int push_key_point(const EVP_PKEY *key, uint8_t point[PUSH_POINT])
{
    size_t n = 0;

    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, PUSH_POINT, &n) != 1 ||
        n != PUSH_POINT)
        return SIO_EINVAL;
    return point[0] == 4 ? 0 : SIO_EINVAL;
}

/* ---- tokens ----------------------------------------------------------------------------------------- */

/* ES256 wants r and s side by side, OpenSSL gives them as DER. */
static int raw_of_der(uint8_t *signature, size_t *n)
{
    const uint8_t *at = signature;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*n);
    int rc = SIO_EIO;

    if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, HALF) == HALF &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + HALF, HALF) == HALF) {
        *n = 2 * HALF;
        rc = 0;
    }
    ECDSA_SIG_free(sig);
    return rc;
}

static int sign(EVP_PKEY *key, sio_str text, uint8_t signature[SIGNATURE], size_t *n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = SIO_EIO;

    *n = SIGNATURE;
    if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(ctx, signature, n, (const uint8_t *)text.p, text.n) == 1)
        rc = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? raw_of_der(signature, n) : 0;
    EVP_MD_CTX_free(ctx);
    return rc;
}

static int add_base64url(buf *out, const void *p, size_t n)
{
    int err = buf_reserve(out, BASE64_LEN(n));

    if (err == 0)
        out->n += base64url_encode(p, n, out->p + out->n);
    return err;
}

int push_jwt(buf *out, EVP_PKEY *key, sio_str header, sio_str claims)
{
    size_t before = out->n, n;
    uint8_t signature[SIGNATURE];
    int err;

    if ((err = add_base64url(out, header.p, header.n)) == 0 && (err = buf_putc(out, '.')) == 0 &&
        (err = add_base64url(out, claims.p, claims.n)) == 0 &&
        (err = sign(key, (sio_str){out->p + before, out->n - before}, signature, &n)) == 0 &&
        (err = buf_putc(out, '.')) == 0)
        err = add_base64url(out, signature, n);
    if (err < 0)
        out->n = before;
    return err;
}

/* ---- encryption ------------------------------------------------------------------------------------- */

static int agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[HASH])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    size_t n = HASH;
    int ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
             EVP_PKEY_derive(ctx, secret, &n) == 1 && n == HASH;

    EVP_PKEY_CTX_free(ctx);
    return ok ? 0 : SIO_EIO;
}

static int hmac(const uint8_t *key, size_t nkey, const void *p, size_t n, uint8_t out[HASH])
{
    unsigned len = HASH;

    return HMAC(EVP_sha256(), key, (int)nkey, p, n, out, &len) ? 0 : SIO_EIO;
}

/* HKDF's second half for up to 32 bytes: info and a single 1. */
static int expand(const uint8_t prk[HASH], const void *info, size_t n, uint8_t out[HASH])
{
    uint8_t text[256];

    if (n >= sizeof(text))
        return SIO_EINVAL;
    memcpy(text, info, n);
    text[n] = 1;
    return hmac(prk, HASH, text, n + 1, out);
}

/* RFC 8291, 3.3 and 3.4: what both sides know, mixed with both public keys. */
static int input_key(uint8_t ikm[HASH], const push_keys *to, EVP_PKEY *sender,
                     const uint8_t point[PUSH_POINT])
{
    uint8_t secret[HASH], prk[HASH], info[14 + 2 * PUSH_POINT] = "WebPush: info";
    EVP_PKEY *peer = push_key_of_point(to->point);
    int err = peer ? agree(sender, peer, secret) : SIO_EINVAL;

    memcpy(info + 14, to->point, PUSH_POINT);
    memcpy(info + 14 + PUSH_POINT, point, PUSH_POINT);
    if (err == 0 && (err = hmac(to->auth, PUSH_AUTH, secret, HASH, prk)) == 0)
        err = expand(prk, info, sizeof(info), ikm);
    EVP_PKEY_free(peer);
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(prk, sizeof(prk));
    return err;
}

/* RFC 8188, 2.2 and 2.3. */
static int content_keys(const uint8_t ikm[HASH], const uint8_t salt[PUSH_SALT], uint8_t cek[HASH],
                        uint8_t nonce[HASH])
{
    static const char cek_info[] = "Content-Encoding: aes128gcm", nonce_info[] = "Content-Encoding: nonce";
    uint8_t prk[HASH];
    int err = hmac(salt, PUSH_SALT, ikm, HASH, prk);

    if (err == 0 && (err = expand(prk, cek_info, sizeof(cek_info), cek)) == 0)
        err = expand(prk, nonce_info, sizeof(nonce_info), nonce);
    OPENSSL_cleanse(prk, sizeof(prk));
    return err;
}

static int seal(buf *out, const uint8_t *cek, const uint8_t *nonce, sio_str text)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *at = (uint8_t *)out->p + out->n;
    int n = 0, last = 0, rest = 0;
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, cek, nonce) == 1 &&
              EVP_EncryptUpdate(ctx, at, &n, (const uint8_t *)text.p, (int)text.n) == 1 &&
              EVP_EncryptUpdate(ctx, at + n, &last, (const uint8_t *)"\2", 1) == 1 &&
              EVP_EncryptFinal_ex(ctx, at + n + last, &rest) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, at + n + last) == 1;

    EVP_CIPHER_CTX_free(ctx);
    if (ok)
        out->n += (size_t)(n + last) + TAG;
    return ok ? 0 : SIO_EIO;
}

int push_encrypt(buf *out, const push_keys *to, EVP_PKEY *sender, const uint8_t salt[PUSH_SALT], sio_str text)
{
    static const uint8_t sizes[] = {0, 0, PUSH_RECORD >> 8, PUSH_RECORD & 255, PUSH_POINT};
    uint8_t point[PUSH_POINT], ikm[HASH], cek[HASH], nonce[HASH];
    size_t before = out->n;
    int err = text.n > PUSH_PLAIN_MAX ? SIO_ETOOBIG : push_key_point(sender, point);

    if (err == 0 && (err = input_key(ikm, to, sender, point)) == 0 &&
        (err = content_keys(ikm, salt, cek, nonce)) == 0 &&
        (err = buf_reserve(out, text.n + PUSH_OVERHEAD)) == 0) {
        buf_add(out, salt, PUSH_SALT);
        buf_add(out, sizes, sizeof(sizes));
        buf_add(out, point, PUSH_POINT);
        err = seal(out, cek, nonce, text);
    }
    OPENSSL_cleanse(ikm, sizeof(ikm));
    OPENSSL_cleanse(cek, sizeof(cek));
    if (err < 0)
        out->n = before;
    return err;
}

/* ---- ids -------------------------------------------------------------------------------------------- */

static bool is_uuid(sio_str id)
{
    for (size_t i = 0; i < id.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? id.p[i] != '-' : !isxdigit((unsigned char)id.p[i]))
            return false;
    }
    return id.n == PUSH_UUID;
}

void push_uuid(char out[PUSH_UUID + 1], sio_str id)
{
    uint8_t h[EVP_MAX_MD_SIZE];

    if (is_uuid(id)) {
        snprintf(out, PUSH_UUID + 1, "%.*s", PUSH_UUID, id.p);
        return;
    }
    if (EVP_Digest(id.p, id.n, h, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* SHA-256 fails only without memory */
    h[6] = (uint8_t)((h[6] & 15) | 0x80); /* version 8: made our own way (RFC 9562, 5.8) */
    h[8] = (uint8_t)((h[8] & 63) | 0x80);
    snprintf(out, PUSH_UUID + 1, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0],
             h[1], h[2],
             h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}
