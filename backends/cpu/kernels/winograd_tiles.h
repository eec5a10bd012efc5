/* SPDX-License-Identifier: MIT */
/* Tiles of Winograd convolution (winograd_plan.h). */
#ifndef LBK_CPU_WINOGRAD_TILES_H
#define LBK_CPU_WINOGRAD_TILES_H
#include <stdint.h>
#include "winograd_plan.h"

/* Where a tile lies: floats from the first block of x and of dy, the output, to its first pixel;
 * rows and columns [r0, r1), [c0, c1) of its 6 x 6 pixels, and the first rows, cols of dy, are
 * there. */
struct wino_spot {
    int64_t x, dy, image, top, left; /* top, left: of the first pixel of x */
    int64_t r0, r1, c0, c1, rows, cols;
};

/* n tiles of one block of channels; transformed: to[f * to_step + 16 t] of frequency f. */
struct wino_tiles {
    const struct wino_spot *spot;
    int64_t n;
    const float *from;
    int64_t shift, row, col; /* spot.x - shift; floats between rows and columns of the tile */
    float *to;
    int64_t to_step;
    int m;
};

struct winograd_tiles_loops {
    void (*input)(const struct wino_tiles *t);
};

#ifndef CPU_ISA
# include "expr.h"

/* Tile (i, j) of sub-grid (a, b) of an image. */
struct wino_spot wino_spot_at(const struct wino_grid *g, int64_t image, int64_t a, int64_t b,
                              int64_t i, int64_t j);
/* Floats for the values of what tiles in `tile_rows` rows read of one block of channels. */
int64_t wino_values(const struct wino_grid *g, int64_t tile_rows);

/* What is transformed: x, or, where that is NULL, an expression over args. values: as above. */
struct wino_in {
    const struct wino_grid *grid;
    const float *x;
    const struct cpu_expr *expr;
    const float *const *arg;
    float *values;
};
/* Block cb of n tiles. */
void wino_transform(const lbk_drv *d, const struct wino_in *in, const struct wino_spot *spot,
                    int64_t n, int64_t cb, float *to, int64_t to_step);
#endif
#endif
