/* SPDX-License-Identifier: MIT */
/* Structural similarity (Wang et al. 2004), in the form that needs no square root: under a Gaussian
 * window W, with mx = W a, my = W b, both = W (a^2 + b^2) - mx^2 - my^2, cov = W ab - mx my,
 *   S = (2 mx my + c1)(2 cov + c2) / ((mx^2 + my^2 + c1)(both + c2) + tiny),
 * which rounding alone takes past -1 and 1. */
#ifndef LBK_SRC_SIMILARITY_H
#define LBK_SRC_SIMILARITY_H
#include "blur.h"

#define SIMILARITY_TINY 1e-12
#define SIMILARITY_PARAMS                                                                          \
 static const struct lbk_opt params[] = {                                                          \
     P_BLUR(lbk_similarity),                                                                       \
     LBK_FLOAT(lbk_similarity, c1, 1e-4, 0, 1e12, "added to the means, above and below"),          \
     LBK_FLOAT(lbk_similarity, c2, 9e-4, 0, 1e12, "added to the variances, above and below"),      \
     LBK_OPTS_END,                                                                                 \
 }

static inline lbk_status check_similarity(struct lbk_infer *i)
{
    static const char *const names[] = { "a", "b", "dy" };
    const struct lbk_similarity *p = i->params;
    for (int k = 1; k < i->n; k++)
        if (!lbk__want_type(i, k, names[k], LBK_F32) ||
            !lbk__want_shape(i, k, names[k], i->in[0], "as a"))
            return LBK_EINVAL;
    return check_blur(i, names[0], p->kernel, p->sigma);
}

/* s = above[0] above[1] / all, all = below[0] below[1] + tiny; not yet within -1..1. */
struct similarity_parts {
    lbk_val *mx, *my, *above[2], *below[2], *s, *all;
};

static inline lbk_val *plus_constant(lbk_graph *g, lbk_val *v, double c)
{
    return lbk_add(g, v, lbk_scalar(g, c));
}

static inline struct similarity_parts similarity_parts(lbk_graph *g, lbk_val *a, lbk_val *b,
                                                       const struct lbk_similarity *p)
{
    const struct lbk_blur w = { p->kernel, p->sigma };
    struct similarity_parts r = { .mx = lbk_blur(g, a, w), .my = lbk_blur(g, b, w) };
    lbk_val *mxx = lbk_square(g, r.mx), *myy = lbk_square(g, r.my), *mxy = lbk_mul(g, r.mx, r.my);
    lbk_val *squares = lbk_add(g, lbk_square(g, a), lbk_square(g, b)), *means = lbk_add(g, mxx, myy);
    lbk_val *both = lbk_sub(g, lbk_blur(g, squares, w), means),
            *cov = lbk_sub(g, lbk_blur(g, lbk_mul(g, a, b), w), mxy);
    r.above[0] = plus_constant(g, lbk_add(g, mxy, mxy), p->c1);
    r.above[1] = plus_constant(g, lbk_add(g, cov, cov), p->c2);
    r.below[0] = plus_constant(g, means, p->c1);
    r.below[1] = plus_constant(g, both, p->c2);
    r.all = plus_constant(g, lbk_mul(g, r.below[0], r.below[1]), SIMILARITY_TINY);
    r.s = lbk_div(g, lbk_mul(g, r.above[0], r.above[1]), r.all);
    return r;
}

/* v where s is within -1..1, below and above elsewhere; a NaN stays one. */
static inline lbk_val *within(lbk_graph *g, lbk_val *s, lbk_val *below, lbk_val *v, lbk_val *above)
{
    lbk_val *one = lbk_scalar(g, 1);
    v = lbk_select(g, lbk_lt(g, one, s), above, v);
    return lbk_select(g, lbk_lt(g, s, lbk_neg(g, one)), below, v);
}

#define SIMILARITY_CASES(more)                                                                     \
 static const struct lbk_case cases[] = {                                                          \
     { "2x3x11x13,2x3x11x13" more("2x3x11x13"), "kernel=11", 2e-5, 0.0, 1 },                       \
     { "1x16x8x10,1x16x8x10" more("1x16x8x10"), "kernel=7", 2e-5, 0.0, 1 },                        \
     { "2x17x9x6,2x17x9x6" more("2x17x9x6"), "kernel=5,sigma=0.8,c1=0.01,c2=0.02", 2e-5, 0, 0 },   \
     { "1x33x3x4,1x33x3x4" more("1x33x3x4"), "kernel=3,c1=0,c2=0.01", 2e-5, 0.0, 1 },              \
     { "1x1x1x1,1x1x1x1" more("1x1x1x1"), "kernel=1", 1e-4, 0.25, 1 },                             \
     { NULL, NULL, 0, 0, 0 },                                                                      \
 }

#endif
