/* Jobs of BullMQ as the scripts answer: fields of a hash, one on each line of the input, whatever they hold;
 * and options of ours, which must read back as they were written. */
#include "jobs/bull_job.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static void check_plan(const bull_plan *p)
{
    CHECK(p->attempts >= 1 && p->backoff_ms >= -1 && p->jitter >= 0 && p->jitter <= 1);
    CHECK(p->on_complete.count >= -1 && p->on_complete.age_s >= 0 && p->on_fail.count >= -1 &&
          p->on_fail.age_s >= 0);
    CHECK(jobs_backoff_ms(p->backoff, p->backoff_ms, p->jitter, 3, 0.5) >= -1);
}

/* What was understood is written, and is understood the same. */
static void check_round(const bull_plan *p)
{
    job_options o = {.attempts = p->attempts, .backoff = p->backoff, .backoff_ms = p->backoff_ms,
                     .jitter = p->jitter,
                     .lifo = p->lifo, .on_complete = p->on_complete, .on_fail = p->on_fail};
    bull_plan back;
    buf b;

    buf_init(&b, BULL_OPTS_MAX);
    CHECK(bull_opts_write(&b, &o) == 0);
    CHECK(bull_plan_read(&back, buf_str(&b)));
    CHECK(back.attempts == p->attempts && back.backoff == p->backoff && back.lifo == p->lifo);
    CHECK(back.on_complete.count == p->on_complete.count && back.on_fail.count == p->on_fail.count);
    CHECK(p->on_complete.count == 0 || back.on_complete.age_s == p->on_complete.age_s);
    CHECK(back.backoff == JOB_NO_BACKOFF || back.backoff_ms == p->backoff_ms);
    buf_fini(&b);
}

static uint32_t lines(const char *p, size_t n, resp_val *item, uint32_t max)
{
    uint32_t count = 0;

    while (count < max) {
        const char *end = n ? memchr(p, '\n', n) : NULL;
        size_t len = end ? (size_t)(end - p) : n;

        item[count++] = (resp_val){.kind = RESP_BULK, .s = {p, len}};
        if (!end)
            break;
        n -= len + 1;
        p = end + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    resp_val item[8], v = {.kind = RESP_ARRAY, .item = item};
    char *copy = malloc(size + 1);
    bull_taken t;
    job_info i;

    CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    v.n = lines(copy, size, item, 7);
    if (bull_info_read(&i, &v))
        CHECK(i.created_ms >= 0 && i.finished_ms >= 0);
    item[v.n++] = (resp_val){.kind = RESP_INT, .i = size & 1};
    if (bull_taken_read(&t, &v)) {
        check_plan(&t.plan);
        check_round(&t.plan);
        CHECK(t.id.n > 0 && t.token.n > 0);
        CHECK(t.fault.n || (t.name.n > 0 && t.name.n <= JOBS_NAME_MAX && t.data.n > 0));
    }
    free(copy);
    return 0;
}
