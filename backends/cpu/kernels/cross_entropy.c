/* SPDX-License-Identifier: MIT */
#include "soft.h"

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_labels *p = g->params;
    return soft_launch(d, g, SOFT_LOSS, p->axis, p->ignore);
}

const struct cpu_kernel cpu_kernel_cross_entropy = { .op = "cross_entropy",
                                                     .supports = soft_supports,
                                                     .launch = launch };
