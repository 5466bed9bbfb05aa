/* Clock, latency histogram, and what the server used according to /proc. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t hist_slot(uint64_t ns)
{
    int octave = 63 - __builtin_clzll(ns | HIST_SUB) - 5;
    size_t slot = (size_t)octave * HIST_SUB + (size_t)(ns >> octave);

    return slot < HIST_SUB * HIST_OCTAVES ? slot : HIST_SUB * HIST_OCTAVES - 1;
}

void hist_add(hist *h, uint64_t ns)
{
    h->count[hist_slot(ns)]++;
    h->total++;
    if (ns > h->max)
        h->max = ns;
}

/* The middle of a bucket: slots below 2 * HIST_SUB are exact, each later octave has HIST_SUB of them. */
static uint64_t hist_value(size_t slot)
{
    size_t octave = slot / HIST_SUB;

    if (octave < 2)
        return slot;
    octave--;
    return ((uint64_t)(slot - octave * HIST_SUB) << octave) + ((uint64_t)1 << octave) / 2;
}

uint64_t hist_quantile(const hist *h, double q)
{
    uint64_t want = (uint64_t)ceil(q * (double)h->total), seen = 0;

    for (size_t i = 0; i < HIST_SUB * HIST_OCTAVES; i++) {
        seen += h->count[i];
        if (seen >= want && seen > 0)
            return hist_value(i);
    }
    return 0;
}

static bool file_read(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f)
        return false;
    n = fread(buf, 1, size - 1, f);
    buf[n] = '\0';
    fclose(f);
    return true;
}

/* Fields 14 to 17 of stat: user and system ticks, own and of children already waited for. */
static double stat_cpu_us(const char *text)
{
    const char *p = strrchr(text, ')');
    unsigned long long own_user, own_sys, kid_user, kid_sys;

    if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &own_user,
                     &own_sys, &kid_user, &kid_sys) != 4)
        return 0;
    return (double)(own_user + own_sys + kid_user + kid_sys) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* Threads alive now, to the nanosecond. */
static double threads_cpu_us(long pid)
{
    char path[96], text[128];
    struct dirent *e;
    double sum = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%ld/task", pid);
    dir = opendir(path);
    if (!dir)
        return 0;
    while ((e = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/schedstat", pid, e->d_name);
        if (e->d_name[0] != '.' && file_read(path, text, sizeof(text)))
            sum += (double)strtoull(text, NULL, 10) / 1e3;
    }
    closedir(dir);
    return sum;
}

static uint64_t field_kb(const char *text, const char *name)
{
    const char *p = strstr(text, name);

    return p ? strtoull(p + strlen(name), NULL, 10) * 1024 : 0;
}

static void usage_add(usage *u, long pid, bool memory);

/* The kernel lists the children of each thread separately. */
static void usage_add_children(usage *u, long pid, bool memory)
{
    char path[96], text[4096];
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%ld/task", pid);
    dir = opendir(path);
    if (!dir)
        return;
    while ((e = readdir(dir)) != NULL) {
        char *p = text;

        snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/children", pid, e->d_name);
        if (e->d_name[0] == '.' || !file_read(path, text, sizeof(text)))
            continue;
        for (char *end; strtol(p, &end, 10) > 0 && end != p; p = end)
            usage_add(u, strtol(p, NULL, 10), memory);
    }
    closedir(dir);
}

static void usage_add(usage *u, long pid, bool memory)
{
    char path[64], text[4096];

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    if (!file_read(path, text, sizeof(text))) {
        fprintf(stderr, "load: no such server process: %ld\n", pid);
        exit(1);
    }
    /* The ticks of stat are 10 ms; where the kernel has finer accounts and no thread ended, those say more.
     */
    u->cpu_us += fmax(stat_cpu_us(text), threads_cpu_us(pid));
    snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", pid);
    if (memory && file_read(path, text, sizeof(text))) {
        u->rss_bytes += field_kb(text, "\nRss:");
        u->pss_bytes += field_kb(text, "\nPss:");
    }
    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    if (memory && file_read(path, text, sizeof(text)))
        u->top_bytes += field_kb(text, "\nVmHWM:");
    usage_add_children(u, pid, memory);
}

void usage_forget_top(const char *pids)
{
    char path[64], *end;

    for (const char *p = pids; *p != '\0'; p = *end == ',' ? end + 1 : end) {
        long pid = strtol(p, &end, 10);
        FILE *f;

        if (end == p || pid <= 0)
            return;
        snprintf(path, sizeof(path), "/proc/%ld/clear_refs", pid);
        f = fopen(path, "w");
        if (!f)
            continue;
        fputs("5", f); /* proc(5): resets the peak of the resident set */
        fclose(f);
    }
}

void usage_read(usage *u, const char *pids, bool memory)
{
    const char *p = pids;

    memset(u, 0, sizeof(*u));
    for (char *end; *p != '\0'; p = *end == ',' ? end + 1 : end) {
        long pid = strtol(p, &end, 10);

        if (end == p || pid <= 0)
            break;
        usage_add(u, pid, memory);
    }
}
