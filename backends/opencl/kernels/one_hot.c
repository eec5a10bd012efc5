/* SPDX-License-Identifier: MIT */
#include "ocl.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return ocl_plain_operands(g) && ocl_plain_epi(g);
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const int64_t n = lbk_shape_count(g->out[0].shape);
    struct ocl_step *s = ocl_step(c, "one_hot");
    ocl_arg(s, ocl_plain_operand(g, 0));
    ocl_out(s, 0);
    ocl_int(s, n);
    ocl_divisor(s, ((const struct lbk_hot *) g->params)->classes);
    ocl_grid(s, n, 1, 1);
}

const struct ocl_kernel ocl_kernel_one_hot = { .op = "one_hot", OCL_ANY_FAMILY(supports, prepare) };
