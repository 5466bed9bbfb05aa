/* What http_vectors_test.c knows of the captured exchanges by name: the options they were captured with, and
 * where our answers are others on purpose. */
#ifndef WIRE_HTTP_VECTORS_TABLE_H
#define WIRE_HTTP_VECTORS_TABLE_H

#include "sio_val.h"

/* ---- which options an exchange was captured with ---- */

static const struct {
    const char *prefix, *options; /* NULL: not applicable */
} servers[] = {
    {"cors:{origin:['http://client.example'",
     "cors=list:http://client.example,http://b credentials methods=GET,POST "
     "allowed_headers=x-a,x-b exposed_headers=x-e max_age=600"},
    {"cors:{origin:['http://other']}", "cors=list:http://other"},
    {"cors:{origin:'http://client.example',credentials:true}", "cors=http://client.example credentials"},
    {"cors:{origin:'*'}", "cors=any"},
    {"cors:{origin:true}", "cors=reflect credentials"},
    {"cors:{origin:false}", "ping_interval=25000"}, /* no CORS at all */
    {"cors:{origin:/example$/}",
     "cors=list:http://client.example"}, /* there are no regexps: what it matches here */
    {"cors:{}", "cors=default"},
    {"cookie:true", "cookie=io"},
    {"cookie custom", "cookie=my-cookie"},
    {"allowRequest deny with message", "allow=\"not today\""},
    {"allowRequest deny", "allow="},
    {"engine middleware failure", "on_request=fail"},
    {"engine middleware ends", "on_request=reply"},
    {"generateId", NULL}, /* ids are not the application's to make */
    {"initialPacket", "initial=hello"},
    {"transports:[websocket]", "transports=websocket"},
    {"transports:[polling]", "transports=polling"},
    {"allowUpgrades:false", "no_upgrades"},
    {"addTrailingSlash:false", "path=/custom exact_path"},
    {"EIO3", NULL}, /* revision 3 is not served */
    {"", "ping_interval=25000"},
};

static const char *options_of(sio_str name)
{
    for (size_t i = 0;; i++) {
        sio_str prefix = sio_str_z(servers[i].prefix);

        if (name.n >= prefix.n && memcmp(name.p, prefix.p, prefix.n) == 0)
            return servers[i].options;
    }
}

/* ---- where we answer otherwise, on purpose ---- */

typedef struct deviation {
    const char *name, *reason;
    const char
        *ours; /* status, headers and body as render() writes them; NULL: all that was captured, and more */
} deviation;

#define NOT_MODIFIED "HTTP/1.1 304 Not Modified\nCache-Control: public, max-age=0\nETag: TAG\n"
#define REASON_304                                                                                           \
    "RFC 9110 15.4.5: a 304 repeats ETag and Cache-Control; the tag is the file's, not the version"

static const deviation deviations[] = {
    {"ws upgrade EIO=3", "a clean refusal; the reference writes it into the open WebSocket",
     "HTTP/1.1 400 Bad Request\nConnection: close\nContent-type: text/html\n\nUnsupported protocol "
     "version\n(closed)"},
    {"engine middleware ends response ws", "what the hook answers reaches the client",
     "HTTP/1.1 401 Unauthorized\nConnection: close\n\nnope\n(closed)"},
    {"transports:[polling] ws upgrade", "a connection that asked for an upgrade ends with its answer",
     "HTTP/1.1 400 Bad Request\nConnection: close\nContent-Type: application/json\n\n"
     "{\"code\":0,\"message\":\"Transport unknown\"}\n(closed)"},
    {"client bundle 304", REASON_304, NOT_MODIFIED "\n"},
    {"cors:{}  client bundle", REASON_304,
     "HTTP/1.1 304 Not Modified\nAccess-Control-Allow-Origin: *\n"
     "Cache-Control: public, max-age=0\nETag: TAG\n\n"},
    {"cors:{origin:'*'} client bundle", REASON_304,
     "HTTP/1.1 304 Not Modified\nAccess-Control-Allow-Origin: *\n"
     "Cache-Control: public, max-age=0\nETag: TAG\n\n"},
    {"cors:{origin:'http://client.example',credentials:true} client bundle", REASON_304, NULL},
    {"cors:{origin:['http://client.example','http://"
     "b'],credentials:true,methods:['GET','POST'],allowedHeaders:['x-a','x-b'],"
     "exposedHeaders:['x-e'],maxAge:600} client bundle",
     REASON_304, NULL},
    {"cors:{origin:['http://other']} client bundle", REASON_304, NULL},
    {"cors:{origin:true} client bundle", REASON_304, NULL},
    {"cors:{origin:false} client bundle", REASON_304, NULL},
    {"cors:{origin:/example$/} client bundle", REASON_304, NULL},
};

static const deviation *deviation_of(sio_str name)
{
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
        if (sio_str_eq(name, sio_str_z(deviations[i].name)))
            return &deviations[i];
    return NULL;
}

#endif
