/* SPDX-License-Identifier: MIT */
#include "ocl.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    o->want_arg[0] = g->arg[0].layout;
    o->want_out[0] = g->out[0].layout;
    return 1;
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    const bool to = ocl_is_cblk(y) && !ocl_is_cblk(x), from = ocl_is_cblk(x) && !ocl_is_cblk(y);
    const lbk_shape *s = &x->shape;
    const int64_t plane = to || from ? s->d[2] * s->d[3] : (int64_t) (lbk_arg_bytes(x) / 4);
    struct ocl_step *step = ocl_step(c, "reorder");
    ocl_define(step, "TO_BLOCKS", "%d", to);
    ocl_define(step, "FROM_BLOCKS", "%d", from);
    ocl_int(step, to || from ? s->d[1] : 1);
    ocl_int(step, plane);
    ocl_arg(step, 0);
    ocl_out(step, 0);
    if (to)
        ocl_grid(step, plane * OCL_BLOCK, ocl_blocks(s->d[1]), s->d[0]);
    else
        ocl_grid(step, plane, from ? s->d[1] : 1, from ? s->d[0] : 1);
}

const struct ocl_kernel ocl_kernel_reorder = { .op = "reorder", OCL_ANY_FAMILY(supports, prepare) };
