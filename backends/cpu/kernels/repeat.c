/* SPDX-License-Identifier: MIT */
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_count *p = g->params;
    const struct strip s = strip_of(g->arg[0].shape, p->axis);
    const int64_t row = s.n * s.inner;
    const struct strided_axis a[] = { { s.outer, p->n * row, row },
                                      { p->n, row, 0 },
                                      { row, 1, 1 } };
    strided_copy(d, cpu_ptr(&g->out[0]), cpu_ptr(&g->arg[0]), 3, a, strided_size(g->out[0].dtype));
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_repeat = { .op = "repeat",
                                              .supports = supports,
                                              .launch = launch };
