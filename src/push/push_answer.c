#include "push/push_answer.h"

#include "codec/json.h"

#include <stdio.h>

#define QUOTA_WAIT_MS  60000   /* FCM asks for a minute at least when it names no time */
#define TOKENS_WAIT_MS 1200000 /* APNs takes a new provider token every 20 minutes */
#define WORD_MAX       64

typedef enum trait { PLAIN, OLD_TOKEN, MIX_UP } trait;
typedef struct known {
    const char  *word;
    push_outcome outcome;
    trait        trait;
    int64_t      retry_ms;
} known;

static push_verdict verdict(push_outcome outcome, const char *reason)
{
    return (push_verdict){.outcome = outcome, .retry_ms = -1, .reason = reason};
}

/* ---- by status -------------------------------------------------------------------------------------- */

/* What a status alone says, of a service of ours; 0: no answer came. */
static push_verdict push_answer_status(long status)
{
    if (status >= 200 && status < 300)
        return verdict(PUSH_DELIVERED, "delivered");
    if (status >= 300 && status < 400)
        return verdict(PUSH_MISCONFIGURED, "a redirect, which is not followed");
    if (status == 401 || status == 403)
        return verdict(PUSH_MISCONFIGURED, "not authorized");
    if (status == 404 || status == 405)
        return verdict(PUSH_MISCONFIGURED, "no such address at the service");
    if (status == 408 || status == 425 || status == 429)
        return verdict(PUSH_LATER, "too many requests");
    if (status == 413)
        return verdict(PUSH_REFUSED, "too large");
    if (status >= 400 && status < 500)
        return verdict(PUSH_REFUSED, "bad request");
    return verdict(PUSH_LATER, status >= 500 ? "the service has a fault" : "no proper answer");
}

/* ---- words ------------------------------------------------------------------------------------------ */

/* The raw string of a member as one of the words, else NULL. */
static const known *find(const known *list, size_t n, sio_str raw)
{
    for (size_t i = 0; i < n; i++) {
        if (json_equals(raw, sio_str_z(list[i].word)))
            return &list[i];
    }
    return NULL;
}

static push_verdict verdict_of(const known *k)
{
    push_verdict v = verdict(k->outcome, k->word);

    v.retry_ms = k->outcome == PUSH_LATER && k->retry_ms ? k->retry_ms : -1;
    v.old_token = k->trait == OLD_TOKEN;
    v.mix_up = k->trait == MIX_UP;
    return v;
}

static bool get_text(sio_str object, const char *name, sio_str *raw)
{
    return json_get(object, sio_str_z(name), raw) && json_kind_of(*raw) == JSON_STRING;
}

static bool holds(sio_str text, const char *piece)
{
    return text.n && memmem(text.p, text.n, piece, strlen(piece)) != NULL;
}

/* ---- Web Push --------------------------------------------------------------------------------------- */

/* The subscription was made with another key than ours: it will never work, and the browser must subscribe
 * again. That the words come from an address which a client chose does no harm: it may as well answer 410. */
static bool is_of_another_key(sio_str body)
{
    return holds(body, "do not correspond to the credentials") || holds(body, "VapidPkHashMismatch") ||
           holds(body, "VAPID public key mismatch");
}

push_verdict push_answer_web(long status, sio_str body)
{
    if (status == 404 || status == 410)
        return verdict(PUSH_GONE, "the subscription is gone");
    if (status >= 400 && status < 500 && is_of_another_key(body))
        return verdict(PUSH_GONE, "the subscription is of another VAPID key");
    if (status == 406)
        return verdict(PUSH_LATER, "too many requests");
    if (status >= 300 && status < 400)
        return verdict(PUSH_REFUSED, "a redirect, which is not followed");
    if (status == 405)
        return verdict(PUSH_REFUSED, "bad request");
    return push_answer_status(status);
}

/* ---- FCM -------------------------------------------------------------------------------------------- */

