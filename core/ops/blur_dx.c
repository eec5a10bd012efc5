/* SPDX-License-Identifier: MIT */
#include "blur.h"

BLUR_PARAMS;

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk_blur(g, gy, *(const struct lbk_blur *) lbk_node_params(n));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r) { return blur_ref(r, true); }

BLUR_CASES;

const struct lbk_op lbk_op_blur_dx = {
    OP_HEAD(blur_dx, "adjoint of blur", 1, 1),
    OP_PARAMS(lbk_blur),
    .infer = infer_blur,
    .grad = grad,
    .ref = ref,
    .flops = blur_flops,
    .cases = cases,
};
BUILD1(blur_dx, lbk_blur)
