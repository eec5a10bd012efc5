/* SPDX-License-Identifier: MIT */
/* Layers, named and started as PyTorch 1.13 does. */
#include <math.h>
#include "opdef.h"
#include "scope.h"

static const double bn_eps = 1e-5, bn_momentum = 0.1;

/* kaiming_uniform with a = sqrt(5): weight and bias in +-1/sqrt(fan). */
static struct lbk_init spread(double fan)
{
    return (struct lbk_init){ .kind = LBK_INIT_UNIFORM, .a = 1 / sqrt(fan > 0 ? fan : 1) };
}

static lbk_val *with_bias(lbk_scope *s, lbk_val *y, int64_t out, int tail, double fan)
{
    lbk_graph *g = lbk_scope_graph(s);
    struct lbk_dims d = { 1 + tail, { out, 1, 1 } };
    return lbk_add(g, y, lbk_reshape(g, lbk_weight(s, "bias", LBK_SHAPE(out), spread(fan)), d));
}

static bool good_conv(lbk_scope *s, lbk_val *x, struct lbk_conv c, int64_t groups)
{
    const lbk_shape in = lbk_shape_of(x);
    lbk_graph *g = lbk_scope_graph(s);
    if (!s || !x)
        return false;
    if (in.n != 4 || c.out < 1 || c.kernel < 0 || c.groups < 0 || in.d[1] % groups ||
        c.out % groups)
        lbk_graph_fail(g, LBK_EINVAL,
                       "%sconv: x is %s, expected N C H W that fits %lld channels, a kernel of "
                       "%lld and %lld groups",
                       s->path, SHAPE(in), (long long) c.out, (long long) c.kernel,
                       (long long) groups);
    return !lbk_graph_status(g);
}

lbk_val *lbk_nn_conv2d(lbk_scope *s, lbk_val *x, struct lbk_conv c)
{
    const int64_t k = or1(c.kernel), groups = or1(c.groups);
    if (!good_conv(s, x, c, groups))
        return NULL;
    lbk_graph *g = lbk_scope_graph(s);
    const char *before = lbk__scope_enter(g, s->path);
    const int64_t in = lbk_shape_of(x).d[1] / groups;
    const double fan = (double) (in * k * k);
    lbk_val *w = lbk_weight(s, "weight", LBK_SHAPE(c.out, in, k, k), spread(fan));
    lbk_val *y = lbk_conv2d(g, x, w, (struct lbk_conv2d){ c.stride, c.pad, c.dilation, c.groups });
    y = c.bias ? with_bias(s, y, c.out, 2, fan) : y;
    lbk__scope_leave(g, before);
    return y;
}

lbk_val *lbk_nn_conv2d_transpose(lbk_scope *s, lbk_val *x, struct lbk_conv c)
{
    const int64_t k = or1(c.kernel), groups = or1(c.groups);
    if (!good_conv(s, x, c, groups))
        return NULL;
    lbk_graph *g = lbk_scope_graph(s);
    const char *before = lbk__scope_enter(g, s->path);
    const double fan = (double) (c.out / groups * k * k);
    lbk_val *w =
        lbk_weight(s, "weight", LBK_SHAPE(lbk_shape_of(x).d[1], c.out / groups, k, k), spread(fan));
    lbk_val *y = lbk_conv2d_transpose(
        g, x, w, (struct lbk_conv2d_up){ c.stride, c.pad, c.dilation, c.groups, 0 });
    y = c.bias ? with_bias(s, y, c.out, 2, fan) : y;
    lbk__scope_leave(g, before);
    return y;
}

lbk_val *lbk_nn_linear(lbk_scope *s, lbk_val *x, int64_t out, bool bias)
{
    const lbk_shape in = lbk_shape_of(x);
    if (!s || !x)
        return NULL;
    lbk_graph *g = lbk_scope_graph(s);
    if (in.n < 2 || out < 1) {
        lbk_graph_fail(
            g, LBK_EINVAL,
            "%slinear: x is %s and the result of %lld, expected rank 2 or more and 1 or more",
            s->path, SHAPE(in), (long long) out);
        return NULL;
    }
    const char *before = lbk__scope_enter(g, s->path);
    const int64_t n = in.d[in.n - 1];
    lbk_val *w = lbk_weight(s, "weight", LBK_SHAPE(out, n), spread((double) n));
    lbk_val *y = lbk_matmul(g, x, w, (struct lbk_matmul){ false, true });
    y = bias ? with_bias(s, y, out, 0, (double) n) : y;
    lbk__scope_leave(g, before);
    return y;
}

