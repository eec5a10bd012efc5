/* SPDX-License-Identifier: MIT */
#include "conv.h"

static const struct lbk_opt params[] = {
    CONV_PARAMS(lbk_conv2d_to),
    LBK_INT(lbk_conv2d_to, h, 1, 1, 1e6, "rows of the kernel"),
    LBK_INT(lbk_conv2d_to, w, 1, 1, 1e6, "columns of the kernel"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_conv2d_to *p = i->params;
    const struct conv c = CONV_OF(p);
    lbk_shape dy = i->in[1];
    if (!check_conv(i, c, "x", "dy"))
        return LBK_EINVAL;
    i->out = (lbk_shape) { 4, { dy.d[1], i->in[0].d[1] / c.groups, p->h, p->w } };
    i->out_t = LBK_F32;
    dy.d[0] = i->in[0].d[0];
    return check_sizes(i, c, i->in[0], i->out, &dy.d[2], &dy.d[3]) &&
                   lbk__want_shape(i, 1, "dy", dy, "for such x and w")
               ? LBK_OK
               : LBK_EINVAL;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    struct lbk_conv2d_to q = *(const struct lbk_conv2d_to *) lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0), *dy = lbk_node_in(n, 1);
    gx[1] = lbk_conv2d(g, x, gy, (struct lbk_conv2d) { q.stride, q.pad, q.dilation, q.groups });
    q.h = lbk_shape_of(x).d[2], q.w = lbk_shape_of(x).d[3];
    gx[0] = lbk_conv2d_dx(g, dy, gy, q);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    struct conv_walk v = { r->in_shape[0], r->out_shape, r->in_shape[1],
                           CONV_OF((const struct lbk_conv2d_to *) r->params), .to = TO_W };
    return conv_ref(r, &v, &v.px, &v.py, &v.pw);
}

static double flops(const struct lbk_infer *i)
{
    return 2.0 * (double) lbk_shape_count(i->in[1]) *
           (double) (i->out.d[1] * i->out.d[2] * i->out.d[3]);
}

static const struct lbk_case cases[] = {
    { "2x3x8x8,2x4x8x8", "pad=1,h=3,w=3", 1e-5, 0, 0 },
    { "1x3x9x7,1x16x5x4", "stride=2,pad=3,h=7,w=7", 1e-5, 0, 0 },
    { "2x16x6x7,2x24x6x7", "", 1e-5, 0, 0 },
    { "1x33x5x5,1x5x5x5", "pad=1,h=3,w=3", 1e-5, 0, 0 },
    { "2x24x7x7,2x24x7x7", "pad=1,groups=24,h=3,w=3", 1e-5, 0, 0 },
    { "1x16x9x8,1x16x5x4", "stride=2,pad=2,groups=16,h=5,w=5", 1e-5, 0, 0 },
    { "2x8x6x6,2x16x6x6", "pad=1,groups=4,h=3,w=3", 1e-5, 0, 0 },
    { "1x5x11x9,1x3x11x9", "pad=2,dilation=2,h=3,w=3", 1e-5, 0, 0 },
    { "1x1x1x1,1x1x1x1", "", 1e-6, 0, 0 },
    { "1x16x13x13,1x32x7x7", "stride=2,pad=1,h=3,w=3", 1e-5, 0, 0 },
    { "1x32x14x14,1x32x14x14", "pad=1,h=3,w=3", 1e-5, 0, 0 },
    { "1x16x8x8,1x16x8x8", "pad=2,h=5,w=5", 1e-5, 0, 0 },
    { "2x16x7x5,2x32x4x3", "stride=2", 1e-5, 0, 0 },
    { "3x4x6x5,3x2x5x3", "h=2,w=3", 1e-5, 0, 0 },
    { "1x33x6x6,1x33x6x6", "pad=3,dilation=3,groups=33,h=3,w=3", 1e-5, 0, 0 },
    { "2x16x13x11,2x32x13x11", "pad=1,h=3,w=3", 2e-5, 0, 0 },
    { "1x20x14x13,1x17x14x13", "pad=2,h=5,w=5", 2e-5, 0, 0 },
    { "1x24x15x14,1x18x15x14", "pad=2,dilation=2,h=3,w=3", 2e-5, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_conv2d_dw = {
    OP_HEAD(conv2d_dw, "adjoint of conv2d for w, of x and dy", 2, 2),
    OP_PARAMS(lbk_conv2d_to),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .flops = flops,
    .cases = cases,
};
BUILD2(conv2d_dw, lbk_conv2d_to)
