/* SPDX-License-Identifier: MIT */
#include "conv.h"

static const struct lbk_opt params[] = {
    CONV_PARAMS(lbk_conv2d_to),
    LBK_INT(lbk_conv2d_to, h, 1, 1, 1e6, "rows of x"),
    LBK_INT(lbk_conv2d_to, w, 1, 1, 1e6, "columns of x"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_conv2d_to *p = i->params;
    const struct conv c = CONV_OF(p);
    lbk_shape dy = i->in[0];
    if (!check_conv(i, c, "dy", "w"))
        return LBK_EINVAL;
    i->out = (lbk_shape) { 4, { dy.d[0], i->in[1].d[1] * c.groups, p->h, p->w } };
    i->out_t = LBK_F32;
    dy.d[1] = i->in[1].d[0];
    return check_sizes(i, c, i->out, i->in[1], &dy.d[2], &dy.d[3]) &&
                   lbk__want_shape(i, 0, "dy", dy, "for such x and w")
               ? LBK_OK
               : LBK_EINVAL;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    struct lbk_conv2d_to q = *(const struct lbk_conv2d_to *) lbk_node_params(n);
    lbk_val *dy = lbk_node_in(n, 0), *w = lbk_node_in(n, 1);
    gx[0] = lbk_conv2d(g, gy, w, (struct lbk_conv2d) { q.stride, q.pad, q.dilation, q.groups });
    q.h = lbk_shape_of(w).d[2], q.w = lbk_shape_of(w).d[3];
    gx[1] = lbk_conv2d_dw(g, gy, dy, q);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    struct conv_walk v = { r->out_shape, r->in_shape[1], r->in_shape[0],
                           CONV_OF((const struct lbk_conv2d_to *) r->params), .to = TO_X };
    return conv_ref(r, &v, &v.py, &v.pw, &v.px);
}

static double flops(const struct lbk_infer *i)
{
    return 2.0 * (double) lbk_shape_count(i->in[0]) *
           (double) (i->in[1].d[1] * i->in[1].d[2] * i->in[1].d[3]);
}

static const struct lbk_case cases[] = {
    { "2x4x8x8,4x3x3x3", "pad=1,h=8,w=8", 1e-5, 0, 0 },
    { "1x16x5x4,16x3x7x7", "stride=2,pad=3,h=9,w=7", 1e-5, 0, 0 },
    { "1x16x5x4,16x3x7x7", "stride=2,pad=3,h=10,w=8", 1e-5, 0, 0 },
    { "2x24x6x7,24x16x1x1", "h=6,w=7", 1e-5, 0, 0 },
    { "1x5x5x5,5x33x3x3", "pad=1,h=5,w=5", 1e-5, 0, 0 },
    { "2x24x7x7,24x1x3x3", "pad=1,groups=24,h=7,w=7", 1e-5, 0, 0 },
    { "1x16x5x4,16x1x5x5", "stride=2,pad=2,groups=16,h=9,w=8", 1e-5, 0, 0 },
    { "2x16x6x6,16x2x3x3", "pad=1,groups=4,h=6,w=6", 1e-5, 0, 0 },
    { "1x3x11x9,3x5x3x3", "pad=2,dilation=2,h=11,w=9", 1e-5, 0, 0 },
    { "1x1x1x1,1x1x1x1", "", 1e-6, 0, 0 },
    { "1x32x7x7,32x16x3x3", "stride=2,pad=1,h=13,w=13", 1e-5, 0, 0 },
    { "1x32x14x14,32x32x3x3", "pad=1,h=14,w=14", 1e-5, 0, 0 },
    { "1x16x8x8,16x16x5x5", "pad=2,h=8,w=8", 1e-5, 0, 0 },
    { "2x32x4x3,32x16x1x1", "stride=2,h=7,w=5", 1e-5, 0, 0 },
    { "1x33x6x6,33x1x3x3", "pad=3,dilation=3,groups=33,h=6,w=6", 1e-5, 0, 0 },
    { "2x48x13x11,48x32x3x3", "pad=1,h=13,w=11", 2e-5, 0, 0 },
    { "1x17x14x13,17x20x5x5", "pad=2,h=14,w=13", 2e-5, 0, 0 },
    { "1x18x15x14,18x24x3x3", "pad=2,dilation=2,h=15,w=14", 2e-5, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_conv2d_dx = {
    OP_HEAD(conv2d_dx, "adjoint of conv2d for x, of dy and w", 2, 2),
    OP_PARAMS(lbk_conv2d_to),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .flops = flops,
    .cases = cases,
};
BUILD2(conv2d_dx, lbk_conv2d_to)
