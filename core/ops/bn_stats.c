/* SPDX-License-Identifier: MIT */
#include "bn.h"

static lbk_status infer(struct lbk_infer *i)
{
    if (!check_bn(i, 0, "x"))
        return LBK_EINVAL;
    i->out = LBK_SHAPE(2, i->in[0].d[1]);
    i->out_t = LBK_F32;
    return LBK_OK;
}

/* (g_mean + 2 g_var (x - mean)) / count */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    lbk_val *x = lbk_node_in(n, 0), *d = lbk_sub(g, x, row_of(g, lbk_node_out(n), 0, x));
    const double count = (double) bn_count(lbk_shape_of(x));
    lbk_val *a = lbk_mul(g, row_of(g, gy, 0, x), lbk_scalar(g, 1 / count));
    lbk_val *b = lbk_mul(g, row_of(g, gy, 1, x), lbk_scalar(g, 2 / count));
    gx[0] = lbk_add(g, lbk_mul(g, d, b), a);
    return LBK_OK;
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    lbk_val *x = lbk_node_in(n, 0);
    lbk_val *mean = lbk_mean(g, x, (struct lbk_reduce) { BN_AXES, true });
    lbk_val *var =
        lbk_mean(g, lbk_square(g, lbk_sub(g, x, mean)), (struct lbk_reduce) { BN_AXES, true });
    return two_rows(g, mean, var, lbk_shape_of(x).d[1]);
}

static lbk_status ref(const struct lbk_ref *r)
{
    const int64_t channels = r->in_shape[0].d[1];
    for (int64_t c = 0; c < channels; c++) {
        double mean, var;
        bn_moments(r, 0, c, &mean, &var);
        put(r, c, mean);
        put(r, channels + c, var);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x5x7", "", 1e-5, 0, 0 }, { "4x16x3x3", "", 1e-5, 9, 11 }, { "8x33", "", 1e-5, 0, 0 },
    { "1x1x2x1", "", 1e-5, 0, 0 }, { "3x24x7x5", "", 1e-5, 0, 0 },  { "1x5x1x1", "", 1e-5, 0, 0 },
    { "2x2x182x183", "", 1e-5, 9, 11 }, { "4x0x3x3", "", 1e-5, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_bn_stats = {
    OP_HEAD(bn_stats, "2 x C: mean and biased variance of each channel (axis 1)", 1, 1),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .lower = lower,
    .cases = cases,
};

lbk_val *lbk_bn_stats(lbk_graph *g, lbk_val *x, struct lbk_none p)
{
    return lbk_apply(g, &lbk_op_bn_stats, 1, &x, NULL);
}
