/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/similarity.h"

/* What a window knows: means of a, b, a^2 + b^2, ab. */
enum { A, B, SQUARES, AB };

/* Rows 2 k and 2 k + 1 of all windows, down the columns. */
static void fields_of_rows(const struct similarity_plane *p, int64_t k)
{
    const int64_t width = p->w * 16;
    for (int64_t i = 0; i < width; i += VL) {
        vf f[2][SIMILARITY_FIELDS];
        UNROLL
        for (int j = 0; j < 2 * SIMILARITY_FIELDS; j++)
            f[j / SIMILARITY_FIELDS][j % SIMILARITY_FIELDS] = vset(0.0f);
        for (int32_t n = p->row->first[k]; n < p->row->first[k + 1]; n++) {
            const int64_t at = p->row->index[n] * width + i;
            const vf a = vload(p->a + at), b = vload(p->b + at);
            const vf squares = vfma(a, a, b * b), ab = a * b;
            UNROLL
            for (int j = 0; j < 2; j++) {
                const vf w = vset(p->row->weight[2 * n + j]);
                f[j][A] = vfma(w, a, f[j][A]), f[j][B] = vfma(w, b, f[j][B]);
                f[j][SQUARES] = vfma(w, squares, f[j][SQUARES]), f[j][AB] = vfma(w, ab, f[j][AB]);
            }
        }
        UNROLL
        for (int j = 0; j < 2 * SIMILARITY_FIELDS; j++)
            vstore(p->line + j * width + i, f[j / SIMILARITY_FIELDS][j % SIMILARITY_FIELDS]);
    }
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

/* Rows 2 k and 2 k + 1 of the adjoint of the windows over the slopes, down the columns. */
static void spread_rows(const struct similarity_plane *p, int64_t k)
{
    const int64_t width = p->w * 16, plane = p->h * width;
    for (int64_t i = 0; i < width; i += VL) {
        vf f[2][SIMILARITY_SLOPES];
        UNROLL
        for (int j = 0; j < 2 * SIMILARITY_SLOPES; j++)
            f[j / SIMILARITY_SLOPES][j % SIMILARITY_SLOPES] = vset(0.0f);
        for (int32_t n = p->up->first[k]; n < p->up->first[k + 1]; n++) {
            const float *x = p->slopes + p->up->index[n] * width + i;
            const vf w = vset(p->up->weight[2 * n]), w1 = vset(p->up->weight[2 * n + 1]);
            UNROLL
            for (int j = 0; j < SIMILARITY_SLOPES; j++) {
                const vf v = vload(x + j * plane);
                f[0][j] = vfma(w, v, f[0][j]), f[1][j] = vfma(w1, v, f[1][j]);
            }
        }
        UNROLL
        for (int j = 0; j < 2 * SIMILARITY_SLOPES; j++)
            vstore(p->line + j * width + i, f[j / SIMILARITY_SLOPES][j % SIMILARITY_SLOPES]);
    }
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
