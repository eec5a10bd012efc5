/* SPDX-License-Identifier: MIT */
/* The matrix product of GPUs: for each z, C[m][n] = sum over k of A[m][k] * B[k][n], where the numbers of A and B are
 * fetched from wherever they are. matmul and the three passes of convolution are made of it (cl/gemm_tile.cl). */
#ifndef LBK_OCL_GEMM_TILE_H
#define LBK_OCL_GEMM_TILE_H
#include "conv_taps.h"
#include "ocl.h"

/* A group of m / rm * n / rn work-items makes m x n of C in steps of k terms, a work-item rm x rn (2, 4 or 8 each). */
struct gemm_tile { int m, n, k, rm, rn; };
struct gemm_choice { const struct gemm_tile *tile; int64_t parts; };     /* the terms are summed in so many parts */
/* The tile of a product of these extents: the least estimated time among those that fit the device. tile == NULL: none does. */
struct gemm_choice tile_choose(const lbk_drv *d, int64_t m, int64_t n, int64_t k, int64_t z);

/* The tiles there are, and whether one can run, and rightly, on this device. */
int gemm_tiles(void);
const struct gemm_tile *gemm_tile_at(int i);
bool gemm_tile_fits(const lbk_drv *d, int i);

/* Where the numbers are; the text says it in full. */
enum gemm_loads { GEMM_STRIDED, GEMM_GATHER, GEMM_PIXELS, GEMM_SPREAD };

/* In elements; z, m, n, k: from one to the next, image: from one image to the next. */
struct gemm {
    enum gemm_loads loads;
    bool a_along_k, b_along_k;         /* neighbours in memory are those along k, not along m or n */
    int64_t m, n, k, z;
    int64_t a_z, a_m, a_k, a_image;
    int64_t b_z, b_n, b_k, b_image;
    int64_t c_z, c_m, c_image;
    int64_t pixels;                    /* of an image, which columns (STRIDED) or terms (PIXELS, SPREAD) count */
    int a, b;                          /* args */
    struct ocl_places places;          /* full is "at"; along is "n", or "channel" for z * m + m */
    const struct conv_taps *taps;      /* GATHER and SPREAD */
    struct gemm_choice choice;
};

/* Chooses the tile. false: none fits the device. */
bool gemm_plan(const lbk_drv *d, struct gemm *p);
/* Bytes that the steps need: for the sums of all parts, when there are several. */
size_t gemm_scratch(const struct gemm *p);
void gemm_steps(lbk_drv *d, const struct lbk_group *g, const struct gemm *p, lbk_code *c);
/* Only the last of them: adds up into the result what lies in scratch as [z][part][m][n]. */
void gemm_sum_step(lbk_drv *d, const struct lbk_group *g, const struct gemm *p, lbk_code *c);

/* The terms of the sums of out, as int4: offset in an image of in, dh, dw, offset in the weights. By phase; within one by channel
 * of a group of in, then tap. NULL: out of memory. The caller frees it. */
int32_t *gemm_terms(const struct conv_taps *t, size_t *bytes);
/* Does everything that a kernel computes from them fit an int? */
bool gemm_taps_fit(const struct conv_taps *t);
/* Adds the table, which may be NULL after lack of memory, and frees it. */
void gemm_table(struct ocl_step *s, lbk_drv *d, lbk_code *c, int32_t *data, size_t bytes);

int conv_tile_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void conv_tile_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);
int matmul_tile_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void matmul_tile_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);
/* Any pass of a convolution whose groups have few channels, without tiles. */
bool depthwise_tile_suits(const struct conv_taps *t);
int depthwise_tile_supports(lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t, struct lbk_offer *o);
void depthwise_tile_prepare(lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t, lbk_code *c);

#endif
