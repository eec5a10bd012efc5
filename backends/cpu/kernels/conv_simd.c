/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include "conv.h"
#include "ramp.h"
#include "sizes.h"
#include "tile.h"

typedef void tile_fn(const float *x, int64_t x_gap, const int32_t *off, int64_t n, const float *b,
                     int64_t b_gap, float *y, int64_t y_step, int64_t y_gap, int64_t y_panel);

#define TILE(name, m, rows, panels, step)                                                          \
 static void name(const float *x, int64_t x_gap, const int32_t *off, int64_t n, const float *b,    \
                  int64_t b_gap, float *y, int64_t y_step, int64_t y_gap, int64_t y_panel)         \
 {                                                                                                 \
  tile(m, rows, panels, step, x, x_gap, off, n, b, b_gap, y, y_step, y_gap, y_panel);              \
 }
#define TILES_OF(m)                                                                                \
 TILE(block_##m##_1, m, 1, 1, 16)                                                                  \
 TILE(plane_##m##_1, m, 1, 1, 1)                                                                   \
 TILE(block_##m##_2, m, 1, TILE_PANELS, 16) TILE(plane_##m##_2, m, 1, TILE_PANELS, 1)
#define TILES2_OF(m)                                                                               \
 TILE(block2_##m##_1, m, 2, 1, 16)                                                                 \
 TILE(plane2_##m##_1, m, 2, 1, 1)                                                                  \
 TILE(block2_##m##_2, m, 2, TILE_PANELS, 16) TILE(plane2_##m##_2, m, 2, TILE_PANELS, 1)
TILE_EACH(TILES_OF)
TILE_EACH2(TILES2_OF)

#define ROW_BLOCK(m)  { block_##m##_1, block_##m##_2 },
#define ROW_PLANE(m)  { plane_##m##_1, plane_##m##_2 },
#define ROW_BLOCK2(m) { block2_##m##_1, block2_##m##_2 },
#define ROW_PLANE2(m) { plane2_##m##_1, plane2_##m##_2 },
static tile_fn *const block_tiles[][2] = { TILE_EACH(ROW_BLOCK) };
static tile_fn *const plane_tiles[][2] = { TILE_EACH(ROW_PLANE) };
static tile_fn *const block_tiles2[][2] = { TILE_EACH2(ROW_BLOCK2) };
static tile_fn *const plane_tiles2[][2] = { TILE_EACH2(ROW_PLANE2) };

/* One or two rows, one or as many panels as a tile has, in tiles of nearly equal width. */
static void sweep(const struct conv_row *r, tile_fn *const (*tiles)[2], int rows, int64_t row,
                  int panels, int panel, int most, int64_t step)
{
    int64_t parts = (r->cols + most - 1) / most;
    const float *b = r->b + panel * r->b_gap;
    for (int64_t i = 0, c = 0; i < parts; i++) {
        int64_t end = r->cols * (i + 1) / parts, m = end - c;
        tiles[m - 1][panels - 1](r->x + row * r->x_gap + c * step, r->x_gap, r->off, r->n, b,
                                 r->b_gap,
                                 r->y + row * r->y_gap + c * r->y_step + panel * r->y_panel,
                                 r->y_step, r->y_gap, r->y_panel);
        c = end;
    }
}

static void any_row(const struct conv_row *r, tile_fn *const (*one)[2], tile_fn *const (*two)[2],
                    int64_t step)
{
    int panels = r->panels < TILE_PANELS ? r->panels : TILE_PANELS;
    for (int panel = 0; panel < r->panels; panel += panels) {
        if (r->rows == 2 && r->cols <= TILE_MOST / 2)
            sweep(r, two, 2, 0, panels, panel, TILE_MOST / 2, step);
        else
            for (int row = 0; row < r->rows; row++)
                sweep(r, one, 1, row, panels, panel, TILE_MOST, step);
    }
}

static void block_row(const struct conv_row *r) { any_row(r, block_tiles, block_tiles2, 16); }

static void plane_row(const struct conv_row *r) { any_row(r, plane_tiles, plane_tiles2, 1); }

enum { FEW = 4 };
INL void few_tile(int k, const float *const *x, const int32_t *off, int64_t n, const float *b,
                  float *y)
{
    vf acc[4 * FEW];
    UNROLL
    for (int i = 0; i < k * FEW; i++)
        acc[i] = (vf){ 0 };
    for (int64_t q = 0; q < n; q++, b += 16) {
        int64_t o = off[q];
        vf a[FEW];
        UNROLL
        for (int i = 0; i < FEW; i++)
            a[i] = vload(x[i] + o);
        UNROLL
        for (int i = 0; i < k * FEW; i++)
            acc[i] = vfma(a[i % FEW], vset(b[i / FEW]), acc[i]);
    }
    UNROLL
    for (int i = 0; i < k * FEW; i++)
        vstore(y + i * VL, acc[i]);
}

static void few_row(const float *const *x, const int32_t *off, int64_t n, const float *b, int64_t k,
                    float *y)
{
    switch (k) {
    case 1: few_tile(1, x, off, n, b, y); break;
    case 2: few_tile(2, x, off, n, b, y); break;
    case 3: few_tile(3, x, off, n, b, y); break;
    default: few_tile(4, x, off, n, b, y); break;
    }
}

INL void ramp_row(enum cpu_limit limit, const struct conv_copy *c, float *to, const float *from,
                  int64_t step, int64_t n)
{
    const float high = c->ramp->high;
    for (int v = 0; v < VPB * VL; v += VL) {
        vf scale = vload(c->scale + v), shift = vload(c->shift + v);
        for (int64_t q = 0; q < n; q++)
            vstore(to + q * 16 + v, ramp_at(limit, vload(from + q * step + v), scale, shift, high));
    }
}

static void any_ramp_row(const struct conv_copy *c, float *to, const float *from, int64_t step,
                         int64_t n)
{
    if (c->ramp->limit == CPU_LIMIT_NONE)
        ramp_row(CPU_LIMIT_NONE, c, to, from, step, n);
    else if (c->ramp->limit == CPU_LIMIT_BELOW)
        ramp_row(CPU_LIMIT_BELOW, c, to, from, step, n);
    else
        ramp_row(CPU_LIMIT_BOTH, c, to, from, step, n);
}

INL void copy_row(const struct conv_copy *c, int lanes, int step, const float *row, int64_t begin,
                  float *to)
{
    int64_t s = c->stride * step, lo, hi;
    inside(begin, c->stride, c->w, c->cols, &lo, &hi);
    memset(to, 0, (size_t) (lo * lanes) * sizeof *to);
    memset(to + hi * lanes, 0, (size_t) ((c->cols - hi) * lanes) * sizeof *to);
    const float *from = row + begin * step + lo * s;
    if (lanes == 16 && c->ramp) {
        any_ramp_row(c, to + lo * 16, from, s, hi - lo);
    } else if (lanes == 16) {
        for (int64_t q = lo; q < hi; q++, from += s)
            UNROLL
        for (int v = 0; v < VPB; v++)
            vstore(to + q * 16 + v * VL, vload(from + v * VL));
    } else if (s == 1) {
        for (int64_t q = lo; q < hi; q++)
            to[q] = *from++;
    } else {
        for (int64_t q = lo; q < hi; q++, from += s)
            to[q] = *from;
    }
}

/* lanes: floats of a place; step: floats between pixels. */
INL void copy_plane(const struct conv_copy *c, int lanes, int step, const float *x, float *to)
{
    int64_t s = c->stride, row = c->cols * lanes;
    for (int64_t a = 0; a < s * s; a++) {
        if (!c->uses_h[a / s] || !c->uses_w[a % s])
            continue;
        for (int64_t r = 0; r < c->rows; r++) {
            int64_t h = r * s + a / s - c->top;
            float *at = to + (a * c->rows + r) * row;
            if (h < 0 || h >= c->h)
                memset(at, 0, (size_t) row * sizeof *at);
            else
                copy_row(c, lanes, step, x + h * c->w * step, a % s - c->left, at);
        }
    }
}

static void copy_blocks(const struct conv_copy *c)
{
    int64_t size = c->stride * c->stride * c->rows * c->cols * 16;
    for (int64_t p = 0; p < c->planes; p++)
        copy_plane(c, 16, 16, c->x + p * c->plane, c->to + p * size);
}

static void copy_rows(const struct conv_copy *c)
{
    int64_t size = c->stride * c->stride * c->rows * c->cols;
    for (int64_t p = 0; p < c->planes; p++)
        copy_plane(c, 1, 1, c->x + p * c->plane, c->to + p * size);
}

static void copy_lanes(const struct conv_copy *c)
{
    int64_t size = c->stride * c->stride * c->rows * c->cols;
    for (int64_t p = 0; p < c->planes; p++)
        copy_plane(c, 1, 16, c->x + p / 16 * c->plane + p % 16, c->to + p * size);
}

/* m terms at places x[i] + place (all from x[0], one float apart, if run), times panels of 16. */
INL void outer(int m, int panels, int run, int step, const struct conv_outer *o,
               const float *const *x, int panel, float *b, int valid)
{
    enum { MOST = 16 };
    const int nv = panels * VPB;
    const int64_t x_gap = o->x_gap, dy_gap = o->dy_gap, dy_panel = o->dy_panel,
                  b_panel = o->b_panel, cols = o->cols;
    vf acc[MOST];
    UNROLL
    for (int i = 0; i < m * nv; i++) {
        int q = i / nv < valid ? i / nv : valid - 1;
        acc[i] = vload(b + q * 16 + i % nv / VPB * b_panel + i % VPB * VL);
    }
    for (int64_t image = 0, row = 0; image < o->images;
         row = row + 1 < o->rows ? row + 1 : 0, image += row == 0) {
        int64_t place = image * o->x_image + row * x_gap;
        const float *g = o->dy + panel * dy_panel + image * o->dy_image + row * dy_gap;
        for (int64_t c = 0; c < cols; c++, g += 16, place += step) {
            vf d[2 * VPB];
            UNROLL
            for (int v = 0; v < nv; v++)
                d[v] = vload(g + v / VPB * dy_panel + v % VPB * VL);
            UNROLL
            for (int i = 0; i < m; i++) {
                vf a = vset(run ? x[0][place + i] : x[i][place]);
                UNROLL
                for (int v = 0; v < nv; v++)
                    acc[i * nv + v] = vfma(a, d[v], acc[i * nv + v]);
            }
        }
    }
    UNROLL
    for (int i = 0; i < m * nv; i++)
        if (i / nv < valid)
            vstore(b + i / nv * 16 + i % nv / VPB * b_panel + i % VPB * VL, acc[i]);
}

#if VL == 16
enum { RUN1 = 16, RUN2 = 8, ANY1 = 8, ANY2 = 8 };
#elif VL == 8
enum { RUN1 = 6, RUN2 = 6, ANY1 = 6, ANY2 = 6 };
#else
enum { RUN1 = 4, RUN2 = 4, ANY1 = 4, ANY2 = 4 };
#endif

static bool is_run(const int32_t *off, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (off[i] != off[0] + i)
            return false;
    return true;
}

INL int64_t outer_some(const struct conv_outer *o, int64_t q, int panels, int panel, int step,
                       int run_m, int any_m)
{
    const float *x[16];
    float *b = o->b + panel * o->b_panel + q * 16;
    int64_t left = o->n - q;
    x[0] = o->x + o->off[q];
    if (left >= run_m && is_run(o->off + q, run_m)) {
        outer(run_m, panels, 1, step, o, x, panel, b, run_m);
        return run_m;
    }
    int valid = left < any_m ? (int) left : any_m;
    for (int i = 1; i < any_m; i++)
        x[i] = o->x + o->off[q + (i < valid ? i : valid - 1)];
    outer(any_m, panels, 0, step, o, x, panel, b, valid);
    return valid;
}

INL void any_outer(const struct conv_outer *o, int step)
{
    if (o->panels == 2 && TILE_PANELS == 2)
        for (int64_t q = 0; q < o->n;)
            q += outer_some(o, q, TILE_PANELS, 0, step, RUN2, ANY2);
    else
        for (int panel = 0; panel < o->panels; panel++)
            for (int64_t q = 0; q < o->n;)
                q += outer_some(o, q, 1, panel, step, RUN1, ANY1);
}

static void block_outer(const struct conv_outer *o) { any_outer(o, 16); }

static void plane_outer(const struct conv_outer *o) { any_outer(o, 1); }

static void add(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i += VL)
        vstore(y + i, vload(y + i) + vload(x + i));
}

const struct conv_loops CPU_TABLE(conv_loops) = {
    .vl = VL,
    .few = FEW,
    .copy_blocks = copy_blocks,
    .copy_rows = copy_rows,
    .copy_lanes = copy_lanes,
    .block_row = block_row,
    .plane_row = plane_row,
    .few_row = few_row,
    .add = add,
    .block_outer = block_outer,
    .plane_outer = plane_outer,
};
