/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "opdef.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_rank, k, 0, 0, 9e15, "which, from 0; 0 = by part"),
    LBK_FLOAT(lbk_rank, part, 0, 0, 1, "which, as a part of all"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    if (!lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    if (!lbk_shape_count(i->in[0]))
        return lbk_graph_fail(i->g, LBK_EINVAL, "kth: x is %s, expected at least one element",
                              SHAPE(i->in[0]));
    i->out = (lbk_shape) { 0 };
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
    const struct lbk_rank *p = r->params;
    const int64_t n = lbk_shape_count(r->in_shape[0]);
    double *v = malloc((size_t) n * sizeof *v);
    if (!v)
        return LBK_ENOMEM;
    for (int64_t k = 0; k < n; k++)
        v[k] = load(r, 0, k);
    qsort(v, (size_t) n, sizeof *v, ascending);
    put(r, 0, v[min64(p->k ? p->k : (int64_t) (p->part * (double) n), n - 1)]);
    free(v);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "7", "k=3", 0, 0, 0 },    { "2x5x3", "k=100", 0, 0, 0 }, { "10x10", "part=0.2", 0, 0, 0 },
    { "9", "part=1", 0, 0, 0 }, { "1", "", 0, 0, 0 },          { "33x16", "part=0.9", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_kth = {
    OP_HEAD(kth, "k-th smallest of all elements, no gradient", 1, 1),
    OP_PARAMS(lbk_rank),
    .flags = LBK_OP_NONDIFF,
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
BUILD1(kth, lbk_rank)
