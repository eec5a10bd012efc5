/* SPDX-License-Identifier: MIT */
/* Scores of a map of metres. A pixel counts where its truth is positive. */
#include <math.h>
#include "error.h"

enum { RMSE, REL, LOG10, MAE, DELTA1, DELTA2, DELTA3, SCORES };
struct total {
    int64_t n, pixels, clamped; /* images, pixels of all of them, answers below the least */
    double sum[SCORES], squares;
};
static const double least = 1e-3; /* metres; what logarithms and ratios take for less */

/* Of one pixel. */
static void measure(double p, double g, double s[SCORES], int64_t *clamped)
{
    const double e = fabs(p - g), q = p < least ? least : p, ratio = q > g ? q / g : g / q;
    *clamped += p < least;
    s[RMSE] += e * e;
    s[REL] += e / g;
    s[LOG10] += fabs(log10(q) - log10(g));
    s[MAE] += e;
    for (int i = 0; i < 3; i++)
        s[DELTA1 + i] += ratio <= pow(1.25, i + 1);
}

/* Each image counts alike, whatever it has of pixels with a truth; but for the pooled score. */
static void add_image(struct total *t, const float *p, const float *g, int64_t pixels)
{
    double s[SCORES] = { 0 };
    int64_t n = 0;
    for (int64_t i = 0; i < pixels; i++)
        if (g[i] > 0)
            measure((double) p[i], (double) g[i], s, &t->clamped), n++;
    for (int k = 0; n && k < SCORES; k++)
        t->sum[k] += k == RMSE ? sqrt(s[k] / (double) n) : s[k] / (double) n;
    t->squares += s[RMSE];
    t->pixels += n;
    t->n += n > 0;
}

static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct lbk_array answer, truth;
    lbk_status st = lbk_record_get(r, "metres", LBK_F32, &answer);
    if (!st)
        st = lbk_record_get(r, "depth", LBK_F32, &truth);
    if (!st && lbk_shape_count(answer.shape) != lbk_shape_count(truth.shape))
        st = lbk_fail(ctx, LBK_EINVAL, "depth: sample %llu: answer and truth differ in size",
                      (unsigned long long) lbk_record_id(r));
    if (!st)
        add_image(state, answer.data, truth.data, lbk_shape_count(truth.shape));
    return st;
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
    lbk_scores_put(out, "rmse_pooled", LBK_LOWER, sqrt(t->squares / (double) t->pixels));
    lbk_scores_put(out, "clamped", LBK_LOWER, (double) t->clamped);
    return LBK_OK;
}

lbk_status depth_register_metric(lbk_registrar *r)
{
    return lbk_register_metric(
        r, LBK_DESC(lbk_metric, .name = "depth",
                    .doc = "errors in metres, relative and logarithmic, and shares within 1.25^k: "
                           "means over images; rmse over all pixels; answers below 1 mm",
                    .state_size = sizeof(struct total), .add = add, .end = end));
}
