/* Delivery of push messages: Web Push (RFC 8030, 8188, 8291, 8292), FCM HTTP v1, APNs with token
 * authentication, Expo.
 *
 * A `push` has one thread of its own with a libcurl multi handle (HTTP/2 where the service has it). */
#ifndef PUSH_PUSH_H
#define PUSH_PUSH_H

#include "sio_err.h"
#include "sio_val.h"

typedef struct push push;

typedef enum push_service { PUSH_WEB, PUSH_FCM, PUSH_APNS, PUSH_EXPO } push_service;

/* Each service works when what it needs is set; NULL = off. Files are read by push_new. */
typedef struct push_options {
    const char *vapid_key_file;      /* PEM, P-256; web push */
    const char *vapid_subject;       /* mailto: or https: */
    const char *fcm_account_file;    /* JSON of a service account */
    const char *apns_key_file;       /* .p8 */
    const char *apns_key_id, *apns_team_id, *apns_topic;
    bool        apns_sandbox;
    const char *expo_token;          /* "" = without one */
    int64_t     expo_receipts_ms;    /* 900000: when receipts are asked for; 0: never */
    unsigned    max_under_way;       /* 1000 */
    int64_t     timeout_ms;          /* 30000: of a request */
    /* For tests and mirrors; NULL = the services' own. */
    const char *ca_file;
    const char *fcm_url, *apns_url, *expo_url;
    bool        allow_private;       /* web push endpoints on private addresses; never in production */
} push_options;
void push_options_init(push_options *o);

/* 0, SIO_EINVAL, SIO_EIO, SIO_ENOMEM; err has one line that names the setting at fault, without secrets. */
int  push_new(push **out, const push_options *o, char *err, size_t nerr);
/* Ends what is under way with PUSH_LATER. Blocks for a moment; no loop of a callback needs to run, but the
 * loops must still be there: what they are posted is freed by loop_drop_tasks. NULL is allowed. */
void push_free(push *p);
bool push_has(const push *p, push_service s);
/* The service a token is for: a Web Push subscription is JSON with an endpoint, Expo's begin with
 * ExponentPushToken[ or ExpoPushToken[, APNs' are 64 or more hexadecimal digits on a platform IOS, unless
 * only FCM is on; else FCM. p NULL: all are on. */
push_service push_service_of(sio_str token, sio_str platform, const push *p);
/* Whether the token can be one of that service: its form, and for web push the endpoint's address. p NULL: as
 * if allow_private were not set. */
bool push_token_is_good(push_service s, sio_str token, const push *p);
/* The application server key for browsers, base64url of 65 bytes; NULL without Web Push. */
const char *push_vapid_public_key(const push *p);

typedef struct push_message {
    push_service service;
    sio_str token;
    sio_str title, body;
    sio_str data;                    /* JSON object of texts, n 0: none */
    sio_str collapse;                /* of the same text only the last is shown; at most 32 bytes of
                                      * [A-Za-z0-9_-]; n 0: none */
    sio_str id;                      /* the same for every attempt of one push */
    int     badge;                   /* -1: leave it */
    int64_t ttl_s;                   /* 86400 */
    bool    urgent;
} push_message;

typedef enum push_outcome {
    PUSH_DELIVERED,                  /* the service has it */
    PUSH_GONE,                       /* the token is dead: forget it */
    PUSH_LATER,                      /* try again, not before retry_ms (-1: not said) */
    PUSH_REFUSED,                    /* this message cannot be sent so: too large, malformed */
    PUSH_MISCONFIGURED               /* our keys or settings are wrong: neither token nor
                                      * message is to blame */
} push_outcome;
typedef struct push_result {
    push_outcome outcome;
    int64_t      retry_ms;
    int64_t      gone_ms;            /* of PUSH_GONE: since when (ms of 1970), as the service says; 0: not said.
                                      * Who registered the token later has it back */
    int          status;             /* of HTTP; 0: there was no answer */
    char         reason[160];        /* for logs: no tokens, no contents */
} push_result;
typedef void push_fn(void *arg, const push_result *r);

/* On a loop: fn runs once on it, later. Copied. 0; SIO_EINVAL, SIO_ELIMIT over max_under_way, SIO_ESTATE for
 * a service that is off, SIO_ENOMEM, and fn does not run. */
int  push_send(push *p, const push_message *m, push_fn *fn, void *arg);

#endif
