/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "opdef.h"

static const struct lbk_opt params[] = { P_AXIS(lbk_axis, 0), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_axis *p = i->params;
    if (!lbk__want_type(i, 1, "b", LBK_I32) || !lbk__want_rank(i, 1, "b", 1) ||
        !lbk__want_type(i, 2, "c", i->in_t[0]) || !lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    lbk_shape s = i->in[0];
    s.d[axis_of(s, p->axis)] = i->in[1].d[0];
    if (!lbk__want_shape(i, 2, "c", s, "for such a and b"))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out_t = i->in_t[0];
    return LBK_OK;
}

/* 1 for each row of c that is not overwritten, shaped to broadcast against c. */
static lbk_val *winners(lbk_graph *g, lbk_val *b, lbk_shape a, int axis)
{
    const int64_t m = lbk_shape_of(b).d[0];
    const struct lbk_axis first = { 0 };
    struct lbk_dims d = { .n = a.n };
    double *v = malloc(((size_t) m + 1) * sizeof *v);
    for (int k = 0; k < a.n; k++)
        d.d[k] = k == axis ? m : 1;
    for (int64_t k = 0; v && k < m; k++)
        v[k] = (double) k;
    lbk_val *order = v ? lbk_numbers(g, LBK_SHAPE(m), v) : NULL;
    if (!v)
        lbk_graph_fail(g, LBK_ENOMEM, "scatter: out of memory");
    free(v);
    lbk_val *last = lbk_scatter(g, lbk_filled(g, LBK_SHAPE(a.d[axis]), 0), b, order, first);
    return lbk_reshape(g, lbk_eq(g, lbk_gather(g, last, b, first), order), d);
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_axis *p = lbk_node_params(n);
    lbk_val *b = lbk_node_in(n, 1), *c = lbk_node_in(n, 2);
    const lbk_shape a = lbk_shape_of(lbk_node_in(n, 0));
    if (lbk_dtype_of(c) != LBK_F32)
        return LBK_OK;
    gx[0] = lbk_scatter(g, gy, b, lbk_filled(g, lbk_shape_of(c), 0), *p);
    gx[2] = lbk_mul(g, lbk_gather(g, gy, b, *p), winners(g, b, a, axis_of(a, p->axis)));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct strip s = strip_of(r->out_shape, ((const struct lbk_axis *) r->params)->axis);
    const int64_t count = r->in_shape[1].d[0];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++)
        put(r, k, load(r, 0, k));
    for (int64_t k = 0, m = s.outer * count * s.inner; k < m; k++) {
        const int64_t row = ((const int32_t *) r->in[1])[k / s.inner % count];
        if (row >= 0 && row < s.n)
            put(r, (k / s.inner / count * s.n + row) * s.inner + k % s.inner, load(r, 2, k));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "5x7,3:5,3x7", "axis=0", 0, 0, 0 },  { "4x9x3,6:-2..11,4x6x3", "axis=1", 0, 0, 0 },
    { "8,5:3,5", "axis=0", 0, 0, 0 },      { "16x33,16:16,16x33", "axis=0", 0, 0, 0 },
    { "1x1,1:1,1x1", "axis=-1", 0, 0, 0 }, { "690x2,2500:-9..700,2500x2", "axis=0", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_scatter = {
    OP_HEAD(scatter, "a with rows b (indices) replaced by c; the last of equal indices wins", 3, 3),
    OP_PARAMS(lbk_axis),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD3(scatter, lbk_axis)
