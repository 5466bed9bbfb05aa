/* Frames as a client sends them, for tests of the WebSocket parser. */
#ifndef CODEC_WS_FRAMES_TEST_H
#define CODEC_WS_FRAMES_TEST_H

#include "base/testing.h"
#include "codec/ws.h"

#include <stdlib.h>

#define FIN 0x80

static const ws_limits limits = {.max_message = 10000, .max_fragments = 20};

/* Appends a masked frame; the mask is none that bytes of a test are likely to hide behind. */
static inline void put_frame(buf *b, unsigned first, const char *p, size_t n)
{
    static const uint8_t mask[4] = {0x91, 0x3e, 0xc5, 0x07};
    uint8_t head[WS_MAX_HEAD];
    size_t len = ws_put_head(head, WS_TEXT, n);

    head[0] = (uint8_t)first;
    head[1] |= 0x80;
    assert_int_equal(buf_add(b, head, len), 0);
    assert_int_equal(buf_add(b, mask, 4), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_putc(b, (char)((uint8_t)p[i] ^ mask[i & 3])), 0);
}

static inline void put_frame_z(buf *b, unsigned first, const char *z)
{
    put_frame(b, first, z, strlen(z));
}

static inline void put_filled(buf *b, unsigned first, size_t n)
{
    char *p = malloc(n + !n);

    assert_non_null(p);
    memset(p, 'x', n);
    put_frame(b, first, p, n);
    free(p);
}

static inline buf frames(void)
{
    buf b;

    buf_init(&b, 1 << 20);
    return b;
}

#endif
