/* SPDX-License-Identifier: MIT */
#include "soft.h"
#include "strided.h"

CPU_LOOPS(soft_loops);

int soft_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    if (lbk_shape_count(g->acc) == lbk_shape_count(g->arg[cpu_plain_operand(g, 0)].shape) &&
        g->acc.n)
        o->inplace = 1u << cpu_plain_operand(g, 0);
    return 1;
}

struct job {
    struct soft_job j;
    struct strip s;
    int64_t tiles, units, per_task;
    lbk_drv *d;
};

static void unit(const struct job *t, int64_t u)
{
    struct soft_job j = t->j;
    const int64_t o = u / t->tiles, i = u % t->tiles * SOFT_TILE, at = o * t->s.n * t->s.inner + i;
    const int64_t strip = o * t->s.inner + i, left = t->s.inner - i;
    j.width = (int) (left < SOFT_TILE ? left : SOFT_TILE);
    j.x += at;
    j.y += j.kind == SOFT_LOSS ? strip : at;
    j.label += j.label ? strip : 0;
    j.dy += j.dy ? strip : 0;
    soft_loops_of[t->d->isa]->run(&j);
}

static void task(void *arg, int64_t i, int worker)
{
    const struct job *t = arg;
    const int64_t stop = (i + 1) * t->per_task < t->units ? (i + 1) * t->per_task : t->units;
    for (int64_t u = i * t->per_task; u < stop; u++)
        unit(t, u);
}

lbk_status soft_launch(lbk_drv *d, const struct lbk_group *g, enum soft_kind kind, int64_t axis,
                       int64_t ignore)
{
    const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, 0)];
    struct job t = {
        .d = d,
        .s = strip_of(x->shape, axis),
        .j = { .kind = kind, .x = cpu_f32(x), .y = cpu_f32(&g->out[0]), .ignore = ignore }
    };
    t.j.n = t.s.n, t.j.step = t.s.inner;
    if (kind == SOFT_LOSS || kind == SOFT_LOSS_DX)
        t.j.label = cpu_ptr(&g->arg[cpu_plain_operand(g, 1)]);
    if (kind == SOFT_LOSS_DX)
        t.j.dy = cpu_f32(&g->arg[cpu_plain_operand(g, 2)]);
    t.tiles = (t.s.inner + SOFT_TILE - 1) / SOFT_TILE;
    t.units = t.s.outer * t.tiles;
    const int64_t each = t.s.n * (t.s.inner < SOFT_TILE ? t.s.inner : SOFT_TILE);
    t.per_task = 1 + 4096 / (each + 1);
    cpu_run(d, (t.units + t.per_task - 1) / t.per_task, task, &t);
    return LBK_OK;
}
