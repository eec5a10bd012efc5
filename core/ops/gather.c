/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const struct lbk_opt params[] = { P_AXIS(lbk_axis, 0), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_axis *p = i->params;
    const lbk_shape a = i->in[0], b = i->in[1];
    if (!lbk__want_type(i, 1, "b", LBK_I32) || !lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    if (a.n - 1 + b.n > LBK_MAX_DIMS)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "gather: a is %s and b %s, expected a result of rank %d at most",
                              SHAPE(a), SHAPE(b), LBK_MAX_DIMS);
    const int at = axis_of(a, p->axis);
    for (int k = 0; k < a.n; k++) {
        for (int j = 0; k == at && j < b.n; j++)
            i->out.d[i->out.n++] = b.d[j];
        if (k != at)
            i->out.d[i->out.n++] = a.d[k];
    }
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const lbk_shape s = lbk_shape_of(lbk_node_in(n, 0));
    const int at = axis_of(s, ((const struct lbk_axis *) lbk_node_params(n))->axis);
    gx[0] = lbk_gather_dx(g, lbk_node_in(n, 1), gy, (struct lbk_axis_to) { at, s.d[at] });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct strip s = strip_of(r->in_shape[0], ((const struct lbk_axis *) r->params)->axis);
    const int64_t count = lbk_shape_count(r->in_shape[1]);
    for (int64_t k = 0, m = s.outer * count * s.inner; k < m; k++) {
        const int64_t row = ((const int32_t *) r->in[1])[k / s.inner % count];
        put(r, k,
            row < 0 || row >= s.n
                ? 0
                : load(r, 0, (k / s.inner / count * s.n + row) * s.inner + k % s.inner));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "5x7,3:5", "axis=0", 0, 0, 0 },
    { "4x9x3,6:-2..11", "axis=1", 0, 0, 0 },
    { "8,2x3x4:8", "axis=0", 0, 0, 0 },
    { "2x3x5,:5", "axis=-1", 0, 0, 0 },
    { "19,2x8x8:-1..22", "axis=0", 0, 0, 0 },
    { "1x1,1:1", "axis=1", 0, 0, 0 },
    { "6x4:9,3:6", "axis=0", 0, 0, 0 },
    { "16x33,0:5", "axis=0", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_gather = {
    OP_HEAD(gather, "a at indices b along an axis; 0 outside the range", 2, 2),
    OP_PARAMS(lbk_axis),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD2(gather, lbk_axis)
