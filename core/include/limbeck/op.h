/* SPDX-License-Identifier: MIT */
#ifndef LBK_OP_H
#define LBK_OP_H
#include <limbeck/graph.h>
#include <limbeck/opt.h>
LBK_BEGIN

/* Everything known about one operator. Its meaning is ref (pointwise: expr and ref, from one
 * text) or lower. */
typedef struct lbk_node lbk_node;
LBK_API int         lbk_node_n(const lbk_node *n);
LBK_API lbk_val     *lbk_node_in(const lbk_node *n, int i);
LBK_API lbk_val     *lbk_node_out(const lbk_node *n);
LBK_API const void *lbk_node_params(const lbk_node *n);

/* in: operands and params; out: result. The only place that validates. */
struct lbk_infer {
    lbk_graph *g;
    const struct lbk_op *op;
    int n;
    const lbk_shape *in; const lbk_dtype *in_t;
    const void *params;
    lbk_shape out; lbk_dtype out_t;
};
/* dense host buffers of `real` (float, or double in the grad checks) */
struct lbk_ref {
    int n;
    const lbk_shape *in_shape; const lbk_dtype *in_t; const void *const *in;
    const void *params;
    lbk_shape out_shape; lbk_dtype out_t; void *out;
    /* buffers of type LBK_F32 hold double; I32 and U8 are as they are */
    bool f64;
    uint64_t seed;                     /* of the context, for random */
};
/* One test of an operator: "2x3x8x8,4x3x3x3", "stride=2,pad=1". "5x4:7": I32 in 0..6, "5x4:-1..7": I32 in -1..7, "5x4:u": U8,
 * "": a scalar. Floats lie in lo..hi, or where both are 0 in 0.25..2 with either sign. tol: of f32 against f64, relative
 * to the largest magnitude or 1. NULL shapes end a list. */
struct lbk_case { const char *shapes, *params; double tol, lo, hi; };

enum { LBK_OP_NONDIFF = 1 << 0, LBK_OP_INPLACE0 = 1 << 1, LBK_OP_VIEW = 1 << 2 };

struct lbk_op {
    uint32_t size;                    /* sizeof(struct lbk_op) */
    uint32_t flags;
    const char *name, *doc;
    int n_min, n_max;
    /* fields of the params struct: printed, hashed, serialised */
    const struct lbk_opt *params;
    size_t params_size;
    /* NULL: broadcast of the operands */
    lbk_status (*infer)(struct lbk_infer *i);
    lbk_status (*grad)(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[]);
    /* pointwise: text valid in C and OpenCL C */
    const char *expr;
    /* primitive: the executable specification */
    lbk_status (*ref)(const struct lbk_ref *r);
    /* composite: the same value from simpler ops */
    lbk_val   *(*lower)(lbk_graph *g, const lbk_node *n);
    double    (*flops)(const struct lbk_infer *i);                 /* optional, for the profiler */
    /* what the test harness runs on every device */
    const struct lbk_case *cases;
};

LBK_API lbk_val *lbk_apply(lbk_graph *g, const struct lbk_op *op, int n, lbk_val *const in[], const void *params);

LBK_END
#endif
