/* SPDX-License-Identifier: MIT */
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_dims *p = g->params;
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    int64_t from[LBK_MAX_DIMS], step = 1;
    struct strided_axis a[LBK_MAX_DIMS];
    for (int i = x->shape.n - 1; i >= 0; i--)
        from[i] = step, step *= x->shape.d[i];
    step = 1;
    for (int i = y->shape.n - 1; i >= 0; i--) {
        a[i] = (struct strided_axis){ y->shape.d[i], step, from[p->d[i]] };
        step *= y->shape.d[i];
    }
    strided_copy(d, cpu_ptr(y), cpu_ptr(x), y->shape.n, a, strided_size(y->dtype));
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_transpose = { .op = "transpose",
                                                 .supports = supports,
                                                 .launch = launch };
