/* SPDX-License-Identifier: MIT */
#include "border.h"

BORDER_PARAMS;

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_pad *p = i->params;
    if (!lbk__want_rank(i, 0, "x", 4) || check_border(i, i->in[0]))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out.d[2] += p->top + p->bottom;
    i->out.d[3] += p->left + p->right;
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk_pad_dx(g, gy, *(const struct lbk_pad *) lbk_node_params(n));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_pad *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3];
    int64_t c[LBK_MAX_DIMS];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        coords(r->out_shape, k, c);
        c[2] = border_source(c[2] - p->top, h, p->border);
        c[3] = border_source(c[3] - p->left, w, p->border);
        put(r, k, c[2] < 0 || c[3] < 0 ? 0 : load(r, 0, position(r->in_shape[0], c)));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "1x1x1x1", "top=1,left=2", 0, 0, 0 },
    { "2x3x5x7", "top=1,bottom=2,left=3,right=0", 0, 0, 0 },
    { "2x3x5x7", "top=4,bottom=2,left=3,right=6,border=reflect", 0, 0, 0 },
    { "2x16x3x4", "top=4,bottom=2,left=3,right=6,border=edge", 0, 0, 0 },
    { "1x5x6x6", "top=5,bottom=5,left=5,right=5,border=reflect", 0, 0, 0 },
    { "1x2x3x3", "", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_pad = {
    OP_HEAD(pad, "2-D border: zeros, mirrored without the edge, or the edge repeated", 1, 1),
    OP_PARAMS(lbk_pad),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(pad, lbk_pad)
