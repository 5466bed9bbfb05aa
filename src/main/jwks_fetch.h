/* A key set by URL: fetched before the server starts, refreshed by a thread of its own.
 *
 * The next fetch is due when the answer's Cache-Control says so (max-age), else after refresh_ms; at once
 * when a token names a key that is not there; but never sooner than pause_ms after the one before, and at the
 * latest after a day. When a fetch fails the keys stay as they are, and the next try is due after pause_ms.
 * Redirects are not followed and certificates are verified: who answers here says who everybody is. */
#ifndef MAIN_JWKS_FETCH_H
#define MAIN_JWKS_FETCH_H

#include "app/auth/jwks.h"

typedef struct jwks_fetch_options {
    const char *url;      /* must outlive the fetcher; service_url_fault finds nothing in it */
    int64_t refresh_ms, pause_ms;
    int64_t patience_ms;  /* how long the first fetch is tried again */
} jwks_fetch_options;

typedef struct jwks_fetch jwks_fetch;

/* max-age in seconds out of the value of a Cache-Control header (RFC 9111, 5.2.2), 0 for no-cache and
 * no-store, -1 when it says nothing. */
int64_t jwks_max_age_s(sio_str value);

/* Fetches the keys, again and again until patience_ms is over; blocks meanwhile. 0 with *keys held by the
 * caller, or SIO_EIO, SIO_ENOMEM with one line in err (nerr bytes). curl_global_init comes before. */
int jwks_fetch_new(jwks_fetch **out, const jwks_fetch_options *o, jwks **keys, char *err, size_t nerr);
/* Keeps the keys of *v up to date from now on. Before *v is used by other threads; *v must outlive the
 * fetcher. 0, SIO_ENOMEM. */
int jwks_fetch_run(jwks_fetch *f, jwt_verifier *v);
/* Ends the thread, a fetch under way with it: within about a second. Nobody may use the verifier any more.
 * NULL is allowed. */
void jwks_fetch_free(jwks_fetch *f);

#endif
