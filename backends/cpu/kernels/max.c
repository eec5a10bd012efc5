/* SPDX-License-Identifier: MIT */
#include "reduce.h"

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    return reduce_launch(d, g, REDUCE_MAX);
}

const struct cpu_kernel cpu_kernel_max = { .op = "max",
                                           .supports = reduce_supports,
                                           .launch = launch };
