/* SPDX-License-Identifier: MIT */
/* The losses that every method may use. Teachers and targets get no gradient. */
#include "opdef.h"
#include "registry.h"

static const char *const reductions[] = { "batchmean", "mean", "sum", NULL };
static const char *const kl_reductions[] = { "batchmean", "mean", "sum", "pixelmean", NULL };
enum { BATCHMEAN, MEAN, SUM, PIXELMEAN };

static lbk_val *reduced(lbk_graph *g, lbk_val *v, int how)
{
    const lbk_shape s = lbk_shape_of(v);
    lbk_val *sum = how == MEAN ? lbk_mean(g, v, LBK_ALL) : lbk_sum(g, v, LBK_ALL);
    if (how == BATCHMEAN)
        return lbk_div(g, sum, lbk_scalar(g, (double) s.d[0]));
    if (how == PIXELMEAN)
        return lbk_div(g, sum, lbk_scalar(g, (double) (lbk_shape_count(s) / s.d[1])));
    return sum;
}

/* ---- kl: T^2 * KL(softmax(t / Tt) || softmax(s / T)) over axis 1 ---- */

struct kl {
    double temperature, teacher_temperature;
    int reduction;
    bool factor;
};
static const struct lbk_opt kl_opts[] = {
    LBK_FLOAT(kl, temperature, 1, 0.01, 1000, "divides the logits of both before the softmax"),
    LBK_FLOAT(kl, teacher_temperature, 0, 0, 1000,
              "another one for the teacher's logits; 0 = the same"),
    LBK_ENUM(kl, reduction, "batchmean", kl_reductions,
             "sum over classes and mean over samples, mean over both, sum; pixelmean: sum over "
             "classes, mean over samples and their pixels"),
    LBK_BOOL(kl, factor, true, "times the square of the temperature"),
    LBK_OPTS_END,
};

static lbk_val *cooled(lbk_graph *g, lbk_val *x, double t)
{
    return t == 1 ? x : lbk_mul(g, x, lbk_scalar(g, 1 / t));
}

static lbk_val *kl(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct kl *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    const struct lbk_axis classes = { 1 };
    const double t = c->temperature, tt = c->teacher_temperature > 0 ? c->teacher_temperature : t;
    lbk_val *p = lbk_log_softmax(g, cooled(g, lbk_stop_grad(g, in[1]), tt), classes);
    lbk_val *q = lbk_log_softmax(g, cooled(g, in[0], t), classes);
    lbk_val *v = reduced(g, lbk_mul(g, lbk_exp(g, p), lbk_sub(g, p, q)), c->reduction);
    return c->factor && t != 1 ? lbk_mul(g, v, lbk_scalar(g, t * t)) : v;
}

/* ---- ce: of labels; what is ignored counts neither above nor below ---- */

struct ce {
    int64_t ignore;
    int reduction;
};
static const struct lbk_opt ce_opts[] = {
    LBK_INT(ce, ignore, -1, -1e9, 1e9, "label that does not count"),
    LBK_ENUM(ce, reduction, "mean", reductions,
             "mean over what counts, or sum; batchmean: divided by the samples"),
    LBK_OPTS_END,
};

static lbk_val *ce(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct ce *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *v = lbk_cross_entropy(g, in[0], in[1], (struct lbk_labels){ 1, c->ignore });
    if (c->reduction != MEAN)
        return reduced(g, v, c->reduction);
    lbk_val *y = lbk_cast(g, in[1], (struct lbk_cast){ LBK_F32 });
    lbk_val *skip = lbk_eq(g, y, lbk_scalar(g, (double) c->ignore));
    const struct lbk_term t = { "ce", 1, v, lbk_sub(g, lbk_scalar(g, 1), skip), NULL };
    return lbk_terms_reduce(g, 1, &t);
}

/* ---- mse, l1 ---- */

struct distance {
    struct lbk_feature feature; /* first: its options are some of these */
    int reduction;
};
static const struct lbk_opt distance_opts[] = {
    LBK_ENUM(distance, reduction, "mean", reductions,
             "mean over all elements, sum, or sum divided by the samples"),
    LBK_FEATURE_OPTS("off", "none"),
    LBK_OPTS_END,
};

static lbk_val *difference(lbk_scope *s, lbk_val *const in[], const struct distance *c)
{
    lbk_val *of[2];
    return lbk_feature_pair(s, in, &c->feature, of) ? lbk_sub(lbk_scope_graph(s), of[0], of[1])
                                                    : NULL;
}

static lbk_val *mse(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct distance *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    return reduced(g, lbk_square(g, difference(s, in, c)), c->reduction);
}

static lbk_val *l1(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct distance *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    return reduced(g, lbk_abs(g, difference(s, in, c)), c->reduction);
}

lbk_status lbk__register_losses(lbk_registrar *r)
{
    static const char *const pair[] = { "student", "teacher", NULL }, *const logits[] = { "N x K",
                                                                                          "N x K",
                                                                                          NULL };
    static const char *const labelled[] = { "student", "label", NULL }, *const labels[] = { "N x K",
                                                                                            "N",
                                                                                            NULL };
    static const char *const any[] = { "N x ...", "N x ...", NULL };
    lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "kl",
                                  .doc = "softened outputs against a teacher's", .inputs = pair,
                                  .shapes = logits, .opts = kl_opts, .cfg_size = sizeof(struct kl),
                                  .build = kl));
    lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "ce", .doc = "cross-entropy with labels",
                                  .inputs = labelled, .shapes = labels, .opts = ce_opts,
                                  .cfg_size = sizeof(struct ce), .build = ce));
    lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "mse", .doc = "squared difference",
                                  .inputs = pair, .shapes = any, .opts = distance_opts,
                                  .cfg_size = sizeof(struct distance), .build = mse));
    return lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "l1", .doc = "absolute difference",
                                         .inputs = pair, .shapes = any, .opts = distance_opts,
                                         .cfg_size = sizeof(struct distance), .build = l1));
}
