#include "app/auth/jwks.h"
#include "app/auth/jwt_int.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/utf8.h"
#include "codec/json.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULUS_MAX                                                                                          \
    1024 /* bytes: RSA of 8192 bits, above which checking a signature is work for an attacker to give */
#define COORD     32  /* bytes of a number on P-256, and of an Ed25519 key */
#define LOOKED_AT 256 /* keys of a document that are looked at */

typedef struct named_key {
    char kid[JWKS_KID_MAX];
    size_t nkid; /* 0 = has none */
    jwt_key key;
} named_key;

struct jwks {
    atomic_uint refs;
    unsigned n;
    named_key key[JWKS_KEYS_MAX];
};

/* ---- life ------------------------------------------------------------------------------------------- */

jwks *jwks_hold(jwks *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void jwks_drop(jwks *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < set->n; i++)
        jwt_key_fini(&set->key[i].key);
    free(set);
}

size_t jwks_len(const jwks *set)
{
    return set->n;
}

const jwt_key *jwks_find(const jwks *set, sio_str kid)
{
    if (!kid.p)
        return set->n == 1 ? &set->key[0].key : NULL;
    for (unsigned i = 0; i < set->n; i++) {
        if (sio_str_eq((sio_str){set->key[i].kid, set->key[i].nkid}, kid))
            return &set->key[i].key;
    }
    return NULL;
}

/* ---- members of a key ------------------------------------------------------------------------------- */

/* A text member of at most max bytes; false when it is absent, no text, or longer. */
static bool member_text(sio_val key, const char *name, char *out, size_t max, size_t *n)
{
    sio_val v = sio_get(key, name);
    char scratch[2048];
    sio_str text;

    if (sio_kind_of(v) != SIO_STRING || sio_text_max(v) > sizeof(scratch) || !sio_text(v, scratch, &text) ||
        text.n > max)
        return false;
    memcpy(out, text.p, text.n);
    *n = text.n;
    return true;
}

static bool member_is(sio_val key, const char *name, const char *want)
{
    char text[32];
    size_t n;

    return member_text(key, name, text, sizeof(text), &n) && sio_str_eq((sio_str){text, n}, sio_str_z(want));
}

static bool has_member(sio_val key, const char *name)
{
    return sio_kind_of(sio_get(key, name)) != SIO_UNDEFINED;
}

/* Bytes in base64url; their number, 0 when there are none or they are not between min and max. */
static size_t member_bytes(sio_val key, const char *name, unsigned char *out, size_t min, size_t max)
{
    char text[BASE64_LEN(MODULUS_MAX) + 4];
    size_t n;
    long bytes;

    if (!member_text(key, name, text, sizeof(text) - 4, &n))
        return 0;
    bytes = base64url_decode_strict(text, n, text);
    if (bytes < (long)min || bytes > (long)max)
        return 0;
    memcpy(out, text, (size_t)bytes);
    return (size_t)bytes;
}

/* ---- keys of OpenSSL -------------------------------------------------------------------------------- */

