#include "main/jwks_fetch.h"

#include "base/log.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONNECT_MS     5000
#define TOTAL_MS       10000
#define LEAST_MS       1000     /* a try in less would only hide the reason of the one before */
#define LONGEST_MS     86400000 /* a provider may not ask us to keep keys for longer */
#define FIRST_RETRY_MS 250
#define LAST_RETRY_MS  2000
#define WHY_MAX        (CURL_ERROR_SIZE + 64)

struct jwks_fetch {
    jwks_fetch_options opt;
    CURL   *curl;
    char    curl_error[CURL_ERROR_SIZE];
    buf     body, last;          /* what came now; what the keys in force were read from */
    int64_t max_age_s;           /* of the answer; -1 = not said */
    int64_t tried_ms, due_ms;    /* the last fetch began, the next one is due: monotonic */
    jwt_verifier   *verifier;
    pthread_t       thread;
    bool            has_thread;
    pthread_mutex_t lock;        /* only for waiting: never held while fetching */
    pthread_cond_t  wake;
    atomic_bool     wanted, stopping;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct timespec timespec_of(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

/* ---- one fetch -------------------------------------------------------------------------------------- */

static int64_t directive_s(const char *text)
{
    static const char age[] = "max-age=";

    if (strcasecmp(text, "no-cache") == 0 || strcasecmp(text, "no-store") == 0)
        return 0;
    if (strncasecmp(text, age, sizeof(age) - 1) != 0 || strspn(text + sizeof(age) - 1, "0123456789") == 0)
        return -1;
    return strtoll(text + sizeof(age) - 1, NULL, 10);
}

int64_t jwks_max_age_s(sio_str value)
{
    char text[512], *rest = text, *word;
    int64_t least = -1;

    snprintf(text, sizeof(text), "%.*s", (int)(value.n < sizeof(text) ? value.n : sizeof(text) - 1), value.p);
    while ((word = strtok_r(rest, ", \t\r\n", &rest)) != NULL) {
        int64_t s = directive_s(word);

        if (s >= 0 && (least < 0 || s < least))
            least = s;
    }
    return least;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    static const char name[] = "cache-control:";
    const size_t len = sizeof(name) - 1;
    jwks_fetch *f = arg;

    (void)size; /* always 1 */
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
        f->max_age_s = -1; /* what came before was an interim answer's */
    else if (n > len && strncasecmp(p, name, len) == 0)
        f->max_age_s = jwks_max_age_s((sio_str){p + len, n - len});
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    jwks_fetch *f = arg;

    (void)size;
    return buf_add(&f->body, p, n) == 0 ? n : CURL_WRITEFUNC_ERROR;
}

static int on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
    const jwks_fetch *f = arg;

    (void)dt, (void)dn, (void)ut, (void)un;
    return atomic_load(&f->stopping);
}

static CURLcode set_callbacks(jwks_fetch *f)
{
    CURLcode rc = curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_body);

    rc |= curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, f);
    rc |= curl_easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, on_header);
    rc |= curl_easy_setopt(f->curl, CURLOPT_HEADERDATA, f);
    rc |= curl_easy_setopt(f->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    rc |= curl_easy_setopt(f->curl, CURLOPT_XFERINFODATA, f);
    rc |= curl_easy_setopt(f->curl, CURLOPT_NOPROGRESS, 0L);
    rc |= curl_easy_setopt(f->curl, CURLOPT_ERRORBUFFER, f->curl_error);
    return rc;
}

