/* SPDX-License-Identifier: MIT */
#include "window.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_pool, kernel, 2, 1, 1e6, "rows and columns of a window"),
    LBK_INT(lbk_pool, stride, 0, 0, 1e6, "from window to window; 0 = kernel"),
    LBK_INT(lbk_pool, pad, 0, 0, 1e6, "rows and columns around the image"),
    LBK_BOOL(lbk_pool, ceil, 0, "partial windows count"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    if (!lbk__want_rank(i, 0, "x", 4) || !lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out_t = LBK_F32;
    return infer_pool(i, i->params, i->in[0].d[2], i->in[0].d[3], &i->out.d[2], &i->out.d[3]);
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] =
        lbk_max_pool_dx(g, lbk_node_in(n, 0), gy, *(const struct lbk_pool *) lbk_node_params(n));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_pool *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3], ow = r->out_shape.d[3],
                  oh = r->out_shape.d[2];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const struct range y = pool_range(p, k / ow % oh, h), x = pool_range(p, k % ow, w);
        const int64_t plane = k / ow / oh * h;
        double best = -INFINITY;
        for (int64_t i = y.lo; i < y.hi; i++)
            for (int64_t j = x.lo; j < x.hi; j++)
                best =
                    load(r, 0, (plane + i) * w + j) > best ? load(r, 0, (plane + i) * w + j) : best;
        put(r, k, best);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x8x8", "kernel=2", 0, 0, 0 },
    { "2x5x7x9", "kernel=3,stride=2,pad=1", 0, 0, 0 },
    { "1x16x7x7", "kernel=3,stride=2,ceil=yes", 0, 0, 0 },
    { "1x33x6x5", "kernel=3,stride=1,pad=1", 0, 0, 0 },
    { "1x3x8x6", "kernel=3,stride=2,ceil=yes", 1e-6, 0, 0 },
    { "2x1x5x5", "kernel=2,stride=3,pad=1,ceil=yes", 0, 0, 0 },
    { "1x1x1x1", "kernel=1", 0, 0, 0 },
    { "1x24x12x10", "kernel=5,stride=2,pad=2", 0, 0, 0 },
    { "0x3x4x4", "kernel=2", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_max_pool = {
    OP_HEAD(max_pool, "2-D maximum over windows; padding does not count", 1, 1),
    OP_PARAMS(lbk_pool),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(max_pool, lbk_pool)
