/* SPDX-License-Identifier: MIT */
/* Copies of elements between arrays with steps. */
#ifndef LBK_CPU_STRIDED_H
#define LBK_CPU_STRIDED_H
#include "cpu.h"
#include "moves.h"

/* to[sum i to] = from[sum i from]; size: bytes of an element, 1 or 4. Axes outermost first, by
 * `to`. */
void strided_copy(lbk_drv *d, void *to, const void *from, int n, const struct strided_axis a[],
                  size_t size);
/* rows x columns floats at y, ystep apart, become those of x transposed. */
void strided_transpose(float *y, int64_t ystep, const float *x, int64_t xstep, int64_t rows,
                       int64_t columns);

/* Does all of them. */
int moves_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o,
                   const struct moves_kind *k);
void moves_launch(lbk_drv *d, const struct lbk_group *g, const struct moves_kind *k);

/* The kernel of an operator of moves.h. */
#define MOVES_KERNEL(id)                                                                           \
 static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)                   \
 {                                                                                                 \
  return moves_supports(d, g, o, &moves_##id);                                                     \
 }                                                                                                 \
 static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)                  \
 {                                                                                                 \
  moves_launch(d, g, &moves_##id);                                                                 \
  return LBK_OK;                                                                                   \
 }                                                                                                 \
 const struct cpu_kernel cpu_kernel_##id = { .op = #id, .supports = supports, .launch = launch }

#endif
