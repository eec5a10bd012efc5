/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "plane.h"

static lbk_status prepare(lbk_drv *d, const struct lbk_group *g, void **own)
{
    const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, 0)],
                         *dy = &g->arg[cpu_plain_operand(g, 1)];
    return plane_tables(d, &plane_max_pool, g->params, &dy->shape.d[2], &x->shape.d[2], own);
}

struct job {
    const struct plane_code *c;
    const struct plane_loops *loops;
    const float *x, *dy;
    float *dx;
    int64_t in, out, w, planes, per_task;
    bool blocks;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * j->per_task < j->planes ? (i + 1) * j->per_task : j->planes;
    for (int64_t p = i * j->per_task; p < stop; p++) {
        float *dx = j->dx + p * j->in;
        memset(dx, 0, sizeof *dx * (size_t) j->in);
        j->loops->unpool(dx, j->x + p * j->in, j->dy + p * j->out, &j->c->row, &j->c->column, j->w,
                         j->blocks);
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, 0)],
                         *dy = &g->arg[cpu_plain_operand(g, 1)];
    struct job j = { .c = own,
                     .loops = plane_loops_at(d),
                     .x = cpu_f32(x),
                     .dy = cpu_f32(dy),
                     .dx = cpu_f32(&g->out[0]),
                     .w = x->shape.d[3],
                     .planes = plane_count(x),
                     .blocks = cpu_is_cblk(x) };
    const int64_t lanes = j.blocks ? CPU_BLOCK : 1;
    j.in = x->shape.d[2] * x->shape.d[3] * lanes;
    j.out = dy->shape.d[2] * dy->shape.d[3] * lanes;
    j.per_task = 1 + 8192 / (j.in + 1);
    cpu_run(d, (j.planes + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_max_pool_dx = { .op = "max_pool_dx",
                                                   .supports = plane_supports,
                                                   .prepare = prepare,
                                                   .launch = launch,
                                                   .release = plane_release };
