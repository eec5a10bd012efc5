/* SPDX-License-Identifier: MIT */
/* Winograd convolution and its adjoint for x, which is one with the kernel turned round:
 * y = A^T [ (G w G^T) . (B^T x B), summed over channels ] A, F(4x4, 3x3) and F(2x2, 5x5). */
#ifndef LBK_CPU_WINOGRAD_H
#define LBK_CPU_WINOGRAD_H
#include "winograd_tiles.h"

/* 16 channels of the output by up to 16 of the input: weights w[lane * w_lane + c * w_c + at[i]]
 * of tap i to u[f * u_step + 16 c], zero where there are none. */
struct wino_kernels {
    const float *w;
    int64_t w_lane, w_c;
    const int64_t *at;
    int r, lanes, channels;
    float *u;
    int64_t u_step;
};

/* n tiles of one block: m[f * m_step + t * tile] to y + spot.dy. */
struct wino_outputs {
    const struct wino_spot *spot;
    int64_t n;
    const float *from;
    int64_t step, tile;
    float *y;
    int64_t row, col; /* floats between rows and columns of the tile */
    int m;
};

struct winograd_loops {
    void (*kernels)(const struct wino_kernels *k);
    void (*output)(const struct wino_outputs *o);
};

#ifndef CPU_ISA
struct winograd;
/* For conv2d and conv2d_dx. NULL: not by this way, or out of memory. x: the shape of operand 0. */
struct winograd *winograd_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x);
void winograd_destroy(struct winograd *w);
size_t winograd_scratch(const struct winograd *w, int threads);
/* Whether it takes the tail of the group along. */
bool winograd_tail(const struct winograd *w);
/* epi: NULL: the result as it is. */
void winograd_launch(lbk_drv *d, const struct winograd *w, const struct lbk_group *g,
                     const struct cpu_epi *epi);
#endif
#endif
