/* SPDX-License-Identifier: MIT */
#include "strided.h"

static int64_t begin_of(const struct lbk_slice *p, lbk_shape s)
{
    return p->begin < 0 ? p->begin + strip_of(s, p->axis).n : p->begin;
}

/* Whole blocks of channels, and whatever lanes are empty at the end of x. */
static bool by_blocks(const struct lbk_group *g)
{
    const struct lbk_slice *p = g->params;
    const lbk_shape x = g->arg[0].shape, y = g->out[0].shape;
    if (x.n != 4 || g->arg[0].dtype != LBK_F32)
        return false;
    const int64_t begin = begin_of(p, x);
    return strip_of(x, p->axis).n == strip_of(y, p->axis).n || (p->axis != 1 && p->axis != -3) ||
           (begin % CPU_BLOCK == 0 && (y.d[1] % CPU_BLOCK == 0 || begin + y.d[1] == x.d[1]));
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    if (by_blocks(g))
        o->want_arg[0] = o->want_out[0] = CPU_ANY;
    return cpu_is_cblk(&g->arg[0]) == cpu_is_cblk(&g->out[0]);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_slice *p = g->params;
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    const struct strip s = strip_stored(x, p->axis), t = strip_stored(y, p->axis);
    const bool channels = cpu_is_cblk(x) && (p->axis == 1 || p->axis == -3);
    const int64_t begin = begin_of(p, x->shape) / (channels ? CPU_BLOCK : 1);
    const struct strided_axis a[] = { { s.outer, t.n * t.inner, s.n * s.inner },
                                      { t.n * t.inner, 1, 1 } };
    const size_t size = strided_size(y->dtype);
    strided_copy(d, cpu_ptr(y), (const char *) cpu_ptr(x) + (size_t) (begin * s.inner) * size, 2, a,
                 size);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_slice = { .op = "slice",
                                             .supports = supports,
                                             .launch = launch };
