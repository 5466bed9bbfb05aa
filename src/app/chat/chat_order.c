#include "app/chat/chat_order.h"

static chat_item *take_first(chat_order *o)
{
    chat_item *item = o->first;

    o->first = item->next;
    o->n--;
    o->bytes -= item->n;
    return item;
}

void chat_order_fini(chat_order *o)
{
    while (o->first)
        free(take_first(o));
    *o = (chat_order){.next = 0};
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

bool chat_order_started(const chat_order *o) { return o->next > 0; }

bool chat_order_start(chat_order *o, int64_t base)
{
    int64_t from = base;

    if (chat_order_started(o))
        return false;
    if (o->first && o->first->seq - 1 < from)
        from = o->first->seq - 1 > base - CHAT_ORDER_BACK ? o->first->seq - 1 : base - CHAT_ORDER_BACK;
    if (from < 0)
        from = 0;
    o->next = from + 1;
    while (o->first && o->first->seq < o->next)
        free(take_first(o));
    if (o->seen < base)
        o->seen = base;
    return true;
}

/* ---- coming in -------------------------------------------------------------------------------------- */

void chat_order_note(chat_order *o, int64_t seq)
{
    if (seq > o->seen)
        o->seen = seq;
    if (seq > o->noted)
        o->noted = seq;
}

/* The last one goes: those before it are wanted sooner. */
static void drop_last(chat_order *o)
{
    chat_item **at = &o->first;

    while ((*at)->next)
        at = &(*at)->next;
    chat_order_note(o, (*at)->seq);
    o->n--;
    o->bytes -= (*at)->n;
    free(*at);
    *at = NULL;
}

bool chat_order_put(chat_order *o, chat_item *item)
{
    chat_item **at = &o->first;

    while (*at && (*at)->seq < item->seq)
        at = &(*at)->next;
    if (item->seq < o->next || (*at && (*at)->seq == item->seq)) {
        free(item);
        return false;
    }
    item->next = *at;
    item->round = o->round;
    *at = item;
    o->n++;
    o->bytes += item->n;
    if (item->seq > o->seen)
        o->seen = item->seq;
    while (o->n > CHAT_ORDER_ITEMS || (o->bytes > CHAT_ORDER_BYTES && o->n > 1))
        drop_last(o);
    return true;
}

/* ---- going out -------------------------------------------------------------------------------------- */

/* Up to `sure` nothing more will come: what is missing there is passed over. */
static void pass_over(chat_order *o, int64_t *skipped)
{
    int64_t to = o->sure + 1;

    if (o->first && o->first->seq < to)
        to = o->first->seq;
    if (to <= o->next)
        return;
    if (skipped)
        *skipped += to - o->next;
    o->next = to;
}

chat_item *chat_order_pop(chat_order *o, int64_t *skipped)
{
    if (!chat_order_started(o))
        return NULL;
    pass_over(o, skipped);
    if (!o->first || o->first->seq != o->next)
        return NULL;
    o->next++;
    return take_first(o);
}

/* ---- the database ----------------------------------------------------------------------------------- */

bool chat_order_gap(const chat_order *o) { return chat_order_started(o) && o->next <= o->seen; }

void chat_order_ask(chat_order *o)
{
    o->round++;
    o->noted = 0;
}

unsigned chat_order_told(chat_order *o, int64_t upto, int64_t head)
{
    unsigned refused = 0;
    chat_item **at = &o->first;

    o->seen = head > o->noted ? head : o->noted;
    while (*at) {
        chat_item *item = *at;

        if (item->seq > head && item->round != o->round) {
            *at = item->next;
            o->n--;
            o->bytes -= item->n;
            free(item);
            refused++;
            continue;
        }
        if (item->seq > o->seen)
            o->seen = item->seq;
        at = &item->next;
    }
    if (upto > o->sure)
        o->sure = upto;
    return refused;
}
