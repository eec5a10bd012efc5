/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "border.h"

BORDER_PARAMS;

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_pad *p = i->params;
    if (!lbk__want_rank(i, 0, "x", 4) || !lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out.d[2] -= p->top + p->bottom;
    i->out.d[3] -= p->left + p->right;
    i->out_t = LBK_F32;
    return check_border(i, i->out);
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk_pad(g, gy, *(const struct lbk_pad *) lbk_node_params(n));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_pad *p = r->params;
    const int64_t h = r->out_shape.d[2], w = r->out_shape.d[3], m = lbk_shape_count(r->out_shape);
    int64_t c[LBK_MAX_DIMS];
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0, n = lbk_shape_count(r->in_shape[0]); k < n; k++) {
        coords(r->in_shape[0], k, c);
        c[2] = border_source(c[2] - p->top, h, p->border);
        c[3] = border_source(c[3] - p->left, w, p->border);
        if (c[2] >= 0 && c[3] >= 0)
            sum[position(r->out_shape, c)] += load(r, 0, k);
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "1x1x2x3", "top=1,left=2", 1e-6, 0, 0 },
    { "2x3x8x10", "top=1,bottom=2,left=3,right=0", 1e-6, 0, 0 },
    { "2x3x11x16", "top=4,bottom=2,left=3,right=6,border=reflect", 1e-6, 0, 0 },
    { "2x16x9x13", "top=4,bottom=2,left=3,right=6,border=edge", 1e-6, 0, 0 },
    { "1x5x16x16", "top=5,bottom=5,left=5,right=5,border=reflect", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_pad_dx = {
    OP_HEAD(pad_dx, "adjoint of pad", 1, 1),
    OP_PARAMS(lbk_pad),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(pad_dx, lbk_pad)
