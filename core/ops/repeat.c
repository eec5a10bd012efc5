/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const struct lbk_opt params[] = {
    P_AXIS(lbk_count, 0),
    LBK_INT(lbk_count, n, 1, 0, 1e9, "how many times"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_count *p = i->params;
    if (!lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    const int a = axis_of(i->in[0], p->axis);
    if (p->n < 0 || (i->in[0].d[a] && p->n > INT64_MAX / i->in[0].d[a]))
        return lbk_graph_fail(i->g, LBK_EINVAL, "repeat: %lld times, expected 0 or more that fit",
                              (long long) p->n);
    i->out = i->in[0];
    i->out.d[a] *= p->n;
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_count *p = lbk_node_params(n);
    const lbk_shape s = lbk_shape_of(lbk_node_in(n, 0));
    const struct strip t = strip_of(s, p->axis);
    struct lbk_dims d = { 4, { t.outer, p->n, t.n, t.inner } }, back = { .n = s.n };
    for (int k = 0; k < s.n; k++)
        back.d[k] = s.d[k];
    gx[0] =
        lbk_reshape(g, lbk_sum(g, lbk_reshape(g, gy, d), (struct lbk_reduce) { 2, false }), back);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_count *p = r->params;
    const struct strip s = strip_of(r->in_shape[0], p->axis), t = strip_of(r->out_shape, p->axis);
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const int64_t in = k % t.inner, at = k / t.inner % t.n, o = k / t.inner / t.n;
        put(r, k, load(r, 0, (o * s.n + at % s.n) * s.inner + in));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7", "axis=0,n=3", 0, 0, 0 },
    { "2x3x5", "axis=1,n=2", 0, 0, 0 },
    { "4x1", "axis=-1,n=5", 0, 0, 0 },
    { "2x3:9", "axis=0,n=2", 0, 0, 0 },
    { "2x16x3x3", "axis=1,n=1", 0, 0, 0 },
    { "3", "axis=0,n=0", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_repeat = {
    OP_HEAD(repeat, "the same along an axis, so many times", 1, 1),
    OP_PARAMS(lbk_count),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(repeat, lbk_count)
