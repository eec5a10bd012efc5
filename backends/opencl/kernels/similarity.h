/* SPDX-License-Identifier: MIT */
/* Structural similarity and its adjoint: planes by work-items of their own on processors, pixels step by step on GPUs. */
#ifndef LBK_OCL_SIMILARITY_H
#define LBK_OCL_SIMILARITY_H
#include "ocl.h"

int ocl_similarity_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
void ocl_similarity_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);

#endif
