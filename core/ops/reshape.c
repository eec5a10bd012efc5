/* SPDX-License-Identifier: MIT */
#include "reduce.h"

static const struct lbk_opt params[] = { P_DIMS(lbk_dims), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_dims *p = i->params;
    const int64_t count = lbk_shape_count(i->in[0]);
    int64_t known = 1;
    int free_axis = -1;
    i->out.n = (int) p->n;
    for (int k = 0; k < p->n; k++) {
        if (p->d[k] < -1 || (p->d[k] == -1 && free_axis >= 0))
            return lbk_graph_fail(i->g, LBK_EINVAL,
                                  "reshape: axis %d is %lld, expected an extent, or one -1", k,
                                  (long long) p->d[k]);
        i->out.d[k] = p->d[k];
        if (p->d[k] == -1)
            free_axis = k;
        else if (p->d[k] && known > INT64_MAX / p->d[k])
            return lbk_graph_fail(i->g, LBK_EINVAL, "reshape: the result is too large");
        else
            known *= p->d[k];
    }
    if (free_axis >= 0)
        i->out.d[free_axis] = known ? count / known : 0;
    if (lbk_shape_count(i->out) != count)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "reshape: x is %s, expected the same number of elements as %s",
                              SHAPE(i->in[0]), SHAPE(i->out));
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk_reshape(g, gy, dims_of(lbk_shape_of(lbk_node_in(n, 0))));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++)
        put(r, k, load(r, 0, k));
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "12", "n=2,d0=3,d1=4", 0, 0, 0 },
    { "2x3x5", "n=2,d0=2,d1=-1", 0, 0, 0 },
    { "1", "n=0", 0, 0, 0 },
    { "2x16x3x3", "n=2,d0=2,d1=144", 0, 0, 0 },
    { "4x3:7", "n=1,d0=-1", 0, 0, 0 },
    { "0x3", "n=1,d0=0", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_reshape = {
    OP_HEAD(reshape, "same elements, other shape; one -1 is worked out", 1, 1),
    OP_PARAMS(lbk_dims),
    .flags = LBK_OP_VIEW,
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(reshape, lbk_dims)
