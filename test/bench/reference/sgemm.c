// reference-sgemm N SECONDS: how fast OpenBLAS multiplies N×N matrices of floats
// on one thread. One line of JSON to stdout, anything else to stderr.
//
// Debian keeps OpenBLAS's own header under this name; cblas.h may be another
// library's.
#if __has_include(<cblas-openblas.h>)
#include <cblas-openblas.h>
#else
#include <cblas.h>
#endif

#include "reference.h"

// Machines are set up with a kernel forced on OpenBLAS for reproducible results;
// as a measure of speed it has to pick the one for this processor. OpenBLAS
// obeys one of the two counts of threads, depending on how it was built.
static const struct setting environment[] = {
    {"OPENBLAS_NUM_THREADS", "1"},
    {"OMP_NUM_THREADS", "1"},
    {"OPENBLAS_CORETYPE", NULL},
    {"OPENBLAS_L2_SIZE", NULL},
    {"OPENBLAS_BLOCK_FACTOR", NULL},
};

struct multiplication {
    long n;
    float *a, *b, *c;
};

// small_integer is from -8 to 7: sums of up to 2^18 products are integers below
// 2^24, exact in a float in whatever order they are added. The speed does not
// depend on the values.
static float small_integer(uint32_t *state)
{
    return (float)(next_byte(state) >> 4) - 8;
}

static void fill(struct multiplication *m)
{
    uint32_t state = 1;
    size_t entries = (size_t)m->n * m->n;
    m->a = allocate(entries * sizeof *m->a);
    m->b = allocate(entries * sizeof *m->b);
    m->c = allocate(entries * sizeof *m->c);
    for (size_t i = 0; i < entries; i++) m->a[i] = small_integer(&state);
    for (size_t i = 0; i < entries; i++) m->b[i] = small_integer(&state);
}

static void multiply(void *with)
{
    struct multiplication *m = with;
    int n = (int)m->n;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, m->a, n, m->b, n, 0, m->c, n);
}

// check fails on a wrong entry: on a processor it does not know, a kernel picked
// wrongly would be no reference.
static void check(const struct multiplication *m)
{
    uint32_t state = 2;
    for (int checked = 0; checked < CHECKED_ENTRIES; checked++) {
        long row = next_index(&state, m->n), column = next_index(&state, m->n);
        float want = 0, got = m->c[row * m->n + column];
        for (long k = 0; k < m->n; k++) want += m->a[row * m->n + k] * m->b[k * m->n + column];
        if (got != want) fail("cblas_sgemm: C[%ld][%ld] is %g, exact is %g", row, column, got, want);
    }
}

static void report(const struct multiplication *m, double seconds)
{
    // The configuration begins "OpenBLAS 0.3.21 ...".
    char name[32] = "OpenBLAS", version[32] = "";
    sscanf(openblas_get_config(), "%31s %31s", name, version);
    printf("{\"library\":\"%s %s\",\"core\":\"%s\",\"n\":%ld,\"gmacs\":%.2f}\n",
           name, version, openblas_get_corename(), m->n, gmacs(m->n, seconds));
}

int main(int argc, char **argv)
{
    struct arguments arguments = parse_arguments(argc, argv);
    start_clean(argv, environment, sizeof environment / sizeof *environment);
    struct multiplication m = {.n = arguments.n};
    fill(&m);
    double seconds = median_seconds(multiply, &m, arguments.seconds);
    check(&m);
    report(&m, seconds);
    free(m.a);
    free(m.b);
    free(m.c);
    return 0;
}
