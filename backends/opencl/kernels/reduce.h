/* SPDX-License-Identifier: MIT */
/* Reductions over a set of axes, operand expressions included, in passes. The storage of the operand is a list of axes,
 * outermost first, that stay or go; a pass takes the innermost one that goes (its rows) and, when that is short, the next
 * one too (its runs), and leaves what it sums in slots, whose number depends on shapes alone, as one more axis that goes.
 * Vectors (wide) or neighbouring work-items (tile) lie along the last axis that stays, or along the rows. */
#ifndef LBK_OCL_REDUCE_H
#define LBK_OCL_REDUCE_H
#include "ocl.h"

/* MERGE: number, mean and squared deviations of parts, to those of all. STATS: mean and variance. SUMS: of x, and of
 * x (y - mean) / sqrt(var + eps). */
enum ocl_reduce { OCL_SUM, OCL_MEAN, OCL_MAX, OCL_MIN, OCL_STATS, OCL_MERGE, OCL_SUMS };
enum { OCL_SOURCES = LBK_ARG_MAX + 2, OCL_AXES = LBK_MAX_DIMS + 3 };

struct ocl_axis {
    int64_t n;
    bool gone;
    int64_t step[OCL_SOURCES];         /* elements of each source */
};
/* What is read. */
struct ocl_source {
    bool used;
    int arg;                           /* of the group; -1: scratch */
    size_t at;                         /* scratch: bytes; else elements */
    int64_t limit;                     /* how many elements there are */
};
struct ocl_walk {
    enum ocl_reduce kind;
    int n_axis, n_source;
    struct ocl_axis axis[OCL_AXES];
    struct ocl_source source[OCL_SOURCES];
    int64_t channels;                  /* 0, or of a CBLK operand: what is left at the end is blocks of them */
    bool fold;                         /* that are then reduced too */
};
/* Numbers of axes in the walk, -1: none. */
struct ocl_pass {
    int rows, runs, inner, n_kept, kept[OCL_AXES];
    int64_t n_rows, n_runs, n_inner;
    int64_t outer, tile, tiles;        /* kept positions; elements of the inner axis that are done side by side */
    int64_t slots, slot_runs, slot_rows; /* of a slot; 0: all */
    bool last;
};

void ocl_pass_choose(enum ocl_family family, const struct ocl_walk *w, struct ocl_pass *p);
/* The walk over what the pass leaves in scratch from byte `at` on. */
void ocl_pass_next(const struct ocl_walk *w, const struct ocl_pass *p, size_t at, struct ocl_walk *next);
/* Bytes that it leaves there. */
size_t ocl_pass_bytes(const struct ocl_walk *w, const struct ocl_pass *p);

/* Over the axes of the group's params, or of STATS and SUMS over all but the channels. */
int ocl_reduce_supports(lbk_drv *d, const struct lbk_group *g, enum ocl_reduce kind, struct lbk_offer *o);
void ocl_reduce_prepare(lbk_drv *d, const struct lbk_group *g, enum ocl_reduce kind, lbk_code *c);

#define OCL_REDUCTION(name, kind)                                                                          \
 static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)                           \
 {                                                                                                         \
  return ocl_reduce_supports(d, g, kind, o);                                                               \
 }                                                                                                         \
 static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)                                   \
 {                                                                                                         \
  ocl_reduce_prepare(d, g, kind, c);                                                                       \
 }                                                                                                         \
 const struct ocl_kernel ocl_kernel_##name = { .op = #name, OCL_ANY_FAMILY(supports, prepare) }

#endif
