/* SPDX-License-Identifier: MIT */
#ifndef LBK_OPS_H
#define LBK_OPS_H
#include <limbeck/graph.h>
LBK_BEGIN

/* Declares lbk_<name>() for every entry of ops.def: builders that append one node and return its value.
 * Like every builder they latch: NULL on error or when an operand is NULL (graph.h). Operands of pointwise
 * operators broadcast: shapes are aligned at the last axis, and 1 stretches. [owner thread of the graph] */
struct lbk_none   { bool none; };                               /* no parameters: LBK_NONE */
struct lbk_axis   { int64_t axis; };                            /* negative counts from the end */
/* n: extent of that axis in the result */
struct lbk_axis_to { int64_t axis, n; };
/* bit i = axis i; bits past the rank are ignored */
struct lbk_reduce { int64_t axes; bool keep; };
struct lbk_dims   { int64_t n, d[LBK_MAX_DIMS]; };
struct lbk_slice  { int64_t axis, begin, end; };                /* end 0 = to the last */
/* n: extent of that axis in the result */
struct lbk_slice_to { int64_t axis, begin, n; };
struct lbk_count  { int64_t axis, n; };
struct lbk_pad    { int64_t top, bottom, left, right; enum lbk_border { LBK_ZERO, LBK_REFLECT, LBK_EDGE } border; };
/* CORNERS: bilinear, align_corners */
enum lbk_filter { LBK_NEAREST, LBK_BILINEAR, LBK_CORNERS };
struct lbk_resize { int64_t h, w; enum lbk_filter filter; };    /* size of the result */
struct lbk_resize_to { int64_t h, w; enum lbk_filter filter; }; /* size of what was resized */
struct lbk_hot    { int64_t classes; };
struct lbk_cast   { lbk_dtype to; };
/* n, d: shape; operand: I32 scalar, the step */
struct lbk_random { int64_t key, n, d[LBK_MAX_DIMS]; };
/* stride 0 = kernel; ceil: partial windows count */
struct lbk_pool   { int64_t kernel, stride, pad; bool ceil; };
/* h, w: of what was pooled */
struct lbk_pool_to { int64_t kernel, stride, pad; bool ceil; int64_t h, w; };
struct lbk_hw     { int64_t h, w; };
/* kernel: rows and columns of the window, odd */
struct lbk_blur   { int64_t kernel; double sigma; };
/* c1, c2: added to means and variances, above and below */
struct lbk_similarity { int64_t kernel; double sigma, c1, c2; };
/* 0 means 1, except pad; the same on both axes */
struct lbk_conv2d { int64_t stride, pad, dilation, groups; };
/* dx: h, w of x; dw: of the kernel */
struct lbk_conv2d_to { int64_t stride, pad, dilation, groups, h, w; };
/* more: rows and columns added at the end */
struct lbk_conv2d_up { int64_t stride, pad, dilation, groups, more; };
struct lbk_bn     { double eps; };
/* transpose the last two axes of a, b first */
struct lbk_matmul { bool ta, tb; };
/* label value that does not count */
struct lbk_labels { int64_t axis, ignore; };
#define LBK_NONE ((struct lbk_none) { false })
#define LBK_ALL ((struct lbk_reduce) { ~0u, false })             /* every axis, down to a scalar */

#define LBK_PW1(n, body, dx, doc)         LBK_API lbk_val *lbk_##n(lbk_graph *g, lbk_val *x);
#define LBK_PW2(n, body, da, db, doc)     LBK_API lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b);
#define LBK_PW3(n, body, da, db, dc, doc) LBK_API lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b, lbk_val *c);
#define LBK_OP1(n, P, doc)                LBK_API lbk_val *lbk_##n(lbk_graph *g, lbk_val *x, struct P p);
#define LBK_OP2(n, P, doc)                LBK_API lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b, struct P p);
#define LBK_OP3(n, P, doc)                LBK_API lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b, lbk_val *c, struct P p);
#define LBK_OPN(n, P, doc)                LBK_API lbk_val *lbk_##n(lbk_graph *g, int k, lbk_val *const x[], struct P p);
#include <limbeck/ops.def>
#undef LBK_PW1
#undef LBK_PW2
#undef LBK_PW3
#undef LBK_OP1
#undef LBK_OP2
#undef LBK_OP3
#undef LBK_OPN

LBK_END
#endif
