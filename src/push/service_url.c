#include "push/service_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* curl has made other spellings of an address (127.1) into the one that inet_pton knows. */
static bool is_this_machine(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static bool has(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return there;
}

static const char *parts_fault(CURLU *u, bool base)
{
    char *scheme = NULL, *host = NULL;
    const char *fault = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        fault = "is not a URL";
    else if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD))
        fault = "must not hold a user";
    else if (strcmp(scheme, "https") != 0 && (strcmp(scheme, "http") != 0 || !is_this_machine(host)))
        fault = "must be https://, or http:// to this machine (127.0.0.1, localhost)";
    else if (base && (has(u, CURLUPART_QUERY) || has(u, CURLUPART_FRAGMENT)))
        fault = "must not hold a query or a fragment";
    curl_free(scheme);
    curl_free(host);
    return fault;
}

const char *service_url_fault(const char *url, bool base)
{
    CURLU *u = curl_url();
    const char *fault;

    if (!u)
        return "out of memory";
    fault = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK ? parts_fault(u, base) : "is not a URL";
    curl_url_cleanup(u);
    return fault;
}
