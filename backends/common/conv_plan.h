/* SPDX-License-Identifier: MIT */
/* How a processor does a convolution (conv_taps.h) with vectors of 16 channels.
 *
 * The input of a band of rows is copied with its border into scratch, split by the remainders of row and column by `is`:
 * neighbouring outputs read neighbouring places there whatever the stride. Blocked, a place is 16 channels; planar (few channels
 * on a side) it is one float. The sums of 16 output channels are a panel: the places of its terms, and 16 weights for each. */
#ifndef LBK_CONV_PLAN_H
#define LBK_CONV_PLAN_H
#include "conv_taps.h"

enum { CONV_LANES = 16, CONV_FEW = 4 };             /* up to so many channels are row-major */

/* n terms: places from off[off] on, weights from weight[off] on; packed in rows of 16 from float b on. */
struct conv_panel { int64_t n, off, b; };
/* The weight of a term: channel of in, and its tap's `at`. Of depthwise panels the channel is that of the lane, and c is 0. */
struct conv_weight { int32_t c, at; };

struct conv {
    struct conv_taps t;                             /* rows, cols, ow as cut when limit is set */
    int64_t in_plane, out_plane;                    /* pixels */
    bool in_row, out_row, planar, depthwise, copied;
    bool narrow;                                    /* so few channels of a block that pixels are the lanes */
    int64_t limit;                                  /* pixels of a phase when rows are cut from one long row, else INT64_MAX */
    int64_t pr, pc;                                 /* rows and columns of a plane of scratch */
    int64_t band, bands, blocks, per, parts;        /* rows of a task; blocks of out, so many a task */
    int64_t *first, in_planes;                      /* per part: its first channel (block) of in; most of them a part needs */
    struct conv_panel *panel;                       /* [phase][block] */
    int32_t *off;
    struct conv_weight *weight;
    int64_t n_off, n_b, scratch;                    /* terms; floats of packed weights, of the copy of in */
};

struct conv_how {
    struct lbk_layout a, b, out;                    /* of the operands and the result */
    int64_t tasks;                                  /* how many there are before blocks are dealt out; 0: one per band */
    int64_t copy_bytes;                             /* about so much scratch */
    bool copy;                                      /* in is copied even where it could be read as it lies */
};

/* Of a conv2d, conv2d_dx or conv2d_dw (its gather is conv2d's) whose operands have shapes a and b. NULL: out of memory.
 * [any thread] */
struct conv *conv_create(const struct lbk_group *g, lbk_shape a, lbk_shape b, const struct conv_how *how);
void conv_destroy(struct conv *c);
/* Which channels of in [*lo, *hi) those of block `kb` of out depend on. */
void conv_range(const struct conv *c, int64_t kb, int64_t *lo, int64_t *hi);
/* Two panels share a tile when they are in one task and have the same terms. */
bool conv_pairs(const struct conv *c, int64_t kb, int64_t end);

#endif
