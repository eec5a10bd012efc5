/* SPDX-License-Identifier: MIT */
/* The operators of plane_taps.h: one work-item per pixel of the result, of one channel or of a block of them. */
#ifndef LBK_OCL_PLANE_H
#define LBK_OCL_PLANE_H
#include "ocl.h"
#include "plane_taps.h"

/* Plain operands; one layout for all. */
int ocl_plane_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
/* Weighted sums or maxima. */
void ocl_plane_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c, const struct plane_kind *k);
/* Elements of any type, of a kind whose positions are each made of one or nothing. */
void ocl_pick_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c, const struct plane_kind *k);
/* Pixels of the storage of a: work-items of the family's kernels, each with BLOCK channels. */
int64_t ocl_pixels(const struct lbk_arg *a);

/* The next parameter, a TABLE(int, v): position k is made of the entries from v[k] on to v[k + 1], an index and the bits of a
 * weight each. As for taps_init. */
struct ocl_taps {
    const struct plane_kind *kind;
    const void *params;
    int64_t m, n;
    bool column;
};
void ocl_taps(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct ocl_taps *of);

/* A kernel of this family. */
#define OCL_PLANE_KERNEL(id)                                                                                                \
 static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c) { ocl_plane_prepare(d, g, c, &plane_##id); }       \
 const struct ocl_kernel ocl_kernel_##id = { .op = #id, OCL_ANY_FAMILY(ocl_plane_supports, prepare) }

#endif
