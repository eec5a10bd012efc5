/* SPDX-License-Identifier: MIT */
#include "conv.h"

static const struct lbk_opt params[] = {
    LBK_BOOL(lbk_matmul, ta, 0, "transpose the last two axes of a first"),
    LBK_BOOL(lbk_matmul, tb, 0, "transpose the last two axes of b first"),
    LBK_OPTS_END,
};

static lbk_shape leading(lbk_shape s) { return s.n -= 2, s; }

static int64_t rows(lbk_shape s, bool t) { return s.d[s.n - (t ? 1 : 2)]; }

static int64_t columns(lbk_shape s, bool t) { return s.d[s.n - (t ? 2 : 1)]; }

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_matmul *p = i->params;
    const lbk_shape a = i->in[0], b = i->in[1];
    if (!lbk__want_type(i, 0, "a", LBK_F32) || !lbk__want_type(i, 1, "b", LBK_F32))
        return LBK_EINVAL;
    if (a.n < 2 || b.n < 2)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "matmul: a is %s and b %s, expected rank 2 at least", SHAPE(a),
                              SHAPE(b));
    if (a.n != 2 && b.n != 2 && !lbk__same_shape(leading(a), leading(b)))
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "matmul: b is %s, expected the leading axes of a of %s, or none",
                              SHAPE(b), SHAPE(a));
    if (columns(a, p->ta) != rows(b, p->tb))
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "matmul: b is %s%s, expected %lld rows for a of %s%s", SHAPE(b),
                              p->tb ? " transposed" : "", (long long) columns(a, p->ta), SHAPE(a),
                              p->ta ? " transposed" : "");
    i->out = a.n > 2 ? a : b;
    i->out.d[i->out.n - 2] = rows(a, p->ta);
    i->out.d[i->out.n - 1] = columns(b, p->tb);
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_matmul *p = lbk_node_params(n);
    lbk_val *a = lbk_node_in(n, 0), *b = lbk_node_in(n, 1);
    lbk_val *da = p->ta ? lbk_matmul(g, b, gy, (struct lbk_matmul) { p->tb, true })
                        : lbk_matmul(g, gy, b, (struct lbk_matmul) { false, !p->tb });
    lbk_val *db = p->tb ? lbk_matmul(g, gy, a, (struct lbk_matmul) { true, p->ta })
                        : lbk_matmul(g, a, gy, (struct lbk_matmul) { !p->ta, false });
    gx[0] = lbk__fit(g, da, lbk_shape_of(a));
    gx[1] = lbk__fit(g, db, lbk_shape_of(b));
    return LBK_OK;
}

static void multiply(const struct lbk_ref *r, const double *a, const double *b)
{
    const struct lbk_matmul *p = r->params;
    const lbk_shape sa = r->in_shape[0], sb = r->in_shape[1];
    const int64_t m = rows(sa, p->ta), depth = columns(sa, p->ta), w = columns(sb, p->tb);
    for (int64_t o = 0, count = lbk_shape_count(r->out_shape); o < count; o++) {
        const int64_t j = o % w, i = o / w % m, at = o / w / m;
        const double *x = a + (sa.n > 2 ? at * m * depth : 0),
                     *y = b + (sb.n > 2 ? at * depth * w : 0);
        double sum = 0;
        for (int64_t k = 0; k < depth; k++)
            sum += x[p->ta ? k * m + i : i * depth + k] * y[p->tb ? j * depth + k : k * w + j];
        put(r, o, sum);
    }
}

static lbk_status ref(const struct lbk_ref *r)
{
    double *own_a, *own_b;
    const double *a = doubles(r, 0, &own_a), *b = doubles(r, 1, &own_b);
    if (a && b)
        multiply(r, a, b);
    free(own_a);
    free(own_b);
    return a && b ? LBK_OK : LBK_ENOMEM;
}

static double flops(const struct lbk_infer *i)
{
    const struct lbk_matmul *p = i->params;
    return 2.0 * (double) lbk_shape_count(i->out) * (double) columns(i->in[0], p->ta);
}

static const struct lbk_case cases[] = {
    { "3x5,5x7", "", 1e-5, 0, 0 },
    { "16x33,24x33", "tb=yes", 1e-5, 0, 0 },
    { "5x3,5x16", "ta=yes", 1e-5, 0, 0 },
    { "5x3,7x5", "ta=yes,tb=yes", 1e-5, 0, 0 },
    { "2x3x4x5,2x3x5x6", "", 1e-5, 0, 0 },
    { "4x3x5,5x2", "", 1e-5, 0, 0 },
    { "3x5,4x5x7", "", 1e-5, 0, 0 },
    { "4x5x3,7x5", "ta=yes,tb=yes", 1e-5, 0, 0 },
    { "1x1,1x1", "", 1e-6, 0, 0 },
    { "32x64,10x64", "tb=yes", 1e-5, 0, 0 },
    { "1x100,100x1", "", 1e-5, 0, 0 },
    { "3x0,0x2", "", 1e-5, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_matmul = {
    OP_HEAD(matmul, "matrix product of the last two axes; leading axes equal, or absent in one", 2,
            2),
    OP_PARAMS(lbk_matmul),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .flops = flops,
    .cases = cases,
};
BUILD2(matmul, lbk_matmul)
