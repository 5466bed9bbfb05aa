/* Tokens the clients present, and the WebSocket key check; the only use of libcrypto here. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

static size_t base64url(char *out, const unsigned char *in, size_t len)
{
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)out, in, (int)len);

    while (n > 0 && out[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        if (out[i] == '+')
            out[i] = '-';
        else if (out[i] == '/')
            out[i] = '_';
    }
    out[n] = '\0';
    return n;
}

char *token_make(const options *o, uint32_t n)
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    long long now = (long long)time(NULL);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len = 0;
    char claims[512], *out = calloc(1, 1024);
    size_t len;
    int m;

    if (!out)
        abort();
    m = snprintf(
        claims, sizeof(claims),
        "{\"sub\":\"bench-user-%u\",\"username\":\"user%u\",\"avatarUrl\":null,\"iat\":%lld,\"exp\":%lld", n,
        n, now, now + 86400);
    if (o->jwt_issuer)
        m += snprintf(claims + m, sizeof(claims) - (size_t)m, ",\"iss\":\"%.64s\"", o->jwt_issuer);
    if (o->jwt_audience)
        m += snprintf(claims + m, sizeof(claims) - (size_t)m, ",\"aud\":\"%.64s\"", o->jwt_audience);
    m += snprintf(claims + m, sizeof(claims) - (size_t)m, "}");

    len = base64url(out, (const unsigned char *)head, sizeof(head) - 1);
    out[len++] = '.';
    len += base64url(out + len, (const unsigned char *)claims, (size_t)m);
    HMAC(EVP_sha256(), o->jwt_secret, (int)strlen(o->jwt_secret), (unsigned char *)out, len, mac, &mac_len);
    out[len++] = '.';
    base64url(out + len, mac, mac_len);
    return out;
}

void accept_of(const char *key, char *out)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned int md_len = 0;
    char text[96];
    int n = snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);

    EVP_Digest(text, (size_t)n, md, &md_len, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)out, md, (int)md_len);
}
