/* SPDX-License-Identifier: MIT */
/* The operators of plane_taps.h: rows first, then columns. */
#ifndef LBK_CPU_PLANE_H
#define LBK_CPU_PLANE_H
#include "cpu.h"
#include "plane_taps.h"

struct plane_loops {
    /* y = weighted sum or maximum of n rows of `width` floats, `step` floats apart. */
    void (*rows)(float *y, const float *x, int64_t width, int64_t step, const int32_t *index,
                 const float *weight, int n);
    void (*rows_max)(float *y, const float *x, int64_t width, int64_t step, const int32_t *index,
                     const float *weight, int n);
    /* A row of results from a row: single floats, or blocks of channels. */
    void (*columns)(float *y, const float *x, const struct taps *t, bool max, bool blocks);
    /* The adjoint of max_pool on one plane; dx is zero before. rows, columns: what is in each
     * window. */
    void (*unpool)(float *dx, const float *x, const float *dy, const struct taps *rows,
                   const struct taps *columns, int64_t w, bool blocks);
};
const struct plane_loops *plane_loops_at(const lbk_drv *d);

struct plane_code {
    struct taps row, column;
};
int plane_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
/* m x mw positions, made of n x nw; for an adjoint the other way round. */
lbk_status plane_tables(lbk_drv *d, const struct plane_kind *k, const void *params,
                        const int64_t to[2], const int64_t from[2], void **own);
lbk_status plane_prepare(lbk_drv *d, const struct lbk_group *g, const struct plane_kind *k,
                         void **own);
lbk_status plane_launch(lbk_drv *d, const struct lbk_group *g, const struct plane_kind *k,
                        const void *own);
void plane_release(void *own);

/* Planes of the storage of a value. */
static inline int64_t plane_count(const struct lbk_arg *a)
{
    return a->shape.d[0] * (cpu_is_cblk(a) ? cpu_blocks(a->shape.d[1]) : a->shape.d[1]);
}

/* A kernel of this family. */
#define PLANE_KERNEL(id)                                                                           \
 static lbk_status prepare(lbk_drv *d, const struct lbk_group *g, void **own)                      \
 {                                                                                                 \
  return plane_prepare(d, g, &plane_##id, own);                                                    \
 }                                                                                                 \
 static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)                  \
 {                                                                                                 \
  return plane_launch(d, g, &plane_##id, own);                                                     \
 }                                                                                                 \
 const struct cpu_kernel cpu_kernel_##id = { .op = #id,                                            \
                                             .supports = plane_supports,                           \
                                             .prepare = prepare,                                   \
                                             .launch = launch,                                     \
                                             .release = plane_release }

#endif
