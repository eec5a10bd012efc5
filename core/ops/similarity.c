/* SPDX-License-Identifier: MIT */
#include "similarity.h"

SIMILARITY_PARAMS;

/* It is the same with a and b the other way round. */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_similarity *p = lbk_node_params(n);
    lbk_val *a = lbk_node_in(n, 0), *b = lbk_node_in(n, 1);
    gx[0] = lbk_similarity_dx(g, a, b, gy, *p);
    gx[1] = lbk_similarity_dx(g, b, a, gy, *p);
    return LBK_OK;
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    lbk_val *s = similarity_parts(g, lbk_node_in(n, 0), lbk_node_in(n, 1), lbk_node_params(n)).s;
    return within(g, s, lbk_scalar(g, -1), s, lbk_scalar(g, 1));
}

static double flops(const struct lbk_infer *i)
{
    const struct lbk_similarity *p = i->params;
    return (double) lbk_shape_count(i->in[0]) * (double) (p->kernel * 4 * 4);
}

#define NO_MORE(shape)
SIMILARITY_CASES(NO_MORE);

const struct lbk_op lbk_op_similarity = {
    OP_HEAD(
        similarity,
        "structural similarity of a and b at each pixel, -1..1: means, deviations and correlation "
        "under the window of blur",
        2, 2),
    OP_PARAMS(lbk_similarity),
    .infer = check_similarity,
    .grad = grad,
    .lower = lower,
    .flops = flops,
    .cases = cases,
};
BUILD2(similarity, lbk_similarity)
