/* SPDX-License-Identifier: MIT */
/* What the three passes of convolution share: the loops over a plan of conv_plan.h. */
#ifndef LBK_CPU_CONV_H
#define LBK_CPU_CONV_H
#include <stdbool.h>
#include <stdint.h>
#include "expr.h"

struct conv_row {
    const float *x; /* of the first output */
    int64_t x_gap;  /* to the second row */
    const int32_t *off;
    int64_t n; /* terms */
    const float *b;
    int64_t b_gap; /* 16 weights per term; to the second panel */
    float *y;
    int64_t y_step, y_gap, y_panel; /* between pixels, rows, panels */
    int64_t cols;
    int rows, panels; /* 1 or 2 */
};

struct conv_copy { /* a band of one image into scratch */
    const float *x;
    int64_t plane; /* of the first channel (block); between channels (blocks) */
    int64_t h, w, planes;
    int64_t top, left, stride; /* row r, column q of remainder (a, b): row r * stride + a - top of
                                  the image, ... */
    int64_t rows, cols;
    const bool *uses_h, *uses_w; /* per remainder: is it read at all */
    float *to;
    /* Of copy_blocks, NULL = none: applied to what is inside of the image, with 16 scales and
     * shifts for all planes. */
    const struct cpu_ramp *ramp;
    const float *scale, *shift;
};

struct conv_outer { /* b[q][16] += x[off[q] + place] * dy[place][16] over images, rows, cols */
    const float *x;
    int64_t x_image, x_gap;
    const int32_t *off;
    int64_t n;
    const float *dy;
    int64_t dy_image, dy_gap, dy_panel;
    float *b;
    int64_t b_panel;
    int64_t images, rows, cols;
    int panels;
};

struct conv_loops {
    int vl, few; /* floats of a vector; places taken at once by few_row */
    void (*copy_blocks)(const struct conv_copy *c); /* as they are */
    void (*copy_rows)(const struct conv_copy *c);   /* row-major planes */
    void (*copy_lanes)(const struct conv_copy *c);  /* blocks to planes of one float */
    void (*block_row)(const struct conv_row *r);    /* places of 16 floats */
    void (*plane_row)(const struct conv_row *r);    /* places of one float */
    /* vl neighbouring outputs from each of `few` x, for the first k <= 4 lanes of b: y[k][few][vl].
     */
    void (*few_row)(const float *const *x, const int32_t *off, int64_t n, const float *b, int64_t k,
                    float *y);
    void (*add)(float *y, const float *x, int64_t n); /* y += x; n in units of 16 */
    void (*block_outer)(const struct conv_outer *o);
    void (*plane_outer)(const struct conv_outer *o);
};

#ifndef CPU_ISA
# include "conv_plan.h"
# include "cpu.h"

/* Row-major for a few channels. */
struct lbk_layout conv_layout(int64_t channels);
/* in, as it is or as a ramp over args; then in is arg[ramp->ramp.x], the plan is copied and not
 * planar. */
struct conv_in {
    const float *x;
    const struct cpu_expr *ramp; /* NULL: as it is */
    const float *const *arg;
};
/* Copies what rows [i0, i0 + band) of image n read, for part `part`; the place of i0's first
 * output. */
const float *conv_fill(const struct conv *c, const struct conv_loops *l, const struct conv_in *in,
                       int64_t n, int64_t part, int64_t i0, float *scratch);
int conv_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
lbk_status conv_prepare(lbk_drv *d, const struct lbk_group *g, void **own);
lbk_status conv_launch(lbk_drv *d, const struct lbk_group *g, const void *own);
void conv_release(void *own);
#endif
#endif
