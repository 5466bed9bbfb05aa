/* What an event asks for, in terms of the HTTP API. */
#include "app/bus/bus_int.h"
#include "base/siphash.h"
#include "codec/json.h"
#include "codec/val.h"

#include <stdio.h>

static const struct bus_type {
    const char *name, *target;
    bool        wrapped;   /* the API wants type and payload, else the payload alone */
    bool        for_each;  /* each server may tell its own clients */
} types[] = {
    {"PARTY_LIVE", "/events", true, true},
    {"PARTY_MEDIA_ADDED", "/events", true, true},
    {"PARTY_STATUS_CHANGED", "/events", true, true},
    {"NOTIFICATION", "/notifications", false, false},
    {"EMIT", "/emit", false, false},
};

static const struct bus_type *type_find(sio_str name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (sio_str_eq(name, sio_str_z(types[i].name)))
            return &types[i];
    return NULL;
}

/* The key is the event's own id, whichever way it came, so that one sent both ways counts once. */
static bool set_key(bus_event *e, sio_str id, sio_str entry)
{
    int n = id.n ? snprintf(e->key, sizeof(e->key), "bus:%.*s", (int)id.n, id.p)
                 : snprintf(e->key, sizeof(e->key), "bus:#%.*s", (int)entry.n, entry.p);

    if (n >= (int)sizeof(e->key))
        return false;
    if (id.n || entry.n)
        e->act.key = (sio_str){e->key, (size_t)n};
    return true;
}

static const char *fill(bus_event *e, sio_str type, sio_val payload, sio_str id, sio_str entry)
{
    const struct bus_type *t = type_find(type);
    unsigned nbins = 0;
    int err;

    if (!t)
        return "type is none that is known";
    if (sio_kind_of(payload) != SIO_OBJECT)
        return "payload must be an object";
    if (!set_key(e, id, entry))
        return "id is too long";
    if (!e->act.key.n && !t->for_each)
        return "id is missing: every server hears the channel, and one is to act";
    e->act.target = sio_str_z(t->target);
    e->act.here = !e->act.key.n;
    err = val_to_json(&e->body, t->wrapped ? sio_obj("type", t->name, "payload", payload) : payload, NULL, 0,
                      &nbins);
    e->act.body = buf_str(&e->body);
    return err < 0 ? "it is too large" : NULL;
}

static void event_init(bus_event *e)
{
    *e = (bus_event){0};
    buf_init(&e->body, BUS_EVENT_MAX + 64);
}

void bus_event_fini(bus_event *e) { buf_fini(&e->body); }

/* Types and ids have no escapes; one that has is none of ours. */
const char *bus_event_read(bus_event *e, sio_str json, bus_way way, sio_str entry)
{
    sio_str text, type, id = {0};
    sio_val v, given;

    event_init(e);
    if (json.n > BUS_EVENT_MAX)
        return "it is too large";
    if (!json_valid(json, &text) || json_kind_of(text) != JSON_OBJECT)
        return "it is no JSON object";
    v = sio_json(text);
    given = sio_get(v, "id");
    if (!sio_text(sio_get(v, "type"), NULL, &type))
        return "type is missing";
    if (sio_kind_of(given) > SIO_NULL && (!sio_text(given, NULL, &id) || !id.n))
        return "id must be a text";
    return fill(e, type, sio_get(v, "payload"), id, way == BUS_STREAM ? entry : (sio_str){0});
}

const char *bus_event_fields(bus_event *e, sio_str type, sio_str payload, sio_str id, sio_str entry)
{
    sio_str text;

    event_init(e);
    if (payload.n > BUS_EVENT_MAX)
        return "it is too large";
    if (!json_valid(payload, &text))
        return "payload is no JSON";
    return fill(e, type, sio_json(text), id, entry);
}

/* Ids of jobs begin anew when Redis was flushed: so the data is part of the key. */
static void set_job_key(bus_event *e, sio_str name, sio_str data, sio_str id)
{
    static const uint64_t key[2] = {1, 2};
    int n = snprintf(e->key, sizeof(e->key), "job:%016llx%016llx%016llx",
                     (unsigned long long)siphash13(key, id.p, id.n),
                     (unsigned long long)siphash13(key, name.p, name.n),
                     (unsigned long long)siphash13(key, data.p, data.n));

    e->act.key = (sio_str){e->key, (size_t)n};
}

const char *bus_event_job(bus_event *e, sio_str name, sio_str data, sio_str id)
{
    static const char *const jobs[][2] = {{"notification", "/notifications"}, {"party-event", "/events"},
                                          {"emit", "/emit"}};

    event_init(e);
    if (data.n > BUS_EVENT_MAX)
        return "data is too large";
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        if (sio_str_eq(name, sio_str_z(jobs[i][0])))
            e->act.target = sio_str_z(jobs[i][1]);
    if (!e->act.target.p)
        return "name must be notification, party-event or emit";
    if (sio_kind_of(sio_json(data)) != SIO_OBJECT)
        return "data must be an object";
    set_job_key(e, name, data, id);
    e->act.body = data;
    return NULL;
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static void add_text(char out[BUS_TEXT_MAX], sio_val v)
{
    size_t used = strlen(out);
    sio_str text;

    if (sio_text(v, NULL, &text))
        snprintf(out + used, BUS_TEXT_MAX - used, "%s%.*s", used ? " " : "", (int)text.n, text.p);
}

void bus_reason(int status, sio_str answer, char out[BUS_TEXT_MAX])
{
    sio_val v = answer.n ? sio_json(answer) : sio_undefined, first = sio_at(sio_get(v, "errors"), 0);

    out[0] = '\0';
    if (sio_kind_of(first) == SIO_OBJECT) {
        add_text(out, sio_get(first, "path"));
        add_text(out, sio_get(first, "message"));
    } else {
        add_text(out, sio_get(v, "message"));
    }
    if (!out[0])
        snprintf(out, BUS_TEXT_MAX, "status %d", status);
}
