/* SPDX-License-Identifier: MIT */
#include "matmul.h"
#include "tile.h"

enum { ROWS = VL == 16 ? 8 : VL == 8 ? 6 : 3 };

/* Rows of terms that follow each other (a_k is 1): a pointer each. */
INL void rows_tile(int m, int panels, const struct matmul_block *o, const float *a, const float *b,
                   float *y)
{
    enum { MOST = 2 * ROWS * VPB };
    const int nv = panels * VPB;
    const float *row[ROWS];
    vf acc[MOST];
    UNROLL
    for (int r = 0; r < m; r++)
        row[r] = a + r * o->a_row;
    UNROLL
    for (int i = 0; i < m * nv; i++)
        acc[i] = o->add ? vload(y + i / nv * o->y_row + i % nv * VL) : (vf){ 0 };
    const int64_t n = o->k, b_panel = o->b_panel;
    for (int64_t k = 0; k < n; k++, b += 16) {
        vf w[2 * VPB];
        UNROLL
        for (int v = 0; v < nv; v++)
            w[v] = vload(b + v / VPB * b_panel + v % VPB * VL);
        UNROLL
        for (int r = 0; r < m; r++) {
            vf x = vset(row[r][k]);
            UNROLL
            for (int v = 0; v < nv; v++)
                acc[r * nv + v] = vfma(x, w[v], acc[r * nv + v]);
        }
    }
    UNROLL
    for (int i = 0; i < m * nv; i++)
        vstore(y + i / nv * o->y_row + i % nv * VL, acc[i]);
}

/* Neighbouring rows (a_row is 1): terms a_k apart. */
INL void columns_tile(int m, int panels, const struct matmul_block *o, const float *a,
                      const float *b, float *y)
{
    enum { MOST = 28 };
    const int nv = panels * VPB;
    vf acc[MOST];
    UNROLL
    for (int i = 0; i < m * nv; i++)
        acc[i] = o->add ? vload(y + i / nv * o->y_row + i % nv * VL) : (vf){ 0 };
    const int64_t n = o->k, b_panel = o->b_panel, a_k = o->a_k;
    for (int64_t k = 0; k < n; k++, b += 16, a += a_k) {
        vf w[2 * VPB];
        UNROLL
        for (int v = 0; v < nv; v++)
            w[v] = vload(b + v / VPB * b_panel + v % VPB * VL);
        UNROLL
        for (int r = 0; r < m; r++) {
            vf x = vset(a[r]);
            UNROLL
            for (int v = 0; v < nv; v++)
                acc[r * nv + v] = vfma(x, w[v], acc[r * nv + v]);
        }
    }
    UNROLL
    for (int i = 0; i < m * nv; i++)
        vstore(y + i / nv * o->y_row + i % nv * VL, acc[i]);
}

typedef void tile_fn(const struct matmul_block *o, const float *a, const float *b, float *y);
#define TILE(kind, m, n, panels)                                                                   \
 static void kind##_##m##_##n(const struct matmul_block *o, const float *a, const float *b,        \
                              float *y)                                                            \
 {                                                                                                 \
  kind##_tile(m, panels, o, a, b, y);                                                              \
 }
#define COLUMNS(m)     TILE(columns, m, 1, 1) TILE(columns, m, 2, TILE_PANELS)
#define COLUMNS_ROW(m) { columns_##m##_1, columns_##m##_2 },
TILE_EACH(COLUMNS)
static tile_fn *const columns_tiles[][2] = { TILE_EACH(COLUMNS_ROW) };

#if VL == 16
# define ROWS_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#else
# define ROWS_EACH TILE_EACH
#endif
#define ROWS_OF(m)  TILE(rows, m, 1, 1) TILE(rows, m, 2, TILE_PANELS)
#define ROWS_ROW(m) { rows_##m##_1, rows_##m##_2 },
ROWS_EACH(ROWS_OF)
static tile_fn *const rows_tiles[][2] = { ROWS_EACH(ROWS_ROW) };

static void block(const struct matmul_block *o)
{
    bool rows = o->a_k == 1;
    int64_t most = rows ? ROWS : TILE_MOST, parts = (o->m + most - 1) / most;
    tile_fn *const(*tiles)[2] = rows ? rows_tiles : columns_tiles;
    for (int64_t p = 0, panels; p < o->panels; p += panels) {
        panels = o->panels - p < TILE_PANELS ? o->panels - p : TILE_PANELS;
        for (int64_t i = 0, m = 0; i < parts; i++) {
            int64_t end = o->m * (i + 1) / parts;
            tiles[end - m - 1][panels - 1](o, o->a + m * o->a_row, o->b + p * o->b_panel,
                                           o->y + m * o->y_row + p * 16);
            m = end;
        }
    }
}

static void pack(const float *b, int64_t step_k, int64_t step_n, int64_t k, int64_t n, float *to)
{
    if (n == 16 && step_n == 1) {
        for (int64_t i = 0; i < k; i++)
            UNROLL
        for (int v = 0; v < VPB; v++)
            vstore(to + i * 16 + v * VL, vload(b + i * step_k + v * VL));
    } else if (n == 16) {
        for (int64_t i = 0; i < k; i++, b += step_k, to += 16)
            UNROLL
        for (int j = 0; j < 16; j++)
            to[j] = b[j * step_n];
    } else {
        for (int64_t i = 0; i < k; i++, b += step_k, to += 16)
            for (int j = 0; j < 16; j++)
                to[j] = j < n ? b[j * step_n] : 0;
    }
}

const struct matmul_loops CPU_TABLE(matmul_loops) = { block, pack };
