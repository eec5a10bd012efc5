/* SPDX-License-Identifier: MIT */
/* CLBlast, a library of matrix products that is found when it is wanted: it makes those that have no epilogue, where
 * tuning has seen that its results are right and that it is faster, or wherever it can when the user says so.
 *
 * What tuning has found are facts, for each class of products, such as
 *
 *     gemm tile 1 of 1024x1024x256 nt = clblast: 4100 GFLOP/s, own 3900
 *
 * family, count, m, n and k as the classes they are in, which of a and b are transposed. A product of a class without a fact
 * is made by our own kernels. Fact "clblast" is the file of the library that was tried. [owner thread] but for
 * ocl_clblast_wins. */
#ifndef LBK_OCL_CLBLAST_H
#define LBK_OCL_CLBLAST_H
#include "trial.h"

/* Count z products of m x k times k x n; neighbours in memory are a_step, b_step and m * n apart. */
struct ocl_product { int64_t z, m, n, k, a_step, b_step; bool ta, tb; int a, b; };

/* Takes over how products are to be made, and loads the library if it is needed. */
lbk_status ocl_clblast_settle(lbk_drv *d, enum ocl_gemm gemm);
/* Makes d->clblast; false: there is none, or it is not what it seems. */
bool ocl_clblast_load(lbk_drv *d);
/* The file it was loaded from. */
const char *ocl_clblast_version(const lbk_drv *d);
void ocl_clblast_close(lbk_drv *d);
/* Is it the choice for such a product? */
bool ocl_clblast_wins(const lbk_drv *d, const struct ocl_product *p);
void ocl_clblast_step(lbk_code *c, const struct ocl_product *p);

/* The class of an extent: 1, 4, 16, 64 ...; it goes from half of that to less than twice that. */
int64_t ocl_gemm_class(int64_t extent);
/* The name of the fact for a product. */
void ocl_gemm_fact(const lbk_drv *d, const struct ocl_product *p, char *to, size_t size);
/* clblast_tune.c: times and compares some classes, makes their facts, says a line for each. */
void ocl_clblast_tune(const struct ocl_tuner *o);

/* kernels/matmul_clblast.c, as ocl_variant says. */
bool matmul_clblast_takes(const lbk_drv *d, const struct lbk_group *g);
void matmul_clblast_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c);

#endif
