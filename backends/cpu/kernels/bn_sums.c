/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include "reduce.h"

#define NOT_CHANNELS (~2u)

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return g->n_operand == 3 && cpu_plain_operand(g, 2) >= 0 &&
           reduce_offer(d, g, 2, NOT_CHANNELS, 2, o);
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
    const struct lbk_arg *stats = &g->arg[cpu_plain_operand(g, 2)];
    const int64_t c = stats->shape.d[1];
    const float *s = cpu_f32(stats);
    float *mean = calloc((size_t) cpu_up(c, CPU_BLOCK), sizeof *mean); /* whole blocks */
    if (!mean)
        return lbk_fail(d->ctx, LBK_ENOMEM, "bn_sums: no memory for %lld channels", (long long) c);
    for (int64_t i = 0; i < c; i++)
        mean[i] = s[i];
    struct reduce_job j = { .n_operand = 2,
                            .leaf = reduce_loops_at(d)->sums,
                            .join = join,
                            .store = store,
                            .mean = mean,
                            .var = s + c,
                            .scale = ((const struct lbk_bn *) g->params)->eps };
    lbk_status st = reduce_run(d, g, &j, NOT_CHANNELS, 2);
    free(mean);
    return st;
}

const struct cpu_kernel cpu_kernel_bn_sums = { .op = "bn_sums",
                                               .supports = supports,
                                               .launch = launch };
