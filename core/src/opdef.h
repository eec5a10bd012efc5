/* SPDX-License-Identifier: MIT */
/* What the files of operators share: their descriptors, shape checks that explain themselves, and
 * access to reference buffers. */
#ifndef LBK_SRC_OPDEF_H
#define LBK_SRC_OPDEF_H
#include <limbeck/op.h>
#include <limbeck/ops.h>
#include "device.h"
#include "graph.h"

#define LBK_PW1(n, ...) extern const struct lbk_op lbk_op_##n;
#define LBK_PW2(n, ...) extern const struct lbk_op lbk_op_##n;
#define LBK_PW3(n, ...) extern const struct lbk_op lbk_op_##n;
#define LBK_OP1(n, ...) extern const struct lbk_op lbk_op_##n;
#define LBK_OP2(n, ...) extern const struct lbk_op lbk_op_##n;
#define LBK_OP3(n, ...) extern const struct lbk_op lbk_op_##n;
#define LBK_OPN(n, ...) extern const struct lbk_op lbk_op_##n;
#include <limbeck/ops.def>
#undef LBK_PW1
#undef LBK_PW2
#undef LBK_PW3
#undef LBK_OP1
#undef LBK_OP2
#undef LBK_OP3
#undef LBK_OPN

struct text { char s[96]; };
#define SHAPE(s_) lbk__shape_text(s_, (struct text) { { 0 } }.s, sizeof(struct text))

/* Each latches a message that names the operator and the operand, and returns false, when the
 * operand is not so. */
bool lbk__want_type(struct lbk_infer *i, int k, const char *name, lbk_dtype t);
bool lbk__want_rank(struct lbk_infer *i, int k, const char *name, int rank);
bool lbk__want_shape(struct lbk_infer *i, int k, const char *name, lbk_shape s, const char *why);
bool lbk__want_axis(struct lbk_infer *i, int k, int64_t axis);
/* Shapes by the rules of broadcasting; false: they do not fit. */
bool lbk__broadcast(lbk_shape a, lbk_shape b, lbk_shape *out);
/* v summed or stretched to shape s, to which it or its transpose of broadcasting leads. */
lbk_val *lbk__fit(lbk_graph *g, lbk_val *v, lbk_shape s);

static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t or1(int64_t a) { return a ? a : 1; }
static inline int axis_of(lbk_shape s, int64_t axis)
{
    return (int) (axis < 0 ? axis + s.n : axis);
}

/* A shape seen from one axis: element (o, k, i) lies at (o * n + k) * inner + i. */
struct strip { int64_t outer, n, inner; };
static inline struct strip strip_of(lbk_shape s, int64_t axis)
{
    const int a = axis_of(s, axis);
    struct strip r = { 1, s.d[a], 1 };
    for (int i = 0; i < a; i++)
        r.outer *= s.d[i];
    for (int i = a + 1; i < s.n; i++)
        r.inner *= s.d[i];
    return r;
}

static inline double load(const struct lbk_ref *r, int i, int64_t k)
{
    if (r->in_t[i] == LBK_I32)
        return ((const int32_t *) r->in[i])[k];
    if (r->in_t[i] == LBK_U8)
        return ((const uint8_t *) r->in[i])[k];
    return r->f64 ? ((const double *) r->in[i])[k] : (double) ((const float *) r->in[i])[k];
}

static inline void put(const struct lbk_ref *r, int64_t k, double v)
{
    if (r->out_t == LBK_I32)
        ((int32_t *) r->out)[k] = (int32_t) v;
    else if (r->out_t == LBK_U8)
        ((uint8_t *) r->out)[k] = (uint8_t) v;
    else if (r->f64)
        ((double *) r->out)[k] = v;
    else
        ((float *) r->out)[k] = (float) v;
}


/* Coordinates of row-major element k. */
static inline void coords(lbk_shape s, int64_t k, int64_t c[LBK_MAX_DIMS])
{
    for (int i = s.n - 1; i >= 0; i--)
        c[i] = k % s.d[i], k /= s.d[i];
}

static inline int64_t position(lbk_shape s, const int64_t c[LBK_MAX_DIMS])
{
    int64_t k = 0;
    for (int i = 0; i < s.n; i++)
        k = k * s.d[i] + c[i];
    return k;
}

/* Element of an operand of shape `from` that broadcasting puts at coordinates c of shape `to`. */
static inline int64_t stretched(lbk_shape from, lbk_shape to, const int64_t c[LBK_MAX_DIMS])
{
    int64_t k = 0;
    for (int i = 0; i < from.n; i++)
        k = k * from.d[i] + (from.d[i] == 1 ? 0 : c[to.n - from.n + i]);
    return k;
}

/* Parameters that are not one plain field. */
#define P_DIMS(T) \
    LBK_INT(T, n, 0, 0, LBK_MAX_DIMS, "how many of them"), P_DIM(T, 0), P_DIM(T, 1), \
    P_DIM(T, 2), P_DIM(T, 3), P_DIM(T, 4), P_DIM(T, 5)
#define P_DIM(T, i) \
    { "d" #i, "one of them", LBK_OPT_INT, offsetof(struct T, d[i]), 0, 0, 0, NULL, NULL }
#define P_ENUM(T, f, d, ns, h) { #f, h, LBK_OPT_ENUM, offsetof(struct T, f), 0, 0, 0, d, ns }
_Static_assert(sizeof(enum lbk_filter) == sizeof(int) && sizeof(enum lbk_border) == sizeof(int)
    && sizeof(lbk_dtype) == sizeof(int), "an enum option is an int");

#define P_AXIS(T, def) \
    LBK_INT(T, axis, def, -LBK_MAX_DIMS, LBK_MAX_DIMS - 1, "axis; negative counts from the end")
#define OP_HEAD(n_, doc_, lo, hi) \
    .size = sizeof(struct lbk_op), .name = #n_, .doc = doc_, .n_min = lo, .n_max = hi
#define OP_PARAMS(T) .params = params, .params_size = sizeof(struct T)
#define BUILD1(n, P) \
    lbk_val *lbk_##n(lbk_graph *g, lbk_val *x, struct P p)                                 \
    {                                                                                    \
        return lbk_apply(g, &lbk_op_##n, 1, &x, &p);                                       \
    }
#define BUILD2(n, P)                                                                     \
    lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b, struct P p)                     \
    {                                                                                    \
        return lbk_apply(g, &lbk_op_##n, 2, (lbk_val *[]) { a, b }, &p);                   \
    }
#define BUILD3(n, P)                                                                     \
    lbk_val *lbk_##n(lbk_graph *g, lbk_val *a, lbk_val *b, lbk_val *c, struct P p)          \
    {                                                                                    \
        return lbk_apply(g, &lbk_op_##n, 3, (lbk_val *[]) { a, b, c }, &p);                \
    }

#endif
