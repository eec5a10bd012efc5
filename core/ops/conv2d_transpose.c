/* SPDX-License-Identifier: MIT */
#include "conv.h"

static const struct lbk_opt params[] = {
    CONV_PARAMS(lbk_conv2d_up),
    LBK_INT(lbk_conv2d_up, more, 0, 0, 1e6, "rows and columns added at the end"),
    LBK_OPTS_END,
};

static int64_t size(struct conv c, int64_t more, int64_t n, int64_t k)
{
    return (n - 1) * c.stride - 2 * c.pad + c.dilation * (k - 1) + 1 + more;
}

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_conv2d_up *p = i->params;
    const struct conv c = CONV_OF(p);
    const lbk_shape x = i->in[0], w = i->in[1];
    int64_t oh, ow;
    if (!check_conv(i, c, "x", "w"))
        return LBK_EINVAL;
    if (p->more < 0 || p->more >= c.stride)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "conv2d_transpose: %lld more, expected less than the stride of %lld",
                              (long long) p->more, (long long) c.stride);
    if (w.d[0] != x.d[1])
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "conv2d_transpose: w is %s, expected %lld channels on axis 0 for x of %s", SHAPE(w),
            (long long) x.d[1], SHAPE(x));
    i->out = (lbk_shape) { 4,
                          { x.d[0], w.d[1] * c.groups, size(c, p->more, x.d[2], w.d[2]),
                            size(c, p->more, x.d[3], w.d[3]) } };
    i->out_t = LBK_F32;
    if (i->out.d[2] < 1 || i->out.d[3] < 1)
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "conv2d_transpose: w is %s, expected more than the pad of %lld for x of %s", SHAPE(w),
            (long long) c.pad, SHAPE(x));
    return check_sizes(i, c, i->out, w, &oh, &ow) ? LBK_OK : LBK_EINVAL;
}

static double flops(const struct lbk_infer *i)
{
    return 2.0 * (double) lbk_shape_count(i->in[0]) *
           (double) (i->in[1].d[1] * i->in[1].d[2] * i->in[1].d[3]);
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    const struct lbk_conv2d_up *p = lbk_node_params(n);
    const lbk_shape s = lbk_shape_of(lbk_node_out(n));
    return lbk_conv2d_dx(
        g, lbk_node_in(n, 0), lbk_node_in(n, 1),
        (struct lbk_conv2d_to) { p->stride, p->pad, p->dilation, p->groups, s.d[2], s.d[3] });
}

static const struct lbk_case cases[] = {
    { "2x4x5x6,4x3x3x3", "stride=2,pad=1,more=1", 1e-5, 0, 0 },
    { "1x16x4x4,16x8x2x2", "stride=2", 1e-5, 0, 0 },
    { "1x5x7x3,5x5x3x3", "pad=1,dilation=2", 1e-5, 0, 0 },
    { "2x8x3x3,8x1x4x4", "stride=2,pad=1,groups=8", 1e-5, 0, 0 },
    { "1x1x1x1,1x1x1x1", "", 1e-6, 0, 0 },
    { "1x6x3x4,6x5x3x3", "stride=3,groups=2", 1e-5, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_conv2d_transpose = {
    OP_HEAD(conv2d_transpose, "2-D transposed convolution, x: N K H W, w: K C/groups R S", 2, 2),
    OP_PARAMS(lbk_conv2d_up),
    .infer = infer,
    .lower = lower,
    .flops = flops,
    .cases = cases,
};
BUILD2(conv2d_transpose, lbk_conv2d_up)
