/* The OpenAPI 3.1 document, made of the routes. */
#include "app/api/api_int.h"
#include "codec/json.h"

#include <stdio.h>

/* All writers below stop at the first error, which is kept. */
typedef struct writer {
    buf *out;
    int  err;
} writer;

static void put(writer *w, const char *text)
{
    if (w->err == 0)
        w->err = buf_puts(w->out, text);
}

static void put_text(writer *w, const char *text)
{
    if (w->err == 0)
        w->err = json_quote(w->out, sio_str_z(text));
}

/* ,"name":number */
static void put_number(writer *w, const char *name, int64_t n)
{
    if (w->err == 0)
        w->err = buf_printf(w->out, ",\"%s\":%lld", name, (long long)n);
}

/* ---- schemas ---------------------------------------------------------------------------------------- */

static void put_object(writer *w, const api_field *fields);

static void put_type(writer *w, const char *type, bool nullable)
{
    put(w, nullable ? "\"type\":[\"" : "\"type\":\"");
    put(w, type);
    put(w, nullable ? "\",\"null\"]" : "\"");
}

static void put_choices(writer *w, const api_field *f)
{
    put(w, ",\"enum\":[");
    for (int i = 0; f->choices[i]; i++) {
        put(w, i ? "," : "");
        put_text(w, f->choices[i]);
    }
    put(w, f->nullable ? ",null]" : "]");
}

static void put_text_type(writer *w, const api_field *f)
{
    put_type(w, "string", f->nullable);
    if (f->type == API_TIME)
        put(w, ",\"format\":\"date-time\"");
    if (f->type == API_ENUM)
        put_choices(w, f);
    if (f->min)
        put_number(w, "minLength", f->min);
    if (f->max)
        put_number(w, "maxLength", f->max);
}

static void put_list_type(writer *w, const api_field *f)
{
    put_type(w, "array", f->nullable);
    if (f->min)
        put_number(w, "minItems", f->min);
    if (f->max)
        put_number(w, "maxItems", f->max);
    put(w, ",\"items\":");
    if (f->of)
        put_object(w, f->of);
    else
        put(w, f->type == API_ID_LIST ? "{\"type\":\"string\"}" : "{}");
}

static void put_members(writer *w, const api_field *f)
{
    switch (f->type) {
    case API_INT:
        put_type(w, "integer", f->nullable);
        put_number(w, "minimum", f->min);
        if (f->max)
            put_number(w, "maximum", f->max);
        break;
    case API_BOOL:
        put_type(w, "boolean", f->nullable);
        break;
    case API_ANYS:
    case API_LIST:
    case API_ID_LIST:
        put_list_type(w, f);
        break;
    case API_OBJECT:
        put_type(w, "object", f->nullable);
        break;
    case API_VALUE:
        put(w, "\"description\":");
        put_text(w, f->doc);
        return;
    default:
        put_text_type(w, f);
    }
    put(w, ",\"description\":");
    put_text(w, f->doc);
}

static void put_field(writer *w, const api_field *f)
{
    if (f->type == API_OBJECT && f->of) {
        put_object(w, f->of);
        return;
    }
    put(w, "{");
    put_members(w, f);
    put(w, "}");
}

static void put_object(writer *w, const api_field *fields)
{
    bool any = false;

    put(w, "{\"type\":\"object\",\"properties\":{");
    for (const api_field *f = fields; f->type != API_END; f++) {
        put(w, f == fields ? "" : ",");
        put_text(w, f->key);
        put(w, ":");
        put_field(w, f);
    }
    put(w, "}");
    for (const api_field *f = fields; f->type != API_END; f++) {
        if (!f->required)
            continue;
        put(w, any ? "," : ",\"required\":[");
        put_text(w, f->key);
        any = true;
    }
    put(w, any ? "]}" : "}");
}

static void put_schema(writer *w, const api_field *fields)
{
    if (fields->key[0])
        put_object(w, fields);
    else
        put_field(w, fields);
}

/* ---- operations ------------------------------------------------------------------------------------- */

static void put_parameters(writer *w, const api_route *r)
{
    bool post = strcmp(r->method, "POST") == 0 && (!r->start || r->start == api_batch_start);

    put(w, ",\"parameters\":[");
    for (const api_field *f = r->params; f && f->type != API_END; f++) {
        bool path = api_in_path(r, f->key);

        put(w, f == r->params ? "{\"name\":" : ",{\"name\":");
        put_text(w, f->key);
        put(w, path ? ",\"in\":\"path\",\"required\":true,\"schema\":" : ",\"in\":\"query\",\"schema\":");
        put_field(w, f);
        put(w, f->required && !path ? ",\"required\":true}" : "}");
    }
    if (post)
        put(w, r->params ? ",{\"$ref\":\"#/components/parameters/IdempotencyKey\"}"
                         : "{\"$ref\":\"#/components/parameters/IdempotencyKey\"}");
    put(w, "]");
}

