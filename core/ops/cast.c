/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const char *const types[] = { "none", "f32", "f16", "i32", "u8", NULL };
static const struct lbk_opt params[] = {
    P_ENUM(lbk_cast, to, "f32", types, "element type of the result"), LBK_OPTS_END
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_cast *p = i->params;
    if (i->in_t[0] == LBK_F16 || (p->to != LBK_F32 && p->to != LBK_I32 && p->to != LBK_U8))
        return lbk_graph_fail(i->g, LBK_EUNSUPPORTED,
                              "cast: from %s to %s, expected f32, i32 or u8",
                              lbk__dtype_name(i->in_t[0]), lbk__dtype_name(p->to));
    i->out = i->in[0];
    i->out_t = p->to;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_cast *p = lbk_node_params(n);
    if (p->to == LBK_F32 && lbk_dtype_of(lbk_node_in(n, 0)) == LBK_F32)
        gx[0] = gy;
    return LBK_OK;
}

/* Towards zero, to the nearest end of the range; NaN is 0. */
static double whole(double v, double lo, double hi)
{
    return v != v ? 0 : v < lo ? lo : v > hi ? hi : (double) (int64_t) v;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const double lo = r->out_t == LBK_U8 ? 0 : INT32_MIN,
                 hi = r->out_t == LBK_U8 ? UINT8_MAX : INT32_MAX;
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const double v = load(r, 0, k);
        put(r, k, r->out_t == LBK_F32 ? v : whole(v, lo, hi));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7", "to=i32", 0, -9, 9 },      { "2x3x5", "to=u8", 0, -50, 300 },
    { "2x3x4:u", "to=f32", 0, 0, 0 }, { "16:-9..9", "to=f32", 0, 0, 0 },
    { "33:u", "to=i32", 0, 0, 0 },    { "5:-9..300", "to=u8", 0, 0, 0 },
    { "3x1", "to=f32", 0, 0, 0 },     { ":7", "to=f32", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_cast = {
    OP_HEAD(cast, "other element type, no gradient to integers", 1, 1),
    OP_PARAMS(lbk_cast),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(cast, lbk_cast)
