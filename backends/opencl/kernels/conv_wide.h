/* SPDX-License-Identifier: MIT */
/* The convolutions of OCL_WIDE: conv2d and conv2d_dx as they stand in a group, and conv2d_dw. As ocl_variant says. */
#ifndef LBK_OCL_CONV_WIDE_H
#define LBK_OCL_CONV_WIDE_H
#include "ocl.h"

int conv_wide_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void conv_wide_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);
int conv_wide_dw_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void conv_wide_dw_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);

#endif
