/* SPDX-License-Identifier: MIT */
/* Indices in order, so that what belongs to one index is found without looking at all of them. */
#ifndef LBK_OCL_SORT_H
#define LBK_OCL_SORT_H
#include "ocl.h"

/* Bytes of scratch memory for count indices below n; a multiple of 4. */
size_t ocl_sort_scratch(const lbk_drv *d, int64_t count, int64_t n);
/* Sorts arg `index`, count elements of I32. From the beginning of the scratch memory on there are then count int2
 * (index, its place in the arg), ascending, equal indices by place. An index outside 0 .. n - 1 reads n and so comes last. */
void ocl_sort(lbk_drv *d, lbk_code *c, int index, int64_t count, int64_t n);

#endif
