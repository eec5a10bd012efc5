/* SPDX-License-Identifier: MIT */
#include "opdef.h"

static const struct lbk_opt params[] = { P_DIMS(lbk_dims), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_dims *p = i->params;
    unsigned seen = 0;
    i->out.n = i->in[0].n;
    for (int k = 0; k < p->n && k < i->in[0].n; k++) {
        if (p->d[k] < 0 || p->d[k] >= i->in[0].n)
            break;
        seen |= 1u << p->d[k];
        i->out.d[k] = i->in[0].d[p->d[k]];
    }
    if (p->n != i->in[0].n || seen != (1u << p->n) - 1)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "transpose: %lld axes, expected a permutation of the %d of %s",
                              (long long) p->n, i->in[0].n, SHAPE(i->in[0]));
    i->out_t = i->in_t[0];
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_dims *p = lbk_node_params(n);
    struct lbk_dims back = { .n = p->n };
    for (int k = 0; k < p->n; k++)
        back.d[p->d[k]] = k;
    gx[0] = lbk_transpose(g, gy, back);
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_dims *p = r->params;
    int64_t c[LBK_MAX_DIMS], from[LBK_MAX_DIMS];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        coords(r->out_shape, k, c);
        for (int i = 0; i < p->n; i++)
            from[p->d[i]] = c[i];
        put(r, k, load(r, 0, position(r->in_shape[0], from)));
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "3x5", "n=2,d0=1,d1=0", 0, 0, 0 },
    { "2x3x5x4", "n=4,d0=0,d1=2,d2=3,d3=1", 0, 0, 0 },
    { "7", "n=1,d0=0", 0, 0, 0 },
    { "2x3x4:9", "n=3,d0=2,d1=0,d2=1", 0, 0, 0 },
    { "", "n=0", 0, 0, 0 },
    { "16x32", "n=2,d0=1,d1=0", 0, 0, 0 },
    { "2x35x3x41", "n=4,d0=0,d1=3,d2=2,d3=1", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_transpose = {
    OP_HEAD(transpose, "permuted axes", 1, 1),
    OP_PARAMS(lbk_dims),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(transpose, lbk_dims)
