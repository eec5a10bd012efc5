/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const struct lbk_opt params[] = {
    P_AXIS(lbk_slice_to, 0),
    LBK_INT(lbk_slice_to, begin, 0, 0, 0, "where the operand begins"),
    LBK_INT(lbk_slice_to, n, 0, 0, 9e15, "extent of the axis in the result"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_slice_to *p = i->params;
    if (!lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    const int a = axis_of(i->in[0], p->axis);
    if (p->begin < 0 || p->n < i->in[0].d[a] || p->begin > p->n - i->in[0].d[a])
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "slice_dx: x is %s, expected its axis %d to lie in %lld from %lld on",
                              SHAPE(i->in[0]), a, (long long) p->n, (long long) p->begin);
    i->out = i->in[0];
    i->out.d[a] = p->n;
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_slice_to *p = lbk_node_params(n);
    const int64_t m = strip_of(lbk_shape_of(lbk_node_in(n, 0)), p->axis).n;
    gx[0] = m ? lbk_slice(g, gy, (struct lbk_slice) { p->axis, p->begin, p->begin + m }) : NULL;
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_slice_to *p = r->params;
    const struct strip s = strip_of(r->in_shape[0], p->axis), t = strip_of(r->out_shape, p->axis);
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const int64_t in = k % t.inner, at = k / t.inner % t.n - p->begin, o = k / t.inner / t.n;
        put(r, k, at >= 0 && at < s.n ? load(r, 0, (o * s.n + at) * s.inner + in) : 0);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "3", "axis=0,begin=2,n=7", 0, 0, 0 },
    { "2x16x3x5", "axis=1,begin=16,n=33", 0, 0, 0 },
    { "2x5x4", "axis=-2,begin=1,n=6", 0, 0, 0 },
    { "5", "axis=0,begin=0,n=5", 0, 0, 0 },
    { "0", "axis=0,begin=1,n=3", 0, 0, 0 },
    { "1x3x5x2", "axis=3,begin=1,n=4", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_slice_dx = {
    OP_HEAD(slice_dx, "zeros with the operand in a range of one axis", 1, 1),
    OP_PARAMS(lbk_slice_to),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(slice_dx, lbk_slice_to)
