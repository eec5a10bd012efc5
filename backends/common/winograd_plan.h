/* SPDX-License-Identifier: MIT */
/* How a processor cuts a Winograd convolution: tiles of 6 x 6 pixels of its input, in steps of the dilation, for m x m of its
 * output. Each of dilation^2 sub-grids of the output is tiled by itself. */
#ifndef LBK_WINOGRAD_PLAN_H
#define LBK_WINOGRAD_PLAN_H
#include "conv_taps.h"

enum {
    WINO_FREQ = 36,
    WINO_SIDE = 6,
    WINO_TAPS = 25,
    WINO_RUN = 256 /* channels of one sum: rounding grows with the root of their number */
};

/* Floats from frequency to frequency: an odd number of cache lines, so that they do not meet in one set. */
static inline int64_t wino_step(int64_t floats) { return (floats / 16 | 1) * 16; }

/* h x w: of the input, which begins `top` rows and `left` columns before the output. */
struct wino_grid {
    int64_t n, h, w, oh, ow, dil, top, left, c_blocks, k_blocks;
    int m;
    int64_t th, tw, tiles;          /* tiles of a sub-grid, of all */
};
/* From n .. m. */
void wino_grid_init(struct wino_grid *g);

static inline int64_t wino_planes(const struct wino_grid *g) { return g->n * g->dil * g->dil; }

/* Of conv2d and conv2d_dx. A plane is a sub-grid of an image: number image * dil^2 + row * dil + column. A task is a rectangle of
 * tiles of one plane, or all tiles of a few planes, so many that their transforms stay in the second cache. What it stores is
 * then whole rows of pixels, if the columns are all and there is no dilation: the epilogue and the moments may follow at once. */
struct wino_plan {
    struct wino_grid t;
    int64_t ic, oc, w_oc, w_ic, at[WINO_TAPS]; /* weight of channels o, i and tap q: o * w_oc + i * w_ic + at[q] */
    int r;
    int64_t planes, rows, cols;     /* of a task, at most: planes, rows and columns of tiles */
    int64_t groups, bands, pieces;  /* of planes, rows, columns */
    int64_t chunk, tasks;           /* tiles of a task; tasks */
    bool deep;                      /* goes wave by wave, of so many tasks at most */
    int64_t wave;
};
/* x, w: shapes of the operands; v_bytes: about so much for the transforms of a task. With many channels, of which so few tiles fit
 * that weights, read again for each task, would be what takes the time, it goes wave by wave. False: not by this way, which
 * depends on shapes alone, or out of memory. [any thread] */
bool wino_plan(struct wino_plan *p, const struct lbk_group *g, lbk_shape x, lbk_shape w, int64_t v_bytes);

/* Floats from frequency to frequency of the transforms of x and of the result, of a task, which has so many blocks of the result at
 * a time, or of a wave, which has all of them. */
int64_t wino_v_step(const struct wino_plan *p);
int64_t wino_m_step(const struct wino_plan *p, int64_t blocks);

#endif
