/* SPDX-License-Identifier: MIT */
/* How the sums of a weight gradient are cut: channels of x and of dy into parts, places into slots. A task is a slot and a pair of
 * parts so small that its sums, and what it holds of a chunk of places, stay in the second cache; the slots are added by a tree
 * of halves. All of shapes alone, since the bits depend on it. */
#ifndef LBK_CPU_DW_PARTS_H
#define LBK_CPU_DW_PARTS_H
#include "winograd_dw.h"

/* freqs: frequencies or taps, each with sums of its own, u_step floats apart. */
struct dw_parts {
    int64_t c, k, c_blocks, k_blocks, freqs;
    int64_t c_parts, k_parts, c_part, k_part; /* blocks of a part, at most */
    int64_t slots, u_step;
};
/* Channels c of x and k of dy. slots is 1. */
void dw_parts_init(struct dw_parts *p, int64_t c, int64_t k, int64_t freqs);
/* So many slots of the places that adding them up costs little: each gets `enough` of them, or `few` while there are few tasks. */
void dw_parts_slots(struct dw_parts *p, int64_t places, int64_t enough, int64_t few);

static inline int64_t dw_parts_tasks(const struct dw_parts *p)
{
    return p->slots * p->c_parts * p->k_parts;
}
/* Floats of the sums of all tasks. */
static inline int64_t dw_parts_floats(const struct dw_parts *p)
{
    return dw_parts_tasks(p) * p->freqs * p->u_step;
}

struct dw_part {
    int64_t c0, c1, k0, k1; /* blocks */
    int64_t begin, end;     /* places of its slot */
    float *u;               /* its sums */
};
/* Of task i, of so many places; sums: of all tasks. */
struct dw_part dw_part_of(const struct dw_parts *p, int64_t i, int64_t places, float *sums);

/* Pair i of blocks, of c_blocks * k_blocks, as winograd_dw_loops.weights takes it; out: K x C x taps. r: as there. */
struct wino_weights dw_parts_weights(const struct dw_parts *p, int64_t i, const float *sums, int r, int64_t taps, float *out);

#endif
