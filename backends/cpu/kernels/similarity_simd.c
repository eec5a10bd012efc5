/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/similarity.h"

/* What a window knows: means of a, b, a^2, b^2, ab. */
enum { A, B, AA, BB, AB };

/* Row r of all windows, down the columns. */
static void fields_of_row(const struct similarity_plane *p, int64_t r)
{
    const int64_t width = p->w * 16;
    const int32_t first = p->row->first[r], end = p->row->first[r + 1];
    for (int64_t i = 0; i < width; i += VL) {
        vf f[SIMILARITY_FIELDS];
        UNROLL
        for (int k = 0; k < SIMILARITY_FIELDS; k++)
            f[k] = vset(0.0f);
        for (int32_t k = first; k < end; k++) {
            const int64_t at = p->row->index[k] * width + i;
            const vf a = vload(p->a + at), b = vload(p->b + at), w = vset(p->row->weight[k]);
            const vf wa = w * a, wb = w * b;
            f[A] += wa, f[B] += wb;
            f[AA] = vfma(wa, a, f[AA]), f[BB] = vfma(wb, b, f[BB]), f[AB] = vfma(wa, b, f[AB]);
        }
        UNROLL
        for (int k = 0; k < SIMILARITY_FIELDS; k++)
            vstore(p->line + k * width + i, f[k]);
    }
}

/* Pixel c of n lines, along the row; lane: the first of VL. */
INL void along(int n, vf *f, const float *line, int64_t width, const struct taps *t, int64_t c,
               int lane)
{
    UNROLL
    for (int k = 0; k < n; k++)
        f[k] = vset(0.0f);
    for (int32_t i = t->first[c]; i < t->first[c + 1]; i++) {
        const float *x = line + t->index[i] * 16 + lane;
        const vf w = vset(t->weight[i]);
        UNROLL
        for (int k = 0; k < n; k++)
            f[k] = vfma(w, vload(x + k * width), f[k]);
    }
}

struct parts {
    vf above[2], below[2], all;
};

INL struct parts parts_of(const vf f[SIMILARITY_FIELDS], float c1, float c2)
{
    const vf aa = f[A] * f[A], bb = f[B] * f[B], ab = f[A] * f[B], cov = f[AB] - ab;
    struct parts s;
    s.above[0] = ab + ab + c1, s.above[1] = cov + cov + c2;
    s.below[0] = aa + bb + c1, s.below[1] = (f[AA] - aa) + (f[BB] - bb) + c2;
    s.all = s.below[0] * s.below[1] + 1e-12f;
    return s;
}

static void similarity(const struct similarity_plane *p, int64_t r)
{
    for (int64_t c = 0; c < p->w; c++)
        UNROLL
    for (int lane = 0; lane < 16; lane += VL) {
        vf f[SIMILARITY_FIELDS];
        along(SIMILARITY_FIELDS, f, p->line, p->w * 16, p->column, c, lane);
        const struct parts s = parts_of(f, p->c1, p->c2);
        vstore(p->y + (r * p->w + c) * 16 + lane, s.above[0] * s.above[1] / s.all);
    }
}

/* What a pixel's dy says of the mean, the square and the product in its window. */
static void slopes(const struct similarity_plane *p, int64_t r)
{
    const int64_t plane = p->h * p->w * 16;
    for (int64_t c = 0; c < p->w; c++)
        UNROLL
    for (int lane = 0; lane < 16; lane += VL) {
        const int64_t at = (r * p->w + c) * 16 + lane;
        vf f[SIMILARITY_FIELDS];
        along(SIMILARITY_FIELDS, f, p->line, p->w * 16, p->column, c, lane);
        const struct parts s = parts_of(f, p->c1, p->c2);
        const vf k = vload(p->dy + at) / s.all, k2 = k + k, y = s.above[0] * s.above[1] / s.all;
        const vf var2 = -k2 * y * s.below[0], cov = k2 * s.above[0];
        const vf mean = k2 * (f[B] * s.above[1] - f[A] * s.below[1] * y);
        vstore(p->slopes + at, mean - f[A] * var2 - f[B] * cov);
        vstore(p->slopes + plane + at, var2);
        vstore(p->slopes + 2 * plane + at, cov);
    }
}

/* Row r of the adjoint of the windows over the slopes, down the columns. */
static void spread_row(const struct similarity_plane *p, int64_t r)
{
    const int64_t width = p->w * 16, plane = p->h * width;
    const int32_t first = p->up->first[r], end = p->up->first[r + 1];
    for (int64_t i = 0; i < width; i += VL) {
        vf f[SIMILARITY_SLOPES];
        UNROLL
        for (int k = 0; k < SIMILARITY_SLOPES; k++)
            f[k] = vset(0.0f);
        for (int32_t n = first; n < end; n++) {
            const float *x = p->slopes + p->up->index[n] * width + i;
            const vf w = vset(p->up->weight[n]);
            UNROLL
            for (int k = 0; k < SIMILARITY_SLOPES; k++)
                f[k] = vfma(w, vload(x + k * plane), f[k]);
        }
        UNROLL
        for (int k = 0; k < SIMILARITY_SLOPES; k++)
            vstore(p->line + k * width + i, f[k]);
    }
}

static void gradient(const struct similarity_plane *p, int64_t r)
{
    for (int64_t c = 0; c < p->w; c++)
        UNROLL
    for (int lane = 0; lane < 16; lane += VL) {
        const int64_t at = (r * p->w + c) * 16 + lane;
        vf f[SIMILARITY_SLOPES];
        along(SIMILARITY_SLOPES, f, p->line, p->w * 16, p->across, c, lane);
        vstore(p->y + at, f[0] + vload(p->a + at) * f[1] + vload(p->b + at) * f[2]);
    }
}

static void run(const struct similarity_plane *p)
{
    for (int64_t r = 0; r < p->h; r++) {
        fields_of_row(p, r);
        p->dy ? slopes(p, r) : similarity(p, r);
    }
    for (int64_t r = 0; p->dy && r < p->h; r++) {
        spread_row(p, r);
        gradient(p, r);
    }
    for (int64_t i = 0; p->lanes < 16 && i < p->h * p->w; i++)
        memset(p->y + i * 16 + p->lanes, 0, sizeof(float) * (size_t) (16 - p->lanes));
}

const struct similarity_loops CPU_TABLE(similarity_loops) = { run };
