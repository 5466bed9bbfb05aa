/* Keys and signatures (RFC 7518 section 3, RFC 8037 section 3.1) with OpenSSL. */
/* The functions of SHA-256 by name: OpenSSL 3 keeps them for old programs. Those that it wants used
 * instead allocate a dozen times for each token. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "app/auth/jwt_int.h"
#include "base/log.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#define ES256_HALF 32 /* bytes of r, and of s */
#define ES256_DER  72 /* at most, for a 256-bit curve */

const char *jwt_alg_name(jwt_alg alg)
{
    switch (alg) {
    case JWT_HS256:
        return "HS256";
    case JWT_RS256:
        return "RS256";
    case JWT_ES256:
        return "ES256";
    case JWT_EDDSA:
        return "EdDSA";
    }
    return "";
}

/* ---- keys ------------------------------------------------------------------------------------------ */

/* HMAC (RFC 2104) with the secret in it: the hash of the key with either padding, of which each token goes on
 * from a copy. */
struct jwt_hmac {
    SHA256_CTX inner, outer;
};

static void pad(SHA256_CTX *c, const unsigned char key[SHA256_CBLOCK], unsigned char with)
{
    unsigned char block[SHA256_CBLOCK];

    for (unsigned i = 0; i < SHA256_CBLOCK; i++)
        block[i] = key[i] ^ with;
    SHA256_Init(c);
    SHA256_Update(c, block, sizeof(block));
    OPENSSL_cleanse(block, sizeof(block));
}

static jwt_hmac *hmac_new(const char *secret, size_t n)
{
    unsigned char key[SHA256_CBLOCK] = {0};
    jwt_hmac *h = malloc(sizeof(*h));

    if (!h)
        return NULL;
    if (n > sizeof(key))
        SHA256((const unsigned char *)secret, n, key);
    else
        memcpy(key, secret, n);
    pad(&h->inner, key, 0x36);
    pad(&h->outer, key, 0x5c);
    OPENSSL_cleanse(key, sizeof(key));
    return h;
}

static void hmac_free(jwt_hmac *h)
{
    if (h)
        OPENSSL_cleanse(h, sizeof(*h)); /* as good as the secret */
    free(h);
}

static void hmac_of(const jwt_hmac *h, sio_str text, unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX c = h->inner;

    SHA256_Update(&c, text.p, text.n);
    SHA256_Final(out, &c);
    c = h->outer;
    SHA256_Update(&c, out, SHA256_DIGEST_LENGTH);
    SHA256_Final(out, &c);
}

static int key_init_secret(jwt_key *k, const char *secret, char *err, size_t nerr)
{
    size_t n = secret ? strlen(secret) : 0;

    if (n == 0) {
        snprintf(err, nerr, "HS256 needs a secret");
        return SIO_EINVAL;
    }
    if (strstr(secret, "-----BEGIN ")) { /* a public key as HMAC secret is known to everybody */
        snprintf(err, nerr, "the secret of HS256 is a PEM key: name its algorithm and give the file instead");
        return SIO_EINVAL;
    }
    if (n < 32)
        log_warn("the secret for tokens has %zu bytes: RFC 7518 asks for 32 or more", n);
    k->hmac = hmac_new(secret, n);
    if (!k->hmac) {
        snprintf(err, nerr, "out of memory");
        return SIO_ENOMEM;
    }
    return 0;
}

/* A public key, else the key of a certificate; NULL when the file has neither. */
static EVP_PKEY *pem_read(BIO *file)
{
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(file, NULL, NULL, NULL);
    X509 *cert;

    if (pkey)
        return pkey;
    if (BIO_reset(file) < 0 || !(cert = PEM_read_bio_X509(file, NULL, NULL, NULL)))
        return NULL;
    pkey = X509_get_pubkey(cert);
    X509_free(cert);
    return pkey;
}

static bool pkey_is_p256(const EVP_PKEY *pkey)
{
    char group[32] = "";

    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1
        && strcmp(group, "prime256v1") == 0;
}

