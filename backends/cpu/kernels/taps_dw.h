/* SPDX-License-Identifier: MIT */
/* Direct weight gradient of blocked values as one product for each tap: pixels of x, moved by the
 * tap and gathered, times those of dy. */
#ifndef LBK_CPU_TAPS_DW_H
#define LBK_CPU_TAPS_DW_H
#include "cpu.h"

struct taps_dw;
/* NULL: not by this way, or out of memory. x: the shape of operand 0. */
struct taps_dw *taps_dw_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x);
void taps_dw_destroy(struct taps_dw *p);
size_t taps_dw_scratch(const struct taps_dw *p, int threads);
void taps_dw_launch(lbk_drv *d, const struct taps_dw *p, const struct lbk_group *g);

#endif
