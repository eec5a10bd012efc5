/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "window.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_pool_to, kernel, 2, 1, 1e6, "rows and columns of a window"),
    LBK_INT(lbk_pool_to, stride, 0, 0, 1e6, "from window to window; 0 = kernel"),
    LBK_INT(lbk_pool_to, pad, 0, 0, 1e6, "rows and columns around the image"),
    LBK_BOOL(lbk_pool_to, ceil, 0, "partial windows count"),
    LBK_INT(lbk_pool_to, h, 1, 1, 1e6, "rows of what was pooled"),
    LBK_INT(lbk_pool_to, w, 1, 1, 1e6, "columns of what was pooled"),
    LBK_OPTS_END,
};

static struct lbk_pool windows(const struct lbk_pool_to *p)
{
    return (struct lbk_pool) { p->kernel, p->stride, p->pad, p->ceil };
}

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_pool_to *p = i->params;
    const struct lbk_pool q = windows(p);
    lbk_shape s = i->in[0];
    if (!lbk__want_rank(i, 0, "dy", 4) || !lbk__want_type(i, 0, "dy", LBK_F32) ||
        infer_pool(i, &q, p->h, p->w, &s.d[2], &s.d[3]) ||
        !lbk__want_shape(i, 0, "dy", s, "for such windows"))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out.d[2] = p->h;
    i->out.d[3] = p->w;
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk_avg_pool(g, gy, windows(lbk_node_params(n)));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_pool_to *p = r->params;
    const struct lbk_pool q = windows(p);
    const int64_t oh = r->in_shape[0].d[2], ow = r->in_shape[0].d[3],
                  m = lbk_shape_count(r->out_shape);
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0, n = lbk_shape_count(r->in_shape[0]); k < n; k++) {
        const struct range y = pool_range(&q, k / ow % oh, p->h), x = pool_range(&q, k % ow, p->w);
        const double v = load(r, 0, k) / (double) ((y.hi - y.lo) * (x.hi - x.lo));
        for (int64_t i = y.lo; i < y.hi; i++)
            for (int64_t j = x.lo; j < x.hi; j++)
                sum[(k / ow / oh * p->h + i) * p->w + j] += v;
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x4x4", "kernel=2,h=8,w=8", 1e-6, 0, 0 },
    { "2x5x4x5", "kernel=3,stride=2,pad=1,h=7,w=9", 1e-6, 0, 0 },
    { "1x16x3x3", "kernel=3,stride=2,ceil=yes,h=7,w=7", 1e-6, 0, 0 },
    { "1x33x6x5", "kernel=3,stride=1,pad=1,h=6,w=5", 1e-6, 0, 0 },
    { "1x3x4x3", "kernel=3,stride=2,ceil=yes,h=8,w=6", 1e-6, 0, 0 },
    { "2x1x2x2", "kernel=2,stride=3,pad=1,ceil=yes,h=5,w=5", 1e-6, 0, 0 },
    { "1x1x1x1", "kernel=1", 1e-6, 0, 0 },
    { "1x24x6x5", "kernel=5,stride=2,pad=2,h=12,w=10", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_avg_pool_dx = {
    OP_HEAD(avg_pool_dx, "adjoint of avg_pool", 1, 1),
    OP_PARAMS(lbk_pool_to),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(avg_pool_dx, lbk_pool_to)
