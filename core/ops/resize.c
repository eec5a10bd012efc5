/* SPDX-License-Identifier: MIT */
#include "window.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_resize, h, 1, 1, 1e6, "rows of the result"),
    LBK_INT(lbk_resize, w, 1, 1, 1e6, "columns of the result"),
    P_ENUM(lbk_resize, filter, "bilinear", filter_names, "how"),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_resize *p = i->params;
    if (!lbk__want_rank(i, 0, "x", 4) || !lbk__want_type(i, 0, "x", LBK_F32))
        return LBK_EINVAL;
    if (p->h < 1 || p->w < 1 || i->in[0].d[2] < 1 || i->in[0].d[3] < 1)
        return lbk_graph_fail(i->g, LBK_EINVAL,
                              "resize: x is %s, to %lldx%lld, expected at least one row and column",
                              SHAPE(i->in[0]), (long long) p->h, (long long) p->w);
    i->out = i->in[0];
    i->out.d[2] = p->h;
    i->out.d[3] = p->w;
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status grad(lbk_graph *g, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    const struct lbk_resize *p = lbk_node_params(n);
    const lbk_shape s = lbk_shape_of(lbk_node_in(n, 0));
    gx[0] = lbk_resize_dx(g, gy, (struct lbk_resize_to) { s.d[2], s.d[3], p->filter });
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_resize *p = r->params;
    const int64_t h = r->in_shape[0].d[2], w = r->in_shape[0].d[3];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++) {
        const struct blend y = blend_of(k / p->w % p->h, p->h, h, p->filter),
                           x = blend_of(k % p->w, p->w, w, p->filter);
        const int64_t plane = k / p->w / p->h * h;
        const double top = load(r, 0, (plane + y.a) * w + x.a) * (1 - x.t) +
                           load(r, 0, (plane + y.a) * w + x.b) * x.t;
        const double low = load(r, 0, (plane + y.b) * w + x.a) * (1 - x.t) +
                           load(r, 0, (plane + y.b) * w + x.b) * x.t;
        put(r, k, top * (1 - y.t) + low * y.t);
    }
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { "2x3x5x7", "h=10,w=14", 1e-5, 0, 0 },
    { "2x3x5x7", "h=13,w=4", 1e-5, 0, 0 },
    { "1x16x4x4", "h=9,w=9,filter=corners", 1e-5, 0, 0 },
    { "2x5x7x6", "h=3,w=11,filter=corners", 1e-5, 0, 0 },
    { "2x3x5x7", "h=10,w=3,filter=nearest", 0, 0, 0 },
    { "1x33x3x3", "h=7,w=8,filter=nearest", 0, 0, 0 },
    { "1x1x1x1", "h=3,w=2", 1e-6, 0, 0 },
    { "1x2x5x4", "h=1,w=1,filter=corners", 1e-6, 0, 0 },
    { "2x16x6x5", "h=6,w=5", 1e-6, 0, 0 },
    { "1x2x9x9", "h=1,w=1", 1e-6, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_resize = {
    OP_HEAD(
        resize,
        "2-D resampling: nearest, bilinear at half-pixel centres, bilinear with aligned corners", 1,
        1),
    OP_PARAMS(lbk_resize),
    .infer = infer,
    .grad = grad,
    .ref = ref,
    .cases = cases,
};
BUILD1(resize, lbk_resize)
