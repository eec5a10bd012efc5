/* SPDX-License-Identifier: MIT */
/* What batch normalisation and its statistics share. */
#ifndef LBK_SRC_BN_H
#define LBK_SRC_BN_H
#include <math.h>
#include <stdlib.h>
#include "reduce.h"

/* All axes but 1. */
#define BN_AXES ((int64_t) 0xfffffffd)

/* The shape of a [C] or [1,C] value that broadcasts along axis 1 of x. */
static inline lbk_val *per_channel(lbk_graph *g, lbk_val *v, const lbk_val *x)
{
    const lbk_shape s = reduced_shape(lbk_shape_of(x), BN_AXES, true);
    return lbk_reshape(g, v, dims_of(s));
}

/* Row k of a 2 x C value, likewise. */
static inline lbk_val *row_of(lbk_graph *g, lbk_val *stats, int64_t k, const lbk_val *x)
{
    return per_channel(g, lbk_slice(g, stats, (struct lbk_slice) { 0, k, k + 1 }), x);
}

static inline lbk_val *rstd_of(lbk_graph *g, lbk_val *stats, double eps, const lbk_val *x)
{
    lbk_val *sd = lbk_sqrt(g, lbk_add(g, row_of(g, stats, 1, x), lbk_scalar(g, eps)));
    return lbk_div(g, lbk_scalar(g, 1), sd);
}

/* Two per-channel values as one of 2 x C. */
static inline lbk_val *two_rows(lbk_graph *g, lbk_val *a, lbk_val *b, int64_t channels)
{
    const struct lbk_dims d = { 2, { 1, channels } };
    lbk_val *row[2] = { lbk_reshape(g, a, d), lbk_reshape(g, b, d) };
    return lbk_concat(g, 2, row, (struct lbk_axis) { 0 });
}

/* Elements of one channel, and where the next one of the same channel is. */
static inline int64_t bn_count(lbk_shape s) { return s.d[1] ? lbk_shape_count(s) / s.d[1] : 0; }

static inline int64_t bn_at(lbk_shape s, int64_t channel, int64_t k)
{
    const struct strip t = strip_of(s, 1);
    return (k / t.inner * t.n + channel) * t.inner + k % t.inner;
}

/* Mean and biased variance of channel c of operand i. */
static inline void bn_moments(const struct lbk_ref *r, int i, int64_t c, double *mean, double *var)
{
    const lbk_shape s = r->in_shape[i];
    const int64_t n = bn_count(s);
    double sum = 0, square = 0;
    for (int64_t k = 0; k < n; k++)
        sum += load(r, i, bn_at(s, c, k));
    *mean = sum / (double) n;
    for (int64_t k = 0; k < n; k++) {
        const double d = load(r, i, bn_at(s, c, k)) - *mean;
        square += d * d;
    }
    *var = square / (double) n;
}

static inline bool check_bn(struct lbk_infer *i, int k, const char *name)
{
    if (!lbk__want_type(i, k, name, LBK_F32))
        return false;
    if (i->in[k].n < 2)
        lbk_graph_fail(i->g, LBK_EINVAL, "%s: %s is %s, expected channels on axis 1", i->op->name,
                       name, SHAPE(i->in[k]));
    return !i->g->status;
}

#endif