static EVP_PKEY *pkey_from(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = build ? OSSL_PARAM_BLD_to_param(build) : NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *rsa_of(sio_val key)
{
    unsigned char n[MODULUS_MAX], e[8];
    size_t nn = member_bytes(key, "n", n, 1, sizeof(n)), ne = member_bytes(key, "e", e, 1, sizeof(e));
    BIGNUM *bn_n = nn ? BN_bin2bn(n, (int)nn, NULL) : NULL, *bn_e = ne ? BN_bin2bn(e, (int)ne, NULL) : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (bn_n && bn_e && build && BN_is_odd(bn_n) && BN_is_odd(bn_e) && !BN_is_one(bn_e) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e))
        pkey = pkey_from("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn_n);
    BN_free(bn_e);
    return pkey;
}

static EVP_PKEY *p256_of(sio_val key)
{
    unsigned char point[1 + 2 * COORD] = {4}; /* uncompressed: x, y */
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (build && member_is(key, "crv", "P-256") && member_bytes(key, "x", point + 1, COORD, COORD) &&
        member_bytes(key, "y", point + 1 + COORD, COORD, COORD) &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)))
        pkey = pkey_from("EC", build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *ed25519_of(sio_val key)
{
    unsigned char x[COORD];

    if (!member_is(key, "crv", "Ed25519") || !member_bytes(key, "x", x, COORD, COORD))
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
}

/* ---- one key ---------------------------------------------------------------------------------------- */

static const struct {
    const char *kty;
    jwt_alg alg;
    EVP_PKEY *(*make)(sio_val key);
} kinds[] = {{"RSA", JWT_RS256, rsa_of}, {"EC", JWT_ES256, p256_of}, {"OKP", JWT_EDDSA, ed25519_of}};

/* NULL, or why it is left out. */
static const char *read_key(sio_val key, named_key *out)
{
    const char *fault;
    size_t i = 0;

    *out = (named_key){.nkid = 0};
    while (i < 3 && !member_is(key, "kty", kinds[i].kty))
        i++;
    if (i == 3)
        return "is of a kind that is not used here";
    if (has_member(key, "use") && !member_is(key, "use", "sig"))
        return "is not for signatures";
    if (has_member(key, "alg") && !member_is(key, "alg", jwt_alg_name(kinds[i].alg)))
        return "is for an algorithm that is not used here";
    if (has_member(key, "kid") && (!member_text(key, "kid", out->kid, sizeof(out->kid), &out->nkid) ||
                                   !out->nkid || !utf8_valid(out->kid, out->nkid)))
        return "has a name that cannot be used";
    out->key = (jwt_key){.alg = kinds[i].alg, .pkey = kinds[i].make(key)};
    if (!out->key.pkey)
        return "has numbers that make no key";
    fault = jwt_pkey_fault(out->key.pkey, out->key.alg);
    if (fault)
        jwt_key_fini(&out->key);
    return fault;
}

static bool is_taken(const jwks *set, const named_key *k)
{
    return k->nkid && jwks_find(set, (sio_str){k->kid, k->nkid}) && set->n;
}

/* ---- a document ------------------------------------------------------------------------------------- */

static int fail(int rc, const char *why, char *err, size_t nerr)
{
    snprintf(err, nerr, "%s", why);
    return rc;
}

static int add_key(jwks *set, sio_val v, unsigned number, char *err, size_t nerr)
{
    named_key *k = &set->key[set->n];
    const char *why;

    if (set->n == JWKS_KEYS_MAX)
        return fail(SIO_EINVAL, "too many keys", err, nerr);
    why = read_key(v, k);
    ERR_clear_error();
    if (why) {
        log_debug("key %u of the set %s", number, why);
        return 0;
    }
    if (is_taken(set, k)) {
        jwt_key_fini(&k->key);
        return fail(SIO_EINVAL, "two keys have the same kid", err, nerr);
    }
    set->n++;
    return 0;
}

static int add_keys(jwks *set, sio_str document, char *err, size_t nerr)
{
    sio_val list = sio_get(sio_json(document), "keys"), item;
    sio_iter it = {0};
    unsigned number = 0;
    int rc = 0;

    if (sio_kind_of(list) != SIO_ARRAY)
        return fail(SIO_EPARSE, "has no list \"keys\"", err, nerr);
    while (rc == 0 && sio_next(list, &it, NULL, &item)) {
        if (++number > LOOKED_AT)
            return fail(SIO_EINVAL, "too many keys", err, nerr);
        rc = add_key(set, item, number, err, nerr);
    }
    if (rc == 0 && set->n == 0)
        return fail(SIO_EINVAL, "has no key that can be used", err, nerr);
    return rc;
}

int jwks_parse(jwks **out, sio_str text, char *err, size_t nerr)
{
    sio_str document;
    jwks *set;
    int rc;

    if (text.n > JWKS_TEXT_MAX)
        return fail(SIO_ETOOBIG, "is too long for a key set", err, nerr);
    if (!json_valid(text, &document) || json_kind_of(document) != JSON_OBJECT)
        return fail(SIO_EPARSE, "is not a JSON object", err, nerr);
    set = calloc(1, sizeof(*set));
    if (!set)
        return fail(SIO_ENOMEM, "out of memory", err, nerr);
    atomic_init(&set->refs, 1);
    rc = add_keys(set, document, err, nerr);
    if (rc < 0) {
        jwks_drop(set);
        return rc;
    }
    *out = set;
    return 0;
}

int jwks_read_file(jwks **out, const char *path, char *err, size_t nerr)
{
    char why[100] = "", *text;
    FILE *f = fopen(path, "re");
    int rc = SIO_EIO;
    size_t n;

    if (!f) {
        snprintf(err, nerr, "%s: %s", path, strerror(errno));
        return SIO_EIO;
    }
    text = malloc(JWKS_TEXT_MAX + 1);
    n = text ? fread(text, 1, JWKS_TEXT_MAX + 1, f) : 0;
    if (!text || ferror(f))
        snprintf(why, sizeof(why), "cannot be read");
    else
        rc = jwks_parse(out, (sio_str){text, n}, why, sizeof(why));
    fclose(f);
    free(text);
    if (rc < 0)
        snprintf(err, nerr, "%s: %s", path, why);
    return rc;
}
