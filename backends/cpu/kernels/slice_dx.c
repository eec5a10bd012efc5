/* SPDX-License-Identifier: MIT */
#include "strided.h"

static bool by_blocks(const struct lbk_group *g)
{
    const struct lbk_slice_to *p = g->params;
    const lbk_shape x = g->arg[0].shape, y = g->out[0].shape;
    if (x.n != 4 || g->arg[0].dtype != LBK_F32)
        return false;
    return (p->axis != 1 && p->axis != -3) ||
           (p->begin % CPU_BLOCK == 0 && (x.d[1] % CPU_BLOCK == 0 || p->begin + x.d[1] == y.d[1]));
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
    static const float zero = 0;
    const struct lbk_slice_to *p = g->params;
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    const struct strip s = strip_stored(x, p->axis), t = strip_stored(y, p->axis);
    const bool channels = cpu_is_cblk(x) && (p->axis == 1 || p->axis == -3);
    const int64_t begin = p->begin / (channels ? CPU_BLOCK : 1), row = t.n * t.inner,
                  after = (begin + s.n) * s.inner;
    const struct strided_axis a[] = { { s.outer, row, s.n * s.inner }, { s.n * s.inner, 1, 1 } };
    const struct strided_axis head[] = { { s.outer, row, 0 }, { begin * s.inner, 1, 0 } };
    const struct strided_axis tail[] = { { s.outer, row, 0 }, { row - after, 1, 0 } };
    const size_t size = strided_size(y->dtype);
    char *to = cpu_ptr(y);
    strided_copy(d, to, &zero, 2, head, size);
    strided_copy(d, to + (size_t) (begin * s.inner) * size, cpu_ptr(x), 2, a, size);
    strided_copy(d, to + (size_t) after * size, &zero, 2, tail, size);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_slice_dx = { .op = "slice_dx",
                                                .supports = supports,
                                                .launch = launch };