static void put_body(writer *w, const api_route *r)
{
    if (!r->body)
        return;
    put(w, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":");
    put_schema(w, r->body);
    put(w, "}}}");
}

static void put_success(writer *w, const api_route *r, int status)
{
    if (w->err == 0)
        w->err = buf_printf(
            w->out,
            "\"%d\":{\"description\":\"Done.\",\"content\":{\"application/json\":{\"schema\":", status);
    if (!r->data) {
        put(w, "{\"type\":\"object\"}}}}");
        return;
    }
    put(w, "{\"type\":\"object\",\"required\":[\"success\",\"data\",\"meta\"],\"properties\":{\"success\":{"
           "\"const\":true},\"data\":");
    if (r->data_is_list)
        put(w, "{\"type\":\"array\",\"items\":");
    put_object(w, r->data);
    put(w, r->data_is_list ? "}" : "");
    put(w, ",\"meta\":{\"type\":\"object\"}}}}}}");
}

static void put_refusal(writer *w, const char *status, size_t n)
{
    if (w->err == 0)
        w->err =
            buf_printf(w->out, ",\"%.*s\":{\"$ref\":\"#/components/responses/Refusal\"}", (int)n, status);
}

/* Those that every route may answer, then its own. */
static void put_responses(writer *w, const api_route *r)
{
    static const char *const every[] = {"400", "401", "422", "500", "503"};
    const char *at = r->refusals;

    put(w, ",\"responses\":{");
    put_success(w, r, r->status);
    for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
        put_refusal(w, every[i], 3);
    if (r->body) {
        put_refusal(w, "413", 3);
        put_refusal(w, "415", 3);
    }
    for (; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        if (at[0] == '2')
            put(w, ","), put_success(w, r, 200);
        else
            put_refusal(w, at, n);
        at += n;
    }
    put(w, "}");
}

static void put_operation(writer *w, const api_route *r)
{
    char method[8];

    for (size_t i = 0; i <= strlen(r->method); i++)
        method[i] = (char)(r->method[i] ? r->method[i] | 0x20 : 0);
    put_text(w, method);
    put(w, ":{\"operationId\":");
    put_text(w, r->id);
    put(w, ",\"summary\":");
    put_text(w, r->summary);
    put_parameters(w, r);
    put_body(w, r);
    put_responses(w, r);
    put(w, "}");
}

/* Routes of one path stand together: each but the first of a path goes into the object of the one before. */
static void put_paths(writer *w)
{
    for (size_t i = 0; i < api_nroutes; i++) {
        const api_route *r = &api_routes[i];
        bool goes_on = i > 0 && strcmp(r->path, r[-1].path) == 0;

        if (!goes_on) {
            put(w, i > 0 ? "}," : "");
            put_text(w, r->path);
            put(w, ":{");
        } else {
            put(w, ",");
        }
        put_operation(w, r);
    }
    put(w, "}");
}

int api_openapi(buf *out)
{
    writer w = {.out = out};

    put(&w, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Partyline\",\"version\":\"1\",\"description\":"
            "\"What other services may "
            "ask of the real-time server.\"},\"servers\":[{\"url\":\"" API_PREFIX
            "\"}],\"security\":[{\"key\":[]}],\"paths\":{");
    put_paths(&w);
    put(&w, "},\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\","
            "\"description\":\"The setting "
            "API_KEY.\"}},\"parameters\":{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
            "\"schema\":{\"type\":"
            "\"string\",\"minLength\":1,\"maxLength\":128},\"description\":\"A request repeated with the "
            "same key is answered as the "
            "first time and has no further effect; another request with that key is refused with 422. Inside "
            "a batch the key "
            "counts for each request and its place.\"}},\"responses\":{\"Refusal\":{\"description\":\"Why "
            "not.\",\"content\":{"
            "\"application/"
            "json\":{\"schema\":{\"type\":\"object\",\"required\":[\"success\",\"message\",\"errors\"],"
            "\"properties\":{"
            "\"success\":{\"const\":false},\"message\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\","
            "\"items\":{\"type\":"
            "\"object\",\"required\":[\"path\",\"message\"],\"properties\":{\"path\":{\"type\":\"string\"},"
            "\"message\":{\"type\":"
            "\"string\"}}}}}}}}}}}}");
    return w.err;
}
