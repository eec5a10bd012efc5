/* SPDX-License-Identifier: MIT */
/* The transforms of Winograd convolution over six points 0, 1, -1, 2, -2, infinity (Lavin and
 * Gray, 2016), for vectors of channels. Each works on the values a[0], a[s], a[2 s], ...; two
 * dimensions are two passes. Fused exactly where it says vfma, so bits do not depend on the
 * compiler. */
#ifndef LBK_CPU_WINOGRAD_MATH_H
#define LBK_CPU_WINOGRAD_MATH_H
#include "simd.h"

/* Of six inputs, in place: B^T a. */
INL void wino_input(vf *a, int s)
{
    vf a0 = a[0], a1 = a[s], a2 = a[2 * s], a3 = a[3 * s], a4 = a[4 * s], a5 = a[5 * s];
    vf p = vfma(vset(-4), a2, a4), q = vfma(vset(-4), a1, a3), r = a4 - a2, t = a3 - a1;
    a[0] = vfma(vset(4), a0, vfma(vset(-5), a2, a4));
    a[s] = p + q;
    a[2 * s] = p - q;
    a[3 * s] = vfma(vset(2), t, r);
    a[4 * s] = vfma(vset(-2), t, r);
    a[5 * s] = vfma(vset(4), a1, vfma(vset(-5), a3, a5));
}

/* Of m = 2 or 4 gradients of outputs: A a, six of them. */
INL void wino_grad(int m, const vf *a, int s, vf *y, int ys)
{
    vf even = m == 2 ? a[0] : a[0] + a[2 * s], odd = m == 2 ? a[s] : a[s] + a[3 * s];
    vf even2 = m == 2 ? a[0] : vfma(vset(4), a[2 * s], a[0]);
    vf odd2 = m == 2 ? a[s] : vfma(vset(4), a[3 * s], a[s]);
    y[0] = a[0];
    y[ys] = even + odd;
    y[2 * ys] = even - odd;
    y[3 * ys] = vfma(vset(2), odd2, even2);
    y[4 * ys] = vfma(vset(-2), odd2, even2);
    y[5 * ys] = a[(m - 1) * s];
}

/* Of six sums of products: G^T a, the r = 5 or 3 weights. */
INL void wino_weight(int r, const vf *a, int s, vf *y, int ys)
{
    vf e = (a[s] + a[2 * s]) * (-1.0f / 6), o = (a[s] - a[2 * s]) * (-1.0f / 6);
    vf e2 = (a[3 * s] + a[4 * s]) * (1.0f / 24), o2 = (a[3 * s] - a[4 * s]) * (1.0f / 24);
    y[0] = vfma(vset(0.25f), a[0], e + e2);
    y[ys] = vfma(vset(2), o2, o);
    y[2 * ys] = vfma(vset(4), e2, e);
    if (r == 5) {
        y[3 * ys] = vfma(vset(8), o2, o);
        y[4 * ys] = vfma(vset(16), e2, e);
    }
    y[(r - 1) * ys] = y[(r - 1) * ys] + a[5 * s];
}

/* Of six sums of products: A^T a, the m = 2 or 4 outputs. */
INL void wino_output(int m, const vf *a, int s, vf *y, int ys)
{
    vf e = a[s] + a[2 * s], o = a[s] - a[2 * s], e2 = a[3 * s] + a[4 * s], o2 = a[3 * s] - a[4 * s];
    y[0] = a[0] + (e + e2);
    y[ys] = vfma(vset(2), o2, o);
    if (m == 4) {
        y[2 * ys] = vfma(vset(4), e2, e);
        y[3 * ys] = vfma(vset(8), o2, o);
    }
    y[(m - 1) * ys] = y[(m - 1) * ys] + a[5 * s];
}

/* Of r = 5 or 3 weights: G a, six of them. */
INL void wino_kernel(int r, const vf *a, int s, vf *y, int ys)
{
    vf even = a[0] + a[2 * s], odd = a[s];
    vf even2 = vfma(vset(4), a[2 * s], a[0]), odd2 = a[s] * 2.0f;
    if (r == 5) {
        even = even + a[4 * s], odd = odd + a[3 * s];
        even2 = vfma(vset(16), a[4 * s], even2), odd2 = vfma(vset(8), a[3 * s], odd2);
    }
    y[0] = a[0] * 0.25f;
    y[ys] = (even + odd) * (-1.0f / 6);
    y[2 * ys] = (even - odd) * (-1.0f / 6);
    y[3 * ys] = (even2 + odd2) * (1.0f / 24);
    y[4 * ys] = (even2 - odd2) * (1.0f / 24);
    y[5 * ys] = a[(r - 1) * s];
}

/* What there is of a tile at the border, among zeros. */
INL void wino_part(float *to, int side, const float *from, int64_t row, int64_t col,
                   const int64_t at[4])
{
    memset(to, 0, sizeof *to * (size_t) (side * side * 16));
    for (int64_t r = at[0]; r < at[1]; r++)
        for (int64_t c = at[2]; c < at[3]; c++)
            memcpy(to + (r * side + c) * 16, from + r * row + c * col, sizeof *to * 16);
}

enum { WINO_AHEAD = 8 }; /* tiles */

/* Tiles overlap: rows x cols pixels of each are its own. */
INL void wino_fetch(const float *from, int rows, int cols, int64_t row, int64_t col)
{
    UNROLL
    for (int i = 0; i < rows * cols; i++)
        vfetch(from + i / cols * row + i % cols * col);
}

#endif
