/* SPDX-License-Identifier: MIT */
#include "ssim.h"

SSIM_PARAMS;

/* It is the same with a and b the other way round. */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_ssim *p = lbk_node_params(n);
    lbk_val *a = lbk_node_in(n, 0), *b = lbk_node_in(n, 1);
    gx[0] = lbk_ssim_dx(g, a, b, gy, *p);
    gx[1] = lbk_ssim_dx(g, b, a, gy, *p);
    return LBK_OK;
}

static lbk_val *lower(lbk_graph *g, const lbk_node *n)
{
    return ssim_parts(g, lbk_node_in(n, 0), lbk_node_in(n, 1), lbk_node_params(n)).s;
}

#define NO_MORE(shape)
SSIM_CASES(NO_MORE);

const struct lbk_op lbk_op_ssim = {
    OP_HEAD(ssim,
            "structural similarity of a and b at each pixel: means, deviations and correlation "
            "under the window of blur",
            2, 2),
    OP_PARAMS(lbk_ssim),
    .infer = check_ssim,
    .grad = grad,
    .lower = lower,
    .cases = cases,
};
BUILD2(ssim, lbk_ssim)
