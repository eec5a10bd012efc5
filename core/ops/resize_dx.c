/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "window.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_resize_to, h, 1, 1, 1e6, "rows of what was resized"),
    LBK_INT(lbk_resize_to, w, 1, 1, 1e6, "columns of what was resized"),
    P_ENUM(lbk_resize_to, filter, "bilinear", filter_names, "how"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_resize_to *p = i->params;
    if (!lbk__want_rank(i, 0, "x", 4) || !lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    if (p->h < 1 || p->w < 1 || i->in[0].d[2] < 1 || i->in[0].d[3] < 1)
        return lbk_graph_fail(
            i->g, LBK_EINVAL,
            "resize_dx: x is %s, from %lldx%lld, expected at least one row and column",
            SHAPE(i->in[0]), (long long) p->h, (long long) p->w);
    i->out = i->in[0];
    i->out.d[2] = p->h;
    i->out.d[3] = p->w;
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_resize_to *p = lbk_node_params(n);
    const lbk_shape s = lbk_shape_of(lbk_node_in(n, 0));
    gx[0] = lbk_resize(g, gy, (struct lbk_resize) { s.d[2], s.d[3], p->filter });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_resize_to *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3],
                  m = lbk_shape_count(r->out_shape);
    double *sum = calloc((size_t) m + 1, sizeof *sum);
    if (!sum)
        return LBK_ENOMEM;
    for (int64_t k = 0, n = lbk_shape_count(r->in_shape[0]); k < n; k++) {
        const struct blend y = blend_of(k / w % h, h, p->h, p->filter),
                           x = blend_of(k % w, w, p->w, p->filter);
        double *plane = sum + k / w / h * p->h * p->w;
        const double v = load(r, 0, k);
        plane[y.a * p->w + x.a] += v * (1 - y.t) * (1 - x.t);
        plane[y.a * p->w + x.b] += v * (1 - y.t) * x.t;
        plane[y.b * p->w + x.a] += v * y.t * (1 - x.t);
        plane[y.b * p->w + x.b] += v * y.t * x.t;
    }
    for (int64_t k = 0; k < m; k++)
        put(r, k, sum[k]);
    free(sum);
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x10x14", "h=5,w=7", 1e-5, 0, 0 },
    { "2x3x13x4", "h=5,w=7", 1e-5, 0, 0 },
    { "1x16x9x9", "h=4,w=4,filter=corners", 1e-5, 0, 0 },
    { "2x5x3x11", "h=7,w=6,filter=corners", 1e-5, 0, 0 },
    { "2x3x10x3", "h=5,w=7,filter=nearest", 1e-6, 0, 0 },
    { "1x33x7x8", "h=3,w=3,filter=nearest", 1e-6, 0, 0 },
    { "1x1x3x2", "h=1,w=1", 1e-6, 0, 0 },
    { "1x2x1x1", "h=5,w=4,filter=corners", 1e-6, 0, 0 },
    { "1x2x1x1", "h=9,w=9", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_resize_dx = {
    OP_HEAD(resize_dx, "adjoint of resize", 1, 1),
    OP_PARAMS(lbk_resize_to),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(resize_dx, lbk_resize_to)
