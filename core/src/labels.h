/* SPDX-License-Identifier: MIT */
/* What cross_entropy and its adjoint share. */
#ifndef LBK_SRC_LABELS_H
#define LBK_SRC_LABELS_H
#include "reduce.h"
#include "same.h"

#define LABEL_PARAMS                                                                               \
 static const struct lbk_opt params[] = {                                                          \
     P_AXIS(lbk_labels, 1),                                                                        \
     LBK_INT(lbk_labels, ignore, -1, 0, 0, "label that does not count"),                           \
     LBK_OPTS_END,                                                                                 \
 }

static inline lbk_status infer_labels(struct lbk_infer *i)
{
    const struct lbk_labels *p = i->params;
    if (!lbk__want_type(i, 0, "a", LBK_F32) || !lbk__want_type(i, 1, "label", LBK_I32) ||
        !lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    i->out = reduced_shape(i->in[0], (int64_t) 1 << axis_of(i->in[0], p->axis), false);
    i->out_t = LBK_F32;
    return lbk__want_shape(i, 1, "label", i->out, "for such a") ? LBK_OK : LBK_EINVAL;
}

/* Where it does not count, or is none of the classes: -1. */
static inline int64_t label_at(const struct lbk_ref *r, int64_t o, int64_t classes)
{
    const int64_t v = ((const int32_t *) r->in[1])[o];
    return v == ((const struct lbk_labels *) r->params)->ignore || v < 0 || v >= classes ? -1 : v;
}

/* v, shaped as the labels, with the axis of the classes put back with extent 1. */
static inline lbk_val *per_label(lbk_graph *g, lbk_val *v, const lbk_val *a, int64_t axis)
{
    return lbk_reshape(g, v,
                       dims_of(reduced_shape(lbk_shape_of(a),
                                             (int64_t) 1 << axis_of(lbk_shape_of(a), axis), true)));
}

#endif
