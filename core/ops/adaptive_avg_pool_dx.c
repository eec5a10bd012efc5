/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "window.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_hw, h, 1, 1, 1e6, "rows of what was pooled"),
    LBK_INT(lbk_hw, w, 1, 1, 1e6, "columns of what was pooled"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_hw *p = i->params;
    if (!lbk__want_rank(i, 0, "x", 4) || !lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    if (p->h < 1 || p->w < 1 || i->in[0].d[2] < 1 || i->in[0].d[3] < 1)
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "adaptive_avg_pool_dx: x is %s, and %lldx%lld, expected at least one row and column",
            SHAPE(i->in[0]), (long long) p->h, (long long) p->w);
    i->out = i->in[0];
    i->out.d[2] = p->h;
    i->out.d[3] = p->w;
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const lbk_shape s = lbk_shape_of(lbk_node_in(n, 0));
    gx[0] = lbk_adaptive_avg_pool(g, gy, (struct lbk_hw) { s.d[2], s.d[3] });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_hw *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3],
                  m = lbk_shape_count(r->out_shape);
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0, n = lbk_shape_count(r->in_shape[0]); k < n; k++) {
        const struct range y = adaptive_range(k / w % h, h, p->h),
                           x = adaptive_range(k % w, w, p->w);
        const double v = load(r, 0, k) / (double) ((y.hi - y.lo) * (x.hi - x.lo));
        for (int64_t i = y.lo; i < y.hi; i++)
            for (int64_t j = x.lo; j < x.hi; j++)
                sum[(k / w / h * p->h + i) * p->w + j] += v;
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x1x1", "h=8,w=8", 1e-6, 0, 0 },
    { "2x5x3x4", "h=7,w=9", 1e-6, 0, 0 },
    { "1x16x2x3", "h=4,w=6", 1e-6, 0, 0 },
    { "1x33x5x5", "h=5,w=5", 1e-6, 0, 0 },
    { "1x2x6x5", "h=3,w=2", 1e-6, 0, 0 },
    { "1x1x1x1", "h=1,w=1", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_adaptive_avg_pool_dx = {
    OP_HEAD(adaptive_avg_pool_dx, "adjoint of adaptive_avg_pool, to an input of that size", 1, 1),
    OP_PARAMS(lbk_hw),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(adaptive_avg_pool_dx, lbk_hw)
