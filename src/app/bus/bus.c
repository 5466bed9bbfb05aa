/* The channel, and the life of the bus. */
#include "app/bus/bus_int.h"
#include "base/log.h"
#include "jobs/jobs.h"
#include "sio/home.h"

#include <stdlib.h>

/* Events of the channel under way; what comes then is dropped, as it is when nobody listens. */
#define CHANNEL_MAX 10000

bool bus_refused_says(bus *b)
{
    int64_t now = sio_now(b->a->io);

    app_count(b->a, bus_refused);
    if (now - b->said_ms < 1000)
        return false;
    b->said_ms = now;
    return true;
}

static void on_done(void *arg, int status, sio_str answer)
{
    bus *b = arg;
    char reason[BUS_TEXT_MAX];

    b->under_way--;
    if (status >= 200 && status < 300) {
        app_count(b->a, bus_events);
        return;
    }
    bus_reason(status, answer, reason);
    if (bus_refused_says(b))
        log_warn("an event of the bus was not done: %s", reason);
}

static void on_message(void *arg, sio_str channel, sio_str payload, sio_str pattern)
{
    bus *b = arg;
    bus_event e;
    const char *fault = bus_event_read(&e, payload, BUS_CHANNEL, (sio_str){0});

    (void)channel, (void)pattern;
    if (!fault && b->under_way >= CHANNEL_MAX)
        fault = "too many are under way";
    if (fault) {
        if (bus_refused_says(b))
            log_warn("an event of the bus was refused: %s", fault);
    } else {
        b->under_way++;
        api_act_go(b->a, &e.act, on_done, b);
    }
    bus_event_fini(&e);
}

static int channel_start(bus *b)
{
    redis_options o;
    int err;

    redis_options_init(&o);
    o.url = b->a->opt.redis_url;
    o.max_reply = BUS_EVENT_MAX * 4;
    o.name = "partyline-bus";
    if ((err = redis_new(&b->channel, sio_home_net(b->a->io, 0), &o)) < 0)
        return err;
    return redis_subscribe(b->channel, REDIS_CHANNEL, sio_str_z(b->a->opt.bus_channel), on_message, NULL, b);
}

int bus_attach(app *a)
{
    bus *b;
    int err = 0;

    if (!a->opt.redis_url || (!a->opt.bus_channel && !a->opt.bus_stream && !a->opt.inbox))
        return 0;
    if (!(b = a->bus = calloc(1, sizeof(*b))))
        return SIO_ENOMEM;
    b->a = a;
    if (a->opt.bus_channel)
        err = channel_start(b);
    if (err == 0 && a->opt.bus_stream)
        err = bus_stream_new(&b->stream, b);
    return err == 0 && a->opt.inbox ? bus_queue_new(&b->queue, b) : err;
}

void bus_detach(app *a)
{
    jobs_free(a->opt.inbox);
    a->opt.inbox = NULL;
    if (!a->bus)
        return;
    redis_free(a->bus->channel);
    bus_stream_free(a->bus->stream);
    bus_queue_free(a->bus->queue);
    free(a->bus);
    a->bus = NULL;
}
