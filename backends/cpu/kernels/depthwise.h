/* SPDX-License-Identifier: MIT */
/* Convolutions whose channels are each alone (groups == channels), all three passes.
 *
 * A task is a band of rows of one block of channels of one image, or, of the weight gradient, some
 * images of one block. The rows that it reads go through a ring, each with its border and after the
 * expression that the operand is: evaluated once, and read from L1 or L2 by all taps. */
#ifndef LBK_CPU_DEPTHWISE_H
#define LBK_CPU_DEPTHWISE_H
#include <stdbool.h>
#include <stdint.h>

/* One row of one phase. y[q] = sum over rows of taps r and taps k of x[r][q * x_step + off[k]] *
 * w[r * across + k]; places are 16 floats. */
struct depth_row {
    const float *const *x; /* per row of taps; NULL: outside of the image */
    const int32_t *off;    /* floats */
    int n_row, across;
    int64_t x_step;
    const float *w;
    float *y;
    int64_t y_step, cols;
    const float *soon; /* what the epilogue will read at y; NULL = nothing */
};

/* sum[k] += over rows r and columns q: x[r][q * x_step + off[k]] * dy[r][q], in two halves: even
 * columns and odd ones. */
struct depth_sum {
    const float *const *x; /* per row of dy; NULL: outside of the image */
    const int32_t *off;
    int across;
    int64_t x_step;
    const float *dy;
    int64_t dy_gap, rows, cols;
    float *sum;
};

struct depth_loops {
    void (*row)(const struct depth_row *r);
    void (*sum)(const struct depth_sum *s);
    /* n floats, fetching what lies `ahead` floats further on. */
    void (*copy)(float *to, const float *from, int64_t n, int64_t ahead);
};

#ifndef CPU_ISA
# include "conv_taps.h"
# include "expr.h"
struct depthwise;

/* Of conv2d, conv2d_dx, conv2d_dw with more channels than stay row-major. [any thread] */
bool depthwise_suits(const struct lbk_group *g);
/* NULL: out of memory, or operand 0 is an expression that cannot be read. No layouts are needed. */
struct depthwise *depthwise_create(lbk_drv *d, const struct lbk_group *g);
void depthwise_destroy(struct depthwise *p);
/* Bytes of the group's scratch. */
size_t depthwise_scratch(const struct depthwise *p, const struct lbk_group *g, int threads);
/* epi, NULL = stored as it is; weight gradients have none. */
void depthwise_launch(lbk_drv *d, const struct depthwise *p, const struct cpu_epi *epi,
                      const struct lbk_group *g);

/* What the passes share. */
enum { DEPTH_STEP_MOST = 16 }; /* rows of a sum */
struct depthwise {
    struct conv_taps t;
    bool dw, plain; /* else operand 0 is x */
    struct cpu_expr x;
    lbk_shape x_shape;
    int64_t blocks, width, ring; /* places of a row of the ring; its rows */
    int64_t step, band, bands;   /* rows of a sum; place rows of a task */
    int64_t slots;               /* of the weight gradient */
    int32_t *off;                /* per tap: floats from the place of an output */
};
struct depth_ring {
    float *at;
    int64_t next; /* the first row, counted from the border's, that is not there yet */
};
struct depth_in {
    const struct depthwise *p;
    const struct depth_loops *l;
    const float *arg[LBK_ARG_MAX], *x;
};
/* Empty but for its borders, which are zero. */
void depth_ring_begin(const struct depthwise *p, struct depth_ring *r, float *at);
/* Rows up to `end`, of block `plane` (image * blocks + block) of operand 0. */
void depth_ring_fill(const struct depth_in *in, struct depth_ring *r, int64_t plane, int64_t end);
/* Padded row h; NULL: outside of the image. */
const float *depth_ring_row(const struct depthwise *p, const struct depth_ring *r, int64_t h);
static inline int64_t depth_ring_floats(const struct depthwise *p)
{
    return p->ring * p->width * CPU_BLOCK;
}
size_t depthwise_dw_floats(const struct depthwise *p, int threads);
void depthwise_dw_launch(lbk_drv *d, const struct depthwise *p, const struct depth_in *in,
                         const struct lbk_group *g);
#endif
#endif