static CURLcode set_options(jwks_fetch *f)
{
    bool plain = strncasecmp(f->opt.url, "http:", 5) == 0;
    CURLcode rc = curl_easy_setopt(f->curl, CURLOPT_URL, f->opt.url);

    rc |= curl_easy_setopt(f->curl, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    rc |= curl_easy_setopt(f->curl, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(f->curl, CURLOPT_SSL_VERIFYPEER, 1L);
    rc |= curl_easy_setopt(f->curl, CURLOPT_SSL_VERIFYHOST, 2L);
    rc |= curl_easy_setopt(f->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    rc |= curl_easy_setopt(f->curl, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(f->curl, CURLOPT_USERAGENT, "partyline");
    if (plain) /* the environment's proxy is another machine */
        rc |= curl_easy_setopt(f->curl, CURLOPT_PROXY, "");
    return rc;
}

/* The document into f->body: 0, or -1 with why. */
static int get(jwks_fetch *f, int64_t limit_ms, char why[WHY_MAX])
{
    long status = 0;
    CURLcode rc;

    f->body.n = 0;
    f->max_age_s = -1;
    *f->curl_error = 0;
    curl_easy_setopt(f->curl, CURLOPT_TIMEOUT_MS, (long)(limit_ms < TOTAL_MS ? limit_ms : TOTAL_MS));
    rc = curl_easy_perform(f->curl);
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_WRITE_ERROR)
        snprintf(why, WHY_MAX, "more than %d bytes", JWKS_TEXT_MAX);
    else if (rc != CURLE_OK)
        snprintf(why, WHY_MAX, "%s", *f->curl_error ? f->curl_error : curl_easy_strerror(rc));
    else if (status != 200)
        snprintf(why, WHY_MAX, "the answer is %ld", status);
    else
        return 0;
    return -1;
}

/* A set that differs from the one in force, held: 1; 0 when it is the same; -1 with why. */
static int fetch(jwks_fetch *f, int64_t limit_ms, jwks **keys, char why[WHY_MAX])
{
    buf old = f->last;

    f->tried_ms = now_ms();
    f->due_ms = f->tried_ms + f->opt.pause_ms;
    if (get(f, limit_ms, why) < 0)
        return -1;
    if (f->body.n && f->body.n == old.n && memcmp(f->body.p, old.p, old.n) == 0)
        *keys = NULL;
    else if (jwks_parse(keys, buf_str(&f->body), why, WHY_MAX) < 0)
        return -1;
    f->last = f->body;
    f->body = old;
    f->due_ms = f->tried_ms + f->opt.refresh_ms;
    if (f->max_age_s >= 0)
        f->due_ms = f->tried_ms + (f->max_age_s < LONGEST_MS / 1000 ? f->max_age_s * 1000 : LONGEST_MS);
    return *keys ? 1 : 0;
}

/* A query may hold a key of the service. */
static int shown_length(const char *url) { return (int)strcspn(url, "?#"); }

static void told(const jwks_fetch *f, const jwks *keys)
{
    log_info("token keys: %zu from %.*s", jwks_len(keys), shown_length(f->opt.url), f->opt.url);
}

/* ---- the first one ---------------------------------------------------------------------------------- */

static int fetch_first(jwks_fetch *f, jwks **keys, char *err, size_t nerr)
{
    int64_t end_ms = now_ms() + f->opt.patience_ms, wait_ms = FIRST_RETRY_MS, left_ms = f->opt.patience_ms;
    char why[WHY_MAX];

    while (fetch(f, left_ms, keys, why) < 0) {
        struct timespec pause = timespec_of(wait_ms);

        left_ms = end_ms - now_ms() - wait_ms;
        if (left_ms < LEAST_MS) {
            snprintf(err, nerr, "cannot get them from %.*s: %s", shown_length(f->opt.url), f->opt.url, why);
            return SIO_EIO;
        }
        log_warn("token keys: %s; trying again", why);
        nanosleep(&pause, NULL);
        wait_ms = wait_ms * 2 < LAST_RETRY_MS ? wait_ms * 2 : LAST_RETRY_MS;
    }
    told(f, *keys);
    return 0;
}

static void init_waiting(jwks_fetch *f)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
}

int jwks_fetch_new(jwks_fetch **out, const jwks_fetch_options *o, jwks **keys, char *err, size_t nerr)
{
    jwks_fetch *f = calloc(1, sizeof(*f));
    int rc = SIO_ENOMEM;

    if (!f)
        abort();
    f->opt = *o;
    buf_init(&f->body, JWKS_TEXT_MAX);
    buf_init(&f->last, JWKS_TEXT_MAX);
    init_waiting(f);
    f->curl = curl_easy_init();
    if (!f->curl || (set_options(f) | set_callbacks(f)) != CURLE_OK)
        snprintf(err, nerr, "cannot prepare to fetch them");
    else
        rc = fetch_first(f, keys, err, nerr);
    if (rc < 0)
        jwks_fetch_free(f);
    else
        *out = f;
    return rc;
}

/* ---- the thread ------------------------------------------------------------------------------------- */

/* By the thread that checks a token, perhaps a loop: of many that want only the first takes the lock. */
static void on_unknown_key(void *arg)
{
    jwks_fetch *f = arg;

    if (atomic_exchange(&f->wanted, true))
        return;
    pthread_mutex_lock(&f->lock);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

static void refresh(jwks_fetch *f)
{
    char why[WHY_MAX];
    jwks *keys;
    int rc = fetch(f, TOTAL_MS, &keys, why);

    if (rc < 0 && !atomic_load(&f->stopping))
        log_warn("token keys: the old ones stay, %.*s: %s", shown_length(f->opt.url), f->opt.url, why);
    if (rc <= 0)
        return;
    jwt_verifier_set_keys(f->verifier, keys);
    told(f, keys);
    jwks_drop(keys);
}

static int64_t next_ms(const jwks_fetch *f)
{
    int64_t soonest_ms = f->tried_ms + f->opt.pause_ms;

    return f->due_ms < soonest_ms || atomic_load(&f->wanted) ? soonest_ms : f->due_ms;
}

static void *run(void *arg)
{
    jwks_fetch *f = arg;

    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->stopping)) {
        struct timespec at = timespec_of(next_ms(f));

        if (now_ms() < next_ms(f)) {
            pthread_cond_timedwait(&f->wake, &f->lock, &at);
            continue;
        }
        atomic_store(&f->wanted, false); /* who wants from now on may want what this fetch does not bring */
        pthread_mutex_unlock(&f->lock);
        refresh(f);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int jwks_fetch_run(jwks_fetch *f, jwt_verifier *v)
{
    f->verifier = v;
    jwt_verifier_on_unknown_key(v, on_unknown_key, f);
    f->has_thread = pthread_create(&f->thread, NULL, run, f) == 0;
    return f->has_thread ? 0 : SIO_ENOMEM;
}

void jwks_fetch_free(jwks_fetch *f)
{
    if (!f)
        return;
    if (f->has_thread) {
        pthread_mutex_lock(&f->lock);
        atomic_store(&f->stopping, true);
        pthread_cond_signal(&f->wake);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    curl_easy_cleanup(f->curl);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    buf_fini(&f->body);
    buf_fini(&f->last);
    free(f);
}
