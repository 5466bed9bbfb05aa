#include "app/chat/chat_pages.h"
#include "app/chat/chat_int.h"

#include <stdlib.h>

struct chat_pages {
    chat_page  *page;
    chat_filler fill;
    chat_door   door;
    chat_list   list;
};

chat_pages *chat_pages_new(void)
{
    chat_pages *p = calloc(1, sizeof(*p));

    if (!p || !(p->page = chat_page_new())) {
        free(p);
        return NULL;
    }
    return p;
}

void chat_pages_free(chat_pages *p)
{
    if (!p)
        return;
    chat_list_fini(&p->list);
    chat_filler_fini(&p->fill);
    chat_page_free(p->page);
    free(p);
}

/* The user nobody is. */
static int open_door(chat_pages *p, db_conn *c, sio_str room_id)
{
    int err = chat_store_door(c, room_id, sio_lit(""), &p->door);

    return err < 0 || p->door.exists ? err : SIO_ENOENT;
}

int chat_pages_read(chat_pages *p, db_conn *c, sio_str room_id, int64_t before, int64_t after, unsigned limit,
                    bool *unfilled)
{
    int64_t from_ms;
    int err = open_door(p, c, room_id);

    *unfilled = false;
    if (err == 0)
        err = chat_store_unfilled(c, room_id, &p->door, unfilled, &from_ms);
    if (err < 0 || *unfilled)
        return err;
    if (after >= 0)
        return chat_store_after(c, room_id, sio_lit(""), after, limit, p->page);
    return chat_store_before(c, room_id, sio_lit(""), before >= 0 ? before : INT64_MAX, limit, p->page);
}

/* As in a read job, from the newest it is known where to start, which finds more than the door alone. */
int chat_pages_fill(chat_pages *p, db_conn *c, sio_str room_id)
{
    bool unfilled;
    int err = open_door(p, c, room_id);

    if (err == 0)
        err = chat_store_unfilled(c, room_id, &p->door, &unfilled, &p->fill.from_ms);
    if (err < 0 || !unfilled)
        return err;
    do
        err = chat_filler_step(&p->fill, c, room_id);
    while (err == 0 && chat_filler_more(&p->fill));
    return err;
}

void chat_pages_tell(const chat_pages *p, app *a, sio_str room_id)
{
    chat_filler_tell(&p->fill, a->ns, room_id);
}

int chat_pages_val(chat_pages *p, sio_val *out)
{
    chat_list_fini(&p->list);
    if (chat_list_init(&p->list, p->page) < 0)
        return SIO_ENOMEM;
    *out = p->list.val;
    return 0;
}

bool chat_pages_more(const chat_pages *p) { return chat_page_more(p->page); }
int64_t chat_pages_last_seq(const chat_pages *p) { return p->door.last_seq; }