/* A vector of one number per channel, shaped to broadcast along axis 1 of x. */
static lbk_val *along(lbk_graph *g, lbk_val *v, const lbk_val *x)
{
    const lbk_shape s = lbk_shape_of(x);
    struct lbk_dims d = { s.n - 1, { s.d[1] } };
    for (int i = 1; i < d.n; i++)
        d.d[i] = 1;
    return lbk_reshape(g, v, d);
}

static lbk_val *frozen(lbk_graph *g, lbk_val *x, lbk_val *gamma, lbk_val *beta, lbk_val *mean,
                       lbk_val *var)
{
    lbk_val *scale = lbk_div(g, gamma, lbk_sqrt(g, lbk_add(g, var, lbk_scalar(g, bn_eps))));
    lbk_val *shift = lbk_sub(g, beta, lbk_mul(g, mean, scale));
    return lbk_add(g, lbk_mul(g, x, along(g, scale, x)), along(g, shift, x));
}

static lbk_val *row(lbk_graph *g, lbk_val *stats, int64_t i, int64_t channels)
{
    return lbk_reshape(g, lbk_slice(g, stats, (struct lbk_slice){ 0, i, i + 1 }),
                       (struct lbk_dims){ 1, { channels } });
}

static void track(lbk_scope *s, lbk_val *x, lbk_val *mean, lbk_val *var)
{
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape in = lbk_shape_of(x);
    const double n = (double) (lbk_shape_count(in) / in.d[1]);
    lbk_val *stats = lbk_bn_stats(g, x, LBK_NONE);
    lbk__scope_drift(s, mean, row(g, stats, 0, in.d[1]), bn_momentum);
    lbk__scope_drift(s, var,
                     lbk_mul(g, row(g, stats, 1, in.d[1]), lbk_scalar(g, n > 1 ? n / (n - 1) : 1)),
                     bn_momentum);
}

static lbk_val *batch_norm(lbk_scope *s, lbk_val *x)
{
    lbk_graph *g = lbk_scope_graph(s);
    const struct lbk_init zeros = { .kind = LBK_INIT_ZEROS }, ones = { .kind = LBK_INIT_ONES };
    const lbk_shape c = LBK_SHAPE(lbk_shape_of(x).d[1]);
    lbk_val *gamma = lbk_weight(s, "weight", c, ones), *beta = lbk_weight(s, "bias", c, zeros);
    lbk_val *mean = lbk_buffer(s, "running_mean", LBK_F32, c, zeros),
            *var = lbk_buffer(s, "running_var", LBK_F32, c, ones);
    if (s->net->mode == LBK_FROZEN)
        return frozen(g, x, gamma, beta, mean, var);
    if (s->net->mode == LBK_TRAINED)
        track(s, x, mean, var);
    return lbk_batch_norm(g, x, gamma, beta, (struct lbk_bn){ bn_eps });
}

lbk_val *lbk_nn_batch_norm(lbk_scope *s, lbk_val *x)
{
    if (!s || !x)
        return NULL;
    lbk_graph *g = lbk_scope_graph(s);
    if (lbk_shape_of(x).n < 2 || lbk_shape_of(x).d[1] < 1) {
        lbk_graph_fail(g, LBK_EINVAL, "%sbatch_norm: x is %s, expected channels on axis 1", s->path,
                       SHAPE(lbk_shape_of(x)));
        return NULL;
    }
    const char *before = lbk__scope_enter(g, s->path);
    lbk_val *y = batch_norm(s, x);
    lbk__scope_leave(g, before);
    return y;
}

lbk_val *lbk_nn_dropout(lbk_scope *s, lbk_val *x, double p)
{
    if (!s || !x || !lbk_scope_training(s) || p <= 0)
        return x;
    lbk_graph *g = lbk_scope_graph(s);
    if (p >= 1) {
        lbk_graph_fail(g, LBK_EINVAL, "%sdropout: expected a probability below 1, got %g", s->path,
                       p);
        return NULL;
    }
    const char *before = lbk__scope_enter(g, s->path);
    lbk_val *keep = lbk_le(g, lbk_scalar(g, p), lbk_uniform(s, "dropout", lbk_shape_of(x)));
    lbk_val *y = lbk_mul(g, x, lbk_mul(g, keep, lbk_scalar(g, 1 / (1 - p))));
    lbk__scope_leave(g, before);
    return y;
}
