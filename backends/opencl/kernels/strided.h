/* SPDX-License-Identifier: MIT */
/* Copies of elements between arrays with steps. */
#ifndef LBK_OCL_STRIDED_H
#define LBK_OCL_STRIDED_H
#include "ocl.h"
#include "moves.h"

int ocl_moves_supports(const struct lbk_group *g, struct lbk_offer *o, const struct moves_kind *k);
void ocl_moves_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c, const struct moves_kind *k);
/* Adds a copy into out 0, of its element type; NULL: of nothing, or after an error. */
struct ocl_step *ocl_move(lbk_drv *d, const struct lbk_group *g, lbk_code *c, const struct move *m);

/* The kernel of an operator of moves.h. */
#define OCL_MOVES_KERNEL(id)                                                                                                \
 static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)                                            \
 {                                                                                                                          \
  return ocl_moves_supports(g, o, &moves_##id);                                                                             \
 }                                                                                                                          \
 static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c) { ocl_moves_prepare(d, g, c, &moves_##id); }       \
 const struct ocl_kernel ocl_kernel_##id = { .op = #id, OCL_ANY_FAMILY(supports, prepare) }

#endif
