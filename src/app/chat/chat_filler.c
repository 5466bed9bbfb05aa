/* Messages that others wrote into the database get their numbers, and the room hears of them. */
#include "app/chat/chat_int.h"

#include <stdlib.h>

void chat_filler_fini(chat_filler *f)
{
    chat_page_free(f->page);
    f->page = NULL;
}

/* A room that nobody had used through us has no listeners who would miss them; and a history is not read out
 * aloud. */
static bool is_told(const chat_fill *f) { return f->was_used && f->n > 0 && f->n <= CHAT_PAGE_MAX; }

/* Runs possibly twice, so what the first run left is cleared. */
int chat_filler_step(chat_filler *f, db_conn *c, sio_str room_id)
{
    int err;

    f->step = (chat_fill){.from_ms = f->from_ms};
    err = chat_store_fill(c, room_id, &f->step);
    if (err < 0)
        return err;
    chat_filler_fini(f);
    if (!is_told(&f->step))
        return 0;
    if (!(f->page = chat_page_new()))
        return SIO_ENOMEM;
    return chat_store_after(c, room_id, sio_lit(""), f->step.after, (unsigned)f->step.n, f->page);
}

bool chat_filler_more(chat_filler *f)
{
    f->from_ms = f->step.from_ms;
    return f->step.more;
}

int chat_filler_all(chat_filler *f, db_conn *c, sio_str room_id, const chat_door *d, int64_t now_ms)
{
    bool unfilled;
    int err;

    chat_filler_fini(f);
    err = chat_store_late(c, room_id, d, now_ms, &unfilled);
    if (err < 0 || !unfilled)
        return err;
    f->from_ms = chat_store_fill_from(d);
    do
        err = chat_filler_step(f, c, room_id);
    while (err == 0 && chat_filler_more(f));
    return err;
}

void chat_filler_tell(const chat_filler *f, sio_ns *ns, sio_str room_id)
{
    unsigned n = f->page ? chat_page_len(f->page) : 0;
    chat_room room;
    chat_val v;

    if (n > 0)
        chat_room_init(&room, room_id);
    for (unsigned i = 0; i < n; i++) {
        const chat_message *m = chat_page_at(f->page, i);

        chat_tell(ns, &room, CHAT_NEW_MESSAGE, m->seq, chat_val_make(&v, m));
    }
}
