/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "opdef.h"

static const struct lbk_opt params[] = {
    P_AXIS(lbk_axis_to, 0),
    LBK_INT(lbk_axis_to, n, 1, 0, 1e9, "extent of the axis in the result"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_axis_to *p = i->params;
    const lbk_shape b = i->in[0], dy = i->in[1];
    const int rank = dy.n - b.n + 1;
    if (!lbk__want_type(i, 0, "indices", LBK_I32) || !lbk__want_type(i, 1, "dy", LBK_F32))
        return LBK_EINVAL;
    const int64_t at = p->axis < 0 ? p->axis + rank : p->axis;
    if (at < 0 || at >= rank || memcmp(dy.d + at, b.d, (size_t) b.n * sizeof *b.d))
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "gather_dx: dy is %s, expected the indices' %s from axis %lld on",
                              SHAPE(dy), SHAPE(b), (long long) p->axis);
    i->out = dy;
    i->out.n = rank;
    i->out.d[at] = p->n;
    for (int k = (int) at + 1; k < rank; k++)
        i->out.d[k] = dy.d[k + b.n - 1];
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_axis_to *p = lbk_node_params(n);
    gx[1] = lbk_gather(g, gy, lbk_node_in(n, 0), (struct lbk_axis) { p->axis });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct strip s = strip_of(r->out_shape, ((const struct lbk_axis_to *) r->params)->axis);
    const int64_t count = lbk_shape_count(r->in_shape[0]), m = lbk_shape_count(r->out_shape);
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0, n = s.outer * count * s.inner; k < n; k++) {
        const int64_t row = ((const int32_t *) r->in[0])[k / s.inner % count];
        if (row >= 0 && row < s.n)
            sum[(k / s.inner / count * s.n + row) * s.inner + k % s.inner] += load(r, 1, k);
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "3:5,3x7", "axis=0,n=5", 1e-6, 0, 0 },
    { "6:-2..11,4x6x3", "axis=1,n=9", 1e-6, 0, 0 },
    { "2x3x4:8,2x3x4", "axis=0,n=8", 1e-6, 0, 0 },
    { ":5,2x3", "axis=-1,n=5", 1e-6, 0, 0 },
    { "16:3,16x33", "axis=0,n=3", 1e-5, 0, 0 },
    { "1:1,1x1", "axis=1,n=1", 1e-6, 0, 0 },
    { "2500:-9..700,2500x2", "axis=0,n=690", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_gather_dx = {
    OP_HEAD(gather_dx, "of indices and dy: adjoint of gather, repeated indices added in order", 2,
            2),
    OP_PARAMS(lbk_axis_to),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD2(gather_dx, lbk_axis_to)
