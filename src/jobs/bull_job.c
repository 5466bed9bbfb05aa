#include "jobs/bull_job.h"

#include "base/num.h"
#include "codec/json.h"

#define FAR_MS 9e15 /* more than any delay that Redis can keep as a score */

/* ---- reading options -------------------------------------------------------------------------------- */

static bool number(sio_str v, double *out)
{
    if (json_kind_of(v) != JSON_NUMBER)
        return false;
    *out = json_double(v);
    return true;
}

static int64_t whole(sio_str v, int64_t otherwise)
{
    double d;

    if (!number(v, &d))
        return otherwise;
    return d < -1 ? -1 : d > FAR_MS ? (int64_t)FAR_MS : (int64_t)d;
}

static int64_t member(sio_str object, const char *name, int64_t otherwise)
{
    sio_str v;

    return json_get(object, sio_str_z(name), &v) ? whole(v, otherwise) : otherwise;
}

static job_keep keep_of(sio_str opts, const char *name)
{
    const job_keep all = {-1, 0};
    job_keep k = all;
    sio_str v;

    if (!json_get(opts, sio_str_z(name), &v))
        return all;
    if (json_kind_of(v) == JSON_TRUE)
        return (job_keep){0, 0};
    if (json_kind_of(v) == JSON_NUMBER)
        return (job_keep){whole(v, -1), 0};
    k.count = member(v, "count", -1);
    k.age_s = member(v, "age", 0);
    if (k.age_s < 0)
        k.age_s = 0;
    return k;
}

static void read_backoff(bull_plan *p, sio_str v)
{
    double jitter = 0;
    sio_str part;

    p->backoff_ms = json_kind_of(v) == JSON_NUMBER ? whole(v, 0) : member(v, "delay", 0);
    if (p->backoff_ms <= 0)
        return;
    p->backoff = JOB_FIXED;
    if (json_get(v, sio_lit("type"), &part) && json_equals(part, sio_lit("exponential")))
        p->backoff = JOB_EXPONENTIAL;
    if (json_get(v, sio_lit("jitter"), &part) && number(part, &jitter) && jitter > 0)
        p->jitter = jitter > 1 ? 1 : jitter;
}

bool bull_plan_read(bull_plan *p, sio_str opts)
{
    int64_t attempts;
    sio_str v;

    *p = (bull_plan){.attempts = 1};
    if (!json_valid(opts, &opts) || json_kind_of(opts) != JSON_OBJECT)
        return false;
    attempts = member(opts, "attempts", 1);
    p->attempts = attempts < 1 ? 1 : attempts > INT32_MAX ? INT32_MAX : (unsigned)attempts;
    if (json_get(opts, sio_lit("backoff"), &v))
        read_backoff(p, v);
    p->lifo = json_get(opts, sio_lit("lifo"), &v) && json_kind_of(v) == JSON_TRUE;
    p->on_complete = keep_of(opts, "removeOnComplete");
    p->on_fail = keep_of(opts, "removeOnFail");
    return true;
}

/* ---- writing options -------------------------------------------------------------------------------- */

static int put_keep(buf *out, const char *name, job_keep k)
{
    if (k.count == 0)
        return buf_printf(out, ",\"%s\":true", name);
    if (k.count < 0 && k.age_s <= 0)
        return 0; /* all of them is what there is without it */
    if (k.count < 0)
        return buf_printf(out, ",\"%s\":{\"age\":%lld}", name, (long long)k.age_s);
    if (k.age_s <= 0)
        return buf_printf(out, ",\"%s\":{\"count\":%lld}", name, (long long)k.count);
    return buf_printf(out, ",\"%s\":{\"count\":%lld,\"age\":%lld}", name, (long long)k.count,
                      (long long)k.age_s);
}

static int put_backoff(buf *out, const job_options *o)
{
    char digits[32];
    int err;

    if (o->backoff == JOB_NO_BACKOFF)
        return 0;
    err = buf_printf(out, ",\"backoff\":{\"type\":\"%s\",\"delay\":%lld",
                     o->backoff == JOB_EXPONENTIAL ? "exponential" : "fixed", (long long)o->backoff_ms);
    if (err == 0 && o->jitter > 0 && (err = buf_puts(out, ",\"jitter\":")) == 0)
        err = buf_add(out, digits, num_double(o->jitter, digits));
    return err < 0 ? err : buf_putc(out, '}');
}

