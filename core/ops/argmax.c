/* SPDX-License-Identifier: MIT */
#include "reduce.h"

static const struct lbk_opt params[] = { P_AXIS(lbk_axis, -1), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_axis *p = i->params;
    if (!lbk__want_type(i, 0, "x", LBK_F32) || !lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    if (!i->in[0].d[axis_of(i->in[0], p->axis)])
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "argmax: x is %s, expected at least one element on axis %lld",
                              SHAPE(i->in[0]), (long long) p->axis);
    i->out = reduced_shape(i->in[0], 1 << axis_of(i->in[0], p->axis), false);
    i->out_t = LBK_I32;
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_axis *p = r->params;
    const struct strip s = strip_of(r->in_shape[0], p->axis);
    for (int64_t o = 0; o < s.outer * s.inner; o++) {
        const int64_t at = o / s.inner * s.n * s.inner + o % s.inner;
        int64_t best = 0;
        for (int64_t k = 1; k < s.n; k++)
            if (load(r, 0, at + k * s.inner) > load(r, 0, at + best * s.inner))
                best = k;
        put(r, o, (double) best);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7", "axis=0", 0, 0, 0 },      { "2x5x3", "axis=1", 0, 0, 0 },
    { "4x100", "axis=-1", 0, 0, 0 }, { "2x3x4x5", "axis=-3", 0, 0, 0 },
    { "3x1", "axis=1", 0, 0, 0 },    { "0x3", "axis=1", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_argmax = {
    OP_HEAD(argmax, "index of the first maximum along an axis, as I32; no gradient", 1, 1),
    OP_PARAMS(lbk_axis),
    .flags = LBK_OP_NONDIFF,
    .infer = infer,
    .ref = ref,
    .cases = cases,
};

lbk_val *lbk_argmax(lbk_graph *g, lbk_val *x, struct lbk_axis p)
{
    lbk_val *v = lbk_apply(g, &lbk_op_argmax, 1, &x, &p);
    if (v)
        v->node.range = strip_of(lbk_shape_of(x), p.axis).n;
    return v;
}
