/* SPDX-License-Identifier: MIT */
#include "plane.h"

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    ocl_pick_prepare(d, g, c, &plane_pad);
}

const struct ocl_kernel ocl_kernel_pad = { .op = "pad",
                                           OCL_ANY_FAMILY(ocl_plane_supports, prepare) };
