/* SPDX-License-Identifier: MIT */
/* Rows of an operand at indices along an axis: gather, its adjoint, and scatter. */
#ifndef LBK_OCL_ROWS_H
#define LBK_OCL_ROWS_H
#include "ocl.h"

/* The axis, and how many indices there are. */
struct rows { struct strip s; int64_t count; };
enum rows_mode { ROWS_GATHER, ROWS_ADD, ROWS_SCATTER };

/* Bytes of scratch memory of ROWS_ADD and ROWS_SCATTER. */
size_t ocl_rows_scratch(const lbk_drv *d, enum rows_mode mode, const struct rows *r);
/* Adds the steps, from arg x to out 0; equal indices count in their order. */
void ocl_rows(lbk_drv *d, const struct lbk_group *g, lbk_code *c, enum rows_mode mode, int index, int x, const struct rows *r);

#endif
