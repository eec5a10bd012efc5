/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "reduce.h"

REDUCE_PARAMS;

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_reduce *p = lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0);
    gx[0] = lbk__fit(g, kept(g, gy, x, p->axes), lbk_shape_of(x));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_reduce *p = r->params;
    const int64_t n = lbk_shape_count(r->in_shape[0]), m = lbk_shape_count(r->out_shape);
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0; k < n; k++)
        sum[reduced_at(r->in_shape[0], p->axes, k)] += load(r, 0, k);
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

REDUCE_CASES(1e-5);

const struct lbk_op lbk_op_sum = {
    OP_HEAD(sum, "sum over axes", 1, 1),
    OP_PARAMS(lbk_reduce),
    .infer = infer_reduce,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(sum, lbk_reduce)
