/* SPDX-License-Identifier: MIT */
/* Operators on the planes of N C H W whose result rows and columns are weighted sums (or maxima) of operand rows and columns,
 * independently of each other: pooling, resampling, borders and their adjoints. [any thread] */
#ifndef LBK_PLANE_TAPS_H
#define LBK_PLANE_TAPS_H
#include <limbeck/backend.h>

/* Result position k is made of operand positions index[first[k]] .. index[first[k + 1] - 1], times weight; those from two_from
 * to two_to are made of two each. */
struct taps {
    int64_t n, two_from, two_to;
    int32_t *first, *index;
    float *weight;
};

/* What position k of m takes from n: t < 0: the mean of [lo, hi), nothing when empty; else lo and hi - 1 blended by t. A kind with
 * weights of its own may have a window that reaches past the border, which mirrors. */
struct window { int64_t lo, hi; double t; };
enum { PLANE_WEIGHTS = 127 };
struct plane_kind {
    struct window (*window)(const void *params, int64_t k, int64_t m, int64_t n, bool column);
    bool adjoint, max;
    /* optional: of the positions of every window, at most PLANE_WEIGHTS */
    void (*weights)(const void *params, double to[]);
};
/* The adjoint of max_pool is none of these: its windows are those of max_pool. */
extern const struct plane_kind plane_max_pool, plane_avg_pool, plane_avg_pool_dx, plane_adaptive_avg_pool,
    plane_adaptive_avg_pool_dx, plane_resize, plane_resize_dx, plane_pad, plane_pad_dx,
    plane_blur, plane_blur_dx;

/* Rows (or columns) of a kind with m results out of n; with adjoint, of n out of m. false: out of memory, and t is empty. */
bool taps_init(struct taps *t, const struct plane_kind *k, const void *params, int64_t m, int64_t n, bool column);
void taps_free(struct taps *t);

#endif
