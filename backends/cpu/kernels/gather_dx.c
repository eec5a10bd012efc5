/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "strided.h"

enum { TILE = 256 }; /* columns of a task; it adds all rows in their order */

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

struct job {
    const int32_t *index;
    const float *dy;
    float *dx;
    struct strip s;
    int64_t count, tiles;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t o = i / j->tiles, c = i % j->tiles * TILE, left = j->s.inner - c,
                  w = left < TILE ? left : TILE;
    float *dx = j->dx + o * j->s.n * j->s.inner + c;
    const float *dy = j->dy + o * j->count * j->s.inner + c;
    for (int64_t k = 0; k < j->s.n; k++)
        memset(dx + k * j->s.inner, 0, sizeof *dx * (size_t) w);
    for (int64_t r = 0; r < j->count; r++) {
        const int64_t k = j->index[r];
        for (int64_t q = 0; q < w && k >= 0 && k < j->s.n; q++)
            dx[k * j->s.inner + q] += dy[r * j->s.inner + q];
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_arg *index = &g->arg[cpu_plain_operand(g, 0)],
                         *dy = &g->arg[cpu_plain_operand(g, 1)];
    struct job j = { .index = cpu_ptr(index),
                     .dy = cpu_f32(dy),
                     .dx = cpu_f32(&g->out[0]),
                     .s = strip_of(g->out[0].shape, ((const struct lbk_axis_to *) g->params)->axis),
                     .count = lbk_shape_count(index->shape) };
    j.tiles = (j.s.inner + TILE - 1) / TILE;
    cpu_run(d, j.s.outer * j.tiles, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_gather_dx = { .op = "gather_dx",
                                                 .supports = supports,
                                                 .launch = launch };
