/* SPDX-License-Identifier: MIT */
/* The tail of a group: bn_stats or bn_sums of what a kernel stores in CBLK, taken while it is in
 * the cache (lbk_group.tail).
 *
 * A slot is what one task stores of one block of channels: cut by shapes alone. Slots are joined in
 * their order, in doubles (bn_stats: Chan, Golub and LeVeque 1979, (2.1)). */
#ifndef LBK_CPU_TAIL_H
#define LBK_CPU_TAIL_H
#include "cpu.h"

/* Of one slot and each lane: mean and sum of squared deviations over n pixels; or, of bn_sums, the
 * sums of dz and of dz (y - mean). */
struct tail_slot {
    double a[CPU_BLOCK], b[CPU_BLOCK];
    int64_t n;
};
struct tail {
    const lbk_drv *d;
    enum lbk_tail kind;
    const float *x, *y, *stats; /* x: out[0]; y, stats: of bn_sums */
    float *out;
    double eps;
    int64_t channels, blocks, plane;
    struct tail_slot *slot; /* [slot][block]; NULL: there is no tail */
};

/* Whether g has a tail that can be taken along: out[0] is blocked, or will be. */
bool tail_fits(const struct lbk_group *g);
/* slot: room for them; NULL: without a tail. */
void tail_init(struct tail *t, const lbk_drv *d, const struct lbk_group *g, struct tail_slot *slot);
/* Starts a slot, and goes on with n pixels of 16 floats of out[0] from pixel `at` on, all of one
 * plane. [any thread] */
void tail_begin(struct tail_slot *s);
void tail_add(const struct tail *t, struct tail_slot *s, int64_t at, int64_t n);
/* Joins so many slots into the first and stores the result. */
void tail_store(lbk_drv *d, const struct tail *t, int64_t slots);

#endif
