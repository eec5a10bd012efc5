/* SPDX-License-Identifier: MIT */
/* Geometry of the convolutions. */
#ifndef LBK_SRC_CONV_H
#define LBK_SRC_CONV_H
#include <stdlib.h>
#include "opdef.h"

#define CONV_PARAMS(T)                                                                             \
 LBK_INT(T, stride, 1, 0, 1e6, "rows and columns from window to window"),                          \
     LBK_INT(T, pad, 0, 0, 1e6, "zeros around the image"),                                         \
     LBK_INT(T, dilation, 1, 0, 1e6, "from tap to tap"),                                           \
     LBK_INT(T, groups, 1, 0, 1e6, "channels fall into so many groups that do not see each other")

struct conv {
    int64_t stride, pad, dilation, groups;
};
#define CONV_OF(p)                                                                                 \
 ((struct conv) { or1((p)->stride), (p)->pad, or1((p)->dilation), or1((p)->groups) })

/* Of a kernel of k over n; fewer than 1: it does not fit. */
static inline int64_t conv_count(struct conv c, int64_t n, int64_t k)
{
    const int64_t room = n + 2 * c.pad - c.dilation * (k - 1) - 1;
    return room < 0 ? 0 : room / c.stride + 1;
}

static inline bool check_conv(struct lbk_infer *i, struct conv c, const char *a, const char *b)
{
    if (!lbk__want_rank(i, 0, a, 4) || !lbk__want_rank(i, 1, b, 4) ||
        !lbk__want_type(i, 0, a, LBK_F32) || !lbk__want_type(i, 1, b, LBK_F32))
        return false;
    if (c.stride < 1 || c.pad < 0 || c.dilation < 1 || c.groups < 1)
        lbk_graph_fail(
            i->g, LBK_EINVAL,
            "%s: stride %lld, pad %lld, dilation %lld, groups %lld, expected positive numbers",
            i->op->name, (long long) c.stride, (long long) c.pad, (long long) c.dilation,
            (long long) c.groups);
    return !i->g->status;
}

/* x * w = y fit each other, y being right but for its rows and columns, which are set. */
static inline bool check_sizes(struct lbk_infer *i, struct conv c, lbk_shape x, lbk_shape w,
                               int64_t *oh, int64_t *ow)
{
    if (x.d[1] % c.groups || w.d[0] % c.groups)
        lbk_graph_fail(
            i->g, LBK_EINVAL,
            "%s: %lld groups of x of %s and w of %s, expected a divisor of both channels",
            i->op->name, (long long) c.groups, SHAPE(x), SHAPE(w));
    else if (w.d[1] != x.d[1] / c.groups)
        lbk_graph_fail(i->g, LBK_EINVAL,
                       "%s: w is %s, expected %lld channels on axis 1 for x of %s", i->op->name,
                       SHAPE(w), (long long) (x.d[1] / c.groups), SHAPE(x));
    else if (w.d[2] < 1 || w.d[3] < 1)
        lbk_graph_fail(i->g, LBK_EINVAL, "%s: w is %s, expected a kernel of at least 1x1",
                       i->op->name, SHAPE(w));
    *oh = conv_count(c, x.d[2], w.d[2]), *ow = conv_count(c, x.d[3], w.d[3]);
    if (!i->g->status && (*oh < 1 || *ow < 1))
        lbk_graph_fail(i->g, LBK_EINVAL,
                       "%s: w is %s, expected a kernel within x of %s and its pad of %lld",
                       i->op->name, SHAPE(w), SHAPE(x), (long long) c.pad);
    return !i->g->status;
}

/* Operand i as doubles; *own is to be freed. NULL: out of memory. */
static inline const double *doubles(const struct lbk_ref *r, int i, double **own)
{
    const int64_t n = lbk_shape_count(r->in_shape[i]);
    *own = NULL;
    if (r->f64)
        return r->in[i];
    double *v = *own = malloc(((size_t) n + 1) * sizeof *v);
    for (int64_t k = 0; v && k < n; k++)
        v[k] = ((const float *) r->in[i])[k];
    return v;
}

/* x * w = y, and which of the three is worked out from the other two. */
struct conv_walk {
    lbk_shape x, w, y;
    struct conv c;
    double *px, *pw, *py;
    enum { TO_Y, TO_X, TO_W } to;
};

static inline void conv_plane(const struct conv_walk *v, double *x, double *w, double *y)
{
    const int64_t h = v->x.d[2], wd = v->x.d[3], rr = v->w.d[2], ss = v->w.d[3], oh = v->y.d[2],
                  ow = v->y.d[3];
    for (int64_t o = 0; o < oh * ow; o++) {
        for (int64_t t = 0; t < rr * ss; t++) {
            const int64_t i = o / ow * v->c.stride - v->c.pad + t / ss * v->c.dilation;
            const int64_t j = o % ow * v->c.stride - v->c.pad + t % ss * v->c.dilation;
            if (i < 0 || i >= h || j < 0 || j >= wd)
                continue;
            if (v->to == TO_Y)
                y[o] += x[i * wd + j] * w[t];
            else if (v->to == TO_X)
                x[i * wd + j] += y[o] * w[t];
            else
                w[t] += x[i * wd + j] * y[o];
        }
    }
}

static inline void conv_walk(const struct conv_walk *v)
{
    const int64_t kg = v->w.d[0] / v->c.groups, cg = v->w.d[1];
    const int64_t hw = v->x.d[2] * v->x.d[3], rs = v->w.d[2] * v->w.d[3],
                  ohw = v->y.d[2] * v->y.d[3];
    for (int64_t n = 0; n < v->x.d[0]; n++)
        for (int64_t k = 0; k < v->w.d[0]; k++)
            for (int64_t c = 0; c < cg; c++)
                conv_plane(v, v->px + (n * v->x.d[1] + k / kg * cg + c) * hw,
                           v->pw + (k * cg + c) * rs, v->py + (n * v->w.d[0] + k) * ohw);
}

/* The operands of r in the places of two of x, w, y, and the result in that of the third. */
static inline lbk_status conv_ref(const struct lbk_ref *r, struct conv_walk *v, double **a,
                                  double **b, double **out)
{
    const int64_t m = lbk_shape_count(r->out_shape);
    double *own_a, *own_b, *sum = calloc((size_t) m + 1, sizeof *sum);
    *a = (double *) (uintptr_t) doubles(r, 0, &own_a);
    *b = (double *) (uintptr_t) doubles(r, 1, &own_b);
    *out = sum;
    const bool enough = *a && *b && sum;
    if (enough)
        conv_walk(v);
    for (int64_t k = 0; enough && k < m; k++)
        put(r, k, sum[k]);
    free(own_a);
    free(own_b);
    free(sum);
    return enough ? LBK_OK : LBK_ENOMEM;
}

#endif
