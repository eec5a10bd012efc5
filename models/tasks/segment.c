/* SPDX-License-Identifier: MIT */
/* A class for every pixel: cross-entropy to learn from, on the answer resampled to the image
 * (bilinear, corners aligned), plus that of an auxiliary head where the model has a tap "aux";
 * mean intersection over union to judge by. Pixels whose label is the field's "ignore" do not
 * count, nor those that a transform put around a picture, which have it as well. */
#include <stdlib.h>
#include <limbeck/plugin.h>

enum { MOST_CLASSES = 4096 }; /* of a table of all pairs */

struct segment {
    double aux;
};
static const struct lbk_opt opts[] = {
    LBK_FLOAT(segment, aux, 0.4, 0, 100, "how much the auxiliary head counts"),
    LBK_OPTS_END,
};

static lbk_val *full_size(lbk_pass *p, lbk_val *z)
{
    const lbk_shape image = lbk_shape_of(lbk_pass_field(p, "image")), s = lbk_shape_of(z);
    if (s.n != 4 || (s.d[2] == image.d[2] && s.d[3] == image.d[3]))
        return z;
    return lbk_resize(lbk_pass_graph(p), z,
                      (struct lbk_resize){ image.d[2], image.d[3], LBK_CORNERS });
}

static struct lbk_term entropy(lbk_pass *p, const char *name, double coef, lbk_val *z)
{
    lbk_graph *g = lbk_pass_graph(p);
    lbk_val *label = lbk_pass_field(p, "label");
    const int64_t ignore = lbk_pass_spec(p, "label")->ignore;
    struct lbk_term t = { .name = name, .coef = coef };
    t.loss = lbk_cross_entropy(g, full_size(p, z), label, (struct lbk_labels){ 1, ignore });
    lbk_val *y = lbk_cast(g, label, (struct lbk_cast){ LBK_F32 });
    t.weight = lbk_sub(g, lbk_scalar(g, 1), lbk_eq(g, y, lbk_scalar(g, (double) ignore)));
    return t;
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    const struct segment *c = cfg;
    lbk_val *aux = c->aux > 0 ? lbk_pass_find(p, "aux") : NULL;
    if (max > 0)
        out[0] = entropy(p, "main", 1, lbk_pass_out(p));
    if (max > 1 && aux)
        out[1] = entropy(p, "aux", c->aux, aux);
    return aux ? 2 : 1;
}

static void predict(lbk_pass *p, const void *cfg)
{
    lbk_val *z = full_size(p, lbk_pass_out(p));
    lbk_pass_read(p, "class", lbk_argmax(lbk_pass_graph(p), z, (struct lbk_axis){ 1 }));
}

static lbk_status draw(lbk_record *r, const void *cfg)
{
    lbk_draw_map(r, "class", "classes");
    return LBK_OK;
}

/* Pixels by class: at[label * classes + answer]. */
struct counts {
    int64_t classes, *at;
    const char *const *names; /* of the data set, which outlives it */
};

static lbk_status make_room(lbk_ctx *ctx, struct counts *c, const lbk_record *r)
{
    const struct lbk_field *spec = lbk_record_field(r, "label");
    if (c->at)
        return LBK_OK;
    c->classes = spec ? spec->classes : 0;
    if (c->classes < 1 || c->classes > MOST_CLASSES)
        return lbk_fail(ctx, LBK_EINVAL, "miou: expected labels of 1..%d classes, found %lld",
                        MOST_CLASSES, (long long) c->classes);
    c->names = spec->names;
    c->at = calloc((size_t) (c->classes * c->classes), sizeof *c->at);
    return c->at ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "miou: out of memory");
}

static lbk_status add_pixel(lbk_ctx *ctx, struct counts *c, const lbk_record *r, int64_t z,
                            int64_t y)
{
    const int64_t ignore = lbk_record_field(r, "label")->ignore;
    if (y == ignore)
        return LBK_OK;
    if (y < 0 || y >= c->classes || z < 0 || z >= c->classes)
        return lbk_fail(ctx, LBK_EINVAL,
                        "miou: sample %llu: expected classes in 0..%lld, found label %lld and "
                        "answer %lld",
                        (unsigned long long) lbk_record_id(r), (long long) c->classes - 1,
                        (long long) y, (long long) z);
    c->at[y * c->classes + z]++;
    return LBK_OK;
}

