/* SPDX-License-Identifier: MIT */
#include "plane.h"

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct lbk_pool *p = g->params;
    const int x = ocl_plain_operand(g, 0), dy = ocl_plain_operand(g, 1);
    struct ocl_step *s = ocl_step(c, "max_pool_dx");
    ocl_define(s, "BLOCK", "%d", ocl_block(&g->out[0]));
    ocl_arg(s, x);
    ocl_arg(s, dy);
    ocl_out(s, 0);
    ocl_int(s, p->kernel);
    ocl_divisor(s, p->stride ? p->stride : p->kernel);
    ocl_int(s, p->pad);
    ocl_divisor(s, g->arg[x].shape.d[2]);
    ocl_divisor(s, g->arg[x].shape.d[3]);
    ocl_int(s, g->arg[dy].shape.d[2]);
    ocl_int(s, g->arg[dy].shape.d[3]);
    ocl_int(s, ocl_pixels(&g->arg[x]));
    ocl_grid(s, ocl_pixels(&g->arg[x]), 1, 1);
}

const struct ocl_kernel ocl_kernel_max_pool_dx = { .op = "max_pool_dx",
                                                   OCL_ANY_FAMILY(ocl_plane_supports, prepare) };
