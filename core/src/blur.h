/* SPDX-License-Identifier: MIT */
/* What blur, its adjoint and what is made of them share. */
#ifndef LBK_SRC_BLUR_H
#define LBK_SRC_BLUR_H
#include <math.h>
#include <stdlib.h>
#include "border.h"

enum { BLUR_MOST = 127 };
#define P_BLUR(T)                                                                                  \
 LBK_INT(T, kernel, 11, 1, BLUR_MOST, "rows and columns of the window, odd"),                      \
     LBK_FLOAT(T, sigma, 1.5, 1e-3, 1e3, "standard deviation of the Gaussian, in pixels")
#define BLUR_PARAMS static const struct lbk_opt params[] = { P_BLUR(lbk_blur), LBK_OPTS_END }

/* Of operand 0: the window fits its planes. */
static inline lbk_status check_blur(struct lbk_infer *i, const char *name, int64_t kernel,
                                    double sigma)
{
    if (!lbk__want_rank(i, 0, name, 4) || !lbk__want_type(i, 0, name, LBK_F32))
        return LBK_EINVAL;
    if (kernel < 1 || kernel > BLUR_MOST || kernel % 2 == 0 || !(sigma > 0))
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "%s: kernel %lld, sigma %g, expected an odd kernel of 1..%d and a sigma above 0",
            i->op->name, (long long) kernel, sigma, BLUR_MOST);
    if (kernel / 2 >= min64(i->in[0].d[2], i->in[0].d[3]))
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "%s: %s is %s, too small for a mirrored border of %lld pixels",
                              i->op->name, name, SHAPE(i->in[0]), (long long) (kernel / 2));
    i->out = i->in[0];
    i->out_t = LBK_F32;
    return LBK_OK;
}

static inline lbk_status infer_blur(struct lbk_infer *i)
{
    const struct lbk_blur *p = i->params;
    return check_blur(i, "x", p->kernel, p->sigma);
}

/* w[0 .. kernel - 1] */
static inline void blur_weights(int64_t kernel, double sigma, double w[BLUR_MOST])
{
    double sum = 0;
    for (int64_t i = 0; i < kernel; i++) {
        const double x = (double) (i - kernel / 2) / sigma;
        sum += w[i] = exp(-0.5 * x * x);
    }
    for (int64_t i = 0; i < kernel; i++)
        w[i] /= sum;
}

/* to += the window over plane `from` of h x w; adjoint: every pixel spread over its window. */
static inline void blur_plane(double *to, const double *from, int64_t h, int64_t w, int64_t kernel,
                              double sigma, bool adjoint)
{
    double weight[BLUR_MOST];
    blur_weights(kernel, sigma, weight);
    for (int64_t k = 0; k < h * w * kernel * kernel; k++) {
        const int64_t a = k / kernel % kernel, b = k % kernel, at = k / kernel / kernel;
        const int64_t y = border_source(at / w + a - kernel / 2, h, LBK_REFLECT),
                      x = border_source(at % w + b - kernel / 2, w, LBK_REFLECT);
        const double v = weight[a] * weight[b];
        if (adjoint)
            to[y * w + x] += v * from[at];
        else
            to[at] += v * from[y * w + x];
    }
}

/* The executable specification of both. */
static inline lbk_status blur_ref(const struct lbk_ref *r, bool adjoint)
{
    const struct lbk_blur *p = r->params;
    const int64_t h = r->out_shape.d[2], w = r->out_shape.d[3], n = h * w;
    double *v = calloc(2 * (size_t) n + 1, sizeof *v);
    if (!v)
        return LBK_ENOMEM;
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k += n) {
        for (int64_t i = 0; i < n; i++)
            v[i] = load(r, 0, k + i), v[n + i] = 0;
        blur_plane(v + n, v, h, w, p->kernel, p->sigma, adjoint);
        for (int64_t i = 0; i < n; i++)
            put(r, k + i, v[n + i]);
    }
    free(v);
    return LBK_OK;
}

/* Rows first, then columns. */
static inline double blur_flops(const struct lbk_infer *i)
{
    const struct lbk_blur *p = i->params;
    return (double) lbk_shape_count(i->in[0]) * (double) (p->kernel * 4);
}

#define BLUR_CASES                                                                                 \
 static const struct lbk_case cases[] = {                                                          \
     { "2x3x11x13", "kernel=11,sigma=1.5", 1e-6, 0, 0 },                                           \
     { "1x16x8x10", "kernel=7,sigma=1.5", 1e-6, 0, 0 },                                            \
     { "2x17x6x9", "kernel=11,sigma=1.5", 1e-6, 0, 0 },                                            \
     { "1x33x5x3", "kernel=5,sigma=0.7", 1e-6, 0, 0 },                                             \
     { "3x2x7x4", "kernel=3,sigma=20", 1e-6, 0, 0 },                                               \
     { "1x1x1x1", "kernel=1", 1e-6, 0, 0 },                                                        \
     { "1x2x9x8", "kernel=9,sigma=0.05", 1e-6, 0, 0 },                                             \
     { NULL, NULL, 0, 0, 0 },                                                                      \
 }

#endif
