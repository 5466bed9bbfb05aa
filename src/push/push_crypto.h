/* Cryptography of the push services: keys on P-256 and RSA, JSON Web Tokens signed with them, and the
 * encryption of Web Push messages (RFC 8291, one record of RFC 8188). No function keeps state; a key may be
 * used by one thread at a time. */
#ifndef PUSH_PUSH_CRYPTO_H
#define PUSH_PUSH_CRYPTO_H

#include "base/buf.h"
#include "sio_err.h"
#include "sio_val.h"

#include <openssl/evp.h>
#include <stdint.h>

#define PUSH_POINT       65   /* 0x04, x, y */
#define PUSH_AUTH        16
#define PUSH_SALT        16
#define PUSH_RECORD      4096 /* what a push service must take (RFC 8030, 7.2) */
#define PUSH_OVERHEAD    103  /* header of 86, delimiter, tag */
#define PUSH_PLAIN_MAX   (PUSH_RECORD - PUSH_OVERHEAD)
#define PUSH_UUID        36

/* What a browser gave out for one subscription. */
typedef struct push_keys {
    uint8_t point[PUSH_POINT], auth[PUSH_AUTH];
} push_keys;

/* A private key from PEM text without pass phrase; type is EVP_PKEY_EC, which means P-256, or EVP_PKEY_RSA
 * with 2048 bits or more. 0, SIO_EINVAL when it is not such a key. Free it with EVP_PKEY_free. */
int push_key_read(EVP_PKEY **out, sio_str pem, int type);
/* A new key on P-256, NULL without memory. */
EVP_PKEY *push_key_make(void);
/* The public key of a point; NULL when it is not one of the curve. */
EVP_PKEY *push_key_of_point(const uint8_t point[PUSH_POINT]);
/* The point of a key on P-256: 0, SIO_EINVAL. */
int push_key_point(const EVP_PKEY *key, uint8_t point[PUSH_POINT]);

/* Appends header.claims.signature, ES256 or RS256 by the kind of key: 0, SIO_EIO, or a buf error. */
int push_jwt(buf *out, EVP_PKEY *key, sio_str header, sio_str claims);

/* Appends the body of a Web Push request. sender is a key pair for this message only, salt is random: both
 * are parameters so that the examples of the RFC can be made. 0; SIO_ETOOBIG over PUSH_PLAIN_MAX; SIO_EINVAL
 * when the point is not on the curve; SIO_EIO; a buf error. */
int push_encrypt(buf *out, const push_keys *to, EVP_PKEY *sender, const uint8_t salt[PUSH_SALT],
                 sio_str text);

/* A UUID that is always the same for the same id; writes PUSH_UUID characters and a 0 byte. An id that is
 * a UUID stays. */
void push_uuid(char out[PUSH_UUID + 1], sio_str id);

#endif
