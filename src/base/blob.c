#include "base/blob.h"

#include <stdlib.h>
#include <string.h>

blob *blob_new(size_t n)
{
    blob *b;

    if (n > UINT32_MAX)
        return NULL;
    b = malloc(sizeof(*b) + n);
    if (b)
        *b = (blob){.refs = 1, .n = (uint32_t)n};
    return b;
}

blob *blob_clone(const blob *b)
{
    blob *copy = blob_new(b->n);

    if (!copy)
        return NULL;
    copy->start = b->start;
    copy->tag = b->tag;
    copy->packed = blob_is_unpacked(b) ? copy : NULL;
    memcpy(copy->p, b->p, b->n);
    return copy;
}

/* By itself, so that all but the last drop, of which each delivery has one, need no frame on the stack. */
static __attribute__((noinline)) void blob_free(blob *b)
{
    if (!blob_is_unpacked(b))
        blob_drop(b->packed);
    free(b);
}

void blob_drop(blob *b)
{
    if (b && --b->refs == 0)
        blob_free(b);
}
