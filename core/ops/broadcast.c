/* SPDX-License-Identifier: MIT */
#include "reduce.h"

static const struct lbk_opt params[] = { P_DIMS(lbk_dims), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_dims *p = i->params;
    lbk_shape both, to = { .n = (int) p->n };
    for (int k = 0; k < to.n; k++)
        to.d[k] = p->d[k];
    if (!lbk__broadcast(i->in[0], to, &both) || !lbk__same_shape(both, to))
        return lbk_graph_fail(i->g, LBK_EINVAL, "broadcast: x is %s, which does not stretch to %s",
                              SHAPE(i->in[0]), SHAPE(to));
    i->out = to;
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    gx[0] = lbk__fit(g, gy, lbk_shape_of(lbk_node_in(n, 0)));
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    int64_t c[LBK_MAX_DIMS];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        coords(r->out_shape, k, c);
        put(r, k, load(r, 0, stretched(r->in_shape[0], r->out_shape, c)));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "", "n=2,d0=3,d1=4", 0, 0, 0 },
    { "5x1", "n=2,d0=5,d1=7", 0, 0, 0 },
    { "1x3x1x1", "n=4,d0=2,d1=3,d2=5,d3=4", 0, 0, 0 },
    { "7", "n=2,d0=1,d1=7", 0, 0, 0 },
    { "4:9", "n=2,d0=3,d1=4", 0, 0, 0 },
    { "1x16", "n=2,d0=0,d1=16", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_broadcast = {
    OP_HEAD(broadcast, "repeated to a larger shape by the rules of broadcasting", 1, 1),
    OP_PARAMS(lbk_dims),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(broadcast, lbk_dims)
