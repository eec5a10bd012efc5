/* SPDX-License-Identifier: MIT */
/* softmax, log_softmax and cross entropy along one axis. */
#ifndef LBK_OCL_SOFT_H
#define LBK_OCL_SOFT_H
#include "ocl.h"

enum ocl_soft { OCL_SOFTMAX, OCL_LOG_SOFTMAX, OCL_LOSS, OCL_LOSS_DX };
int ocl_soft_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void ocl_soft_prepare(lbk_drv *d, const struct lbk_group *g, enum ocl_soft kind, lbk_code *c);

#define OCL_SOFT(name, kind)                                                                               \
 static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)                                   \
 {                                                                                                         \
  ocl_soft_prepare(d, g, kind, c);                                                                         \
 }                                                                                                         \
 const struct ocl_kernel ocl_kernel_##name = { .op = #name, OCL_ANY_FAMILY(ocl_soft_supports, prepare) }

#endif
