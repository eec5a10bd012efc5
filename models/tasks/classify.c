/* SPDX-License-Identifier: MIT */
/* One class per image: cross-entropy to learn from, top-1 and top-5 accuracy to judge by. */
#include <limbeck/plugin.h>

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    lbk_graph *g = lbk_pass_graph(p);
    const struct lbk_field *spec = lbk_pass_spec(p, "label");
    lbk_val *label = lbk_pass_field(p, "label");
    if (max < 1)
        return 1;
    out[0] = (struct lbk_term){ .name = "main", .coef = 1 };
    out[0].loss =
        lbk_cross_entropy(g, lbk_pass_out(p), label, (struct lbk_labels){ 1, spec->ignore });
    if (spec->ignore > 0) {
        lbk_val *y = lbk_cast(g, label, (struct lbk_cast){ LBK_F32 });
        out[0].weight =
            lbk_sub(g, lbk_scalar(g, 1), lbk_eq(g, y, lbk_scalar(g, (double) spec->ignore)));
    }
    return 1;
}

static void predict(lbk_pass *p, const void *cfg)
{
    lbk_val *out = lbk_pass_out(p);
    lbk_pass_read(p, "logits", out);
    lbk_pass_read(p, "class", lbk_argmax(lbk_pass_graph(p), out, (struct lbk_axis){ 1 }));
}

static lbk_status draw(lbk_record *r, const void *cfg)
{
    lbk_draw_scores(r, "logits");
    return LBK_OK;
}

struct counts {
    int64_t n, top1, top5;
};

/* How many classes are ranked before class y; ties in order of the classes, NaN before all. */
static int64_t rank_of(const float *z, int64_t classes, int64_t y)
{
    int64_t before = 0;
    for (int64_t k = 0; k < classes; k++)
        before += k != y && (!(z[k] <= z[y]) || (z[k] == z[y] && k < y));
    return before;
}

static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct counts *c = state;
    struct lbk_array z, label;
    const struct lbk_field *spec = lbk_record_field(r, "label");
    lbk_status st = lbk_record_get(r, "logits", LBK_F32, &z);
    if (!st)
        st = lbk_record_get(r, "label", LBK_I32, &label);
    if (st)
        return st;
    const int64_t classes = lbk_shape_count(z.shape), y = *(const int32_t *) label.data;
    if (spec && spec->ignore > 0 && y == spec->ignore)
        return LBK_OK;
    if (y < 0 || y >= classes)
        return lbk_fail(
            ctx, LBK_EINVAL, "accuracy: sample %llu: expected a label in 0..%lld, found %lld",
            (unsigned long long) lbk_record_id(r), (long long) classes - 1, (long long) y);
    const int64_t before = rank_of(z.data, classes, y);
    c->n++;
    c->top1 += before < 1;
    c->top5 += before < 5;
    return LBK_OK;
}

static lbk_status end(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out)
{
    const struct counts *c = state;
    if (!out)
        return LBK_OK;
    if (c->n == 0)
        return lbk_fail(ctx, LBK_EINVAL, "accuracy: expected samples with a label, found none");
    lbk_scores_put(out, "accuracy", LBK_HIGHER, (double) c->top1 / (double) c->n);
    lbk_scores_put(out, "top5", LBK_HIGHER, (double) c->top5 / (double) c->n);
    return LBK_OK;
}

lbk_status lbk_models_classify(lbk_registrar *r);
lbk_status lbk_models_classify(lbk_registrar *r)
{
    static const struct lbk_field fields[] = { { "label", LBK_CLASS, LBK_I32, 0, -1 }, { NULL } };
    static const char *const metrics[] = { "accuracy", NULL };
    lbk_register_metric(r,
                        LBK_DESC(lbk_metric, .name = "accuracy",
                                 .doc = "share of samples whose class is the first, in the first 5",
                                 .state_size = sizeof(struct counts), .add = add, .end = end));
    return lbk_register_task(r, LBK_DESC(lbk_task, .name = "classify", .doc = "one class per image",
                                         .fields = fields, .metrics = metrics, .terms = terms,
                                         .predict = predict, .draw = draw));
}
