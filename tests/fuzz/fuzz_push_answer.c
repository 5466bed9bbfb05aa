/* Answers of push services: the first byte picks the service, the second the status, the rest is the body.
 * Whatever comes, there is a verdict in words of ours; and subscriptions of Web Push, which clients write. */
#include "push/push_answer.h"
#include "push/push_int.h"

#include <stdlib.h>

#define TICKETS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const push_verdict *v)
{
    if (!v->reason || strlen(v->reason) >= sizeof(((push_result *)0)->reason) || v->retry_ms < -1 ||
        v->outcome > PUSH_MISCONFIGURED)
        abort();
}

static void check_oauth(long status, sio_str body)
{
    sio_str token = {NULL, 0};
    int64_t life_s = 0;
    push_verdict v = push_answer_oauth(status, body, &token, &life_s);

    check(&v);
    if (v.outcome != PUSH_DELIVERED)
        return;
    if (token.n == 0 || life_s < 1 || token.p < body.p || token.p + token.n > body.p + body.n ||
        memchr(token.p, '\n', token.n))
        abort();
}

static void on_receipt(void *arg, sio_str id, const push_verdict *v)
{
    const sio_str *body = arg;

    check(v);
    if (id.n && (id.p < body->p || id.p + id.n > body->p + body->n))
        abort();
}

static void check_expo(long status, sio_str body)
{
    push_ticket tickets[TICKETS];

    for (size_t n = 1; n <= TICKETS; n += 2) {
        push_answer_expo(status, body, tickets, n);
        for (size_t i = 0; i < n; i++) {
            check(&tickets[i].verdict);
            if (strlen(tickets[i].id) > PUSH_TICKET_MAX ||
                (*tickets[i].id && tickets[i].verdict.outcome != PUSH_DELIVERED))
                abort();
        }
    }
    push_answer_receipts(status, body, on_receipt, &body);
}

static void check_subscription(sio_str text)
{
    char url[PUSH_TOKEN_MAX + 1], origin[300];
    push_keys keys;

    if (!push_subscription_read(text, false, url, origin, &keys))
        return;
    if (strncasecmp(url, "https:", 6) != 0 || strpbrk(url, " \r\n") || strncmp(origin, "https://", 8) != 0 ||
        keys.point[0] != 4)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 201, 400, 401, 403, 404, 410, 413, 429, 500, 503, 0, 302, 418};
    push_verdict v = {.reason = ""};
    long status;
    sio_str body;

    if (size < 2)
        return 0;
    status = statuses[data[1] % (sizeof(statuses) / sizeof(statuses[0]))];
    body = (sio_str){(const char *)data + 2, size - 2};
    switch (data[0] % 6) {
    case 0:
        v = push_answer_web(status, body);
        break;
    case 1:
        v = push_answer_fcm(status, body);
        break;
    case 2:
        v = push_answer_apns(status, body);
        break;
    case 3:
        check_oauth(status, body);
        break;
    case 4:
        check_expo(status, body);
        break;
    default:
        check_subscription(body);
    }
    check(&v);
    return 0;
}
