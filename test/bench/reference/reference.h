// What both references need: a clean environment, pseudo-random inputs, and the
// timing, so that the two are measured in the same way.
#ifndef REFERENCE_H
#define REFERENCE_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// 65536 * 255 * 128 still fits 32 bits: no exact sum of products overflows.
enum { LARGEST_N = 65536, CHECKED_ENTRIES = 64 };

struct arguments {
    long n;
    double seconds;
};

// A variable of the environment as a library has to find it; NULL: absent.
struct setting {
    const char *name, *value;
};

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

static inline struct arguments parse_arguments(int argc, char **argv)
{
    if (argc != 3) fail("usage: %s N SECONDS", argv[0]);
    char *n_end, *seconds_end;
    struct arguments a = {strtol(argv[1], &n_end, 10), strtod(argv[2], &seconds_end)};
    if (n_end == argv[1] || *n_end || a.n < 1 || a.n > LARGEST_N)
        fail("%s: N is a number from 1 to %d, not %s", argv[0], LARGEST_N, argv[1]);
    if (seconds_end == argv[2] || *seconds_end || !(a.seconds >= 0 && a.seconds < 1e6))
        fail("%s: SECONDS is a number from 0 to 999999, not %s", argv[0], argv[2]);
    return a;
}

// apply makes one setting and says whether it was different before.
static inline int apply(struct setting s)
{
    const char *now = getenv(s.name);
    if (s.value ? now && !strcmp(now, s.value) : !now) return 0;
    if (s.value ? setenv(s.name, s.value, 1) : unsetenv(s.name)) fail("setting %s: %s", s.name, strerror(errno));
    return 1;
}

// start_clean starts the program anew if the environment was not as it has to
// be: OpenMP and OpenBLAS have read it before main runs, so that setting it here
// would come too late. The second start finds all as it should be and goes on.
static inline void start_clean(char **argv, const struct setting *settings, size_t count)
{
    int changed = 0;
    for (size_t i = 0; i < count; i++) changed |= apply(settings[i]);
    if (!changed) return;
    execv("/proc/self/exe", argv);
    fail("%s: starting anew with a clean environment: %s", argv[0], strerror(errno));
}

// allocate asks for large pages, for a reference should not lose time to misses
// of the TLB. Without them it is slower, not wrong, hence no check of madvise.
static inline void *allocate(size_t bytes)
{
    const size_t page = 1 << 21;
    size_t whole = (bytes + page - 1) / page * page;
    void *memory = aligned_alloc(page, whole);
    if (!memory) fail("no memory for %zu bytes", whole);
    madvise(memory, whole, MADV_HUGEPAGE);
    return memory;
}

// next_byte is a small linear congruential generator; its high bits are the good
// ones.
static inline uint8_t next_byte(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 24;
}

// next_index goes over the whole of 0..n-1, at random enough for spot checks.
static inline long next_index(uint32_t *state, long n)
{
    uint32_t high = next_byte(state), middle = next_byte(state), low = next_byte(state);
    return (high << 16 | middle << 8 | low) % n;
}

static inline double clock_seconds(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t)) fail("clock_gettime: %s", strerror(errno));
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

// must_be_one_thread compares processor time with time on the clock. Settings
// may be ignored by a build of a library; what was used cannot be hidden. The
// slack is for the ticks in which some kernels count processor time.
static inline void must_be_one_thread(double processor, double wall)
{
    if (processor > 1.1 * wall + 0.05)
        fail("%.2f s of processor time in %.2f s: the library used more than one thread", processor, wall);
}

// median_seconds calls once(with): once unmeasured, then at least twice and
// until the seconds have passed.
static inline double median_seconds(void (*once)(void *), void *with, double seconds)
{
    size_t count = 0, room = 0;
    double *spans = NULL;
    once(with);
    double processor = clock_seconds(CLOCK_PROCESS_CPUTIME_ID), begin = clock_seconds(CLOCK_MONOTONIC), now = begin;
    while (count < 2 || now - begin < seconds) {
        if (count == room) {
            room = room ? 2 * room : 64;
            spans = realloc(spans, room * sizeof *spans);
            if (!spans) fail("no memory for %zu spans", room);
        }
        double before = now;
        once(with);
        now = clock_seconds(CLOCK_MONOTONIC);
        spans[count++] = now - before;
    }
    must_be_one_thread(clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - processor, now - begin);
    double middle = median(spans, count);
    free(spans);
    return middle;
}

// gmacs is 10^9 multiply-accumulates in a second, for one n×n product.
static inline double gmacs(long n, double seconds)
{
    return (double)n * n * n / seconds / 1e9;
}

#endif
