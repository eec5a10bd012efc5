/* SPDX-License-Identifier: MIT */
/* Expands the pointwise entries of ops.def into complete operators. Operands arrive already
 * broadcast. */
#include <tgmath.h>
#include "opdef.h"

#define REF(n, loads_f64, loads_f32, e)                                                  \
    static lbk_status ref_##n(const struct lbk_ref *r)                                    \
    {                                                                                    \
        const int64_t count = lbk_shape_count(r->out_shape);                              \
        for (int64_t i = 0; r->f64 && i < count; i++) {                                   \
            loads_f64 ((double *) r->out)[i] = (e);                                      \
        }                                                                                \
        for (int64_t i = 0; !r->f64 && i < count; i++) {                                  \
            loads_f32 ((float *) r->out)[i] = (e);                                       \
        }                                                                                \
        return LBK_OK;                                                                    \
    }
#define D(v, k) const double v = ((const double *) r->in[k])[i];
#define F(v, k) const float v = ((const float *) r->in[k])[i];
#define OPERAND(v, k) lbk_val *v = lbk_node_in(node, k); (void) v;
#define GRAD(n, operands, set)                                                           \
    static lbk_status grad_##n(lbk_graph *g, const lbk_node *node, lbk_val *gy, lbk_val *gx[]) \
    {                                                                                    \
        lbk_val *y = lbk_node_out(node);                                                   \
        operands (void) g, (void) y, (void) gy;                                           \
        set                                                                              \
        return LBK_OK;                                                                    \
    }
#define DESC(n, k, text, e)                                                              \
    const struct lbk_op lbk_op_##n = { OP_HEAD(n, text, k, k), .flags = LBK_OP_INPLACE0,   \
        .expr = e, .ref = ref_##n, .grad = grad_##n, .cases = cases##k };

static const struct lbk_case cases1[] = {
    { "", "", 1e-6, 0.2, 2 }, { "7", "", 1e-6, 0.2, 2 }, { "2x3x5x7", "", 1e-6, 0, 0 },
    { "1", "", 1e-6, 0, 0 },
    { "16x33", "", 1e-6, 0, 0 }, { "3x0x2", "", 1e-6, 0, 0 }, { NULL, NULL, 0, 0, 0 },
};
static const struct lbk_case cases2[] = {
    { "2x3x5,2x3x5", "", 1e-6, 0.2, 2 }, { "4x5,", "", 1e-6, 0.2, 2 },
    { ",3x2", "", 1e-6, 0, 0 },
    { "2x5x3x3,1x5x1x1", "", 1e-6, 0.2, 2 }, { "5x1,1x7", "", 1e-6, 0.2, 2 },
    { "7,4x3x7", "", 1e-6, 0, 0 },
    { "2x16x4x4,2x16x4x4", "", 1e-6, 0, 0 }, { "2x1x4,1x0x1", "", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};
static const struct lbk_case cases3[] = {
    { "2x3x5,2x3x5,2x3x5", "", 1e-6, 0, 0 }, { "6x5,,", "", 1e-6, 0, 0 },
    { ",3x2,2", "", 1e-6, 0, 0 },
    { "2x1x3x3,1x5x1x1,2x5x3x1", "", 1e-6, 0, 0 }, { "7,16x7,16x1", "", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

#define LBK_PW1(n, e, dx, text)                                                          \
    REF(n, D(x, 0), F(x, 0), e)                                                          \
    GRAD(n, OPERAND(x, 0), gx[0] = dx;)                                                  \
    DESC(n, 1, text, #e)                                                                 \
    lbk_val *lbk_##n(lbk_graph *g, lbk_val *x)                                             \
    {                                                                                    \
        return lbk_apply(g, &lbk_op_##n, 1, &x, NULL);                                     \
    }
#define LBK_PW2(n, e, da, db, text)                                                      \
    REF(n, D(a, 0) D(b, 1), F(a, 0) F(b, 1), e)                                          \
    GRAD(n, OPERAND(a, 0) OPERAND(b, 1), gx[0] = da; gx[1] = db;)                        \
    DESC(n, 2, text, #e)                                                                 \
    lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b)                                 \
    {                                                                                    \
        return lbk_apply(g, &lbk_op_##n, 2, (lbk_val *[]) { a, b }, NULL);                 \
    }
#define LBK_PW3(n, e, da, db, dc, text)                                                  \
    REF(n, D(a, 0) D(b, 1) D(c, 2), F(a, 0) F(b, 1) F(c, 2), e)                          \
    GRAD(n, OPERAND(a, 0) OPERAND(b, 1) OPERAND(c, 2), gx[0] = da; gx[1] = db; gx[2] = dc;) \
    DESC(n, 3, text, #e)                                                                 \
    lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b, lbk_val *c)                      \
    {                                                                                    \
        return lbk_apply(g, &lbk_op_##n, 3, (lbk_val *[]) { a, b, c }, NULL);              \
    }
#define LBK_OP1(n, P, text)
#define LBK_OP2(n, P, text)
#define LBK_OP3(n, P, text)
#define LBK_OPN(n, P, text)
#include <limbeck/ops.def>