static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct lbk_array z, y;
    lbk_status st = make_room(ctx, state, r);
    if (!st)
        st = lbk_record_get(r, "class", LBK_I32, &z);
    if (!st)
        st = lbk_record_get(r, "label", LBK_I32, &y);
    if (!st && lbk_shape_count(z.shape) != lbk_shape_count(y.shape))
        st = lbk_fail(ctx, LBK_EINVAL, "miou: sample %llu: answer and label differ in size",
                      (unsigned long long) lbk_record_id(r));
    for (int64_t i = 0; !st && i < lbk_shape_count(y.shape); i++)
        st = add_pixel(ctx, state, r, ((const int32_t *) z.data)[i], ((const int32_t *) y.data)[i]);
    return st;
}

/* A class that is nowhere counts as 0, as in the segmentation literature's evaluators. */
static double iou(const struct counts *c, int64_t k)
{
    const int64_t agree = c->at[k * c->classes + k];
    int64_t either = -agree;
    for (int64_t i = 0; i < c->classes; i++)
        either += c->at[k * c->classes + i] + c->at[i * c->classes + k];
    return either ? (double) agree / (double) either : 0;
}

static lbk_status put_scores(lbk_ctx *ctx, const struct counts *c, lbk_scores *out)
{
    static const char *const iou_column[] = { "iou", NULL };
    const int64_t k = c->classes;
    double *v = malloc((size_t) (k * k + k) * sizeof *v), *each = v ? v + k * k : NULL;
    double sum = 0, right = 0, all = 0;
    if (!v)
        return lbk_fail(ctx, LBK_ENOMEM, "miou: out of memory");
    for (int64_t i = 0; i < k * k; i++) {
        v[i] = (double) c->at[i];
        all += v[i];
        right += i % (k + 1) ? 0 : v[i];
    }
    for (int64_t i = 0; i < k; i++)
        sum += each[i] = iou(c, i);
    if (all > 0) {
        lbk_scores_put(out, "miou", LBK_HIGHER, sum / (double) k);
        lbk_scores_put(out, "pixels", LBK_HIGHER, right / all);
        lbk_scores_table(out, &(struct lbk_table){ "iou", k, 1, c->names, iou_column, each });
        lbk_scores_table(out, &(struct lbk_table){ "confusion", k, k, c->names, c->names, v });
    }
    free(v);
    return all > 0 ? LBK_OK
                   : lbk_fail(ctx, LBK_EINVAL, "miou: expected pixels with a label, found none");
}

static lbk_status end(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out)
{
    struct counts *c = state;
    lbk_status st = LBK_OK;
    if (out && !c->at)
        st = lbk_fail(ctx, LBK_EINVAL, "miou: expected pixels with a label, found none");
    else if (out)
        st = put_scores(ctx, c, out);
    free(c->at);
    return st;
}

lbk_status lbk_models_segment(lbk_registrar *r);
lbk_status lbk_models_segment(lbk_registrar *r)
{
    static const struct lbk_field fields[] = { { "label", LBK_MAP, LBK_I32, 0, 255 }, { NULL } };
    static const char *const metrics[] = { "miou", NULL };
    lbk_register_metric(
        r,
        LBK_DESC(lbk_metric, .name = "miou",
                 .doc = "mean over classes of intersection over union; share of right pixels; "
                        "tables 'iou' of each class and 'confusion', rows labels, columns answers",
                 .state_size = sizeof(struct counts), .add = add, .end = end));
    return lbk_register_task(
        r, LBK_DESC(lbk_task, .name = "segment", .opts = opts, .doc = "a class for every pixel",
                    .cfg_size = sizeof(struct segment), .fields = fields, .metrics = metrics,
                    .terms = terms, .predict = predict, .draw = draw));
}
