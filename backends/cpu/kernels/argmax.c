/* SPDX-License-Identifier: MIT */
#include "strided.h"

enum { TILE = 64 };

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

struct job {
    const float *x;
    int32_t *y;
    struct strip s;
    int64_t tiles, units, per_task;
};

static void unit(const struct job *j, int64_t u)
{
    const int64_t o = u / j->tiles, i = u % j->tiles * TILE, left = j->s.inner - i,
                  w = left < TILE ? left : TILE;
    const float *x = j->x + o * j->s.n * j->s.inner + i;
    float best[TILE];
    int32_t at[TILE];
    for (int64_t k = 0; k < w; k++)
        best[k] = x[k], at[k] = 0;
    for (int64_t n = 1; n < j->s.n; n++)
        for (int64_t k = 0; k < w; k++) {
            const float v = x[n * j->s.inner + k];
            at[k] = v > best[k] ? (int32_t) n : at[k];
            best[k] = v > best[k] ? v : best[k];
        }
    for (int64_t k = 0; k < w; k++)
        j->y[o * j->s.inner + i + k] = at[k];
}

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * j->per_task < j->units ? (i + 1) * j->per_task : j->units;
    for (int64_t u = i * j->per_task; u < stop; u++)
        unit(j, u);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    struct job j = { .x = cpu_f32(&g->arg[0]),
                     .y = cpu_ptr(&g->out[0]),
                     .s = strip_of(g->arg[0].shape, ((const struct lbk_axis *) g->params)->axis) };
    j.tiles = (j.s.inner + TILE - 1) / TILE;
    j.units = j.s.outer * j.tiles;
    j.per_task = 1 + 8192 / (j.s.n * (j.s.inner < TILE ? j.s.inner : TILE) + 1);
    cpu_run(d, (j.units + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_argmax = { .op = "argmax",
                                              .supports = supports,
                                              .launch = launch };
