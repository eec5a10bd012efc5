/* SPDX-License-Identifier: MIT */
#include "window.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_hw, h, 1, 1, 1e6, "rows of the result"),
    LBK_INT(lbk_hw, w, 1, 1, 1e6, "columns of the result"),
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
            "adaptive_avg_pool: x is %s, and %lldx%lld, expected at least one row and column",
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
    gx[0] = lbk_adaptive_avg_pool_dx(g, gy, (struct lbk_hw) { s.d[2], s.d[3] });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_hw *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const struct range y = adaptive_range(k / p->w % p->h, p->h, h),
                           x = adaptive_range(k % p->w, p->w, w);
        double sum = 0;
        for (int64_t i = y.lo; i < y.hi; i++)
            for (int64_t j = x.lo; j < x.hi; j++)
                sum += load(r, 0, (k / p->w / p->h * h + i) * w + j);
        put(r, k, sum / (double) ((y.hi - y.lo) * (x.hi - x.lo)));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x8x8", "h=1,w=1", 1e-6, 0, 0 },
    { "2x5x7x9", "h=3,w=4", 1e-6, 0, 0 },
    { "1x16x4x6", "h=2,w=3", 1e-6, 0, 0 },
    { "1x33x5x5", "h=5,w=5", 1e-6, 0, 0 },
    { "1x2x3x2", "h=6,w=5", 1e-6, 0, 0 },
    { "1x1x1x1", "h=1,w=1", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_adaptive_avg_pool = {
    OP_HEAD(adaptive_avg_pool,
            "2-D mean to a given size: window i is floor(i n / b) .. ceil((i + 1) n / b)", 1, 1),
    OP_PARAMS(lbk_hw),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(adaptive_avg_pool, lbk_hw)
