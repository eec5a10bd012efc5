/* SPDX-License-Identifier: MIT */
/* Sizes and windows of 2-D pooling and resampling. */
#ifndef LBK_SRC_WINDOW_H
#define LBK_SRC_WINDOW_H
#include <math.h>
#include "opdef.h"

static const char *const filter_names[] = { "nearest", "bilinear", "corners", NULL };

/* Windows along an axis of n; fewer than 1: none fits. One that would begin in the padding after
 * the end is dropped. */
static inline int64_t pool_count(int64_t n, const struct lbk_pool *p)
{
    const int64_t stride = p->stride ? p->stride : p->kernel, room = n + 2 * p->pad - p->kernel;
    int64_t m = room < 0 ? 0 : (room + (p->ceil ? stride - 1 : 0)) / stride + 1;
    if (p->ceil && m > 0 && (m - 1) * stride >= n + p->pad)
        m--;
    return m;
}

static inline lbk_status infer_pool(struct lbk_infer *i, const struct lbk_pool *p, int64_t h,
                                    int64_t w, int64_t *oh, int64_t *ow)
{
    if (p->kernel < 1 || p->stride < 0 || p->pad < 0 || 2 * p->pad > p->kernel)
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "%s: kernel %lld, stride %lld, pad %lld, expected a kernel of at least 1 and twice pad",
            i->op->name, (long long) p->kernel, (long long) p->stride, (long long) p->pad);
    *oh = pool_count(h, p), *ow = pool_count(w, p);
    if (*oh < 1 || *ow < 1)
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "%s: x is %lldx%lld with pad %lld, expected at least the kernel of %lld", i->op->name,
            (long long) h, (long long) w, (long long) p->pad, (long long) p->kernel);
    return LBK_OK;
}

/* The part inside the image of window k. */
struct range {
    int64_t lo, hi;
};
static inline struct range pool_range(const struct lbk_pool *p, int64_t k, int64_t n)
{
    const int64_t lo = k * (p->stride ? p->stride : p->kernel) - p->pad;
    return (struct range) { max64(lo, 0), min64(lo + p->kernel, n) };
}

static inline struct range adaptive_range(int64_t k, int64_t m, int64_t n)
{
    return (struct range) { k * n / m, ((k + 1) * n + m - 1) / m };
}

/* Result k of m is (1 - t) * element a + t * element b of n. */
struct blend {
    int64_t a, b;
    double t;
};
static inline struct blend blend_of(int64_t k, int64_t m, int64_t n, enum lbk_filter f)
{
    struct blend r = { .a = k * n / m };
    if (f == LBK_NEAREST)
        return r.b = r.a, r;
    double x = ((double) k + 0.5) * (double) n / (double) m - 0.5;
    if (f == LBK_CORNERS)
        x = m > 1 ? (double) (k * (n - 1)) / (double) (m - 1) : 0;
    x = x < 0 ? 0 : x;
    r.a = min64((int64_t) x, n - 1);
    r.b = min64(r.a + 1, n - 1);
    r.t = x - (double) r.a;
    return r;
}

#endif
