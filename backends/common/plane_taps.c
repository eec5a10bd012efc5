/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <limbeck/ops.h>
#include "plane_taps.h"

/* Stride 0 = kernel. */
static struct window pool_window(int64_t kernel, int64_t stride, int64_t pad, int64_t k, int64_t n)
{
    const int64_t lo = k * (stride ? stride : kernel) - pad, hi = lo + kernel;
    return (struct window){ lo < 0 ? 0 : lo, hi > n ? n : hi, -1 };
}

static struct window pool(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    const struct lbk_pool *p = params;
    return pool_window(p->kernel, p->stride, p->pad, k, n);
}

static struct window pool_dx(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    const struct lbk_pool_to *p = params;
    return pool_window(p->kernel, p->stride, p->pad, k, n);
}

static struct window adaptive(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    return (struct window){ k * n / m, ((k + 1) * n + m - 1) / m, -1 };
}

/* Bilinear and nearest resampling: result k of m out of n. */
static struct window resize_window(enum lbk_filter f, int64_t k, int64_t m, int64_t n)
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

static struct window resize(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    return resize_window(((const struct lbk_resize *) params)->filter, k, m, n);
}

static struct window resize_dx(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    return resize_window(((const struct lbk_resize_to *) params)->filter, k, m, n);
}

/* Nothing in a border of zeros. */
static struct window border(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    const struct lbk_pad *p = params;
    k -= column ? p->left : p->top;
    if (k < 0 || k >= n) {
        if (p->border == LBK_ZERO)
            return (struct window){ 0, 0, -1 };
        k = p->border == LBK_EDGE ? (k < 0 ? 0 : n - 1) : k < 0 ? -k : 2 * (n - 1) - k;
    }
    return (struct window){ k, k + 1, -1 };
}

static struct window blur(const void *params, int64_t k, int64_t m, int64_t n, bool column)
{
    const struct lbk_blur *p = params;
    return (struct window){ k - p->kernel / 2, k - p->kernel / 2 + p->kernel, -1 };
}

static void gauss(const void *params, double to[])
{
    const struct lbk_blur *p = params;
    double sum = 0;
    for (int64_t k = 0; k < p->kernel; k++) {
        const double x = (double) (k - p->kernel / 2) / p->sigma;
        sum += to[k] = exp(-0.5 * x * x);
    }
    for (int64_t k = 0; k < p->kernel; k++)
        to[k] /= sum;
}

const struct plane_kind plane_max_pool = { pool, false, true };
const struct plane_kind plane_avg_pool = { pool, false, false };
const struct plane_kind plane_avg_pool_dx = { pool_dx, true, false };
const struct plane_kind plane_adaptive_avg_pool = { adaptive, false, false };
const struct plane_kind plane_adaptive_avg_pool_dx = { adaptive, true, false };
const struct plane_kind plane_resize = { resize, false, false };
const struct plane_kind plane_resize_dx = { resize_dx, true, false };
const struct plane_kind plane_pad = { border, false, false };
const struct plane_kind plane_pad_dx = { border, true, false };
const struct plane_kind plane_blur = { blur, false, false, gauss };
const struct plane_kind plane_blur_dx = { blur, true, false, gauss };

struct walk {
    const struct plane_kind *kind;
    const void *params;
    int64_t m, n;
    bool column;
    double own[PLANE_WEIGHTS]; /* of a kind that has weights of its own */
};

static double weight(const struct walk *t, struct window v, int64_t i)
{
    if (t->kind->weights)
        return t->own[i - v.lo];
    return v.t < 0 ? 1.0 / (double) (v.hi - v.lo) : i == v.lo ? 1 - v.t : v.t;
}

/* Calls put for every weight that is not 0, result by result. */
static void each_weight(const struct walk *t, void (*put)(void *ud, int64_t k, int64_t i, double w),
                        void *ud)
{
    for (int64_t k = 0; k < t->m; k++) {
        const struct window v = t->kind->window(t->params, k, t->m, t->n, t->column);
        for (int64_t i = v.lo; i < v.hi; i++) {
            const int64_t at = i < 0 ? -i : i < t->n ? i : 2 * (t->n - 1) - i;
            const double w = weight(t, v, i);
            if ((float) w == 0)
                continue;
            t->kind->adjoint ? put(ud, at, k, w) : put(ud, k, at, w);
        }
    }
}

static void count(void *ud, int64_t k, int64_t i, double w)
{
    ((struct taps *) ud)->first[k + 1]++;
}

static void fill(void *ud, int64_t k, int64_t i, double w)
{
    struct taps *t = ud;
    int32_t at = t->first[k];
    while (t->weight[at] != 0) /* the next free place of k */
        at++;
    t->index[at] = (int32_t) i;
    t->weight[at] = (float) w;
}

static bool build(struct taps *to, const struct walk *t)
{
    to->n = t->kind->adjoint ? t->n : t->m;
    to->first = calloc((size_t) to->n + 2, sizeof *to->first);
    if (!to->first)
        return false;
    each_weight(t, count, to);
    for (int64_t k = 0; k < to->n; k++)
        to->first[k + 1] += to->first[k];
    const size_t all = (size_t) to->first[to->n] + 1;
    to->index = calloc(all, sizeof *to->index);
    to->weight = calloc(all, sizeof *to->weight);
    if (!to->index || !to->weight)
        return false;
    each_weight(t, fill, to);
    for (int64_t k = 0, from = 0; k < to->n; k++) {
        if (to->first[k + 1] - to->first[k] != 2)
            from = k + 1;
        else if (k + 1 - from > to->two_to - to->two_from)
            to->two_from = from, to->two_to = k + 1;
    }
    return true;
}

bool taps_init(struct taps *t, const struct plane_kind *k, const void *params, int64_t m, int64_t n,
               bool column)
{
    struct walk w = { k, params, m, n, column, { 0 } };
    if (k->weights)
        k->weights(params, w.own);
    *t = (struct taps){ 0 };
    if (build(t, &w))
        return true;
    taps_free(t);
    return false;
}

void taps_free(struct taps *t)
{
    free(t->first), free(t->index), free(t->weight);
    *t = (struct taps){ 0 };
}
