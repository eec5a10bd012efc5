/* SPDX-License-Identifier: MIT */
#include "error.h"

const char *const depth_losses[] = { [DEPTH_HU3] = "hu3", [DEPTH_L1] = "l1", NULL };

lbk_val *depth_fit(lbk_graph *g, lbk_val *map, const lbk_val *like)
{
    const lbk_shape s = lbk_shape_of(map), want = lbk_shape_of(like);
    if (s.n != 4 || want.n != 4 || (s.d[2] == want.d[2] && s.d[3] == want.d[3]))
        return map;
    return lbk_resize(g, map, (struct lbk_resize){ want.d[2], want.d[3], LBK_CORNERS });
}

static lbk_val *robust(lbk_graph *g, lbk_val *e, double alpha)
{
    return lbk_log(g, lbk_add(g, lbk_abs(g, e), lbk_scalar(g, alpha)));
}

/* Across and down: N x 2 x H x W. */
static lbk_val *slopes(lbk_graph *g, lbk_val *x)
{
    static const float sobel[18] = { 1, 0, -1, 2, 0, -2, 1, 0, -1, 1, 2, 1, 0, 0, 0, -1, -2, -1 };
    return lbk_conv2d(g, x, lbk_const(g, LBK_F32, LBK_SHAPE(2, 1, 3, 3), sobel),
                      (struct lbk_conv2d){ .pad = 1 });
}

static lbk_val *both(lbk_graph *g, lbk_val *v)
{
    return lbk_sum(g, v, (struct lbk_reduce){ 1u << 1, true });
}

static lbk_val *squared_length(lbk_graph *g, lbk_val *slope)
{
    return lbk_add(g, both(g, lbk_square(g, slope)), lbk_scalar(g, 1));
}

static lbk_val *between_normals(lbk_graph *g, lbk_val *a, lbk_val *b)
{
    lbk_val *one = lbk_scalar(g, 1), *dot = lbk_add(g, both(g, lbk_mul(g, a, b)), one);
    lbk_val *lengths = lbk_sqrt(g, lbk_mul(g, squared_length(g, a), squared_length(g, b)));
    return lbk_abs(g, lbk_sub(g, one, lbk_div(g, dot, lengths)));
}

static lbk_val *eroded(lbk_graph *g, lbk_val *m)
{
    lbk_val *one = lbk_scalar(g, 1);
    return lbk_sub(g, one,
                   lbk_max_pool(g, lbk_sub(g, one, m), (struct lbk_pool){ 3, 1, 1, false }));
}

static bool is_map(lbk_graph *g, const lbk_val *v)
{
    const lbk_shape s = lbk_shape_of(v);
    if (v && (s.n != 4 || s.d[1] != 1))
        lbk_graph_fail(g, LBK_EINVAL, "depth: expected a map N x 1 x H x W, found %d axes%s", s.n,
                       s.n == 4 ? " with more than one channel" : "");
    return v && !lbk_graph_status(g);
}

int depth_error(lbk_graph *g, lbk_val *a, lbk_val *b, lbk_val *valid, const struct depth_error *c,
                struct lbk_term out[DEPTH_TERMS])
{
    if (!is_map(g, a) || !is_map(g, b))
        return 0;
    lbk_val *m = valid ? lbk_positive(g, lbk_stop_grad(g, valid)) : NULL;
    a = depth_fit(g, a, b), b = lbk_stop_grad(g, b);
    lbk_val *e = lbk_sub(g, a, b);
    if (c->loss == DEPTH_L1) {
        out[0] = (struct lbk_term){ "l1", 1, lbk_abs(g, e), m, NULL };
        return 1;
    }
    lbk_val *m3 = m ? eroded(g, m) : NULL, *sa = slopes(g, a), *sb = slopes(g, b);
    lbk_val *steep = both(g, robust(g, lbk_sub(g, sa, sb), c->alpha));
    out[0] = (struct lbk_term){ "log", c->w_log, robust(g, e, c->alpha), m, NULL };
    out[1] = (struct lbk_term){ "gradient", c->w_grad, steep, m3, NULL };
    out[2] = (struct lbk_term){ "normal", c->w_normal, between_normals(g, sa, sb), m3, NULL };
    return DEPTH_TERMS;
}

/* ---- losses ---- */

static lbk_val *error(lbk_scope *s, lbk_val *const in[], struct depth_error c)
{
    struct lbk_term t[DEPTH_TERMS];
    lbk_graph *g = lbk_scope_graph(s);
    return lbk_terms_reduce(g, depth_error(g, in[0], in[1], in[2], &c, t), t);
}

static lbk_val *log_alone(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct depth_error *c = cfg;
    return error(s, in, (struct depth_error){ .alpha = c->alpha, .w_log = 1 });
}

static lbk_val *gradient_alone(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct depth_error *c = cfg;
    return error(s, in, (struct depth_error){ .alpha = c->alpha, .w_grad = 1 });
}

static lbk_val *normal_alone(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    return error(s, in, (struct depth_error){ .w_normal = 1 });
}

static lbk_val *hu3(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    return error(s, in, *(const struct depth_error *) cfg);
}

static lbk_val *l1(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    return error(s, in, (struct depth_error){ .loss = DEPTH_L1 });
}

static const struct lbk_opt alpha_opts[] = { DEPTH_ALPHA, LBK_OPTS_END };
static const struct lbk_opt hu3_opts[] = { DEPTH_ALPHA, DEPTH_WEIGHTS, LBK_OPTS_END };

lbk_status depth_register_losses(lbk_registrar *r)
{
    static const char *const in[] = { "student", "target", "mask?", NULL };
    static const char *const shapes[] = { "N x 1 x h x w", "N x 1 x H x W", "N x 1 x H x W", NULL };
    const struct {
        const char *name, *doc;
        const struct lbk_opt *opts;
        lbk_val *(*build)(lbk_scope *s, lbk_val *const in[], const void *cfg);
    } row[] = {
        { "depth.log", "logarithm of the error in metres", alpha_opts, log_alone },
        { "depth.gradient", "logarithm of the error of slopes, across and down added", alpha_opts,
          gradient_alone },
        { "depth.normal", "1 - cosine between surface normals", NULL, normal_alone },
        { "depth.hu3", "sum of log, gradient and normal with weights", hu3_opts, hu3 },
        { "depth.l1", "error in metres", NULL, l1 },
    };
    lbk_status st = LBK_OK;
    for (int i = 0; i < 5; i++)
        st = lbk_register_loss(r, LBK_DESC(lbk_loss, .name = row[i].name, .doc = row[i].doc,
                                           .inputs = in, .shapes = shapes, .opts = row[i].opts,
                                           .cfg_size = row[i].opts ? sizeof(struct depth_error) : 0,
                                           .build = row[i].build));
    return st;
}
