/* SPDX-License-Identifier: MIT */
#include "ocl.h"

static struct strip axis_of(const struct lbk_group *g)
{
    return strip_of(g->arg[ocl_plain_operand(g, 0)].shape,
                     ((const struct lbk_axis *) g->params)->axis);
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return ocl_plain_operands(g) && ocl_plain_epi(g) && ocl_turns(d, axis_of(g).n);
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct strip t = axis_of(g);
    struct ocl_step *s = ocl_step(c, "argmax");
    ocl_arg(s, ocl_plain_operand(g, 0));
    ocl_out(s, 0);
    ocl_int(s, t.outer);
    ocl_int(s, t.n);
    ocl_divisor(s, t.inner);
    ocl_grid(s, t.outer * t.inner, 1, 1);
}

const struct ocl_kernel ocl_kernel_argmax = { .op = "argmax", OCL_ANY_FAMILY(supports, prepare) };
