/* SPDX-License-Identifier: MIT */
#include "rows.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return ocl_plain_operands(g) && ocl_plain_epi(g);
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const int x = ocl_plain_operand(g, 0), index = ocl_plain_operand(g, 1);
    const struct rows r = {
        strip_of(g->arg[x].shape, ((const struct lbk_axis *) g->params)->axis),
        lbk_shape_count(g->arg[index].shape)
    };
    ocl_rows(d, g, c, ROWS_GATHER, index, x, &r);
}

const struct ocl_kernel ocl_kernel_gather = { .op = "gather", OCL_ANY_FAMILY(supports, prepare) };
