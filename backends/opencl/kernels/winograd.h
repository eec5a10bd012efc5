/* SPDX-License-Identifier: MIT */
/* Winograd convolution of OCL_WIDE, where winograd_plan.h and dw_plan.h say that it pays. */
#ifndef LBK_OCL_WINOGRAD_H
#define LBK_OCL_WINOGRAD_H
#include "ocl.h"

/* conv2d and conv2d_dx. Of a group whose operands fit (conv_wide.c); x: the shape of operand 0. False: not by this way. */
bool winograd_suits(const lbk_drv *d, const struct lbk_group *g, lbk_shape x);
/* Only where it suits: scratch and tail of the offer; the steps. */
void winograd_offer(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, struct lbk_offer *o);
void winograd_prepare(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, lbk_code *c);

/* The same of conv2d_dw. */
bool winograd_dw_suits(const lbk_drv *d, const struct lbk_group *g, lbk_shape x);
void winograd_dw_offer(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, struct lbk_offer *o);
void winograd_dw_prepare(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, lbk_code *c);

#endif
