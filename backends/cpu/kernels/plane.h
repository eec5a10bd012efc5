/* SPDX-License-Identifier: MIT */
/* Operators on the planes of N C H W whose result rows and columns are weighted sums (or maxima) of
 * operand rows and columns, independently of each other: pooling, resampling, borders and their
 * adjoints. Rows first, then columns. */
#ifndef LBK_CPU_PLANE_H
#define LBK_CPU_PLANE_H
#include "cpu.h"

/* Result position k is made of operand positions index[first[k]] .. index[first[k + 1] - 1], times
 * weight; those from two_from to two_to are made of two each. */
struct taps {
    int64_t n, two_from, two_to;
    int32_t *first, *index;
    float *weight;
};

/* What position k of m takes from n: t < 0: the mean of [lo, hi), nothing when empty; else lo and
 * hi - 1 blended by t. */
struct window {
    int64_t lo, hi;
    double t;
};
struct plane_kind {
    struct window (*window)(const void *params, int64_t k, int64_t m, int64_t n, bool column);
    bool adjoint, max;
};

struct plane_loops {
    /* y = weighted sum or maximum of n rows of `width` floats, `step` floats apart. */
    void (*rows)(float *y, const float *x, int64_t width, int64_t step, const int32_t *index,
                 const float *weight, int n);
    void (*rows_max)(float *y, const float *x, int64_t width, int64_t step, const int32_t *index,
                     const float *weight, int n);
    /* A row of results from a row: single floats, or blocks of channels. */
    void (*columns)(float *y, const float *x, const struct taps *t, bool max, bool blocks);
    /* The adjoint of max_pool on one plane; dx is zero before. rows, columns: what is in each
     * window. */
    void (*unpool)(float *dx, const float *x, const float *dy, const struct taps *rows,
                   const struct taps *columns, int64_t w, bool blocks);
};
const struct plane_loops *plane_loops_at(const lbk_drv *d);

struct plane_code {
    struct taps row, column;
};
int plane_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
/* m x mw positions, made of n x nw; for an adjoint the other way round. */
lbk_status plane_tables(lbk_drv *d, const struct plane_kind *k, const void *params,
                        const int64_t to[2], const int64_t from[2], void **own);
lbk_status plane_prepare(lbk_drv *d, const struct lbk_group *g, const struct plane_kind *k,
                         void **own);
lbk_status plane_launch(lbk_drv *d, const struct lbk_group *g, const struct plane_kind *k,
                        const void *own);
void plane_release(void *own);

/* Planes of the storage of a value. */
static inline int64_t plane_count(const struct lbk_arg *a)
{
    return a->shape.d[0] * (cpu_is_cblk(a) ? cpu_blocks(a->shape.d[1]) : a->shape.d[1]);
}

/* Window k of a pooling; stride 0 = kernel. */
static inline struct window pool_window(int64_t kernel, int64_t stride, int64_t pad, int64_t k,
                                        int64_t n)
{
    const int64_t lo = k * (stride ? stride : kernel) - pad, hi = lo + kernel;
    return (struct window){ lo < 0 ? 0 : lo, hi > n ? n : hi, -1 };
}

/* Bilinear and nearest resampling: result k of m out of n. */
static inline struct window resize_window(enum lbk_filter f, int64_t k, int64_t m, int64_t n)
{
    if (f == LBK_NEAREST)
        return (struct window){ k * n / m, k * n / m + 1, -1 };
    double x = ((double) k + 0.5) * (double) n / (double) m - 0.5;
    if (f == LBK_CORNERS)
        x = m > 1 ? (double) (k * (n - 1)) / (double) (m - 1) : 0;
    x = x < 0 ? 0 : x;
    const int64_t a = (int64_t) x < n - 1 ? (int64_t) x : n - 1;
    const double t = x - (double) a;
    return a + 1 < n && t > 0 ? (struct window){ a, a + 2, t } : (struct window){ a, a + 1, -1 };
}

/* Where position k, from 0 inside an image of n, is taken from; nothing in a border of zeros. */
static inline struct window border_window(enum lbk_border b, int64_t k, int64_t n)
{
    if (k < 0 || k >= n) {
        if (b == LBK_ZERO)
            return (struct window){ 0, 0, -1 };
        k = b == LBK_EDGE ? (k < 0 ? 0 : n - 1) : k < 0 ? -k : 2 * (n - 1) - k;
    }
    return (struct window){ k, k + 1, -1 };
}

/* A kernel of this family, but for its window function. */
#define PLANE_KERNEL(id, is_adjoint, is_max)                                                       \
 static const struct plane_kind kind = { window, is_adjoint, is_max };                             \
 static lbk_status prepare(lbk_drv *d, const struct lbk_group *g, void **own)                      \
 {                                                                                                 \
  return plane_prepare(d, g, &kind, own);                                                          \
 }                                                                                                 \
 static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)                  \
 {                                                                                                 \
  return plane_launch(d, g, &kind, own);                                                           \
 }                                                                                                 \
 const struct cpu_kernel cpu_kernel_##id = { .op = #id,                                            \
                                             .supports = plane_supports,                           \
                                             .prepare = prepare,                                   \
                                             .launch = launch,                                     \
                                             .release = plane_release }

#endif