static const known fcm_words[] = {
    {"UNREGISTERED", PUSH_GONE},
    {"SENDER_ID_MISMATCH", PUSH_GONE, MIX_UP},
    {"INVALID_ARGUMENT", PUSH_REFUSED},
    {"QUOTA_EXCEEDED", PUSH_LATER, PLAIN, QUOTA_WAIT_MS},
    {"RESOURCE_EXHAUSTED", PUSH_LATER, PLAIN, QUOTA_WAIT_MS},
    {"UNAVAILABLE", PUSH_LATER},
    {"INTERNAL", PUSH_LATER},
    {"THIRD_PARTY_AUTH_ERROR", PUSH_MISCONFIGURED},
    {"UNAUTHENTICATED", PUSH_MISCONFIGURED, OLD_TOKEN},
    {"PERMISSION_DENIED", PUSH_MISCONFIGURED},
    {"NOT_FOUND", PUSH_MISCONFIGURED},
};
#define FCM_WORDS (sizeof(fcm_words) / sizeof(fcm_words[0]))

static bool blames_token(sio_str detail)
{
    sio_str list, item, field;
    size_t at = 0;

    if (!json_get(detail, sio_lit("fieldViolations"), &list) || json_kind_of(list) != JSON_ARRAY)
        return false;
    while (json_next(list, &at, NULL, &item)) {
        if (get_text(item, "field", &field) && json_equals(field, sio_lit("message.token")))
            return true;
    }
    return false;
}

/* error.details: FCM's own word, and whether the token is what is wrong. */
static const known *fcm_details(sio_str error, bool *token)
{
    sio_str list, item, raw;
    const known *word = NULL;
    size_t at = 0;

    if (!json_get(error, sio_lit("details"), &list) || json_kind_of(list) != JSON_ARRAY)
        return NULL;
    while (json_next(list, &at, NULL, &item)) {
        if (get_text(item, "errorCode", &raw))
            word = find(fcm_words, FCM_WORDS, raw);
        *token = *token || blames_token(item);
    }
    return word;
}

push_verdict push_answer_fcm(long status, sio_str body)
{
    sio_str answer, error, raw;
    const known *word = NULL;
    bool token = false, is_json = json_valid(body, &answer) && json_kind_of(answer) == JSON_OBJECT;
    push_verdict v = push_answer_status(status);

    if (v.outcome == PUSH_DELIVERED)
        return is_json && get_text(answer, "name", &raw) ? v : verdict(PUSH_LATER, "no proper answer");
    if (is_json && json_get(answer, sio_lit("error"), &error)) {
        if (!(word = fcm_details(error, &token)) && get_text(error, "status", &raw))
            word = find(fcm_words, FCM_WORDS, raw);
        if (get_text(error, "message", &raw) && holds(raw, "valid FCM registration token"))
            token = true;
    }
    if (status == 400 && token)
        return verdict(PUSH_GONE, "not a token of FCM");
    if (word && status < 500)
        v = verdict_of(word);
    v.old_token = v.old_token || (status == 401 && !word);
    if (status == 429 && v.retry_ms < 0)
        v.retry_ms = QUOTA_WAIT_MS;
    return v;
}

push_verdict push_answer_oauth(long status, sio_str body, sio_str *token, int64_t *life_s)
{
    push_verdict v = push_answer_status(status);
    sio_str answer, raw;

    if (v.outcome == PUSH_REFUSED || v.outcome == PUSH_GONE) /* invalid_grant and its kin: the account */
        return verdict(PUSH_MISCONFIGURED, "the account was refused");
    if (v.outcome != PUSH_DELIVERED)
        return v;
    if (!json_valid(body, &answer) || !get_text(answer, "access_token", &raw) || !json_plain(raw, token) ||
        token->n == 0)
        return verdict(PUSH_LATER, "no proper answer for an access token");
    for (size_t i = 0; i < token->n; i++) {
        if (token->p[i] <= ' ' || token->p[i] > '~')
            return verdict(PUSH_LATER, "no proper answer for an access token");
    }
    if (!json_get(answer, sio_lit("expires_in"), &raw) || !json_int(raw, life_s) || *life_s < 1 ||
        *life_s > 86400)
        *life_s = 3600;
    return v;
}