const char *jwt_pkey_fault(const EVP_PKEY *pkey, jwt_alg alg)
{
    switch (alg) {
    case JWT_RS256:
        if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
            return "RS256 needs an RSA key";
        return EVP_PKEY_get_bits(pkey) < 2048 ? "RS256 needs an RSA key of 2048 bits or more" : NULL;
    case JWT_ES256:
        return pkey_is_p256(pkey) ? NULL : "ES256 needs a key on the curve P-256";
    case JWT_EDDSA:
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? NULL : "EdDSA needs an Ed25519 key";
    case JWT_HS256:
        break;
    }
    return "HS256 has a secret, no key file";
}

static int key_init_file(jwt_key *k, const char *path, char *err, size_t nerr)
{
    const char *fault;
    BIO *file;

    if (!path || !*path) {
        snprintf(err, nerr, "%s needs a file with the public key", jwt_alg_name(k->alg));
        return SIO_EINVAL;
    }
    errno = 0;
    file = BIO_new_file(path, "r");
    if (!file) {
        snprintf(err, nerr, "%s: %s", path, errno ? strerror(errno) : "cannot be opened");
        ERR_clear_error();
        return SIO_EIO;
    }
    k->pkey = pem_read(file);
    BIO_free(file);
    ERR_clear_error();
    fault = k->pkey ? jwt_pkey_fault(k->pkey, k->alg) : "has no public key or certificate in PEM form";
    if (!fault)
        return 0;
    snprintf(err, nerr, "%s: %s", path, fault);
    return SIO_EINVAL;
}

int jwt_key_init(jwt_key *k, const jwt_options *o, char *err, size_t nerr)
{
    *k = (jwt_key){.alg = o->alg};
    return o->alg == JWT_HS256 ? key_init_secret(k, o->secret, err, nerr)
                               : key_init_file(k, o->key_file, err, nerr);
}

void jwt_key_fini(jwt_key *k)
{
    hmac_free(k->hmac);
    EVP_PKEY_free(k->pkey);
    *k = (jwt_key){.alg = k->alg};
}

/* ---- signatures ------------------------------------------------------------------------------------ */

bool jwt_hmac_sha256(sio_str secret, sio_str text, unsigned char out[32])
{
    unsigned n = 0;

    return HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)text.p, text.n, out, &n) &&
           n == 32;
}

static bool hs256_verify(const jwt_key *k, sio_str text, sio_str sig)
{
    unsigned char want[SHA256_DIGEST_LENGTH];

    hmac_of(k->hmac, text, want);
    return sig.n == sizeof(want)
        && CRYPTO_memcmp(sig.p, want, sizeof(want)) == 0; /* the time it takes tells nothing */
}

/* RFC 7518 has r and s side by side in 64 bytes, OpenSSL wants them in DER. Returns its length, 0 on
 * failure. */
static size_t es256_to_der(sio_str sig, unsigned char *out)
{
    const unsigned char *p = (const unsigned char *)sig.p;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, ES256_HALF, NULL), *s = BN_bin2bn(p + ES256_HALF, ES256_HALF, NULL);
    int n = 0;

    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL; /* the pair owns them now */
        n = i2d_ECDSA_SIG(pair, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return n > 0 ? (size_t)n : 0;
}

static bool pkey_verify(EVP_PKEY *pkey, const EVP_MD *md, sio_str text, const unsigned char *sig, size_t nsig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) == 1
             && EVP_DigestVerify(ctx, sig, nsig, (const unsigned char *)text.p, text.n) == 1;

    EVP_MD_CTX_free(ctx);
    if (!good)
        ERR_clear_error();
    return good;
}

bool jwt_key_verify(const jwt_key *k, sio_str text, sio_str sig)
{
    const unsigned char *p = (const unsigned char *)sig.p;
    unsigned char der[ES256_DER];

    switch (k->alg) {
    case JWT_HS256:
        return hs256_verify(k, text, sig);
    case JWT_RS256:
        return pkey_verify(k->pkey, EVP_sha256(), text, p, sig.n);
    case JWT_ES256:
        return sig.n == 2 * ES256_HALF &&
               pkey_verify(k->pkey, EVP_sha256(), text, der, es256_to_der(sig, der));
    case JWT_EDDSA:
        return pkey_verify(k->pkey, NULL, text, p, sig.n);
    }
    return false;
}
