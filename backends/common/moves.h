/* SPDX-License-Identifier: MIT */
/* Operators that only move elements, as copies between arrays with steps: transpose, repeat, broadcast, reshape, slice, slice_dx
 * and concat. [any thread] */
#ifndef LBK_MOVES_H
#define LBK_MOVES_H
#include <limbeck/backend.h>

enum { STRIDED_MAX = LBK_MAX_DIMS + 2, MOVES_MAX = LBK_OPERAND_MAX };
/* extent, elements from one to the next */
struct strided_axis { int64_t n, to, from; };

/* y[to + sum i a.to] = x[from + sum i a.from], x the storage of arg[arg]; zeros when arg is -1. Axes outermost first by `to`,
 * merged where one index serves both arrays; n 0: one element. */
struct move { int arg; int64_t to, from; int n; struct strided_axis a[STRIDED_MAX]; };

/* Of a group whose operands and epilogue are plain. */
struct moves_kind {
    /* The moves that make out[0]; together they write all of its storage. Returns how many. */
    int (*moves)(const struct lbk_group *g, struct move m[MOVES_MAX]);
    /* Can it be done in CBLK of such blocks, all args and the out? NULL: row-major alone. */
    bool (*in_blocks)(const struct lbk_group *g, int block);
};
extern const struct moves_kind moves_transpose, moves_repeat, moves_broadcast, moves_reshape, moves_slice, moves_slice_dx,
    moves_concat;

/* Drops axes of 1 and joins neighbours that are one axis for both arrays. Returns how many are left; out may be a. */
int strided_merge(struct strided_axis out[], int n, const struct strided_axis a[]);
/* Bytes of an element. */
static inline size_t strided_size(lbk_dtype t) { return t == LBK_U8 ? 1 : t == LBK_F16 ? 2 : 4; }

/* A shape seen from one axis (negative: from the end): element (o, k, i) lies at (o * n + k) * inner + i. */
struct strip { int64_t outer, n, inner; };
struct strip strip_of(lbk_shape s, int64_t axis);
/* The same for the storage of a; in CBLK axis 1 counts blocks. */
struct strip strip_stored(const struct lbk_arg *a, int64_t axis);

#endif
