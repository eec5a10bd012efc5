/* SPDX-License-Identifier: MIT */
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    struct strided_axis a[LBK_MAX_DIMS];
    int64_t to = 1, from = 1;
    for (int i = y->shape.n - 1, k = x->shape.n - 1; i >= 0; i--, k--) {
        const int64_t n = k >= 0 ? x->shape.d[k] : 1;
        a[i] = (struct strided_axis){ y->shape.d[i], to, n == 1 ? 0 : from };
        to *= y->shape.d[i];
        from *= n;
    }
    strided_copy(d, cpu_ptr(y), cpu_ptr(x), y->shape.n, a, strided_size(y->dtype));
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_broadcast = { .op = "broadcast",
                                                 .supports = supports,
                                                 .launch = launch };