static int put_id(buf *out, sio_str id)
{
    int err;

    if (!id.n)
        return 0;
    err = buf_puts(out, ",\"jobId\":");
    return err < 0 ? err : json_quote(out, id);
}

int bull_opts_write(buf *out, const job_options *o)
{
    int err = buf_printf(out, "{\"attempts\":%u", o->attempts ? o->attempts : 1);

    if (err == 0 && o->delay_ms > 0)
        err = buf_printf(out, ",\"delay\":%lld", (long long)o->delay_ms);
    if (err == 0 && o->priority)
        err = buf_printf(out, ",\"priority\":%u", o->priority);
    if (err == 0 && o->lifo)
        err = buf_puts(out, ",\"lifo\":true");
    if (err == 0)
        err = put_id(out, o->id);
    if (err == 0)
        err = put_backoff(out, o);
    if (err == 0)
        err = put_keep(out, "removeOnComplete", o->on_complete);
    if (err == 0)
        err = put_keep(out, "removeOnFail", o->on_fail);
    return err < 0 ? err : buf_putc(out, '}');
}

/* ---- answers of the scripts ------------------------------------------------------------------------- */

/* Numbers that stand in hashes as text. */
static int64_t digits(sio_str s)
{
    double d = s.n && s.n < 32 ? num_parse(s.p, s.n) : 0;

    return d >= 0 && d <= FAR_MS ? (int64_t)d : 0;
}

static bool is_number(sio_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static bool texts(const resp_val *v, sio_str *out, uint32_t n)
{
    if (v->kind != RESP_ARRAY || v->n < n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (v->item[i].kind != RESP_BULK)
            return false;
        out[i] = v->item[i].s;
    }
    return true;
}

static unsigned count_of(sio_str s)
{
    int64_t n = is_number(s) ? digits(s) : 0;

    return n > INT32_MAX ? INT32_MAX : (unsigned)n;
}

static sio_str fault_of(const bull_taken *t, bool has_plan, sio_str deferred, bool big)
{
    sio_str value;

    if (deferred.n)
        return deferred;
    if (big)
        return sio_lit("its data or options are larger than what is performed here");
    if (!t->name.n || t->name.n > JOBS_NAME_MAX)
        return sio_lit("its name is missing or too long");
    if (!json_valid(t->data, &value))
        return sio_lit("its data is not valid JSON");
    return has_plan ? (sio_str){0} : sio_lit("its options are not valid JSON");
}

bool bull_taken_read(bull_taken *t, const resp_val *v)
{
    enum { ID, TOKEN, NAME, DATA, OPTS, ATTEMPTS, DEFERRED, TEXTS };
    sio_str s[TEXTS], value;
    bool has_plan;

    *t = (bull_taken){0};
    if (!texts(v, s, TEXTS) || v->n != TEXTS + 1 || v->item[TEXTS].kind != RESP_INT || !s[ID].n ||
        !s[TOKEN].n)
        return false;
    t->id = s[ID];
    t->token = s[TOKEN];
    t->name = s[NAME];
    t->data = s[DATA];
    t->attempts_made = count_of(s[ATTEMPTS]);
    has_plan = bull_plan_read(&t->plan, s[OPTS]);
    if (!has_plan)
        t->plan.on_complete = t->plan.on_fail = (job_keep){-1, 0};
    t->fault = fault_of(t, has_plan, s[DEFERRED], v->item[TEXTS].i != 0);
    if (!t->fault.n && json_valid(t->data, &value))
        t->data = value;
    return true;
}

bool bull_info_read(job_info *i, const resp_val *v)
{
    enum { ID, NAME, DATA, REASON, ATTEMPTS, CREATED, FINISHED, TEXTS };
    sio_str s[TEXTS];

    if (!texts(v, s, TEXTS))
        return false;
    *i = (job_info){.id = s[ID], .name = s[NAME], .data = s[DATA], .failed_reason = s[REASON],
                    .attempts_made = count_of(s[ATTEMPTS]),
                    .created_ms = is_number(s[CREATED]) ? digits(s[CREATED]) : 0,
                    .finished_ms = is_number(s[FINISHED]) ? digits(s[FINISHED]) : 0};
    return true;
}
