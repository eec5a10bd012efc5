/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/plane.h"

static void rows(float *y, const float *x, int64_t width, int64_t step, const int32_t *index,
                 const float *weight, int n)
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

static void rows_max(float *y, const float *x, int64_t width, int64_t step, const int32_t *index,
                     const float *weight, int n)
{
    for (int64_t i = 0; i < width; i++)
        y[i] = -INFINITY;
    for (int k = 0; k < n; k++) {
        const float *r = x + index[k] * step;
        for (int64_t i = 0; i < width; i++)
            y[i] = r[i] > y[i] ? r[i] : y[i];
    }
}

/* Results made of two each, as most of a bilinear resampling are. */
static void columns_2(float *restrict y, const float *restrict x, const int32_t *restrict index,
                      const float *restrict weight, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[index[2 * i]] * weight[2 * i] + x[index[2 * i + 1]] * weight[2 * i + 1];
}

static void columns_1(float *y, const float *x, const struct taps *t, bool max)
{
    for (int64_t o = 0; o < t->n; o++) {
        if (o == t->two_from && t->two_to > o && !max) {
            columns_2(y + o, x, t->index + t->first[o], t->weight + t->first[o], t->two_to - o);
            o = t->two_to - 1;
            continue;
        }
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
static void unpool_16(float *dx, const float *x, const float *dy, struct taps r, struct taps c,
                      int64_t w)
{
    vf best[VPB], g[VPB];
    vi at[VPB];
    const float *first = x + (r.index[0] * w + c.index[0]) * 16;
    UNROLL
    for (int i = 0; i < VPB; i++)
        best[i] = vload(first + i * VL), g[i] = vload(dy + i * VL), at[i] = viset(0);
    for (int32_t a = 0, k = 0; a < r.n; a++)
        for (int32_t b = 0; b < c.n; b++, k++) {
            const float *p = x + (r.index[a] * w + c.index[b]) * 16;
            UNROLL
            for (int i = 0; i < VPB; i++) {
                const vf v = vload(p + i * VL);
                const vi more = v > best[i];
                best[i] = vsel(more, v, best[i]);
                at[i] = (more & viset(k)) | (~more & at[i]);
            }
        }
    for (int32_t a = 0, k = 0; a < r.n; a++)
        for (int32_t b = 0; b < c.n; b++, k++) {
            float *p = dx + (r.index[a] * w + c.index[b]) * 16;
            UNROLL
            for (int i = 0; i < VPB; i++)
                vstore(p + i * VL, vload(p + i * VL) + vsel(at[i] == viset(k), g[i], vset(0.0f)));
        }
}

static void unpool_1(float *dx, const float *x, const float *dy, struct taps r, struct taps c,
                     int64_t w)
{
    int64_t at = r.index[0] * w + c.index[0];
    float best = x[at];
    for (int32_t a = 0; a < r.n; a++)
        for (int32_t b = 0; b < c.n; b++) {
            const int64_t p = r.index[a] * w + c.index[b];
            const float v = x[p];
            at = v > best ? p : at;
            best = v > best ? v : best;
        }
    dx[at] += *dy;
}

static struct taps window(const struct taps *t, int64_t k)
{
    return (struct taps){ .n = t->first[k + 1] - t->first[k], .index = t->index + t->first[k] };
}

static void unpool(float *dx, const float *x, const float *dy, const struct taps *r,
                   const struct taps *c, int64_t w, bool blocks)
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
