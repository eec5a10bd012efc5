/* SPDX-License-Identifier: MIT */
#include "labels.h"

LABEL_PARAMS;

static lbk_status infer(struct lbk_infer *i)
{
    if (infer_labels(i) || !lbk__want_type(i, 2, "dy", LBK_F32) ||
        !lbk__want_shape(i, 2, "dy", i->in[1], "as the labels are"))
        return LBK_EINVAL;
    i->out = i->in[0];
    return LBK_OK;
}

/* With p = softmax(a) and d the operator's value for dy = 1: dy: sum(gy d); a: dy p (gy - sum(gy
 * p)) where it counts. */
static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_labels *p = lbk_node_params(n);
    const struct lbk_reduce last = { (int64_t) 1 << lbk_shape_of(lbk_node_in(n, 1)).n, false };
    lbk_val *a = lbk_node_in(n, 0), *b = lbk_node_in(n, 1), *dy = lbk_node_in(n, 2);
    struct lbk_reduce axis = along(a, p->axis);
    lbk_val *hot = lbk_one_hot(g, b, (struct lbk_hot) { strip_of(lbk_shape_of(a), p->axis).n });
    lbk_val *off =
        lbk_eq(g, lbk_cast(g, b, (struct lbk_cast) { LBK_F32 }), lbk_scalar(g, (double) p->ignore));
    lbk_val *counts = lbk_mul(g, lbk_sum(g, hot, last), lbk_sub(g, lbk_scalar(g, 1), off));
    lbk_val *soft = lbk_softmax(g, a, (struct lbk_axis) { p->axis });
    lbk_val *rest = lbk_mul(g, soft, lbk_sub(g, gy, lbk_sum(g, lbk_mul(g, gy, soft), axis)));
    gx[0] = lbk_mul(g, rest, per_label(g, lbk_mul(g, dy, counts), a, p->axis));
    axis.keep = false;
    gx[2] = lbk_sum(
        g, lbk_mul(g, gy, lbk_cross_entropy_dx(g, a, b, lbk_filled(g, lbk_shape_of(dy), 1), *p)),
        axis);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct strip s = strip_of(r->in_shape[0], ((const struct lbk_labels *) r->params)->axis);
    for (int64_t o = 0; o < s.outer * s.inner; o++) {
        const struct rowsum w = rowsum_of(r, s, o);
        const int64_t label = label_at(r, o, s.n);
        for (int64_t k = 0; k < s.n; k++) {
            const double soft = exp(load(r, 0, w.at + k * s.inner) - w.max) / w.sum;
            put(r, w.at + k * s.inner, label < 0 ? 0 : (soft - (k == label)) * load(r, 2, o));
        }
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "8x10,8:10,8", "axis=1", 1e-6, 0, 0 },
    { "2x19x4x5,2x4x5:-1..20,2x4x5", "axis=1,ignore=255", 1e-6, 0, 0 },
    { "6x5x3,6x5:3,6x5", "axis=-1,ignore=0", 1e-6, 0, 0 },
    { "7,:7,", "axis=0", 1e-6, -30, 30 },
    { "3x1,3:1,3", "axis=1", 1e-6, 0, 0 },
    { "16x100,16:100,16", "axis=1", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_cross_entropy_dx = {
    OP_HEAD(cross_entropy_dx,
            "adjoint of cross_entropy for a: (softmax(a) - onehot(b)) * dy, 0 where ignored", 3, 3),
    OP_PARAMS(lbk_labels),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD3(cross_entropy_dx, lbk_labels)
