/* SPDX-License-Identifier: MIT */
/* How the sums of a weight gradient are cut: channels of x and of dy into parts, places into slots. A task is a slot and a pair of
 * parts so small that its sums, and what it holds of a chunk of places, stay in the second cache. All of shapes alone, since the
 * bits depend on it. */
#ifndef LBK_DW_PLAN_H
#define LBK_DW_PLAN_H
#include "winograd_plan.h"

/* freqs: frequencies or taps, each with sums of its own, u_step floats apart: [block of dy][channel of x][16] of a task. */
struct dw_parts {
    int64_t c, k, c_blocks, k_blocks, freqs;
    int64_t c_parts, k_parts, c_part, k_part; /* blocks of a part, at most */
    int64_t slots, u_step;
};
/* Channels c of x and k of dy. slots is 1. */
void dw_parts_init(struct dw_parts *p, int64_t c, int64_t k, int64_t freqs);
/* So many slots of the places that adding them up costs little: each gets `enough` of them, or `few` while there are few tasks. */
void dw_parts_slots(struct dw_parts *p, int64_t places, int64_t enough, int64_t few);

static inline int64_t dw_parts_tasks(const struct dw_parts *p) { return p->slots * p->c_parts * p->k_parts; }
/* Floats of the sums of all tasks. */
static inline int64_t dw_parts_floats(const struct dw_parts *p) { return dw_parts_tasks(p) * p->freqs * p->u_step; }

/* A Winograd weight gradient: places are tiles, so many at once; floats between the frequencies of x and of dy. */
struct wino_dw_plan {
    struct wino_grid t;
    struct dw_parts q;
    int r;
    int64_t chunk, v_step, d_step;
};
/* Of a conv2d_dw; x, dy: shapes of its operands. False: not by this way, which depends on shapes alone. [any thread] */
bool wino_dw_plan(struct wino_dw_plan *p, const struct lbk_group *g, lbk_shape x, lbk_shape dy);

#endif
