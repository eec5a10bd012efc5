/* SPDX-License-Identifier: MIT */
#include "winograd_math.h"
#include "winograd_tiles.h"

enum { FREQ = WINO_FREQ, SIDE = WINO_SIDE, LANES = 16 };

INL void input_tile(const float *x, int64_t row, int64_t col, float *to, int64_t step)
{
    vf a[FREQ];
    UNROLL
    for (int j = 0; j < SIDE; j++) {
        UNROLL
        for (int i = 0; i < SIDE; i++)
            a[i * SIDE + j] = vload(x + i * row + j * col);
        wino_input(a + j, SIDE);
    }
    UNROLL
    for (int i = 0; i < SIDE; i++) {
        wino_input(a + i * SIDE, 1);
        UNROLL
        for (int j = 0; j < SIDE; j++)
            vstore(to + (i * SIDE + j) * step, a[i * SIDE + j]);
    }
}

static void input(const struct wino_tiles *t)
{
    float part[FREQ * LANES];
    for (int64_t i = 0; i < t->n; i++) {
        const struct wino_spot *s = &t->spot[i];
        const float *x = t->from + (s->x - t->shift);
        int64_t row = t->row, col = t->col;
        if (i + WINO_AHEAD < t->n)
            wino_fetch(t->from + (s[WINO_AHEAD].x - t->shift) + 2 * col, 4, 4, row, col);
        if (s->r0 > 0 || s->c0 > 0 || s->r1 < SIDE || s->c1 < SIDE) {
            wino_part(part, SIDE, x, row, col, (int64_t[]){ s->r0, s->r1, s->c0, s->c1 });
            x = part, row = SIDE * LANES, col = LANES;
        }
        for (int v = 0; v < VPB; v++)
            input_tile(x + v * VL, row, col, t->to + i * LANES + v * VL, t->to_step);
    }
}

const struct winograd_tiles_loops CPU_TABLE(winograd_tiles_loops) = { .input = input };