/* ---- APNs ------------------------------------------------------------------------------------------- */

static const known apns_words[] = {
    {"BadDeviceToken", PUSH_GONE, MIX_UP},
    {"DeviceTokenNotForTopic", PUSH_GONE, MIX_UP},
    {"Unregistered", PUSH_GONE},
    {"ExpiredToken", PUSH_GONE},
    {"ExpiredProviderToken", PUSH_MISCONFIGURED, OLD_TOKEN},
    {"InvalidProviderToken", PUSH_MISCONFIGURED},
    {"MissingProviderToken", PUSH_MISCONFIGURED},
    {"BadEnvironmentKeyIdInToken", PUSH_MISCONFIGURED},
    {"BadEnvironmentKeyInToken", PUSH_MISCONFIGURED},
    {"UnrelatedKeyIdInToken", PUSH_MISCONFIGURED},
    {"BadCertificate", PUSH_MISCONFIGURED},
    {"BadCertificateEnvironment", PUSH_MISCONFIGURED},
    {"Forbidden", PUSH_MISCONFIGURED},
    {"MissingTopic", PUSH_MISCONFIGURED},
    {"BadTopic", PUSH_MISCONFIGURED},
    {"TopicDisallowed", PUSH_MISCONFIGURED},
    {"InvalidPushType", PUSH_MISCONFIGURED},
    {"BadPath", PUSH_MISCONFIGURED},
    {"MethodNotAllowed", PUSH_MISCONFIGURED},
    {"BadCollapseId", PUSH_REFUSED},
    {"BadExpirationDate", PUSH_REFUSED},
    {"BadMessageId", PUSH_REFUSED},
    {"BadPriority", PUSH_REFUSED},
    {"DuplicateHeaders", PUSH_REFUSED},
    {"MissingDeviceToken", PUSH_REFUSED},
    {"PayloadEmpty", PUSH_REFUSED},
    {"PayloadTooLarge", PUSH_REFUSED},
    {"IdleTimeout", PUSH_LATER},
    {"TooManyProviderTokenUpdates", PUSH_LATER, PLAIN, TOKENS_WAIT_MS},
    {"TooManyRequests", PUSH_LATER},
    {"InternalServerError", PUSH_LATER},
    {"ServiceUnavailable", PUSH_LATER},
    {"Shutdown", PUSH_LATER},
};

push_verdict push_answer_apns(long status, sio_str body)
{
    push_verdict v = push_answer_status(status);
    const known *word;
    sio_str answer, raw;
    bool is_json;

    if (status == 200 || status >= 500 || status < 200)
        return v;
    is_json = json_valid(body, &answer);
    if (is_json && get_text(answer, "reason", &raw) &&
        (word = find(apns_words, sizeof(apns_words) / sizeof(apns_words[0]), raw)))
        v = verdict_of(word);
    else if (status == 410)
        v = verdict(PUSH_GONE, "the device is gone");
    else if (status < 300)
        v = verdict(PUSH_LATER, "no proper answer");
    if (status == 410 && is_json && json_get(answer, sio_lit("timestamp"), &raw) &&
        (!json_int(raw, &v.gone_ms) || v.gone_ms < 0))
        v.gone_ms = 0;
    return v;
}

/* ---- Expo ------------------------------------------------------------------------------------------- */

static const known expo_words[] = {
    {"DeviceNotRegistered", PUSH_GONE},
    {"MessageTooBig", PUSH_REFUSED},
    {"MessageRateExceeded", PUSH_LATER},
    {"MismatchSenderId", PUSH_MISCONFIGURED},
    {"InvalidCredentials", PUSH_MISCONFIGURED},
    {"DeveloperError", PUSH_MISCONFIGURED},
    {"InvalidProviderToken", PUSH_MISCONFIGURED},
    {"ProviderError", PUSH_LATER},
    {"ExpoError", PUSH_LATER},
};

