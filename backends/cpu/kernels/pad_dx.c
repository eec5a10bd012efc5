/* SPDX-License-Identifier: MIT */
#include "plane.h"

static struct window window(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    const struct lbk_pad *p = params;
    return border_window(p->border, k - (column ? p->left : p->top), n);
}

PLANE_KERNEL(pad_dx, true, false);
