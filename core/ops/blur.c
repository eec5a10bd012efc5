/* SPDX-License-Identifier: MIT */
#include "blur.h"

BLUR_PARAMS;

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk_blur_dx(g, gy, *(const struct lbk_blur *) lbk_node_params(n));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r) { return blur_ref(r, false); }

BLUR_CASES;

const struct lbk_op lbk_op_blur = {
    OP_HEAD(blur, "2-D Gaussian window that sums to 1, over borders mirrored without the edge", 1,
            1),
    OP_PARAMS(lbk_blur),
    .infer = infer_blur,
    .grad = grad,
    .ref = ref,
    .flops = blur_flops,
    .cases = cases,
};
BUILD1(blur, lbk_blur)
