/* SPDX-License-Identifier: MIT */
/* Rows of an operand at indices along an axis: gather, its adjoint, and scatter. */
#ifndef LBK_OCL_ROWS_H
#define LBK_OCL_ROWS_H
#include "ocl.h"

/* The axis, and how many indices there are. */
struct rows { struct ocl_strip s; int64_t count; };
enum rows_mode { ROWS_GATHER, ROWS_ADD, ROWS_SCATTER };

/* Chains of equal indices in scratch, in their order: next[r] is the next place after r with its index, and, with heads, first[k]
 * the first place with index k; -1: none. Indices outside the range are in no chain. */
size_t ocl_chain_scratch(const struct rows *r, bool heads);
void ocl_chain(lbk_code *c, int index, const struct rows *r, bool heads);
/* The copy, or sum, itself, from arg x to out 0. */
void ocl_rows(lbk_drv *d, const struct lbk_group *g, lbk_code *c, enum rows_mode mode, int index, int x, const struct rows *r);

#endif
