/* What the services' answers mean. Reasons are words of ours, never the service's: an answer may repeat
 * tokens and contents. */
#ifndef PUSH_PUSH_ANSWER_H
#define PUSH_PUSH_ANSWER_H

#include "push/push.h"

#define PUSH_TICKET_MAX 64

typedef struct push_verdict {
    push_outcome outcome;
    int64_t      retry_ms;   /* least wait of PUSH_LATER when the answer has no Retry-After; -1: none */
    const char  *reason;     /* static */
    bool         old_token;  /* our own token is stale: make another and try again, once */
    bool         mix_up;     /* PUSH_GONE could be our fault (a key of another project, the wrong
                              * environment): believe it only when the service has taken a message with
                              * these settings */
    int64_t      gone_ms;    /* of PUSH_GONE, as in push_result */
    bool         as_one;     /* Expo: the whole request is refused, some of its messages may be good */
} push_verdict;

push_verdict push_answer_web(long status, sio_str body);
push_verdict push_answer_fcm(long status, sio_str body);
push_verdict push_answer_apns(long status, sio_str body);

/* The answer to a request for an access token. PUSH_DELIVERED: *token is a view of it, in visible ASCII, and
 * *life_s how long it lives, 1 or more. */
push_verdict push_answer_oauth(long status, sio_str body, sio_str *token, int64_t *life_s);

/* One message of an Expo request. */
typedef struct push_ticket {
    push_verdict verdict;
    char         id[PUSH_TICKET_MAX + 1]; /* to ask for the receipt with; "": none */
} push_ticket;
/* The tickets of a request of n messages. When the answer is not one for each, all get what the
 * whole request got. */
void push_answer_expo(long status, sio_str body, push_ticket *tickets, size_t n);
/* The receipts: calls on_receipt for each; true when the answer was one. */
typedef void push_receipt_fn(void *arg, sio_str id, const push_verdict *v);
bool push_answer_receipts(long status, sio_str body, push_receipt_fn *on_receipt, void *arg);

#endif
