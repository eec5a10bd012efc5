/* SPDX-License-Identifier: MIT */
#include "depthwise.h"
#include "simd.h"

/* Eight sums hide what an addition takes, and leave registers for the weights. */
enum { MOST = 8 / VPB };

INL void tile(int m, int across, int64_t step, const struct depth_row *r, int64_t c)
{
    vf acc[MOST * VPB];
    const float *w = r->w;
    UNROLL
    for (int i = 0; i < m * VPB; i++)
        acc[i] = (vf){ 0 };
    for (int row = 0; row < r->n_row; row++, w += across * 16) {
        if (!r->x[row])
            continue;
        const float *x = r->x[row] + c * step;
        for (int k = 0; k < across; k++) {
            const float *p = x + r->off[k];
            UNROLL
            for (int i = 0; i < m * VPB; i++)
                acc[i] = vfma(vload(p + i / VPB * step + i % VPB * VL),
                              vload(w + k * 16 + i % VPB * VL), acc[i]);
        }
    }
    float *y = r->y + c * r->y_step;
    UNROLL
    for (int i = 0; i < m * VPB; i++)
        vstore(y + i / VPB * r->y_step + i % VPB * VL, acc[i]);
    if (r->soon)
        for (int i = 0; i < m; i++)
            vfetch(r->soon + (c + i) * r->y_step);
}

/* Tiles of nearly equal width. */
INL void sweep(const struct depth_row *r, int across, int64_t step)
{
    const int64_t parts = (r->cols + MOST - 1) / MOST;
    for (int64_t i = 0, c = 0, end; i < parts; i++, c = end) {
        end = r->cols * (i + 1) / parts;
        switch (end - c) {
        case 1: tile(1, across, step, r, c); break;
        case 2: tile(2, across, step, r, c); break;
#if VL >= 8
        case 3: tile(3, across, step, r, c); break;
        case 4: tile(4, across, step, r, c); break;
#endif
#if VL >= 16
        case 5: tile(5, across, step, r, c); break;
        case 6: tile(6, across, step, r, c); break;
        case 7: tile(7, across, step, r, c); break;
        case 8: tile(8, across, step, r, c); break;
#endif
        }
    }
}

#define ROWS(step)                                                                                 \
 switch (r->across) {                                                                              \
 case 1: sweep(r, 1, step); break;                                                                 \
 case 2: sweep(r, 2, step); break;                                                                 \
 case 3: sweep(r, 3, step); break;                                                                 \
 case 5: sweep(r, 5, step); break;                                                                 \
 default: sweep_any(r); break;                                                                     \
 }

static void sweep_any(const struct depth_row *r) { sweep(r, r->across, r->x_step); }
static void row_1(const struct depth_row *r) { ROWS(16) }
static void row_2(const struct depth_row *r) { ROWS(32) }

static void row(const struct depth_row *r)
{
    (r->x_step == 16 ? row_1 : r->x_step == 32 ? row_2 : sweep_any)(r);
}

/* VL lanes of `across` taps from sum on. */
INL void taps(int across, int64_t step, const struct depth_sum *s, const int32_t *off, float *sum,
              int lane)
{
    vf a[5], b[5];
    UNROLL
    for (int k = 0; k < across; k++)
        a[k] = b[k] = (vf){ 0 };
    for (int64_t r = 0; r < s->rows; r++) {
        if (!s->x[r])
            continue;
        const float *x = s->x[r] + lane, *g = s->dy + r * s->dy_gap + lane;
        int64_t q = 0;
        for (; q + 2 <= s->cols; q += 2, g += 32, x += 2 * step) {
            const vf even = vload(g), odd = vload(g + 16);
            UNROLL
            for (int k = 0; k < across; k++) {
                a[k] = vfma(vload(x + off[k]), even, a[k]);
                b[k] = vfma(vload(x + step + off[k]), odd, b[k]);
            }
        }
        if (q < s->cols)
            UNROLL
        for (int k = 0; k < across; k++)
            a[k] = vfma(vload(x + off[k]), vload(g), a[k]);
    }
    UNROLL
    for (int k = 0; k < across; k++)
        vstore(sum + k * 16 + lane, vload(sum + k * 16 + lane) + (a[k] + b[k]));
}

INL void sums(const struct depth_sum *s, int64_t step)
{
    for (int lane = 0; lane < 16; lane += VL)
        switch (s->across) {
        case 3: taps(3, step, s, s->off, s->sum, lane); break;
        case 5: taps(5, step, s, s->off, s->sum, lane); break;
        default:
            for (int k = 0; k < s->across; k++)
                taps(1, step, s, s->off + k, s->sum + k * 16, lane);
        }
}

static void sum(const struct depth_sum *s)
{
    if (s->x_step == 16)
        sums(s, 16);
    else if (s->x_step == 32)
        sums(s, 32);
    else
        sums(s, s->x_step);
}

static void copy(float *to, const float *from, int64_t n, int64_t ahead)
{
    for (int64_t i = 0; i < n; i += 16) {
        __builtin_prefetch(from + i + ahead);
        UNROLL
        for (int v = 0; v < 16; v += VL)
            vstore(to + i + v, vload(from + i + v));
    }
}

const struct depth_loops CPU_TABLE(depth_loops) = {
    .row = row,
    .sum = sum,
    .copy = copy,
};
