/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "opdef.h"

static lbk_status infer(struct lbk_infer *i)
{
    i->out = (lbk_shape){ 0 };
    if (!lbk__want_type(i, 0, "a", LBK_F32) || !lbk__want_type(i, 1, "b", LBK_I32) ||
        !lbk__want_shape(i, 1, "b", i->out, NULL))
        return LBK_EINVAL;
    if (!lbk_shape_count(i->in[0]))
        return lbk_graph_fail(i->g, LBK_EINVAL, "kth: a is %s, expected at least one element",
                              SHAPE(i->in[0]));
    i->out_t = LBK_F32;
    return LBK_OK;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static lbk_status ref(const struct lbk_ref *r)
{
    const int64_t n = lbk_shape_count(r->in_shape[0]), k = *(const int32_t *) r->in[1];
    double *v = malloc((size_t) n * sizeof *v);
    if (!v)
        return LBK_ENOMEM;
    for (int64_t i = 0; i < n; i++)
        v[i] = load(r, 0, i);
    qsort(v, (size_t) n, sizeof *v, ascending);
    put(r, 0, v[k < 0 ? 0 : min64(k, n - 1)]);
    free(v);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7,:3..3", "", 0, 0, 0 },       { "2x5x3,:100..100", "", 0, 0, 0 },
    { "10x10,:20..20", "", 0, 0, 0 }, { "9,:8..8", "", 0, 0, 0 },
    { "1,:1", "", 0, 0, 0 },          { "33x16,:475..475", "", 0, 0, 0 },
    { "12x5,:-4..-4", "", 0, 0, 0 },  { "3x30000,:60000..60000", "", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_kth = {
    OP_HEAD(kth,
            "of all elements of a the one number b (I32, from 0) in rising order, the nearest "
            "there is; no gradient",
            2, 2),
    .flags = LBK_OP_NONDIFF,
    .infer = infer,
    .ref = ref,
    .cases = cases,
};

lbk_val *lbk_kth(lbk_graph *g, lbk_val *a, lbk_val *b, struct lbk_none p)
{
    lbk_val *in[] = { a, b };
    return lbk_apply(g, &lbk_op_kth, 2, in, NULL);
}