/* Of a whole request. */
static const known expo_codes[] = {
    {"UNAUTHORIZED", PUSH_MISCONFIGURED},
    {"TOO_MANY_REQUESTS", PUSH_LATER},
    {"PUSH_TOO_MANY_NOTIFICATIONS", PUSH_LATER},
    {"INTERNAL_SERVER_ERROR", PUSH_LATER},
    {"PUSH_TOO_MANY_EXPERIENCE_IDS", PUSH_REFUSED},
    {"VALIDATION_ERROR", PUSH_REFUSED},
};

static push_verdict expo_item(sio_str item)
{
    sio_str raw, details;
    const known *word;

    if (!get_text(item, "status", &raw))
        return verdict(PUSH_LATER, "no proper answer");
    if (json_equals(raw, sio_lit("ok")))
        return verdict(PUSH_DELIVERED, "delivered");
    if (json_get(item, sio_lit("details"), &details) && get_text(details, "error", &raw) &&
        (word = find(expo_words, sizeof(expo_words) / sizeof(expo_words[0]), raw)))
        return verdict_of(word);
    return verdict(PUSH_REFUSED, "refused for an unknown reason");
}

static push_verdict expo_whole(long status, sio_str answer)
{
    push_verdict v = push_answer_status(status);
    sio_str list, item, raw;
    const known *word;
    size_t at = 0;

    if (json_get(answer, sio_lit("errors"), &list) && json_next(list, &at, NULL, &item) &&
        get_text(item, "code", &raw) &&
        (word = find(expo_codes, sizeof(expo_codes) / sizeof(expo_codes[0]), raw)))
        v = verdict_of(word);
    else if (v.outcome == PUSH_DELIVERED)
        v = verdict(PUSH_LATER, "no proper answer");
    v.as_one = v.outcome == PUSH_REFUSED;
    return v;
}

static void take_id(push_ticket *t, sio_str item)
{
    sio_str raw, id;

    t->id[0] = 0;
    if (t->verdict.outcome == PUSH_DELIVERED && get_text(item, "id", &raw) && json_plain(raw, &id) &&
        id.n <= PUSH_TICKET_MAX)
        snprintf(t->id, sizeof(t->id), "%.*s", (int)id.n, id.p);
}

void push_answer_expo(long status, sio_str body, push_ticket *tickets, size_t n)
{
    sio_str answer = sio_lit("null"), data = sio_lit("null"), item;
    bool fits = json_valid(body, &answer) && status >= 200 && status < 300 &&
                json_get(answer, sio_lit("data"), &data);
    push_verdict whole = expo_whole(status, answer);
    size_t at = 0;

    if (!answer.n)
        answer = sio_lit("null");
    /* A single message may be answered with a single ticket. */
    if (fits && n == 1 && json_kind_of(data) == JSON_OBJECT) {
        tickets[0].verdict = expo_item(data);
        take_id(&tickets[0], data);
        return;
    }
    fits = fits && json_kind_of(data) == JSON_ARRAY && json_len(data) == n;
    for (size_t i = 0; i < n; i++) {
        bool has = fits && json_next(data, &at, NULL, &item);

        tickets[i].verdict = has ? expo_item(item) : whole;
        take_id(&tickets[i], has ? item : sio_lit("null"));
    }
}

bool push_answer_receipts(long status, sio_str body, push_receipt_fn *on_receipt, void *arg)
{
    sio_str answer, data, key, item, id;
    size_t at = 0;

    if (status < 200 || status >= 300 || !json_valid(body, &answer) ||
        !json_get(answer, sio_lit("data"), &data) ||
        json_kind_of(data) != JSON_OBJECT)
        return false;
    while (json_next(data, &at, &key, &item)) {
        push_verdict v = expo_item(item);

        if (json_plain(key, &id))
            on_receipt(arg, id, &v);
    }
    return true;
}
