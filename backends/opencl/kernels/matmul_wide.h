/* SPDX-License-Identifier: MIT */
/* The matrix product of OCL_WIDE, as ocl_variant says. */
#ifndef LBK_OCL_MATMUL_WIDE_H
#define LBK_OCL_MATMUL_WIDE_H
#include "ocl.h"

int matmul_wide_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void matmul_wide_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);

#endif
