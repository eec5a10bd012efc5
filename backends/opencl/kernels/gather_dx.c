/* SPDX-License-Identifier: MIT */
#include "rows.h"

static struct rows rows_of(const struct lbk_group *g)
{
    return (struct rows){ strip_of(g->out[0].shape,
                                    ((const struct lbk_axis_to *) g->params)->axis),
                          lbk_shape_count(g->arg[ocl_plain_operand(g, 0)].shape) };
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g))
        return 0;
    const struct rows r = rows_of(g);
    o->scratch = ocl_rows_scratch(d, ROWS_ADD, &r);
    return ocl_turns(d, r.count); /* all of them may have one index */
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const int index = ocl_plain_operand(g, 0), dy = ocl_plain_operand(g, 1);
    const struct rows r = rows_of(g);
    ocl_rows(d, g, c, ROWS_ADD, index, dy, &r);
}

const struct ocl_kernel ocl_kernel_gather_dx = { .op = "gather_dx",
                                                 OCL_ANY_FAMILY(supports, prepare) };
