/* SPDX-License-Identifier: MIT */
/* What the reductions over a set of axes share. */
#ifndef LBK_SRC_REDUCE_H
#define LBK_SRC_REDUCE_H
#include "opdef.h"

#define REDUCE_PARAMS                                                                       \
    static const struct lbk_opt params[] = {                                                  \
        LBK_INT(lbk_reduce, axes, 4294967295, 0, 4294967295, "bit i = axis i"),                \
        LBK_BOOL(lbk_reduce, keep, 0, "keep reduced axes with extent 1"),                     \
        LBK_OPTS_END,                                                                         \
    }

static inline lbk_shape reduced_shape(lbk_shape s, int64_t axes, bool keep)
{
    lbk_shape o = { 0 };
    for (int i = 0; i < s.n; i++)
        if (!(axes >> i & 1))
            o.d[o.n++] = s.d[i];
        else if (keep)
            o.d[o.n++] = 1;
    return o;
}

/* Elements that go into one. */
static inline int64_t reduced_count(lbk_shape s, int64_t axes)
{
    int64_t n = 1;
    for (int i = 0; i < s.n; i++)
        n *= axes >> i & 1 ? s.d[i] : 1;
    return n;
}

static inline lbk_status infer_reduce(struct lbk_infer *i)
{
    const struct lbk_reduce *p = i->params;
    if (!lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    i->out = reduced_shape(i->in[0], p->axes, p->keep);
    i->out_t = LBK_F32;
    return LBK_OK;
}

/* Result element that element k of the operand goes into. */
static inline int64_t reduced_at(lbk_shape s, int64_t axes, int64_t k)
{
    int64_t c[LBK_MAX_DIMS], to = 0;
    coords(s, k, c);
    for (int i = 0; i < s.n; i++)
        if (!(axes >> i & 1))
            to = to * s.d[i] + c[i];
    return to;
}

/* v, the result of such a reduction of x, in the shape that broadcasts against x. */
static inline lbk_val *kept(lbk_graph *g, lbk_val *v, lbk_val *x, int64_t axes)
{
    const lbk_shape s = reduced_shape(lbk_shape_of(x), axes, true);
    struct lbk_dims d = { .n = s.n };
    for (int i = 0; i < s.n; i++)
        d.d[i] = s.d[i];
    return lbk__same_shape(lbk_shape_of(v), s) ? v : lbk_reshape(g, v, d);
}

static inline struct lbk_dims dims_of(lbk_shape s)
{
    struct lbk_dims d = { .n = s.n };
    for (int i = 0; i < s.n; i++)
        d.d[i] = s.d[i];
    return d;
}

#define REDUCE_CASES(tol)                                                                   \
    static const struct lbk_case cases[] = {                                                  \
        { "2x3x5", "axes=2", tol, 0, 0 }, { "2x3x5", "axes=5,keep=yes", tol, 0, 0 },            \
        { "7", "", tol, 0, 0 }, { "", "", tol, 0, 0 }, \
        { "2x16x5x3", "axes=13,keep=yes", tol, 0, 0 }, \
        { "2x33x4x4", "axes=12", tol, 0, 0 }, { "4x3x7x9", "axes=1", tol, 0, 0 },               \
        { "16x100", "axes=2,keep=yes", tol, 0, 0 }, { "5x3x1", "axes=4", tol, 0, 0 },           \
        { "3x4", "axes=0", tol, 0, 0 }, { "2x33001", "axes=2", tol, 0, 0 },                     \
        { NULL, NULL, 0, 0, 0 },                                                               \
    }

#endif
