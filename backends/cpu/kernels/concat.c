/* SPDX-License-Identifier: MIT */
#include "strided.h"

/* In blocks of channels when all operands but the last fill theirs. */
static bool by_blocks(const struct lbk_group *g)
{
    const int64_t axis = ((const struct lbk_axis *) g->params)->axis;
    if (g->acc.n != 4 || g->out[0].dtype != LBK_F32)
        return false;
    for (int i = 0; i < g->n_operand - 1 && (axis == 1 || axis == -3); i++)
        if (g->arg[cpu_plain_operand(g, i)].shape.d[1] % CPU_BLOCK)
            return false;
    return true;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    const bool any = by_blocks(g);
    o->want_out[0] = any ? CPU_ANY : CPU_ROW;
    for (int i = 0; i < g->n_arg; i++) {
        o->want_arg[i] = o->want_out[0];
        if (g->arg[i].layout.block && cpu_is_cblk(&g->arg[i]) != cpu_is_cblk(&g->out[0]))
            return 0;
    }
    return 1;
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const int64_t axis = ((const struct lbk_axis *) g->params)->axis;
    const struct strip t = strip_stored(&g->out[0], axis);
    const size_t size = strided_size(g->out[0].dtype);
    char *to = cpu_ptr(&g->out[0]);
    for (int i = 0; i < g->n_operand; i++) {
        const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, i)];
        const int64_t row = strip_stored(x, axis).n * t.inner;
        const struct strided_axis a[] = { { t.outer, t.n * t.inner, row }, { row, 1, 1 } };
        strided_copy(d, to, cpu_ptr(x), 2, a, size);
        to += (size_t) row * size;
    }
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_concat = { .op = "concat",
                                              .supports = supports,
                                              .launch = launch };
