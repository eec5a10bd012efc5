/* SPDX-License-Identifier: MIT */
#include "reduce.h"

#define NOT_CHANNELS (~2u)

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return reduce_offer(d, g, 1, NOT_CHANNELS, 2, o);
}

static void join(const struct reduce_job *j, double *into, const double *from, int64_t a, int64_t b)
{
    const double n = (double) b, all = (double) (a + b);
    for (int64_t i = 0, w = j->p.tile; i < w; i++) {
        const double d = from[i] - into[i];
        into[w + i] += from[w + i] + d * d * ((double) a * n / all);
        into[i] += d * (n / all);
    }
}

static void store(const struct reduce_job *j, const double *v, int64_t o, int64_t n)
{
    const int64_t c = j->p.shape.d[1], w = j->p.tile;
    for (int64_t i = 0; i < n; i++) {
        j->out[o + i] = (float) v[i];
        j->out[c + o + i] = (float) (v[w + i] / (double) j->p.count);
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    struct reduce_job j = {
        .n_operand = 1, .leaf = reduce_loops_at(d)->stats, .join = join, .store = store
    };
    return reduce_run(d, g, &j, NOT_CHANNELS, 2);
}

const struct cpu_kernel cpu_kernel_bn_stats = { .op = "bn_stats",
                                                .supports = supports,
                                                .launch = launch };
