/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_hot, classes, 2, 1, 1e9, "extent of the new axis"), LBK_OPTS_END
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_hot *p = i->params;
    if (!lbk__want_type(i, 0, "x", LBK_I32))
        return LBK_EINVAL;
    if (p->classes < 1 || i->in[0].n == LBK_MAX_DIMS)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "one_hot: %lld classes of %s, expected at least 1 and rank below %d",
                              (long long) p->classes, SHAPE(i->in[0]), LBK_MAX_DIMS);
    i->out = i->in[0];
    i->out.d[i->out.n++] = p->classes;
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const int64_t n = ((const struct lbk_hot *) r->params)->classes;
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++)
        put(r, k, load(r, 0, k / n) == (double) (k % n));
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7:5", "classes=5", 0, 0, 0 }, { "2x3:-2..9", "classes=4", 0, 0, 0 },
    { ":3", "classes=3", 0, 0, 0 },  { "2x4x5:19", "classes=19", 0, 0, 0 },
    { "0:3", "classes=3", 0, 0, 0 }, { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_one_hot = {
    OP_HEAD(one_hot, "1 at the label, on a new last axis; nothing outside the range", 1, 1),
    OP_PARAMS(lbk_hot),
    .flags = LBK_OP_NONDIFF,
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
BUILD1(one_hot, lbk_hot)
