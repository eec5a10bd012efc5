/* SPDX-License-Identifier: MIT */
#include "plane.h"

static struct window window(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    const struct lbk_pool_to *p = params;
    return pool_window(p->kernel, p->stride, p->pad, k, n);
}

PLANE_KERNEL(avg_pool_dx, true, false);
