/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
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
    lbk_shape s = i->in[0];
    if (!lbk__want_rank(i, 0, "x", 4) || !lbk__want_type(i, 0, "x", LBK_F32) ||
        !lbk__want_type(i, 1, "dy", LBK_F32) ||
        infer_pool(i, i->params, s.d[2], s.d[3], &s.d[2], &s.d[3]) ||
        !lbk__want_shape(i, 1, "dy", s, "for such windows"))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out_t = LBK_F32;
    return LBK_OK;
}

static int64_t first_largest(const struct lbk_ref *r, struct range y, struct range x, int64_t plane,
                             int64_t w)
{
    int64_t best = -1;
    for (int64_t i = y.lo; i < y.hi; i++)
        for (int64_t j = x.lo; j < x.hi; j++)
            if (best < 0 || load(r, 0, (plane + i) * w + j) > load(r, 0, best))
                best = (plane + i) * w + j;
    return best;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_pool *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3], oh = r->in_shape[1].d[2],
                  ow = r->in_shape[1].d[3];
    const int64_t m = lbk_shape_count(r->out_shape);
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0, n = lbk_shape_count(r->in_shape[1]); k < n; k++) {
        const struct range y = pool_range(p, k / ow % oh, h), x = pool_range(p, k % ow, w);
        const int64_t at = first_largest(r, y, x, k / ow / oh * h, w);
        if (at >= 0)
            sum[at] += load(r, 1, k);
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x8x8,2x3x4x4", "kernel=2", 1e-6, 0, 0 },
    { "2x5x7x9,2x5x4x5", "kernel=3,stride=2,pad=1", 1e-6, 0, 0 },
    { "1x16x7x7,1x16x3x3", "kernel=3,stride=2,ceil=yes", 1e-6, 0, 0 },
    { "1x33x6x5,1x33x6x5", "kernel=3,stride=1,pad=1", 1e-6, 0, 0 },
    { "1x3x8x6,1x3x4x3", "kernel=3,stride=2,ceil=yes", 1e-6, 0, 0 },
    { "2x1x5x5,2x1x2x2", "kernel=2,stride=3,pad=1,ceil=yes", 1e-6, 0, 0 },
    { "1x1x1x1,1x1x1x1", "kernel=1", 1e-6, 0, 0 },
    { "1x24x12x10,1x24x6x5", "kernel=5,stride=2,pad=2", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_max_pool_dx = {
    OP_HEAD(max_pool_dx, "adjoint of max_pool at x: the first maximum of each window takes it all",
            2, 2),
    OP_PARAMS(lbk_pool),
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
BUILD2(max_pool_dx, lbk_pool)
