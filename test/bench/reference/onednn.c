// reference-onednn N SECONDS: how fast oneDNN multiplies N×N matrices of bytes
// on one thread. One line of JSON to stdout, anything else to stderr.
//
// A is u8 and B is s8, since that is what the instructions of VNNI multiply:
// two signed matrices would cost oneDNN a compensation on top. B is reordered
// once, untimed, to the layout oneDNN asks for.
#include <dnnl.h>
#include <dnnl_debug.h>

#include "reference.h"

// OMP_NUM_THREADS: Debian's oneDNN runs on OpenMP. DNNL_VERBOSE would print to
// stdout, and the other two would hold oneDNN back; ONEDNN_ is the newer prefix.
static const struct setting environment[] = {
    {"OMP_NUM_THREADS", "1"},
    {"DNNL_MAX_CPU_ISA", NULL},
    {"DNNL_CPU_ISA_HINTS", NULL},
    {"DNNL_VERBOSE", NULL},
    {"ONEDNN_MAX_CPU_ISA", NULL},
    {"ONEDNN_CPU_ISA_HINTS", NULL},
    {"ONEDNN_VERBOSE", NULL},
};

// OK calls a function of oneDNN and ends the program, by the function's name,
// where it did not succeed.
#define OK(function, ...) must_succeed(#function, function(__VA_ARGS__))

static void must_succeed(const char *function, dnnl_status_t status)
{
    if (status != dnnl_success) fail("%s: %s", function, dnnl_status2str(status));
}

struct multiplication {
    long n;
    uint8_t *a;
    int8_t *b;
    int32_t *c;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t a_memory, packed_b, c_memory;
    void *packed_bytes; // packed_b's
};

static dnnl_memory_desc_t square(long n, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    dnnl_dims_t dims = {n, n};
    OK(dnnl_memory_desc_init_by_tag, &d, 2, dims, type, tag);
    return d;
}

static void fill(struct multiplication *m)
{
    uint32_t state = 1;
    size_t entries = (size_t)m->n * m->n;
    m->a = allocate(entries * sizeof *m->a);
    m->b = allocate(entries * sizeof *m->b);
    m->c = allocate(entries * sizeof *m->c);
    for (size_t i = 0; i < entries; i++) m->a[i] = next_byte(&state);
    for (size_t i = 0; i < entries; i++) m->b[i] = (int8_t)next_byte(&state);
}

// choose lets oneDNN choose the kernel and, by format_tag_any, the layout of B.
static void choose(struct multiplication *m)
{
    dnnl_memory_desc_t a = square(m->n, dnnl_u8, dnnl_ab);
    dnnl_memory_desc_t b = square(m->n, dnnl_s8, dnnl_format_tag_any);
    dnnl_memory_desc_t c = square(m->n, dnnl_s32, dnnl_ab);
    dnnl_matmul_desc_t operation;
    OK(dnnl_matmul_desc_init, &operation, &a, &b, NULL, &c);
    OK(dnnl_primitive_desc_create, &m->description, &operation, NULL, m->engine, NULL);
    OK(dnnl_primitive_create, &m->primitive, m->description);
    OK(dnnl_memory_create, &m->a_memory, &a, m->engine, m->a);
    OK(dnnl_memory_create, &m->c_memory, &c, m->engine, m->c);
}

static void pack(struct multiplication *m)
{
    const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(m->description, dnnl_query_weights_md, 0);
    if (!packed) fail("dnnl_primitive_desc_query_md: no layout of the weights");
    dnnl_memory_desc_t plain = square(m->n, dnnl_s8, dnnl_ab);
    dnnl_memory_t b;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t reorder;
    m->packed_bytes = allocate(dnnl_memory_desc_get_size(packed));
    OK(dnnl_memory_create, &b, &plain, m->engine, m->b);
    OK(dnnl_memory_create, &m->packed_b, packed, m->engine, m->packed_bytes);
    OK(dnnl_reorder_primitive_desc_create, &description, &plain, m->engine, packed, m->engine, NULL);
    OK(dnnl_primitive_create, &reorder, description);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, b}, {DNNL_ARG_TO, m->packed_b}};
    OK(dnnl_primitive_execute, reorder, m->stream, 2, arguments);
    OK(dnnl_stream_wait, m->stream);
    OK(dnnl_primitive_destroy, reorder);
    OK(dnnl_primitive_desc_destroy, description);
    OK(dnnl_memory_destroy, b);
}

static void prepare(struct multiplication *m)
{
    OK(dnnl_engine_create, &m->engine, dnnl_cpu, 0);
    OK(dnnl_stream_create, &m->stream, m->engine, dnnl_stream_default_flags);
    fill(m);
    choose(m);
    pack(m);
}

static void multiply(void *with)
{
    struct multiplication *m = with;
    dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, m->a_memory}, {DNNL_ARG_WEIGHTS, m->packed_b}, {DNNL_ARG_DST, m->c_memory}};
    OK(dnnl_primitive_execute, m->primitive, m->stream, 3, arguments);
    OK(dnnl_stream_wait, m->stream);
}

// is_exact compares entries of C with plain arithmetic. Without VNNI oneDNN adds
// pairs of products in 16 bits, which saturate; over the full range of bytes
// that shows in nearly every entry. It is said, not failed on: a kernel that
// saturates is still a speed to know.
static int is_exact(const struct multiplication *m)
{
    uint32_t state = 2;
    for (int checked = 0; checked < CHECKED_ENTRIES; checked++) {
        long row = next_index(&state, m->n), column = next_index(&state, m->n);
        int32_t want = 0, got = m->c[row * m->n + column];
        for (long k = 0; k < m->n; k++) want += m->a[row * m->n + k] * m->b[k * m->n + column];
        if (got == want) continue;
        fprintf(stderr, "oneDNN's C[%ld][%ld] is %d, exact is %d\n", row, column, got, want);
        return 0;
    }
    return 1;
}

static const char *isa_name(dnnl_cpu_isa_t isa)
{
    switch (isa) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx2_vnni: return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
    default: return "unknown";
    }
}

static void report(const struct multiplication *m, double seconds)
{
    const dnnl_version_t *v = dnnl_version();
    const char *implementation;
    OK(dnnl_primitive_desc_query, m->description, dnnl_query_impl_info_str, 0, &implementation);
    printf("{\"library\":\"oneDNN %d.%d.%d\",\"isa\":\"%s\",\"implementation\":\"%s\",\"exact\":%s,\"n\":%ld,\"gmacs\":%.2f}\n",
           v->major, v->minor, v->patch, isa_name(dnnl_get_effective_cpu_isa()), implementation,
           is_exact(m) ? "true" : "false", m->n, gmacs(m->n, seconds));
}

static void release(struct multiplication *m)
{
    OK(dnnl_memory_destroy, m->a_memory);
    OK(dnnl_memory_destroy, m->packed_b);
    OK(dnnl_memory_destroy, m->c_memory);
    OK(dnnl_primitive_destroy, m->primitive);
    OK(dnnl_primitive_desc_destroy, m->description);
    OK(dnnl_stream_destroy, m->stream);
    OK(dnnl_engine_destroy, m->engine);
    free(m->packed_bytes);
    free(m->a);
    free(m->b);
    free(m->c);
}

int main(int argc, char **argv)
{
    struct arguments arguments = parse_arguments(argc, argv);
    start_clean(argv, environment, sizeof environment / sizeof *environment);
    struct multiplication m = {.n = arguments.n};
    prepare(&m);
    report(&m, median_seconds(multiply, &m, arguments.seconds));
    release(&m);
    return 0;
}
