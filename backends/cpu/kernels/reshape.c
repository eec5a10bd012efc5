/* SPDX-License-Identifier: MIT */
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct strided_axis a = { lbk_shape_count(g->out[0].shape), 1, 1 };
    strided_copy(d, cpu_ptr(&g->out[0]), cpu_ptr(&g->arg[0]), 1, &a, strided_size(g->out[0].dtype));
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_reshape = { .op = "reshape",
                                               .supports = supports,
                                               .launch = launch };
