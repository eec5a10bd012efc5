/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "plane.h"

CPU_LOOPS(plane_loops);

const struct plane_loops *plane_loops_at(const lbk_drv *d) { return plane_loops_of[d->isa]; }

int plane_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    for (int i = 0; i < g->n_arg; i++)
        if (g->arg[i].dtype != LBK_F32 || g->arg[i].shape.n != 4)
            return 0;
    for (int i = 0; i < g->n_arg; i++)
        o->want_arg[i] = CPU_ANY;
    o->want_out[0] = CPU_ANY;
    const bool blocks = cpu_is_cblk(&g->out[0]);
    for (int i = 0; i < g->n_arg; i++) /* one layout for all */
        if (g->arg[i].layout.block && cpu_is_cblk(&g->arg[i]) != blocks)
            return 0;
    o->scratch = sizeof(float) * (size_t) (d->threads * g->arg[0].shape.d[3] * CPU_BLOCK);
    return 1;
}

void plane_release(void *own)
{
    struct plane_code *c = own;
    if (!c)
        return;
    taps_free(&c->row);
    taps_free(&c->column);
    free(c);
}

lbk_status plane_tables(lbk_drv *d, const struct plane_kind *k, const void *params,
                        const int64_t to[2], const int64_t from[2], void **own)
{
    struct plane_code *c = calloc(1, sizeof *c);
    if (!c || !taps_init(&c->row, k, params, to[0], from[0], false) ||
        !taps_init(&c->column, k, params, to[1], from[1], true)) {
        plane_release(c);
        return lbk_fail(d->ctx, LBK_ENOMEM, "cpu device: no memory for the windows of a pooling");
    }
    *own = c;
    return LBK_OK;
}

lbk_status plane_prepare(lbk_drv *d, const struct lbk_group *g, const struct plane_kind *k,
                         void **own)
{
    const int64_t *in = &g->arg[cpu_plain_operand(g, 0)].shape.d[2], *out = &g->out[0].shape.d[2];
    return plane_tables(d, k, g->params, k->adjoint ? in : out, k->adjoint ? out : in, own);
}

struct job {
    const struct plane_code *c;
    const struct plane_loops *loops;
    const float *x;
    float *y, *scratch;
    int64_t h, w, oh, ow, lanes, rows, per_task;
    bool max;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t width = j->w * j->lanes,
                  stop = (i + 1) * j->per_task < j->rows ? (i + 1) * j->per_task : j->rows;
    float *t = j->scratch + worker * width;
    for (int64_t r = i * j->per_task; r < stop; r++) {
        const float *x = j->x + r / j->oh * j->h * width;
        const int32_t *first = &j->c->row.first[r % j->oh];
        (j->max ? j->loops->rows_max
                : j->loops->rows)(t, x, width, width, j->c->row.index + first[0],
                                  j->c->row.weight + first[0], first[1] - first[0]);
        j->loops->columns(j->y + r * j->ow * j->lanes, t, &j->c->column, j->max, j->lanes > 1);
    }
}

lbk_status plane_launch(lbk_drv *d, const struct lbk_group *g, const struct plane_kind *k,
                        const void *own)
{
    const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, 0)], *y = &g->out[0];
    struct job j = { .c = own,
                     .loops = plane_loops_of[d->isa],
                     .x = cpu_f32(x),
                     .y = cpu_f32(y),
                     .scratch = cpu_ptr(&g->scratch),
                     .h = x->shape.d[2],
                     .w = x->shape.d[3],
                     .oh = y->shape.d[2],
                     .ow = y->shape.d[3],
                     .lanes = cpu_is_cblk(y) ? CPU_BLOCK : 1,
                     .max = k->max };
    j.rows = plane_count(y) * j.oh;
    j.per_task = 1 + 16384 / ((j.w + j.ow) * j.lanes + 1);
    cpu_run(d, (j.rows + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}
