/* SPDX-License-Identifier: MIT */
#include "bn.h"

static const struct lbk_opt params[] = {
    LBK_FLOAT(lbk_bn, eps, 1e-5, 0, 1, "added to the variance"), LBK_OPTS_END
};

static lbk_status infer(struct lbk_infer *i)
{
    if (!check_bn(i, 1, "y") || !lbk__want_type(i, 0, "dz", LBK_F32) ||
        !lbk__want_type(i, 2, "stats", LBK_F32) ||
        !lbk__want_shape(i, 0, "dz", i->in[1], "as y is") ||
        !lbk__want_shape(i, 2, "stats", LBK_SHAPE(2, i->in[1].d[1]), "for such y"))
        return LBK_EINVAL;
    i->out = i->in[2];
    i->out_t = LBK_F32;
    return LBK_OK;
}

/* With xhat = (y - mean) r, r = 1 / sqrt(var + eps), a and b the gradients of the two sums:
 * dz: a + b xhat, y: b r dz, mean: -b r sum(dz), var: -b sum(dz xhat) r^2 / 2. */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_bn *p = lbk_node_params(n);
    lbk_val *dz = lbk_node_in(n, 0), *y = lbk_node_in(n, 1), *stats = lbk_node_in(n, 2),
            *sums = lbk_node_out(n);
    lbk_val *a = row_of(g, gy, 0, y), *b = row_of(g, gy, 1, y), *r = rstd_of(g, stats, p->eps, y);
    lbk_val *br = lbk_mul(g, b, r), *half = lbk_mul(g, lbk_mul(g, br, r), lbk_scalar(g, -0.5));
    gx[0] = lbk_add(g, a, lbk_mul(g, br, lbk_sub(g, y, row_of(g, stats, 0, y))));
    gx[1] = lbk_mul(g, br, dz);
    gx[2] = two_rows(g, lbk_neg(g, lbk_mul(g, br, row_of(g, sums, 0, y))),
                     lbk_mul(g, half, row_of(g, sums, 1, y)), lbk_shape_of(y).d[1]);
    return LBK_OK;
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    const struct lbk_bn *p = lbk_node_params(n);
    const struct lbk_reduce all = { BN_AXES, true };
    lbk_val *dz = lbk_node_in(n, 0), *y = lbk_node_in(n, 1), *stats = lbk_node_in(n, 2);
    lbk_val *d = lbk_mul(g, dz, lbk_sub(g, y, row_of(g, stats, 0, y)));
    return two_rows(g, lbk_sum(g, dz, all),
                    lbk_mul(g, lbk_sum(g, d, all), rstd_of(g, stats, p->eps, y)),
                    lbk_shape_of(y).d[1]);
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_bn *p = r->params;
    const lbk_shape s = r->in_shape[1];
    for (int64_t c = 0; c < s.d[1]; c++) {
        const double mean = load(r, 2, c), rstd = 1 / sqrt(load(r, 2, s.d[1] + c) + p->eps);
        double sum = 0, dot = 0;
        for (int64_t k = 0, m = bn_count(s); k < m; k++) {
            const int64_t at = bn_at(s, c, k);
            sum += load(r, 0, at);
            dot += load(r, 0, at) * (load(r, 1, at) - mean) * rstd;
        }
        put(r, c, sum);
        put(r, s.d[1] + c, dot);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x5x7,2x3x5x7,2x3", "eps=1e-5", 1e-5, 0.2, 2 },
    { "4x16x3x3,4x16x3x3,2x16", "eps=1e-3", 1e-5, 0.2, 2 },
    { "8x33,8x33,2x33", "", 1e-5, 0.2, 2 },
    { "1x1x1x1,1x1x1x1,2x1", "", 1e-5, 0.2, 2 },
    { "3x24x7x5,3x24x7x5,2x24", "", 1e-5, 0.2, 2 },
    { "2x2x182x183,2x2x182x183,2x2", "", 1e-5, 0.2, 2 },
    { "0x3x4x4,0x3x4x4,2x3", "", 1e-5, 0.2, 2 },
    { "4x0x3x3,4x0x3x3,2x0", "", 1e-5, 0.2, 2 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_bn_sums = {
    OP_HEAD(bn_sums,
            "of dz, y and bn_stats(y), 2 x C: sums over each channel of dz and of dz * (y - mean) "
            "/ sqrt(var + eps)",
            3, 3),
    OP_PARAMS(lbk_bn),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .lower = lower,
    .cases = cases,
};
BUILD3(bn_sums, lbk_bn)
