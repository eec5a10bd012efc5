/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "reduce.h"

#define NOT_CHANNELS (~2u)

/* The means in whole blocks, as the loops read them; at the end of the scratch memory. */
static size_t mean_bytes(int64_t channels)
{
    return sizeof(float) * (size_t) cpu_up(channels, CPU_BLOCK);
}

static const struct lbk_arg *stats_of(const struct lbk_group *g)
{
    return &g->arg[cpu_plain_operand(g, 2)];
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (g->n_operand != 3 || cpu_plain_operand(g, 2) < 0 ||
        !reduce_offer(d, g, 2, NOT_CHANNELS, 2, o))
        return 0;
    o->scratch =
        (size_t) cpu_up((int64_t) o->scratch, CPU_ALIGN) + mean_bytes(stats_of(g)->shape.d[1]);
    return 1;
}

static void join(const struct reduce_job *j, double *into, const double *from, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < 2 * j->p.tile; i++)
        into[i] += from[i];
}

static void store(const struct reduce_job *j, const double *v, int64_t o, int64_t n)
{
    const int64_t c = j->p.shape.d[1], w = j->p.tile;
    for (int64_t i = 0; i < n; i++) {
        j->out[o + i] = (float) v[i];
        j->out[c + o + i] = (float) (v[w + i] / sqrt((double) j->var[o + i] + j->scale));
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const int64_t c = stats_of(g)->shape.d[1];
    const float *s = cpu_f32(stats_of(g));
    if (c == 0)
        return LBK_OK;
    char *end = (char *) cpu_ptr(&g->scratch) + g->scratch.shape.d[0];
    float *mean = (float *) (end - mean_bytes(c));
    for (int64_t i = 0; i < cpu_up(c, CPU_BLOCK); i++)
        mean[i] = i < c ? s[i] : 0;
    struct reduce_job j = { .n_operand = 2,
                            .leaf = reduce_loops_at(d)->sums,
                            .join = join,
                            .store = store,
                            .mean = mean,
                            .var = s + c,
                            .scale = ((const struct lbk_bn *) g->params)->eps };
    return reduce_run(d, g, &j, NOT_CHANNELS, 2);
}

const struct cpu_kernel cpu_kernel_bn_sums = { .op = "bn_sums",
                                               .supports = supports,
                                               .launch = launch };
