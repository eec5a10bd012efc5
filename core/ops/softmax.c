/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "same.h"

static const struct lbk_opt params[] = { P_AXIS(lbk_axis, -1), LBK_OPTS_END };

/* y (gy - sum(gy y)) */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_axis *p = lbk_node_params(n);
    lbk_val *y = lbk_node_out(n);
    gx[0] = lbk_mul(g, y, lbk_sub(g, gy, lbk_sum(g, lbk_mul(g, gy, y), along(y, p->axis))));
    return LBK_OK;
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    const struct lbk_axis *p = lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0);
    lbk_val *e = lbk_exp(g, lbk_sub(g, x, lbk_max(g, x, along(x, p->axis))));
    return lbk_div(g, e, lbk_sum(g, e, along(x, p->axis)));
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_axis *p = r->params;
    const struct strip s = strip_of(r->out_shape, p->axis);
    for (int64_t o = 0; o < s.outer * s.inner; o++) {
        const struct rowsum w = rowsum_of(r, s, o);
        for (int64_t k = 0; k < s.n; k++)
            put(r, w.at + k * s.inner, exp(load(r, 0, w.at + k * s.inner) - w.max) / w.sum);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7", "axis=0", 1e-6, 0, 0 },         { "2x5x3", "axis=1", 1e-6, 0, 0 },
    { "4x100", "axis=-1", 1e-6, -30, 30 }, { "2x19x4x3", "axis=1", 1e-6, 0, 0 },
    { "3x1", "axis=-1", 1e-6, 0, 0 },      { "16x33", "axis=-2", 1e-6, 0, 0 },
    { "0x4", "axis=1", 1e-6, 0, 0 },       { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_softmax = {
    OP_HEAD(softmax, "softmax over one axis", 1, 1),
    OP_PARAMS(lbk_axis),
    .infer = infer_along,
    .grad = grad,
    .ref = ref,
    .lower = lower,
    .cases = cases,
};
BUILD1(softmax, lbk_axis)
