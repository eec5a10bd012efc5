/* SPDX-License-Identifier: MIT */
/* What pad and its adjoint share. */
#ifndef LBK_SRC_BORDER_H
#define LBK_SRC_BORDER_H
#include "opdef.h"

static const char *const border_names[] = { "zero", "reflect", "edge", NULL };
#define BORDER_PARAMS                                                                              \
 static const struct lbk_opt params[] = {                                                          \
     LBK_INT(lbk_pad, top, 0, 0, 1e6, "rows above"),                                               \
     LBK_INT(lbk_pad, bottom, 0, 0, 1e6, "rows below"),                                            \
     LBK_INT(lbk_pad, left, 0, 0, 1e6, "columns before"),                                          \
     LBK_INT(lbk_pad, right, 0, 0, 1e6, "columns after"),                                          \
     P_ENUM(lbk_pad, border, "zero", border_names, "what it is made of"),                          \
     LBK_OPTS_END,                                                                                 \
 }

/* The padded image has this many rows and columns more or less; inner is the one without border. */
static inline lbk_status check_border(struct lbk_infer *i, lbk_shape inner)
{
    const struct lbk_pad *p = i->params;
    const int64_t h = max64(p->top, p->bottom), w = max64(p->left, p->right);
    if (min64(min64(p->top, p->bottom), min64(p->left, p->right)) < 0)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "%s: %lld, %lld, %lld, %lld rows and columns, expected 0 or more",
                              i->op->name, (long long) p->top, (long long) p->bottom,
                              (long long) p->left, (long long) p->right);
    if (inner.d[2] < 0 || inner.d[3] < 0)
        return lbk_graph_fail(i->g, LBK_EINVAL, "%s: x is %s, expected at least its border",
                              i->op->name, SHAPE(i->in[0]));
    if ((p->border == LBK_REFLECT && (h >= inner.d[2] || w >= inner.d[3])) ||
        (p->border == LBK_EDGE && (!inner.d[2] || !inner.d[3])))
        return lbk_graph_fail(
            i->g, LBK_EINVAL, "%s: x is %s, too small for %s border of %lld rows and %lld columns",
            i->op->name, SHAPE(i->in[0]), p->border == LBK_EDGE ? "an edge" : "a mirrored",
            (long long) h, (long long) w);
    return LBK_OK;
}

/* Where k, from 0 inside the image of n, takes its value from; -1: nowhere. */
static inline int64_t border_source(int64_t k, int64_t n, enum lbk_border b)
{
    if (k >= 0 && k < n)
        return k;
    if (b == LBK_ZERO)
        return -1;
    if (b == LBK_EDGE)
        return k < 0 ? 0 : n - 1;
    return k < 0 ? -k : 2 * (n - 1) - k;
}

#endif
