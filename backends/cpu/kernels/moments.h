/* SPDX-License-Identifier: MIT */
/* bn_stats of what a kernel stores in CBLK, taken while it is in the cache (lbk_group.moments).
 *
 * A slot is what one task stores of one block of channels: cut by shapes alone. Slots are joined in
 * their order, in doubles (Chan, Golub and LeVeque 1979, (2.1)). */
#ifndef LBK_CPU_MOMENTS_H
#define LBK_CPU_MOMENTS_H
#include "cpu.h"

/* Of one slot: mean and sum of squared deviations of each lane, over n pixels. */
struct moments {
    double mean[CPU_BLOCK], square[CPU_BLOCK];
    int64_t n;
};

/* Whether out[n_out - 1] of g can be taken along: out[0] is blocked, or will be. */
bool moments_fit(const struct lbk_group *g);
/* Starts the slot with n pixels of 16 floats, and goes on with n more. [any thread] */
void moments_begin(struct moments *m);
void moments_add(const lbk_drv *d, struct moments *m, const float *x, int64_t n);
/* m[slot * blocks + block]: joined into slot 0, and stored in out[n_out - 1] of g. */
void moments_store(lbk_drv *d, const struct lbk_group *g, struct moments *m, int64_t slots,
                   int64_t blocks);

#endif
