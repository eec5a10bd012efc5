/* SPDX-License-Identifier: MIT */
#include "soft.h"

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    return soft_launch(d, g, SOFT_MAX, ((const struct lbk_axis *) g->params)->axis, -1);
}

const struct cpu_kernel cpu_kernel_softmax = { .op = "softmax",
                                               .supports = soft_supports,
                                               .launch = launch };
