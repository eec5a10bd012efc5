/* SPDX-License-Identifier: MIT */
#include "winograd.h"
#include <stdbool.h>
#include "winograd_math.h"

enum { FREQ = WINO_FREQ, SIDE = WINO_SIDE, LANES = 16 };

INL void kernel_tile(int r, const float *g, float *u, int64_t step)
{
    vf a[WINO_TAPS], b[SIDE * 5], y[SIDE];
    UNROLL
    for (int i = 0; i < r * r; i++)
        a[i] = vload(g + i * LANES);
    UNROLL
    for (int j = 0; j < r; j++)
        wino_kernel(r, a + j, r, b + j, r);
    UNROLL
    for (int i = 0; i < SIDE; i++) {
        wino_kernel(r, b + i * r, 1, y, 1);
        UNROLL
        for (int j = 0; j < SIDE; j++)
            vstore(u + (i * SIDE + j) * step, y[j]);
    }
}

static void kernels(const struct wino_kernels *k)
{
    float g[WINO_TAPS * LANES] = { 0 };
    const int taps = k->r * k->r;
    for (int c = 0; c < LANES; c++) {
        const float *w = k->w + c * k->w_c;
        for (int i = 0; i < taps; i++)
            for (int lane = 0; lane < k->lanes; lane++)
                g[i * LANES + lane] = c < k->channels ? w[lane * k->w_lane + k->at[i]] : 0;
        for (int v = 0; v < LANES; v += VL)
            if (k->r == 3)
                kernel_tile(3, g + v, k->u + c * LANES + v, k->u_step);
            else
                kernel_tile(5, g + v, k->u + c * LANES + v, k->u_step);
    }
}

INL void output_tile(int m, const float *from, int64_t step, float *y, int64_t row, int64_t col)
{
    vf a[SIDE], b[4 * SIDE], o[4];
    UNROLL
    for (int j = 0; j < SIDE; j++) {
        UNROLL
        for (int i = 0; i < SIDE; i++)
            a[i] = vload(from + (i * SIDE + j) * step);
        wino_output(m, a, 1, b + j, SIDE);
    }
    UNROLL
    for (int i = 0; i < m; i++) {
        wino_output(m, b + i * SIDE, 1, o, 1);
        UNROLL
        for (int j = 0; j < m; j++)
            vstore(y + i * row + j * col, o[j]);
    }
}

INL void outputs(int m, const struct wino_outputs *o)
{
    float part[4 * 4 * LANES];
    for (int64_t t = 0; t < o->n; t++) {
        const struct wino_spot *s = &o->spot[t];
        const float *from = o->from + t * o->tile;
        const bool whole = s->rows == m && s->cols == m;
        float *y = o->y + s->dy;
        for (int v = 0; v < LANES; v += VL)
            output_tile(m, from + v, o->step, (whole ? y : part) + v, whole ? o->row : m * LANES,
                        whole ? o->col : LANES);
        for (int64_t i = 0; !whole && i < s->rows * s->cols; i++)
            memcpy(y + i / s->cols * o->row + i % s->cols * o->col,
                   part + (i / s->cols * m + i % s->cols) * LANES, LANES * sizeof *y);
    }
}

static void output(const struct wino_outputs *o)
{
    if (o->m == 4)
        outputs(4, o);
    else
        outputs(2, o);
}

const struct winograd_loops CPU_TABLE(winograd_loops) = { .kernels = kernels, .output = output };
