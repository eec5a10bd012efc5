/* SPDX-License-Identifier: MIT */
/* 1 - SSIM of two maps, halved: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from
 * error visibility to structural similarity", 2004, equations 6 to 13. */
#include "ssim.h"

enum { MOST = 127 };
struct loss {
    struct lbk_feature feature; /* first: its options are some of these */
    int64_t window;
    double sigma, k1, k2, range;
    bool luminance, contrast, structure;
};
static const struct lbk_opt opts[] = {
    LBK_INT(loss, window, 11, 1, MOST,
            "rows and columns of the Gaussian window; less on maps that are smaller, and odd"),
    LBK_FLOAT(loss, sigma, 1.5, 1e-3, 1e3, "standard deviation of the window, in pixels"),
    LBK_FLOAT(loss, k1, 0.01, 0, 1e3, "times range: what means are compared above"),
    LBK_FLOAT(loss, k2, 0.03, 0, 1e3,
              "times range: what deviations are compared above; 0.001 where structure is alone"),
    LBK_FLOAT(loss, range, 1, 1e-6, 1e6, "of the values; 1 after minimum and maximum are 0 and 1"),
    LBK_BOOL(loss, luminance, true, "compare the means of windows"),
    LBK_BOOL(loss, contrast, true, "compare their deviations"),
    LBK_BOOL(loss, structure, true, "compare what they look like apart from these"),
    LBK_FEATURE_OPTS("auto", "channel"),
    LBK_OPTS_END,
};

/* Of the window and the constants, for maps of that size. */
static struct lbk_similarity terms_for(const struct loss *c, lbk_shape s)
{
    const int64_t least = s.d[2] < s.d[3] ? s.d[2] : s.d[3], most = (least - 1) | 1;
    const double c1 = c->k1 * c->range, c2 = c->k2 * c->range;
    return (struct lbk_similarity){ c->window < least ? c->window : most, c->sigma, c1 * c1,
                                    c2 * c2 };
}

static lbk_val *plus(lbk_graph *g, lbk_val *v, double c) { return lbk_add(g, v, lbk_scalar(g, c)); }

/* (2 p + c) / (a + b + c) */
static lbk_val *alike(lbk_graph *g, lbk_val *p, lbk_val *a, lbk_val *b, double c)
{
    return lbk_div(g, plus(g, lbk_add(g, p, p), c), plus(g, lbk_add(g, a, b), c));
}

/* At least 1e-12: its root has a slope, and rounding may leave less than 0. */
static lbk_val *variance(lbk_graph *g, lbk_val *x, lbk_val *mean, struct lbk_blur w)
{
    lbk_val *v = lbk_sub(g, lbk_blur(g, lbk_square(g, x), w), lbk_square(g, mean));
    return lbk_maximum(g, v, lbk_scalar(g, 1e-12));
}

/* Contrast and structure together need no root, and are the same with half of c2 in the second. */
static lbk_val *some(lbk_graph *g, lbk_val *x, lbk_val *y, const struct loss *c,
                     struct lbk_similarity p)
{
    const struct lbk_blur w = { p.kernel, p.sigma };
    lbk_val *mx = lbk_blur(g, x, w), *my = lbk_blur(g, y, w), *v = NULL;
    lbk_val *mean = alike(g, lbk_mul(g, mx, my), lbk_square(g, mx), lbk_square(g, my), p.c1);
    if (!c->contrast && !c->structure)
        return mean;
    lbk_val *vx = variance(g, x, mx, w), *vy = variance(g, y, my, w);
    lbk_val *cov = lbk_sub(g, lbk_blur(g, lbk_mul(g, x, y), w), lbk_mul(g, mx, my));
    lbk_val *root = lbk_sqrt(g, lbk_mul(g, vx, vy));
    if (c->contrast)
        v = alike(g, c->structure ? cov : root, vx, vy, p.c2);
    else
        v = lbk_div(g, plus(g, cov, p.c2 / 2), plus(g, root, p.c2 / 2));
    return c->luminance ? lbk_mul(g, v, mean) : v;
}

/* In 0..1; a NaN stays one. */
static lbk_val *clamp(lbk_graph *g, lbk_val *v)
{
    lbk_val *zero = lbk_scalar(g, 0), *one = lbk_scalar(g, 1);
    v = lbk_select(g, lbk_lt(g, v, zero), zero, v);
    return lbk_select(g, lbk_lt(g, one, v), one, v);
}

static bool fits(lbk_graph *g, const struct loss *c, lbk_shape s)
{
    if (!c->luminance && !c->contrast && !c->structure)
        lbk_graph_fail(
            g, LBK_EINVAL,
            "ssim.ssim: luminance, contrast and structure are off, expected one of them");
    else if (c->window % 2 == 0)
        lbk_graph_fail(g, LBK_EINVAL, "ssim.ssim: a window of %lld, expected an odd number",
                       (long long) c->window);
    else if (s.n != 4)
        lbk_graph_fail(g, LBK_EINVAL, "ssim.ssim: expected maps of rank 4, found rank %d", s.n);
    return !lbk_graph_status(g);
}

static lbk_val *build(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct loss *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *of[2];
    if (!fits(g, c, lbk_shape_of(in[1])) || !lbk_feature_pair(s, in, &c->feature, of))
        return NULL;
    const struct lbk_similarity p = terms_for(c, lbk_shape_of(of[0]));
    lbk_val *one = lbk_scalar(g, 1), *half = lbk_scalar(g, 0.5);
    if (c->luminance && c->contrast && c->structure) /* is within -1..1 */
        return lbk_mul(g, lbk_sub(g, one, lbk_mean(g, lbk_similarity(g, of[0], of[1], p), LBK_ALL)),
                       half);
    lbk_val *v = lbk_mul(g, lbk_sub(g, one, some(g, of[0], of[1], c, p)), half);
    return lbk_mean(g, clamp(g, v), LBK_ALL);
}

lbk_status ssim_register_loss(lbk_registrar *r)
{
    static const char *const wires[] = { "student", "teacher", NULL };
    static const char *const shapes[] = { "N x C x H x W", "N x D x H x W", NULL };
    return lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "ssim.ssim",
                                         .doc = "structural dissimilarity of hidden layers",
                                         .inputs = wires, .shapes = shapes, .opts = opts,
                                         .cfg_size = sizeof(struct loss), .build = build));
}
