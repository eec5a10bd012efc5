/* SPDX-License-Identifier: MIT */
/* Winograd weight gradient: dW = G^T [ sum over tiles of (B^T x B) . (A dy A^T) ] G, 36 frequencies
 * of x tiles of 6 x 6 and dy tiles of 4 x 4 (3x3 kernels) or 2 x 2 (5x5). */
#ifndef LBK_CPU_WINOGRAD_DW_H
#define LBK_CPU_WINOGRAD_DW_H
#include "winograd_tiles.h"

/* u[f][kb][c][16] += v[f][cb][t][c % 16] * d[f][kb][t][16] over t; set, not added to, if first. */
struct wino_product {
    const float *v, *d;
    float *u;
    int64_t v_step, d_step, u_step; /* between frequencies */
    int64_t v_block, d_block;       /* between blocks of channels */
    int64_t freqs, c_blocks, k_blocks, n;
    int first;
};

/* 16 channels of x by 16 of dy: the slots added by a tree of halves, then the weights
 * w[lane * w_lane + i], i over channel and tap. r: of Winograd's r x r weights, 0: taps are the
 * frequencies. */
struct wino_weights {
    const float *u;
    int64_t u_step, slot_step;
    int slots, r, taps;
    float *w;
    int64_t w_lane;
    int channels, lanes;
};

/* Pixels of one tap, n of them from place `at` on: [lo, hi) are at from + x - shift in steps, the
 * others are zero. */
struct tap_copy {
    int64_t x, row, image; /* row: of the image */
    int64_t tap, at, n, lo, hi;
};
struct tap_copies {
    const struct tap_copy *copy;
    int64_t n;
    const float *from;
    int64_t shift, step;
    float *to;
    int64_t to_step; /* between taps */
};

struct winograd_dw_loops {
    void (*grad)(const struct wino_tiles *t);
    void (*product)(const struct wino_product *p);
    void (*weights)(const struct wino_weights *w);
    void (*gather)(const struct tap_copies *t);
};

#ifndef CPU_ISA
# include "cpu.h"

struct winograd_dw;
/* NULL: not by this way, or out of memory. x: the shape of operand 0. */
struct winograd_dw *winograd_dw_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x);
void winograd_dw_destroy(struct winograd_dw *w);
size_t winograd_dw_scratch(const struct winograd_dw *w, int threads);
void winograd_dw_launch(lbk_drv *d, const struct winograd_dw *w, const struct lbk_group *g);
#endif
#endif
