/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const struct lbk_opt params[] = {
    P_AXIS(lbk_slice, 0),
    LBK_INT(lbk_slice, begin, 0, 0, 0, "first; negative counts from the end"),
    LBK_INT(lbk_slice, end, 0, 0, 0, "one past the last; 0 = to the last"),
    LBK_OPTS_END,
};

static int64_t first(int64_t n, int64_t begin) { return begin < 0 ? begin + n : begin; }

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_slice *p = i->params;
    if (!lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    const int a = axis_of(i->in[0], p->axis);
    const int64_t n = i->in[0].d[a], from = first(n, p->begin),
                  to = p->end <= 0 ? p->end + n : p->end;
    if (from < 0 || to > n || from > to)
        return lbk_graph_fail(
            i->g, LBK_EINVAL, "slice: %lld to %lld, expected a range of the %lld on axis %d of %s",
            (long long) p->begin, (long long) p->end, (long long) n, a, SHAPE(i->in[0]));
    i->out = i->in[0];
    i->out.d[a] = to - from;
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_slice *p = lbk_node_params(n);
    const struct strip s = strip_of(lbk_shape_of(lbk_node_in(n, 0)), p->axis);
    gx[0] = lbk_slice_dx(g, gy, (struct lbk_slice_to) { p->axis, first(s.n, p->begin), s.n });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_slice *p = r->params;
    const struct strip s = strip_of(r->in_shape[0], p->axis), t = strip_of(r->out_shape, p->axis);
    const int64_t from = first(s.n, p->begin);
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const int64_t in = k % t.inner, at = k / t.inner % t.n, o = k / t.inner / t.n;
        put(r, k, load(r, 0, (o * s.n + from + at) * s.inner + in));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7", "axis=0,begin=2,end=5", 0, 0, 0 },
    { "2x33x3x5", "axis=1,begin=16,end=32", 0, 0, 0 },
    { "2x5x4", "axis=-2,begin=1", 0, 0, 0 },
    { "3x6", "axis=1,begin=-4,end=-1", 0, 0, 0 },
    { "4x3:9", "axis=0,begin=1,end=2", 0, 0, 0 },
    { "5", "axis=0", 0, 0, 0 },
    { "5", "axis=0,begin=2,end=2", 0, 0, 0 },
    { "2x5x7x6", "axis=3,begin=1,end=5", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_slice = {
    OP_HEAD(slice, "a range of one axis", 1, 1),
    OP_PARAMS(lbk_slice),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(slice, lbk_slice)
