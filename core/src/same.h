/* SPDX-License-Identifier: MIT */
/* What operators along one axis that keep the shape share. */
#ifndef LBK_SRC_SAME_H
#define LBK_SRC_SAME_H
#include <math.h>
#include "opdef.h"

static inline lbk_status infer_along(struct lbk_infer *i)
{
    const struct lbk_axis *p = i->params;
    if (!lbk__want_type(i, 0, "x", LBK_F32) || !lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    i->out = i->in[0];
    i->out_t = LBK_F32;
    return LBK_OK;
}

static inline struct lbk_reduce along(const lbk_val *x, int64_t axis)
{
    return (struct lbk_reduce) { (int64_t) 1 << axis_of(lbk_shape_of(x), axis), true };
}

/* Of strip o: where it begins, its largest element, and the sum of e^(x - largest). */
struct rowsum {
    int64_t at;
    double max, sum;
};
static inline struct rowsum rowsum_of(const struct lbk_ref *r, struct strip s, int64_t o)
{
    struct rowsum w = { .at = o / s.inner * s.n * s.inner + o % s.inner };
    w.max = s.n ? load(r, 0, w.at) : 0;
    for (int64_t k = 1; k < s.n; k++)
        w.max = fmax(w.max, load(r, 0, w.at + k * s.inner));
    for (int64_t k = 0; k < s.n; k++)
        w.sum += exp(load(r, 0, w.at + k * s.inner) - w.max);
    return w;
}

#endif
