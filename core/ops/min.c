/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include "reduce.h"

REDUCE_PARAMS;

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_reduce *p = lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0);
    lbk_val *hit = lbk_eq(g, x, kept(g, lbk_node_out(n), x, p->axes));
    lbk_val *hits = lbk_sum(g, hit, (struct lbk_reduce) { p->axes, true });
    gx[0] = lbk_mul(g, hit, lbk_div(g, kept(g, gy, x, p->axes), hits));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_reduce *p = r->params;
    const int64_t n = lbk_shape_count(r->in_shape[0]), m = lbk_shape_count(r->out_shape);
    double *best = malloc(((size_t) m + 1) * sizeof *best);
    if (!best)
        return LBK_ENOMEM;
    for (int64_t k = 0; k < m; k++)
        best[k] = INFINITY;
    for (int64_t k = 0; k < n; k++) {
        double *b = &best[reduced_at(r->in_shape[0], p->axes, k)];
        const double v = load(r, 0, k);
        *b = v < *b ? v : *b;
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, best[k]);
    free(best);
    return LBK_OK;
}

REDUCE_CASES(0);

const struct lbk_op lbk_op_min = {
    OP_HEAD(min, "minimum over axes; gradient split evenly between ties", 1, 1),
    OP_PARAMS(lbk_reduce),
    .infer = infer_reduce,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(min, lbk_reduce)
