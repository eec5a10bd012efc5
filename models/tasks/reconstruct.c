/* SPDX-License-Identifier: MIT */
/* The image itself as the answer: mean squared error. Needs no labels. */
#include <limbeck/plugin.h>

static lbk_val *squares(lbk_pass *p)
{
    lbk_graph *g = lbk_pass_graph(p);
    return lbk_square(g, lbk_sub(g, lbk_pass_out(p), lbk_pass_field(p, "image")));
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    if (max > 0)
        out[0] = (struct lbk_term){ .name = "main", .coef = 1, .loss = squares(p) };
    return 1;
}

static void predict(lbk_pass *p, const void *cfg)
{
    lbk_pass_read(p, "reconstruction", lbk_pass_out(p));
    lbk_pass_read(p, "mse",
                  lbk_mean(lbk_pass_graph(p), squares(p), (struct lbk_reduce){ ~1u, false }));
}

struct total {
    int64_t n;
    double sum;
};

static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct total *t = state;
    struct lbk_array mse;
    const lbk_status st = lbk_record_get(r, "mse", LBK_F32, &mse);
    if (st)
        return st;
    t->sum += *(const float *) mse.data;
    t->n++;
    return LBK_OK;
}

static lbk_status end(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out)
{
    const struct total *t = state;
    if (!out)
        return LBK_OK;
    if (t->n == 0)
        return lbk_fail(ctx, LBK_EINVAL, "mse: expected samples, found none");
    lbk_scores_put(out, "mse", LBK_LOWER, t->sum / (double) t->n);
    return LBK_OK;
}

lbk_status lbk_models_reconstruct(lbk_registrar *r);
lbk_status lbk_models_reconstruct(lbk_registrar *r)
{
    static const char *const metrics[] = { "mse", NULL };
    lbk_register_metric(r, LBK_DESC(lbk_metric, .name = "mse",
                                    .doc = "mean squared error of the reconstructed image",
                                    .state_size = sizeof(struct total), .add = add, .end = end));
    return lbk_register_task(r, LBK_DESC(lbk_task, .name = "reconstruct", .doc = "the image itself",
                                         .metrics = metrics, .terms = terms, .predict = predict));
}
