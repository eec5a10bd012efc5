/* SPDX-License-Identifier: MIT */
#include "similarity.h"

SIMILARITY_PARAMS;

/* With W' the adjoint of W and the slopes of S, which there are none of past -1 and 1:
 *   dmu = dS/dmx - 2 mx dS/dboth - my dS/dcov,   da = W'(dy dmu) + 2 a W'(dy dS/dboth) + b W'(dy
 * dS/dcov), dS/dmx = 2 (my above[1] - mx below[1] S) / all,  dS/dboth = -S below[0] / all, dS/dcov
 * = 2 above[0] / all. */
static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    const struct lbk_similarity *p = lbk_node_params(n);
    const struct lbk_blur w = { p->kernel, p->sigma };
    lbk_val *a = lbk_node_in(n, 0), *b = lbk_node_in(n, 1);
    const struct similarity_parts r = similarity_parts(g, a, b, p);
    lbk_val *zero = lbk_scalar(g, 0), *two = lbk_scalar(g, 2);
    lbk_val *k = within(g, r.s, zero, lbk_div(g, lbk_node_in(n, 2), r.all), zero);
    lbk_val *both = lbk_neg(g, lbk_mul(g, k, lbk_mul(g, r.s, r.below[0]))),
            *cov = lbk_mul(g, two, lbk_mul(g, k, r.above[0])), *both2 = lbk_mul(g, two, both);
    lbk_val *mean =
        lbk_sub(g, lbk_mul(g, r.my, r.above[1]), lbk_mul(g, r.mx, lbk_mul(g, r.below[1], r.s)));
    mean = lbk_mul(g, two, lbk_mul(g, k, mean));
    mean = lbk_sub(g, lbk_sub(g, mean, lbk_mul(g, r.mx, both2)), lbk_mul(g, r.my, cov));
    return lbk_add(g, lbk_add(g, lbk_blur_dx(g, mean, w), lbk_mul(g, a, lbk_blur_dx(g, both2, w))),
                   lbk_mul(g, b, lbk_blur_dx(g, cov, w)));
}

static double flops(const struct lbk_infer *i)
{
    const struct lbk_similarity *p = i->params;
    return (double) lbk_shape_count(i->in[0]) * (double) (p->kernel * (4 * 4 + 3 * 4));
}

#define ONE_MORE(shape) "," shape
SIMILARITY_CASES(ONE_MORE);

const struct lbk_op lbk_op_similarity_dx = {
    OP_HEAD(similarity_dx, "of a, b and dy: adjoint of similarity for a", 3, 3),
    OP_PARAMS(lbk_similarity),
    .infer = check_similarity,
    .lower = lower,
    .flops = flops,
    .cases = cases,
};
BUILD3(similarity_dx, lbk_similarity)
