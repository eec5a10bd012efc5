/* SPDX-License-Identifier: MIT */
#include "ocl.h"

int64_t ocl_tail_floats(const struct lbk_group *g, int64_t slots)
{
    return g->tail ? slots * ocl_blocks(g->acc.d[1]) * OCL_TAIL : 0;
}

void ocl_tail_offer(const struct lbk_group *g, struct lbk_layout l, struct lbk_offer *o)
{
    if (g->tail != LBK_TAIL_BN_SUMS)
        return;
    o->want_arg[g->tail_arg[0]] = l;
    o->inplace &= ~(1u << g->tail_arg[0]); /* read after out[0] is stored */
}

void ocl_tail_args(struct ocl_step *s, const struct lbk_group *g, int64_t at)
{
    const size_t from = (size_t) at * sizeof(float);
    ocl_scratch(s, from, sizeof(float));
    for (int i = 0; i < 2; i++)
        if (g->tail == LBK_TAIL_BN_SUMS)
            ocl_arg(s, g->tail_arg[i]);
        else
            ocl_scratch(s, from, sizeof(float)); /* not read */
    ocl_int(s, g->tail);
}

void ocl_tail_step(lbk_code *c, const struct lbk_group *g, int64_t at, int64_t slots)
{
    const int64_t blocks = ocl_blocks(g->acc.d[1]), one[] = { 1, 1, 1 };
    const bool sums = g->tail == LBK_TAIL_BN_SUMS;
    struct ocl_step *s = g->tail ? ocl_step(c, "tail") : NULL;
    ocl_scratch(s, (size_t) at * sizeof(float), sizeof(float));
    if (sums)
        ocl_arg(s, g->tail_arg[1]);
    else
        ocl_scratch(s, (size_t) at * sizeof(float), sizeof(float)); /* not read */
    ocl_out(s, g->n_out - 1);
    ocl_int(s, sums);
    ocl_float(s, sums ? (float) ((const struct lbk_bn *) g->tail_params)->eps : 0);
    ocl_int(s, slots);
    ocl_int(s, blocks);
    ocl_int(s, g->acc.d[1]);
    ocl_groups(s, (const int64_t[]){ blocks, 1, 1 }, one);
}
