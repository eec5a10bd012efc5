/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "cpu.h"

enum { BINS = 2048, TASK = 65536 };

/* Order-preserving image of a float; the sign of a NaN says at which end it is. */
static inline uint32_t key_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u >> 31 ? ~u : u | 0x80000000u;
}

static inline float float_of(uint32_t k)
{
    float x;
    k = k >> 31 ? k & 0x7fffffffu : ~k;
    memcpy(&x, &k, sizeof x);
    return x;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    o->scratch = sizeof(int64_t) * BINS * (size_t) d->threads;
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

/* Counts per worker: sums of integers do not depend on who counts. */
struct job {
    const float *x;
    int64_t n;
    int64_t (*bin)[BINS];
    uint32_t prefix, mask;
    int shift;
};

static void count(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * TASK < j->n ? (i + 1) * TASK : j->n;
    for (int64_t k = i * TASK; k < stop; k++) {
        const uint32_t v = key_of(j->x[k]);
        if ((v & j->mask) == j->prefix)
            j->bin[worker][v >> j->shift & (BINS - 1)]++;
    }
}

/* The bin in which element number k of the rest lies; k becomes its number there. */
static uint32_t find_bin(const struct job *j, int threads, int64_t *k)
{
    for (uint32_t b = 0; b < BINS; b++) {
        int64_t n = 0;
        for (int w = 0; w < threads; w++)
            n += j->bin[w][b];
        if (*k < n)
            return b;
        *k -= n;
    }
    return BINS - 1;
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    static const int shifts[] = { 21, 10, 0 };
    static const uint32_t masks[] = { 0, 0xffe00000u, 0xfffffc00u };
    const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, 0)],
                         *rank = &g->arg[cpu_plain_operand(g, 1)];
    struct job j = { .x = cpu_f32(x), .n = lbk_shape_count(x->shape), .bin = cpu_ptr(&g->scratch) };
    int64_t k = *(const int32_t *) cpu_ptr(rank);
    k = k < 0 ? 0 : k < j.n - 1 ? k : j.n - 1;
    for (int i = 0; i < 3; i++) {
        j.shift = shifts[i], j.mask = masks[i];
        memset(j.bin, 0, sizeof *j.bin * (size_t) d->threads);
        cpu_run(d, (j.n + TASK - 1) / TASK, count, &j);
        j.prefix |= find_bin(&j, d->threads, &k) << j.shift;
    }
    *cpu_f32(&g->out[0]) = float_of(j.prefix);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_kth = { .op = "kth", .supports = supports, .launch = launch };
