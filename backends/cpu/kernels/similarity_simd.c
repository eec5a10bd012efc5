/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/similarity.h"

/* What a window knows: means of a, b, a^2 + b^2, ab. */
enum { A, B, SQUARES, AB };

/* Vectors taken at once down the columns: as many chains of sums as hide their latency. */
enum { SIDE = VL == 16 ? 2 : 1 };

/* At i of rows 2 k and 2 k + 1: n vectors of all windows. */
INL void fields_at(const struct similarity_plane *p, int64_t k, int64_t i, int n)
{
    const int64_t width = p->w * 16;
    vf f[SIDE][2][SIMILARITY_FIELDS];
    UNROLL
    for (int j = 0; j < n * 2 * SIMILARITY_FIELDS; j++)
        (&f[0][0][0])[j] = vset(0.0f);
    for (int32_t t = p->row->first[k]; t < p->row->first[k + 1]; t++) {
        const vf w = vset(p->row->weight[2 * t]), w1 = vset(p->row->weight[2 * t + 1]);
        UNROLL
        for (int v = 0; v < n; v++) {
            const int64_t at = p->row->index[t] * width + i + v * VL;
            const vf a = vload(p->a + at), b = vload(p->b + at);
            const vf of[] = { a, b, vfma(a, a, b * b), a * b };
            UNROLL
            for (int j = 0; j < SIMILARITY_FIELDS; j++) {
                f[v][0][j] = vfma(w, of[j], f[v][0][j]);
                f[v][1][j] = vfma(w1, of[j], f[v][1][j]);
            }
        }
    }
    UNROLL
    for (int j = 0; j < n * 2 * SIMILARITY_FIELDS; j++)
        vstore(p->line + j % (2 * SIMILARITY_FIELDS) * width + i + j / (2 * SIMILARITY_FIELDS) * VL,
               (&f[0][0][0])[j]);
}

static void fields_of_rows(const struct similarity_plane *p, int64_t k)
{
    int64_t i = 0;
    for (; i + SIDE * VL <= p->w * 16; i += SIDE * VL)
        fields_at(p, k, i, SIDE);
    for (; i < p->w * 16; i += VL)
        fields_at(p, k, i, 1);
}

/* Pixels 2 c and 2 c + 1 of n lines, along the row; lane: the first of VL. */
INL void along(int n, vf *f, const float *line, int64_t width, const struct pairs *t, int64_t c,
               int lane)
{
    UNROLL
    for (int k = 0; k < 2 * n; k++)
        f[k] = vset(0.0f);
    for (int32_t i = t->first[c]; i < t->first[c + 1]; i++) {
        const float *x = line + t->index[i] * 16 + lane;
        const vf w = vset(t->weight[2 * i]), w1 = vset(t->weight[2 * i + 1]);
        UNROLL
        for (int k = 0; k < n; k++) {
            const vf v = vload(x + k * width);
            f[k] = vfma(w, v, f[k]), f[n + k] = vfma(w1, v, f[n + k]);
        }
    }
}

struct parts {
    vf above[2], below[2], all, s;
};

INL struct parts parts_of(const vf *f, float c1, float c2)
{
    const vf means = vfma(f[A], f[A], f[B] * f[B]), ab = f[A] * f[B], cov = f[AB] - ab;
    struct parts p;
    p.above[0] = ab + ab + c1, p.above[1] = cov + cov + c2;
    p.below[0] = means + c1, p.below[1] = (f[SQUARES] - means) + c2;
    p.all = vfma(p.below[0], p.below[1], vset(1e-12f));
    p.s = p.above[0] * p.above[1] / p.all;
    return p;
}

INL void similarity(const struct similarity_plane *p, const vf *f, int64_t at)
{
    const vf s = parts_of(f, p->c1, p->c2).s, low = vsel(s < -1.0f, vset(-1.0f), s);
    vstore(p->y + at, vsel(s > 1.0f, vset(1.0f), low));
}

/* What a pixel's dy says of the mean, the squares and the product in its window. */
INL void slopes(const struct similarity_plane *p, const vf *f, int64_t at)
{
    const int64_t plane = p->h * p->w * 16;
    const struct parts s = parts_of(f, p->c1, p->c2);
    const vf dy = vsel((s.s < -1.0f) | (s.s > 1.0f), vset(0.0f), vload(p->dy + at));
    const vf k = (dy + dy) / s.all, squares = -k * s.s * s.below[0], product = k * s.above[0];
    const vf mean = k * (f[B] * s.above[1] - f[A] * s.below[1] * s.s);
    vstore(p->slopes + at, mean - f[A] * squares - f[B] * product);
    vstore(p->slopes + plane + at, squares);
    vstore(p->slopes + 2 * plane + at, product);
}

