/* SPDX-License-Identifier: MIT */
/* acc[r][v] += x[off[q] + r * STEP] * b[q][v] over the terms q: the register tile of convolution
 * and matrix product. */
#ifndef LBK_CPU_TILE_H
#define LBK_CPU_TILE_H
#include "simd.h"

/* m neighbouring places in each of `rows` rows, times `panels` panels of 16. */
INL void tile(int m, int rows, int panels, int step, const float *x, int64_t x_gap,
              const int32_t *off, int64_t n, const float *b, int64_t b_gap, float *y,
              int64_t y_step, int64_t y_gap, int64_t y_panel)
{
    enum { MOST = 28 };
    vf acc[MOST];
    const int nv = panels * VPB;
    UNROLL
    for (int i = 0; i < m * rows * nv; i++)
        acc[i] = (vf){ 0 };
    for (int64_t q = 0; q < n; q++, b += 16) {
        const float *p = x + off[q];
        vf w[2 * VPB];
        UNROLL
        for (int v = 0; v < nv; v++)
            w[v] = vload(b + v / VPB * b_gap + v % VPB * VL);
        UNROLL
        for (int r = 0; r < m * rows; r++) {
            vf a = vset(p[r / m * x_gap + r % m * step]);
            UNROLL
            for (int v = 0; v < nv; v++)
                acc[r * nv + v] = vfma(a, w[v], acc[r * nv + v]);
        }
    }
    UNROLL
    for (int r = 0; r < m * rows; r++)
        UNROLL
    for (int v = 0; v < nv; v++)
        vstore(y + r / m * y_gap + r % m * y_step + v / VPB * y_panel + v % VPB * VL,
               acc[r * nv + v]);
}

#if VL == 16
enum { TILE_MOST = 14 };
# define TILE_EACH(X)  X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
# define TILE_EACH2(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#elif VL == 8
enum { TILE_MOST = 6 };
# define TILE_EACH(X)  X(1) X(2) X(3) X(4) X(5) X(6)
# define TILE_EACH2(X) X(1) X(2) X(3)
#else
enum { TILE_MOST = 3 };
# define TILE_EACH(X)  X(1) X(2) X(3)
# define TILE_EACH2(X) X(1)
#endif
enum { TILE_PANELS = VL == 16 ? 2 : 1 }; /* as many as the registers hold */

#endif
