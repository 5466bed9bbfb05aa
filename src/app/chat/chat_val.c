/* Messages as values. */
#include "app/chat/chat_int.h"

#include <stdio.h>
#include <stdlib.h>

static void put(sio_val **at, const char *key, sio_val v)
{
    *(*at)++ = sio_v(key);
    *(*at)++ = v;
}

static void put_time(sio_val **at, const char *key, int64_t ms, char text[APP_ISO_SIZE])
{
    app_iso(ms, text);
    put(at, key, sio_v((const char *)text));
}

static sio_val sender_val(chat_val *v, const chat_message *m)
{
    sio_val *at = v->sender;

    put(&at, "id", sio_v(m->sender_id));
    put(&at, "username", sio_v(m->username));
    put(&at, "avatarUrl", sio_v(m->avatar_url));
    return sio_members(v->sender, 6);
}

static sio_val reply_val(chat_val *v, const chat_message *m)
{
    sio_val *at = v->reply;

    put(&at, "id", sio_v(m->reply_id));
    put(&at, "senderId", sio_v(m->reply_sender_id));
    put(&at, "username", sio_v(m->reply_username));
    put(&at, "content", m->reply_content.p ? sio_v(m->reply_content) : sio_v(""));
    put(&at, "type", m->reply_type.p ? sio_v(m->reply_type) : sio_v(message_type_names[MESSAGE_TEXT]));
    put(&at, "deleted", sio_v((bool)(m->reply_deleted || !m->reply_type.p)));
    return sio_members(v->reply, (size_t)(at - v->reply));
}

static sio_val reactions_val(chat_val *v, const chat_message *m)
{
    for (unsigned i = 0; i < m->nreactions; i++) {
        sio_val *at = v->reaction_item[i];

        put(&at, "emoji", sio_v(m->reaction[i].emoji));
        put(&at, "count", sio_v(m->reaction[i].count));
        put(&at, "mine", sio_v(m->reaction[i].mine));
        v->reaction[i] = sio_members(v->reaction_item[i], 6);
    }
    return sio_list(v->reaction, m->nreactions);
}

sio_val chat_val_make(chat_val *v, const chat_message *m)
{
    sio_val *at = v->item;

    put(&at, "id", sio_v(m->id));
    put(&at, "roomId", sio_v(m->room_id));
    put(&at, "senderId", sio_v(m->sender_id));
    put(&at, "sender", sender_val(v, m));
    put(&at, "content", sio_v(m->content));
    put(&at, "type", sio_v(m->type));
    put(&at, "mediaUrl", sio_v(m->media_url));
    put_time(&at, "createdAt", m->created_ms, v->created_at);
    put(&at, "seq", sio_v(m->seq));
    put(&at, "rev", sio_v(m->rev));
    if (m->client_id.p)
        put(&at, "clientId", sio_v(m->client_id));
    if (m->edited_ms)
        put_time(&at, "editedAt", m->edited_ms, v->edited_at);
    if (m->deleted_ms)
        put_time(&at, "deletedAt", m->deleted_ms, v->deleted_at);
    if (m->reply_id.p)
        put(&at, "replyTo", reply_val(v, m));
    if (m->nreactions)
        put(&at, "reactions", reactions_val(v, m));
    return sio_members(v->item, (size_t)(at - v->item));
}

/* ---- lists ------------------------------------------------------------------------------------------ */

int chat_list_init(chat_list *l, const chat_page *p)
{
    unsigned n = chat_page_len(p);

    l->items_ = malloc((n + 1) * sizeof(*l->items_));
    l->vals_ = malloc((n + 1) * sizeof(*l->vals_));
    if (!l->items_ || !l->vals_)
        return SIO_ENOMEM;
    for (unsigned i = 0; i < n; i++)
        l->items_[i] = chat_val_make(&l->vals_[i], chat_page_at(p, i));
    l->val = sio_list(l->items_, n);
    return 0;
}

void chat_list_fini(chat_list *l)
{
    free(l->items_);
    free(l->vals_);
    *l = (chat_list){.items_ = NULL};
}

/* ---- texts ------------------------------------------------------------------------------------------ */

static const char *find_surrogate(const char *p, const char *end)
{
    for (; p < end && (p = memchr(p, 0xed, (size_t)(end - p))); p++) {
        if (end - p >= 3 && (unsigned char)p[1] >= 0xa0)
            return p;
    }
    return NULL;
}

/* JavaScript strings may hold half a pair of surrogates, which is no text: it becomes U+FFFD, as in every
 * decoder. */
int chat_text_mend(sio_in *in, sio_str *s)
{
    const char *end, *bad;
    char *copy;

    if (!s->n)
        return 0; /* p may be NULL: an absent member */
    end = s->p + s->n;
    if (!(bad = find_surrogate(s->p, end)))
        return 0;
    copy = sio_alloc(in, s->n);
    if (!copy)
        return SIO_ENOMEM;
    memcpy(copy, s->p, s->n);
    for (; bad; bad = find_surrogate(bad + 3, end))
        memcpy(copy + (bad - s->p), "\xef\xbf\xbd", 3);
    s->p = copy;
    return 0;
}

bool chat_content_fits(sio_socket *s, sio_in *in, sio_str content)
{
    int64_t max = app_of(s)->opt.chat_max_content, n = 0;
    char text[80];

    for (size_t i = 0; i < content.n; i++)
        n += ((unsigned char)content.p[i] & 0xc0) != 0x80; /* code points: all but continuation bytes */
    if (n <= max)
        return true;
    snprintf(text, sizeof(text), "content must have at most %lld characters", (long long)max);
    app_refuse(s, in, APP_TOO_LONG, text);
    return false;
}

bool chat_has_nul(sio_str s) { return s.n && memchr(s.p, 0, s.n); }