/* Row r, from its lines. */
static void values_of_row(const struct similarity_plane *p, int64_t r, const float *line)
{
    for (int64_t c = 0; c < p->w; c += 2)
        UNROLL
    for (int lane = 0; lane < 16; lane += VL) {
        vf f[2 * SIMILARITY_FIELDS];
        along(SIMILARITY_FIELDS, f, line, p->w * 16, p->column, c / 2, lane);
        for (int j = 0; j < 2 && c + j < p->w; j++) {
            const int64_t at = (r * p->w + c + j) * 16 + lane;
            if (p->dy)
                slopes(p, f + j * SIMILARITY_FIELDS, at);
            else
                similarity(p, f + j * SIMILARITY_FIELDS, at);
        }
    }
}

/* The same of the adjoint of the windows over the slopes. */
INL void spread_at(const struct similarity_plane *p, int64_t k, int64_t i, int n)
{
    const int64_t width = p->w * 16, plane = p->h * width;
    vf f[SIDE][2][SIMILARITY_SLOPES];
    UNROLL
    for (int j = 0; j < n * 2 * SIMILARITY_SLOPES; j++)
        (&f[0][0][0])[j] = vset(0.0f);
    for (int32_t t = p->up->first[k]; t < p->up->first[k + 1]; t++) {
        const float *x = p->slopes + p->up->index[t] * width + i;
        const vf w = vset(p->up->weight[2 * t]), w1 = vset(p->up->weight[2 * t + 1]);
        UNROLL
        for (int j = 0; j < n * SIMILARITY_SLOPES; j++) {
            vf(*to)[SIMILARITY_SLOPES] = f[j / SIMILARITY_SLOPES];
            const int m = j % SIMILARITY_SLOPES;
            const vf v = vload(x + m * plane + j / SIMILARITY_SLOPES * VL);
            to[0][m] = vfma(w, v, to[0][m]), to[1][m] = vfma(w1, v, to[1][m]);
        }
    }
    UNROLL
    for (int j = 0; j < n * 2 * SIMILARITY_SLOPES; j++)
        vstore(p->line + j % (2 * SIMILARITY_SLOPES) * width + i + j / (2 * SIMILARITY_SLOPES) * VL,
               (&f[0][0][0])[j]);
}

static void spread_rows(const struct similarity_plane *p, int64_t k)
{
    int64_t i = 0;
    for (; i + SIDE * VL <= p->w * 16; i += SIDE * VL)
        spread_at(p, k, i, SIDE);
    for (; i < p->w * 16; i += VL)
        spread_at(p, k, i, 1);
}

static void gradient_of_row(const struct similarity_plane *p, int64_t r, const float *line)
{
    for (int64_t c = 0; c < p->w; c += 2)
        UNROLL
    for (int lane = 0; lane < 16; lane += VL) {
        vf f[2 * SIMILARITY_SLOPES], *g = f;
        along(SIMILARITY_SLOPES, f, line, p->w * 16, p->across, c / 2, lane);
        for (int j = 0; j < 2 && c + j < p->w; j++, g += SIMILARITY_SLOPES) {
            const int64_t at = (r * p->w + c + j) * 16 + lane;
            vstore(p->y + at, vfma(vload(p->b + at), g[2], vfma(vload(p->a + at), g[1], g[0])));
        }
    }
}

static void run(const struct similarity_plane *p)
{
    const int64_t width = p->w * 16;
    for (int64_t r = 0; r < p->h; r += 2) {
        fields_of_rows(p, r / 2);
        for (int64_t j = 0; j < 2 && r + j < p->h; j++)
            values_of_row(p, r + j, p->line + j * SIMILARITY_FIELDS * width);
    }
    for (int64_t r = 0; p->dy && r < p->h; r += 2) {
        spread_rows(p, r / 2);
        for (int64_t j = 0; j < 2 && r + j < p->h; j++)
            gradient_of_row(p, r + j, p->line + j * SIMILARITY_SLOPES * width);
    }
    for (int64_t i = 0; p->lanes < 16 && i < p->h * p->w; i++)
        memset(p->y + i * 16 + p->lanes, 0, sizeof(float) * (size_t) (16 - p->lanes));
}

const struct similarity_loops CPU_TABLE(similarity_loops) = { run };
