/* One message with an acknowledgement, and the time until that comes. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { HEAD_MAX = 64, TEXT_MAX = 65536 };

void echo_init(echo *e, const options *o, uint32_t ring)
{
    bool list = strcmp(o->form, "partyline") == 0;
    size_t size = strlen(o->ev_echo) + (size_t)o->payload + 16;
    int n;

    e->ring = ring;
    e->text = malloc(size);
    if (!e->text)
        abort();
    n = snprintf(e->text, size, "[\"%s\",%s\"", o->ev_echo, list ? "[" : "");
    memset(e->text + n, 'x', (size_t)o->payload);
    n += o->payload;
    n += snprintf(e->text + n, size - (size_t)n, list ? "\"]]" : "\"]");
    e->text_len = (size_t)n;
}

void echo_fini(echo *e)
{
    free(e->text);
}

void echo_attach(const echo *e, conn *c)
{
    free(c->sent_ns);
    c->sent_ns = calloc(e->ring, sizeof(*c->sent_ns));
    if (!c->sent_ns)
        abort();
}

void echo_send(const echo *e, gen *g, conn *c, uint64_t at_ns)
{
    char text[HEAD_MAX + TEXT_MAX];
    int n = snprintf(text, HEAD_MAX, "42%ju", (uintmax_t)c->next_id);

    memcpy(text + n, e->text, e->text_len);
    c->sent_ns[c->next_id % e->ring] = at_ns;
    c->next_id++;
    c->outstanding++;
    conn_send(g, c, text, (size_t)n + e->text_len);
}

int64_t echo_answered(const echo *e, gen *g, conn *c, uint64_t id)
{
    if (id >= c->next_id || c->outstanding == 0) {
        gen_fail(g, "ack %ju was never asked for", (uintmax_t)id);
        return -1;
    }
    c->outstanding--;
    return (int64_t)(g->now_ns - c->sent_ns[id % e->ring]);
}
