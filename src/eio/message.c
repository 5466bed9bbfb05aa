/* Messages framed once: [headroom for a WebSocket head]['4' for text][payload]. The WebSocket frame and the
 * polling text are both slices of the same bytes, so a broadcast needs one encoding for every client. */
#include "eio/eio_int.h"

static size_t prefix_of(const blob *m)
{
    return m->tag & EIO_TAG_BINARY ? 0 : 1;
}

blob *eio_message_new(bool binary, size_t n, char **payload)
{
    size_t prefix = binary ? 0 : 1;
    blob *m = blob_new(WS_MAX_HEAD + prefix + n);

    if (!m)
        return NULL;
    m->tag = binary ? EIO_TAG_BINARY : 0;
    if (!binary)
        m->p[WS_MAX_HEAD] = '4';
    *payload = m->p + WS_MAX_HEAD + prefix;
    return m;
}

void eio_message_seal(blob *m)
{
    uint8_t head[WS_MAX_HEAD];
    size_t len = m->n - WS_MAX_HEAD;
    size_t nhead = ws_put_head(head, m->tag & EIO_TAG_BINARY ? WS_BINARY : WS_TEXT, len);

    m->start = (uint32_t)(WS_MAX_HEAD - nhead);
    memcpy(m->p + m->start, head, nhead);
}

void eio_message_uncompressed(blob *m)
{
    m->tag |= EIO_TAG_UNCOMPRESSED;
    blob_keep_unpacked(m);
}

sio_str eio_message_payload(const blob *m)
{
    size_t at = WS_MAX_HEAD + prefix_of(m);

    return (sio_str){m->p + at, m->n - at};
}
