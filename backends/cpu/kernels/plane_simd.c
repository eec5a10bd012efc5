/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/plane.h"

static void rows(float *y, const float *x, int64_t width, int64_t step, const int32_t *index, const float *weight, int n)
{
    if (n == 0)
        memset(y, 0, sizeof *y * (size_t) width);
    for (int k = 0; k < n; k++) {
        const float *r = x + index[k] * step, w = weight[k];
        if (k == 0)
            for (int64_t i = 0; i < width; i++)
                y[i] = r[i] * w;
        else
            for (int64_t i = 0; i < width; i++)
                y[i] += r[i] * w;
    }
}

static void rows_max(float *y, const float *x, int64_t width, int64_t step, const int32_t *index, const float *weight, int n)
{
    for (int64_t i = 0; i < width; i++)
        y[i] = -INFINITY;
    for (int k = 0; k < n; k++) {
        const float *r = x + index[k] * step;
        for (int64_t i = 0; i < width; i++)
            y[i] = r[i] > y[i] ? r[i] : y[i];
    }
}

static void columns_1(float *y, const float *x, const struct taps *t, bool max)
{
    for (int64_t o = 0; o < t->n; o++) {
        float v = max ? -INFINITY : 0.0f;
        for (int32_t k = t->first[o]; k < t->first[o + 1]; k++) {
            const float a = x[t->index[k]];
            v = !max ? v + a * t->weight[k] : a > v ? a : v;
        }
        y[o] = v;
    }
}

static void columns_16(float *y, const float *x, const struct taps *t, bool max)
{
    for (int64_t o = 0; o < t->n; o++) {
        vf v[VPB];
        UNROLL
        for (int i = 0; i < VPB; i++)
            v[i] = vset(max ? -INFINITY : 0.0f);
        for (int32_t k = t->first[o]; k < t->first[o + 1]; k++) {
            const float *p = x + t->index[k] * 16;
            const vf w = vset(t->weight[k]);
            UNROLL
            for (int i = 0; i < VPB; i++) {
                const vf a = vload(p + i * VL);
                v[i] = max ? vsel(a > v[i], a, v[i]) : v[i] + a * w;
            }
        }
        UNROLL
        for (int i = 0; i < VPB; i++)
            vstore(y + o * 16 + i * VL, v[i]);
    }
}

static void columns(float *y, const float *x, const struct taps *t, bool max, bool blocks)
{
    blocks ? columns_16(y, x, t, max) : columns_1(y, x, t, max);
}

/* One window of a block of channels: the first largest lane by lane, then dy goes there. */
static void unpool_16(float *dx, const float *x, const float *dy, struct taps r, struct taps c, int64_t w)
{
    float best[16], g[16];
    int32_t at[16];
    for (int i = 0; i < 16; i++)
        best[i] = x[(r.index[0] * w + c.index[0]) * 16 + i], at[i] = 0, g[i] = dy[i];
    for (int32_t a = 0, k = 0; a < r.n; a++)
        for (int32_t b = 0; b < c.n; b++, k++) {
            const float *p = x + (r.index[a] * w + c.index[b]) * 16;
            for (int i = 0; i < 16; i++) {
                const int more = p[i] > best[i];
                best[i] = more ? p[i] : best[i];
                at[i] = more ? k : at[i];
            }
        }
    for (int32_t a = 0, k = 0; a < r.n; a++)
        for (int32_t b = 0; b < c.n; b++, k++) {
            float *p = dx + (r.index[a] * w + c.index[b]) * 16;
            for (int i = 0; i < 16; i++)
                p[i] += at[i] == k ? g[i] : 0.0f;
        }
}

static void unpool_1(float *dx, const float *x, const float *dy, struct taps r, struct taps c, int64_t w)
{
    int64_t best = r.index[0] * w + c.index[0];
    for (int32_t a = 0; a < r.n; a++)
        for (int32_t b = 0; b < c.n; b++) {
            const int64_t p = r.index[a] * w + c.index[b];
            best = x[p] > x[best] ? p : best;
        }
    dx[best] += *dy;
}

static struct taps window(const struct taps *t, int64_t k)
{
    return (struct taps) { .n = t->first[k + 1] - t->first[k], .index = t->index + t->first[k] };
}

static void unpool(float *dx, const float *x, const float *dy, const struct taps *r, const struct taps *c, int64_t w,
    bool blocks)
{
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t j = 0; j < c->n; j++) {
            const struct taps a = window(r, i), b = window(c, j);
            if (a.n == 0 || b.n == 0)
                continue;
            if (blocks)
                unpool_16(dx, x, dy + (i * c->n + j) * 16, a, b, w);
            else
                unpool_1(dx, x, dy + i * c->n + j, a, b, w);
        }
}

const struct plane_loops CPU_TABLE(plane_loops) = { rows, rows_max, columns, unpool };
