/* SPDX-License-Identifier: MIT */
#include "labels.h"

LABEL_PARAMS;

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_labels *p = lbk_node_params(n);
    gx[0] = lbk_cross_entropy_dx(g, lbk_node_in(n, 0), lbk_node_in(n, 1), gy, *p);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct strip s = strip_of(r->in_shape[0], ((const struct lbk_labels *) r->params)->axis);
    for (int64_t o = 0; o < s.outer * s.inner; o++) {
        const struct rowsum w = rowsum_of(r, s, o);
        const int64_t label = label_at(r, o, s.n);
        put(r, o, label < 0 ? 0 : log(w.sum) + w.max - load(r, 0, w.at + label * s.inner));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "8x10,8:10", "axis=1", 1e-6, 0, 0 },
    { "2x19x4x5,2x4x5:-1..20", "axis=1,ignore=255", 1e-6, 0, 0 },
    { "6x5x3,6x5:3", "axis=-1,ignore=0", 1e-6, 0, 0 },
    { "7,:7", "axis=0", 1e-6, -30, 30 },
    { "3x1,3:1", "axis=1", 1e-6, 0, 0 },
    { "16x100,16:100", "axis=1", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_cross_entropy = {
    OP_HEAD(cross_entropy, "-log softmax(a) at label b, unreduced; 0 where ignored", 2, 2),
    OP_PARAMS(lbk_labels),
    .infer = infer_labels,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD2(cross_entropy, lbk_labels)
