/* SPDX-License-Identifier: MIT */
/* Metres for every pixel. Learns from the absolute error, or its logarithm (Hu et al., "Revisiting
 * single image depth estimation", 2019, equation 3, without its gradients and normals). Pixels
 * whose truth is not positive do not count. */
#include <math.h>
#include <limbeck/plugin.h>

struct depth {
    int loss;
    double alpha;
};
enum { L1, LOG };
static const char *const losses[] = { [L1] = "l1", [LOG] = "log", NULL };
static const struct lbk_opt opts[] = {
    LBK_ENUM(depth, loss, "l1", losses, "absolute error e, or log(e + alpha)"),
    LBK_FLOAT(depth, alpha, 0.5, 1e-6, 100, "of the loss 'log'"),
    LBK_OPTS_END,
};

static lbk_val *full_size(lbk_pass *p)
{
    lbk_val *y = lbk_pass_out(p);
    const lbk_shape image = lbk_shape_of(lbk_pass_field(p, "image")), s = lbk_shape_of(y);
    if (s.n != 4 || (s.d[2] == image.d[2] && s.d[3] == image.d[3]))
        return y;
    return lbk_resize(lbk_pass_graph(p), y,
                      (struct lbk_resize){ image.d[2], image.d[3], LBK_CORNERS });
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    const struct depth *c = cfg;
    lbk_graph *g = lbk_pass_graph(p);
    if (max < 1)
        return 1;
    lbk_val *truth = lbk_pass_field(p, "depth"), *e = lbk_abs(g, lbk_sub(g, full_size(p), truth));
    if (c->loss == LOG)
        e = lbk_log(g, lbk_add(g, e, lbk_scalar(g, c->alpha)));
    out[0] =
        (struct lbk_term){ .name = "main", .coef = 1, .loss = e, .weight = lbk_positive(g, truth) };
    return 1;
}

static void predict(lbk_pass *p, const void *cfg) { lbk_pass_read(p, "metres", full_size(p)); }

static lbk_status draw(lbk_record *r, const void *cfg)
{
    lbk_draw_map(r, "metres", "turbo");
    return LBK_OK;
}

enum { RMSE, REL, LOG10, MAE, DELTA1, DELTA2, DELTA3, SCORES };
struct total {
    int64_t n;
    double sum[SCORES];
};

/* Of one pixel. Logarithms and ratios take an answer below 1 mm as 1 mm. */
static void measure(double p, double g, double s[SCORES])
{
    const double e = fabs(p - g), q = p < 1e-3 ? 1e-3 : p, ratio = q > g ? q / g : g / q;
    s[RMSE] += e * e;
    s[REL] += e / g;
    s[LOG10] += fabs(log10(q) - log10(g));
    s[MAE] += e;
    for (int i = 0; i < 3; i++)
        s[DELTA1 + i] += ratio <= pow(1.25, i + 1);
}

/* Each image counts alike, whatever it has of pixels with a truth. */
static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct total *t = state;
    struct lbk_array answer, truth;
    double s[SCORES] = { 0 };
    int64_t n = 0;
    lbk_status st = lbk_record_get(r, "metres", LBK_F32, &answer);
    if (!st)
        st = lbk_record_get(r, "depth", LBK_F32, &truth);
    if (!st && lbk_shape_count(answer.shape) != lbk_shape_count(truth.shape))
        st = lbk_fail(ctx, LBK_EINVAL, "depth: sample %llu: answer and truth differ in size",
                      (unsigned long long) lbk_record_id(r));
    if (st)
        return st;
    const float *p = answer.data, *g = truth.data;
    for (int64_t i = 0; i < lbk_shape_count(truth.shape); i++)
        if (g[i] > 0)
            measure(p[i], g[i], s), n++;
    for (int k = 0; n && k < SCORES; k++)
        t->sum[k] += k == RMSE ? sqrt(s[k] / (double) n) : s[k] / (double) n;
    t->n += n > 0;
    return LBK_OK;
}

static lbk_status end(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out)
{
    static const char *const names[] = {
        "rmse", "rel", "log10", "mae", "delta1", "delta2", "delta3"
    };
    const struct total *t = state;
    if (!out)
        return LBK_OK;
    if (t->n == 0)
        return lbk_fail(ctx, LBK_EINVAL, "depth: expected pixels with a truth, found none");
    for (int k = 0; k < SCORES; k++)
        lbk_scores_put(out, names[k], k < DELTA1 ? LBK_LOWER : LBK_HIGHER,
                       t->sum[k] / (double) t->n);
    return LBK_OK;
}

lbk_status lbk_models_depth(lbk_registrar *r);
lbk_status lbk_models_depth(lbk_registrar *r)
{
    static const struct lbk_field fields[] = { { "depth", LBK_MAP, LBK_F32, 0, 0 }, { NULL } };
    static const char *const metrics[] = { "depth", NULL };
    lbk_register_metric(
        r, LBK_DESC(lbk_metric, .name = "depth",
                    .doc = "errors in metres, relative and logarithmic, and shares within 1.25^k; "
                           "means over images",
                    .state_size = sizeof(struct total), .add = add, .end = end));
    return lbk_register_task(
        r, LBK_DESC(lbk_task, .name = "depth", .opts = opts, .doc = "metres for every pixel",
                    .cfg_size = sizeof(struct depth), .fields = fields, .metrics = metrics,
                    .terms = terms, .predict = predict, .draw = draw));
}
