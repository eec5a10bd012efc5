/* SPDX-License-Identifier: MIT */
#include "plane.h"

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    if (((const struct lbk_resize *) g->params)->filter == LBK_NEAREST)
        ocl_pick_prepare(d, g, c, &plane_resize);
    else
        ocl_plane_prepare(d, g, c, &plane_resize);
}

const struct ocl_kernel ocl_kernel_resize = { .op = "resize",
                                              OCL_ANY_FAMILY(ocl_plane_supports, prepare) };
