/* Chunked bodies (RFC 9112 7.1), incrementally: extensions and trailers are checked, bounded and dropped. */
#include "codec/http1.h"

#include "sio_err.h"

#define MAX_SIZE_LINE 256  /* digits and extensions of one chunk */
#define MAX_TRAILERS  4096 /* all trailer lines together */
#define MAX_DIGITS    15   /* so that `left` cannot overflow */

enum chunked_state {
    SIZE_FIRST, SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_FIRST, TRAILER, TRAILER_LF, END_LF,
    DONE, FAILED
};

void http1_chunked_init(http1_chunked *c)
{
    *c = (http1_chunked){.state = SIZE_FIRST};
}

static enum chunked_state size_byte(http1_chunked *c, char ch)
{
    int digit = ch >= '0' && ch <= '9'   ? ch - '0'
                : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                         : -1;

    if (digit >= 0) {
        c->left = c->left << 4 | (uint64_t)digit;
        return c->line <= MAX_DIGITS ? SIZE : FAILED;
    }
    if (c->state == SIZE_FIRST)
        return FAILED;
    return ch == ';' ? EXTENSION : ch == '\r' ? SIZE_LF : FAILED;
}

/* Inside an extension or a trailer line: anything but control characters up to CR. */
static enum chunked_state text_byte(enum chunked_state stay, enum chunked_state at_cr, char ch)
{
    if (ch == '\r')
        return at_cr;
    return ((uint8_t)ch < 0x20 && ch != '\t') || ch == 0x7f ? FAILED : stay;
}

static enum chunked_state after_size(http1_chunked *c)
{
    c->line = 0;
    return c->left ? DATA : TRAILER_FIRST;
}

/* The next state after one byte that is not data. */
static enum chunked_state step(http1_chunked *c, char ch)
{
    if (++c->line > (c->state >= TRAILER_FIRST ? MAX_TRAILERS : MAX_SIZE_LINE))
        return FAILED;
    switch ((enum chunked_state)c->state) {
    case SIZE_FIRST:
    case SIZE:
        return size_byte(c, ch);
    case EXTENSION:
        return text_byte(EXTENSION, SIZE_LF, ch);
    case SIZE_LF:
        return ch == '\n' ? after_size(c) : FAILED;
    case DATA_CR:
        return ch == '\r' ? DATA_LF : FAILED;
    case DATA_LF:
        c->line = 0;
        return ch == '\n' ? SIZE_FIRST : FAILED;
    case TRAILER_FIRST: /* a line of white space would be a fold */
        return ch == '\r' ? END_LF : ch == ' ' || ch == '\t' ? FAILED : text_byte(TRAILER, TRAILER_LF, ch);
    case TRAILER:
        return text_byte(TRAILER, TRAILER_LF, ch);
    case TRAILER_LF:
        return ch == '\n' ? TRAILER_FIRST : FAILED;
    case END_LF:
        return ch == '\n' ? DONE : FAILED;
    default:
        return FAILED;
    }
}

/* Moves the data of the current chunk down to p + out; returns how many bytes that were. */
static size_t move_data(http1_chunked *c, char *p, size_t out, size_t at, size_t n)
{
    size_t m = c->left < n - at ? (size_t)c->left : n - at;

    memmove(p + out, p + at, m);
    c->left -= m;
    if (c->left == 0)
        c->state = DATA_CR;
    return m;
}

int http1_chunked_feed(http1_chunked *c, char *p, size_t n, size_t *used, size_t *out)
{
    size_t at = 0, body = 0;

    while (at < n && c->state < DONE) {
        if (c->state == DATA) {
            size_t m = move_data(c, p, body, at, n);

            at += m;
            body += m;
        } else {
            c->state = (uint8_t)step(c, p[at++]);
        }
    }
    if (c->state == FAILED)
        return SIO_EPARSE;
    *used = at;
    *out = body;
    return c->state == DONE;
}
