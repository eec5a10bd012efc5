/* SPDX-License-Identifier: MIT */
#include "plane.h"

static struct window window(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    return resize_window(((const struct lbk_resize_to *) params)->filter, k, m, n);
}

PLANE_KERNEL(resize_dx, true, false);
