/* SPDX-License-Identifier: MIT */
#include "rows.h"
#include "strided.h"

static struct rows rows_of(const struct lbk_group *g)
{
    return (struct rows){ strip_of(g->out[0].shape, ((const struct lbk_axis *) g->params)->axis),
                          lbk_shape_count(g->arg[ocl_plain_operand(g, 1)].shape) };
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g))
        return 0;
    const int a = ocl_plain_operand(g, 0);
    const struct rows r = rows_of(g);
    if (a != ocl_plain_operand(g, 1) && a != ocl_plain_operand(g, 2))
        o->inplace = 1u << a;
    o->scratch = ocl_rows_scratch(d, ROWS_SCATTER, &r);
    return 1;
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const int index = ocl_plain_operand(g, 1), rows = ocl_plain_operand(g, 2);
    const struct rows r = rows_of(g);
    const struct move all = { .arg = ocl_plain_operand(g, 0),
                              .n = 1,
                              .a = { { lbk_shape_count(g->acc), 1, 1 } } };
    ocl_unless_inplace(ocl_move(d, g, c, &all), all.arg);
    ocl_rows(d, g, c, ROWS_SCATTER, index, rows, &r);
}

const struct ocl_kernel ocl_kernel_scatter = { .op = "scatter", OCL_ANY_FAMILY(supports, prepare) };
