/* SPDX-License-Identifier: MIT */
#include "conv.h"

static const struct lbk_opt params[] = { CONV_PARAMS(lbk_conv2d), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct conv c = CONV_OF((const struct lbk_conv2d *) i->params);
    if (!check_conv(i, c, "x", "w"))
        return LBK_EINVAL;
    i->out = (lbk_shape) { 4, { i->in[0].d[0], i->in[1].d[0] } };
    i->out_t = LBK_F32;
    return check_sizes(i, c, i->in[0], i->in[1], &i->out.d[2], &i->out.d[3]) ? LBK_OK : LBK_EINVAL;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_conv2d *p = lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0), *w = lbk_node_in(n, 1);
    struct lbk_conv2d_to q = {
        p->stride, p->pad, p->dilation, p->groups, lbk_shape_of(x).d[2], lbk_shape_of(x).d[3]
    };
    gx[0] = lbk_conv2d_dx(g, gy, w, q);
    q.h = lbk_shape_of(w).d[2], q.w = lbk_shape_of(w).d[3];
    gx[1] = lbk_conv2d_dw(g, x, gy, q);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    struct conv_walk v = { r->in_shape[0], r->in_shape[1], r->out_shape,
                           CONV_OF((const struct lbk_conv2d *) r->params), .to = TO_Y };
    return conv_ref(r, &v, &v.px, &v.pw, &v.py);
}

static double flops(const struct lbk_infer *i)
{
    return 2.0 * (double) lbk_shape_count(i->out) *
           (double) (i->in[1].d[1] * i->in[1].d[2] * i->in[1].d[3]);
}

static const struct lbk_case cases[] = {
    { "2x3x8x8,4x3x3x3", "pad=1", 1e-5, 0, 0 },
    { "1x3x9x7,16x3x7x7", "stride=2,pad=3", 1e-5, 0, 0 },
    { "2x16x6x7,24x16x1x1", "", 1e-5, 0, 0 },
    { "1x33x5x5,5x33x3x3", "pad=1", 1e-5, 0, 0 },
    { "2x24x7x7,24x1x3x3", "pad=1,groups=24", 1e-5, 0, 0 },
    { "1x16x9x8,16x1x5x5", "stride=2,pad=2,groups=16", 1e-5, 0, 0 },
    { "2x8x6x6,16x2x3x3", "pad=1,groups=4", 1e-5, 0, 0 },
    { "1x5x11x9,3x5x3x3", "pad=2,dilation=2", 1e-5, 0, 0 },
    { "1x1x1x1,1x1x1x1", "", 1e-6, 0, 0 },
    { "1x16x13x13,32x16x3x3", "stride=2,pad=1", 1e-5, 0, 0 },
    { "1x32x14x14,32x32x3x3", "pad=1", 1e-5, 0, 0 },
    { "1x16x8x8,16x16x5x5", "pad=2", 1e-5, 0, 0 },
    { "2x16x7x5,32x16x1x1", "stride=2", 1e-5, 0, 0 },
    { "3x4x6x5,2x4x2x3", "", 1e-5, 0, 0 },
    { "0x3x4x4,2x3x3x3", "pad=1", 1e-5, 0, 0 },
    { "1x33x6x6,33x1x3x3", "pad=3,dilation=3,groups=33", 1e-5, 0, 0 },
    { "2x32x13x11,48x32x3x3", "pad=1", 2e-5, 0, 0 },
    { "1x20x14x13,17x20x5x5", "pad=2", 2e-5, 0, 0 },
    { "1x24x15x14,18x24x3x3", "pad=2,dilation=2", 2e-5, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_conv2d = {
    OP_HEAD(conv2d, "2-D cross-correlation, x: N C H W, w: K C/groups R S", 2, 2),
    OP_PARAMS(lbk_conv2d),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .flops = flops,
    .cases = cases,
};
BUILD2(conv2d, lbk_conv2d)
