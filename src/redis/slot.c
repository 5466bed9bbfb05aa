/* Which slot of a Redis Cluster a command belongs to. */
#include "redis/cluster_int.h"

#include <strings.h>

/* CRC-16/XMODEM, four bits at a time. */
static unsigned crc16(const char *p, size_t n)
{
    static const uint16_t step[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                      0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    unsigned crc = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned byte = (unsigned char)p[i];
        crc = (crc << 4 ^ step[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
        crc = (crc << 4 ^ step[(crc >> 12 ^ byte) & 15]) & 0xffff;
    }
    return crc;
}

/* The hash tag is what stands between the first { and the next }, unless that is nothing. */
int slot_of(sio_str key)
{
    const char *open = key.n ? memchr(key.p, '{', key.n) : NULL, *close;

    if (open) {
        open++;
        close = memchr(open, '}', (size_t)(key.p + key.n - open));
        if (close && close > open)
            return (int)(crc16(open, (size_t)(close - open)) % CLUSTER_SLOTS);
    }
    return (int)(crc16(key.p, key.n) % CLUSTER_SLOTS);
}

/* ---- where the key stands ---- */

enum { KEYLESS = 0, BEHIND_COUNT = -1, BEHIND_STREAMS = -2 };

/* Commands whose first argument is not their first key. */
static const struct {
    const char *word;
    int         key;
} places[] = {
    {"ACL", KEYLESS}, {"AUTH", KEYLESS}, {"BGSAVE", KEYLESS}, {"CLIENT", KEYLESS}, {"CLUSTER", KEYLESS},
    {"COMMAND", KEYLESS}, {"CONFIG", KEYLESS}, {"DBSIZE", KEYLESS}, {"DEBUG", KEYLESS}, {"ECHO", KEYLESS},
    {"FLUSHALL", KEYLESS}, {"FLUSHDB", KEYLESS}, {"FUNCTION", KEYLESS}, {"HELLO", KEYLESS},
    {"INFO", KEYLESS}, {"KEYS", KEYLESS}, {"LATENCY", KEYLESS}, {"PING", KEYLESS}, {"PUBLISH", KEYLESS},
    {"PUBSUB", KEYLESS}, {"RANDOMKEY", KEYLESS}, {"ROLE", KEYLESS}, {"SCAN", KEYLESS},
    {"SCRIPT", KEYLESS}, {"SLOWLOG", KEYLESS}, {"TIME", KEYLESS}, {"WAIT", KEYLESS},
    {"EVAL", BEHIND_COUNT}, {"EVALSHA", BEHIND_COUNT}, {"EVAL_RO", BEHIND_COUNT},
    {"EVALSHA_RO", BEHIND_COUNT}, {"FCALL", BEHIND_COUNT}, {"FCALL_RO", BEHIND_COUNT},
    {"BLMPOP", BEHIND_COUNT}, {"BZMPOP", BEHIND_COUNT}, {"XREAD", BEHIND_STREAMS},
    {"XREADGROUP", BEHIND_STREAMS}, {"BITOP", 2}, {"LMPOP", 2}, {"MEMORY", 2}, {"OBJECT", 2},
    {"SINTERCARD", 2}, {"XGROUP", 2}, {"XINFO", 2}, {"ZDIFF", 2}, {"ZINTER", 2}, {"ZINTERCARD", 2},
    {"ZMPOP", 2}, {"ZUNION", 2}, {"MIGRATE", 3},
};

bool slot_is_word(sio_str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static int place_of(sio_str word)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (slot_is_word(word, places[i].word))
            return places[i].key;
    return 1;
}

static unsigned behind_streams(const sio_str *argv, unsigned argc)
{
    for (unsigned i = 1; i + 1 < argc; i++)
        if (slot_is_word(argv[i], "STREAMS"))
            return i + 1;
    return 0;
}

int slot_of_command(const sio_str *argv, unsigned argc)
{
    int place = argc ? place_of(argv[0]) : KEYLESS;
    unsigned at = place > 0 ? (unsigned)place : 0;

    if (place == BEHIND_COUNT) /* WORD what COUNT key... */
        at = argc > 3 && !sio_str_eq(argv[2], sio_lit("0")) ? 3 : 0;
    else if (place == BEHIND_STREAMS)
        at = behind_streams(argv, argc);
    return at && at < argc ? slot_of(argv[at]) : -1;
}
