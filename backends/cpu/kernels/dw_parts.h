/* SPDX-License-Identifier: MIT */
/* Tasks of a weight gradient (dw_plan.h); the slots are added by a tree of halves. */
#ifndef LBK_CPU_DW_PARTS_H
#define LBK_CPU_DW_PARTS_H
#include "dw_plan.h"
#include "winograd_dw.h"

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
