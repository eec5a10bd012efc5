/* SPDX-License-Identifier: MIT */
#include "bn.h"

static const struct lbk_opt params[] = {
    LBK_FLOAT(lbk_bn, eps, 1e-5, 0, 1, "added to the variance"), LBK_OPTS_END
};

static lbk_status infer(struct lbk_infer *i)
{
    if (!check_bn(i, 0, "x"))
        return LBK_EINVAL;
    const lbk_shape channels = LBK_SHAPE(i->in[0].d[1]);
    if (!lbk__want_type(i, 1, "gamma", LBK_F32) || !lbk__want_type(i, 2, "beta", LBK_F32) ||
        !lbk__want_shape(i, 1, "gamma", channels, "for such x") ||
        !lbk__want_shape(i, 2, "beta", channels, "for such x"))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out_t = LBK_F32;
    return LBK_OK;
}

/* With r = 1 / sqrt(var + eps), xhat = (x - mean) r and M elements to a channel (Ioffe and Szegedy
 * 2015, section 3): dx = gamma r (dz - sum(dz) / M - xhat sum(dz xhat) / M), dgamma = sum(dz xhat),
 * dbeta = sum(dz). */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *dz, lbk_val *gx[])
{
    const struct lbk_bn *p = lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0), *stats = lbk_bn_stats(g, x, LBK_NONE),
            *sums = lbk_bn_sums(g, dz, x, stats, *p);
    const struct lbk_dims channels = { 1, { lbk_shape_of(x).d[1] } };
    lbk_val *part = lbk_scalar(g, 1 / (double) bn_count(lbk_shape_of(x)));
    lbk_val *r = rstd_of(g, stats, p->eps, x),
            *k0 = lbk_mul(g, per_channel(g, lbk_node_in(n, 1), x), r);
    lbk_val *k1 = lbk_mul(g, k0, lbk_mul(g, row_of(g, sums, 0, x), part));
    lbk_val *k2 = lbk_mul(g, lbk_mul(g, k0, r), lbk_mul(g, row_of(g, sums, 1, x), part));
    lbk_val *far = lbk_mul(g, lbk_sub(g, x, row_of(g, stats, 0, x)), k2);
    gx[0] = lbk_sub(g, lbk_sub(g, lbk_mul(g, dz, k0), far), k1);
    gx[1] = lbk_reshape(g, row_of(g, sums, 1, x), channels);
    gx[2] = lbk_reshape(g, row_of(g, sums, 0, x), channels);
    return LBK_OK;
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    const struct lbk_bn *p = lbk_node_params(n);
    lbk_val *x = lbk_node_in(n, 0), *stats = lbk_bn_stats(g, x, LBK_NONE);
    lbk_val *gamma = per_channel(g, lbk_node_in(n, 1), x),
            *beta = per_channel(g, lbk_node_in(n, 2), x);
    lbk_val *scale = lbk_mul(g, gamma, rstd_of(g, stats, p->eps, x));
    lbk_val *shift = lbk_sub(g, beta, lbk_mul(g, row_of(g, stats, 0, x), scale));
    return lbk_add(g, lbk_mul(g, x, scale), shift);
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_bn *p = r->params;
    const lbk_shape s = r->out_shape;
    for (int64_t c = 0; c < s.d[1]; c++) {
        double mean, var;
        bn_moments(r, 0, c, &mean, &var);
        const double scale = load(r, 1, c) / sqrt(var + p->eps);
        for (int64_t k = 0, m = bn_count(s); k < m; k++)
            put(r, bn_at(s, c, k), (load(r, 0, bn_at(s, c, k)) - mean) * scale + load(r, 2, c));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x5x7,3,3", "eps=1e-5", 1e-5, 0, 0 }, { "4x16x3x3,16,16", "eps=1e-3", 1e-5, 0, 0 },
    { "8x33,33,33", "", 1e-5, 0, 0 },          { "1x1x3x1,1,1", "", 1e-5, 0, 0 },
    { "3x24x7x5,24,24", "", 1e-5, 0, 0 },      { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_batch_norm = {
    OP_HEAD(
        batch_norm,
        "normalised by the statistics of this batch, times gamma, plus beta; channels on axis 1", 3,
        3),
    OP_PARAMS(lbk_bn),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .lower = lower,
    .cases = cases,
};
BUILD3(batch_norm, lbk_bn)
