/* SPDX-License-Identifier: MIT */
#include <limbeck/backend.h>
#include "opdef.h"

static const struct lbk_opt params[] = { P_AXIS(lbk_axis, 0), LBK_OPTS_END };

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_axis *p = i->params;
    if (!lbk__want_axis(i, 0, p->axis))
        return LBK_EINVAL;
    const int at = axis_of(i->in[0], p->axis);
    i->out = i->in[0];
    i->out_t = i->in_t[0];
    for (int k = 1; k < i->n; k++) {
        lbk_shape s = i->in[0];
        s.d[at] = i->in[k].n == s.n ? i->in[k].d[at] : s.d[at];
        if (!lbk__want_type(i, k, "an operand", i->in_t[0]) ||
            !lbk__want_shape(i, k, "an operand", s, "as the first but for the axis"))
            return LBK_EINVAL;
        i->out.d[at] += s.d[at];
    }
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_axis *p = lbk_node_params(n);
    int64_t begin = 0;
    for (int k = 0; k < lbk_node_n(n); k++) {
        const int64_t m = strip_of(lbk_shape_of(lbk_node_in(n, k)), p->axis).n;
        gx[k] = m ? lbk_slice(g, gy, (struct lbk_slice) { p->axis, begin, begin + m }) : NULL;
        begin += m;
    }
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_axis *p = r->params;
    const struct strip t = strip_of(r->out_shape, p->axis);
    int64_t begin = 0;
    for (int j = 0; j < r->n; j++) {
        const struct strip s = strip_of(r->in_shape[j], p->axis);
        for (int64_t k = 0, m = s.outer * s.n * s.inner; k < m; k++)
            put(r, (k / s.inner / s.n * t.n + begin + k / s.inner % s.n) * t.inner + k % s.inner,
                load(r, j, k));
        begin += s.n;
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "3", "axis=0", 0, 0, 0 },
    { "2x3x5,2x4x5", "axis=1", 0, 0, 0 },
    { "2x16x3x3,2x16x3x3,2x5x3x3", "axis=1", 0, 0, 0 },
    { "2x3,1x3,4x3", "axis=-2", 0, 0, 0 },
    { "3:9,2:9", "axis=0", 0, 0, 0 },
    { "2x0,2x3", "axis=1", 0, 0, 0 },
    { "1x24x2x2,1x3x2x2", "axis=1", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_concat = {
    OP_HEAD(concat, "operands one after the other along an axis", 1, LBK_OPERAND_MAX),
    OP_PARAMS(lbk_axis),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};

/* A node has few operands: more are joined in runs of them. */
lbk_val *lbk_concat(lbk_graph *g, int k, lbk_val *const x[], struct lbk_axis p)
{
    lbk_val *run[LBK_OPERAND_MAX];
    if (k <= LBK_OPERAND_MAX)
        return lbk_apply(g, &lbk_op_concat, k, x, &p);
    const int each = (k + LBK_OPERAND_MAX - 1) / LBK_OPERAND_MAX;
    int n = 0;
    for (int i = 0; i < k; i += each)
        run[n++] = lbk_concat(g, i + each < k ? each : k - i, x + i, p);
    return lbk_apply(g, &lbk_op_concat, n, run, &p);
}
