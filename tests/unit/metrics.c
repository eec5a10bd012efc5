/* SPDX-License-Identifier: MIT */
/* Scores of a run are those of its samples, however they fall into batches; tasks of pixels. */
#include <math.h>
#include "unit.h"
#include <limbeck/plugin.h>
#include <limbeck/train.h>
#include "evaluate.h"
#include "record.h"
#include "testing.h"

static lbk_ctx *ctx;

static int start(void **state)
{
    ctx = testing_ctx();
    return ctx ? 0 : -1;
}

static int stop(void **state)
{
    lbk_ctx_destroy(&ctx);
    return 0;
}

struct tally {
    int n;
    uint64_t last;
};

static lbk_status look(void *ud, const lbk_record *r)
{
    struct tally *t = ud;
    struct lbk_array class;
    t->n++;
    t->last = lbk_record_id(r);
    return lbk_record_get(r, "class", LBK_I32, &class);
}

static struct lbk_scores scores(const char *batch, struct tally *t)
{
    const struct lbk_setting set[] = { { "data", "synth,count=32,eval_count=37" },
                                       { "model", "lenet5_bn" },
                                       { "epochs", "1" },
                                       { "batch", "8" },
                                       { "eval_batch", batch } };
    const struct lbk_train_params p = {
        .size = sizeof p, .device = "cpu,threads=1", .settings = set, .n_settings = 5
    };
    struct run *r;
    struct evaluator *e;
    struct lbk_scores s;
    assert_int_equal(lbk__run_open(ctx, &p, &r), LBK_OK);
    struct role *x = lbk__role_get(r, NULL, "student", NULL, -1);
    assert_non_null(x);
    assert_int_equal(lbk__evaluator_create(r, x, DATA_VAL, &e), LBK_OK);
    assert_int_equal(lbk__evaluator_look(e, &s, look, t), LBK_OK);
    lbk__evaluator_destroy(&e);
    lbk__run_close(&r);
    return s;
}

static void batches_do_not_matter(void **state)
{
    static const char *const batches[] = { "37", "64", "5", "1" };
    struct lbk_scores first = { 0 };
    for (int i = 0; i < 4; i++) {
        struct tally t = { 0 };
        const struct lbk_scores s = scores(batches[i], &t);
        assert_int_equal(t.n, 37);
        assert_int_equal(s.n, 2);
        assert_string_equal(s.at[0].name, "accuracy");
        assert_string_equal(s.at[1].name, "top5");
        assert_int_equal(s.at[0].better, LBK_HIGHER);
        if (!i)
            first = s;
        assert_true(s.at[0].v == first.at[0].v && s.at[1].v == first.at[1].v);
    }
    assert_true(first.at[1].v >= first.at[0].v);
}

static void names_of_scores(void **state)
{
    struct lbk_scores s = { 0 };
    lbk_scores_put(&s, "rmse", LBK_LOWER, 2);
    s.metric = "coco";
    lbk_scores_put(&s, "ap50", LBK_HIGHER, 0.5);
    assert_string_equal(s.at[0].name, "rmse");
    assert_string_equal(s.at[1].name, "coco.ap50");
    assert_int_equal(s.at[0].better, LBK_LOWER);
}

/* ---- metrics of pixels, on one sample of n pixels in a row ---- */

static lbk_status pixels(const char *metric, const struct lbk_field *fields, int n,
                         const char *answer, const void *got, const void *truth,
                         struct lbk_scores *out)
{
    const struct lbk_metric *m = lbk_registry_find(ctx, LBK_METRICS, metric);
    lbk_record *r;
    assert_non_null(m);
    void *counts = calloc(1, m->state_size);
    assert_int_equal(lbk__record_create(ctx, &r), LBK_OK);
    lbk__record_reset(r, 1, fields);
    const lbk_dtype t = fields->dtype;
    memcpy(lbk_record_put(r, answer, t, LBK_SHAPE(1, n)), got, (size_t) n * 4);
    memcpy(lbk_record_put(r, fields->name, t, LBK_SHAPE(1, n)), truth, (size_t) n * 4);
    *out = (struct lbk_scores){ .keep = &ctx->arena };
    const lbk_status st = m->add(ctx, NULL, counts, r);
    assert_int_equal(m->end(ctx, NULL, counts, st ? NULL : out), LBK_OK);
    lbk__record_destroy(&r);
    free(counts);
    return st;
}

static void is_score(const struct lbk_scores *s, const char *name, enum lbk_sense better, double v)
{
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->at[i].name, name))
            continue;
        assert_int_equal(s->at[i].better, better);
        if (!(fabs(s->at[i].v - v) < 1e-6))
            fail_msg("%s: %.9g, expected %.9g", name, s->at[i].v, v);
        return;
    }
    fail_msg("no score '%s'", name);
}

/* Class 0: 1 of 3, class 1: 2 of 3, class 2: none of 1; 3 right of 5 that are labelled. */
static void intersection_over_union(void **state)
{
    static const char *const names[] = { "sky", "road", "car" };
    static const struct lbk_field fields[] = { { "label", LBK_MAP, LBK_I32, 3, 255, names },
                                               { NULL } };
    const int32_t got[] = { 0, 1, 1, 1, 0, 2 }, label[] = { 0, 0, 1, 1, 2, 255 },
                  wrong[] = { 0, 0, 1, 1, 2, 3 };
    struct lbk_scores s;
    assert_int_equal(pixels("miou", fields, 6, "class", got, label, &s), LBK_OK);
    is_score(&s, "miou", LBK_HIGHER, 1.0 / 3);
    is_score(&s, "pixels", LBK_HIGHER, 0.6);
    const double confusion[] = { 1, 1, 0, 0, 2, 0, 1, 0, 0 }, each[] = { 1.0 / 3, 2.0 / 3, 0 };
    assert_int_equal(s.n_table, 2);
    assert_string_equal(s.table[0].name, "iou");
    assert_memory_equal(s.table[0].v, each, sizeof each);
    assert_string_equal(s.table[0].row[2], "car");
    assert_string_equal(s.table[1].name, "confusion");
    assert_int_equal(s.table[1].columns, 3);
    assert_memory_equal(s.table[1].v, confusion, sizeof confusion);
    assert_int_equal(pixels("miou", fields, 6, "class", got, wrong, &s), LBK_EINVAL);
}

/* The last two pixels: one has no truth; an answer that is not positive is 1 mm to logarithms. */
static void errors_of_depth(void **state)
{
    static const struct lbk_field fields[] = { { "depth", LBK_MAP, LBK_F32, 0, 0 }, { NULL } };
    const float p[] = { 1.00F, 1.25F, 1.50F, 1.10F, 1.30F, 1.47F, 1.03F, 1.01F, 2.00F, 5, -1 },
                g[] = { 1.02F, 1.00F, 1.53F, 1.00F, 1.50F, 1.55F, 1.20F, 1.04F, 1.80F, 0, 1 };
    struct lbk_scores s;
    assert_int_equal(pixels("depth", fields, 10, "metres", p, g, &s), LBK_OK);
    is_score(&s, "rmse", LBK_LOWER, 0.1452966);
    is_score(&s, "rel", LBK_LOWER, 0.0950873);
    is_score(&s, "log10", LBK_LOWER, 0.0406088);
    is_score(&s, "delta1", LBK_HIGHER, 1);
    is_score(&s, "rmse_pooled", LBK_LOWER, 0.1452966);
    is_score(&s, "clamped", LBK_LOWER, 0);
    assert_int_equal(pixels("depth", fields, 11, "metres", p, g, &s), LBK_OK);
    is_score(&s, "log10", LBK_LOWER, (9 * 0.0406088 + 3) / 10);
    is_score(&s, "delta3", LBK_HIGHER, 0.9);
    is_score(&s, "clamped", LBK_LOWER, 1);
}

static void ignore_line(void *ud, const char *line) {}

static lbk_status check(const char *data, const char *model)
{
    const struct lbk_setting set[] = {
        { "data", data }, { "model", model }, { "epochs", "1" }, { "batch", "4" }
    };
    const struct lbk_train_params p = {
        .size = sizeof p, .device = "cpu", .settings = set, .n_settings = 4
    };
    return lbk_check(ctx, &p, ignore_line, NULL);
}

static void tasks_of_pixels(void **state)
{
    char message[256];
    assert_int_equal(check("synth,of=depth,count=8,eval_count=8", "depth_mobilenet_v2"), LBK_OK);
    assert_int_equal(check("synth,of=segment,count=8,eval_count=8", "deeplabv3_resnet18"), LBK_OK);
    assert_int_equal(check("synth,count=8,eval_count=8", "deeplabv3_resnet18"), LBK_EINVAL);
    lbk_last_error(ctx, message, sizeof message);
    assert_non_null(strstr(message, "'label' is one class, expected a value for each pixel"));
    assert_int_equal(check("synth,count=8,eval_count=8", "light_depth"), LBK_ENOENT);
    lbk_last_error(ctx, message, sizeof message);
    assert_non_null(strstr(message, "no field 'depth'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_scores),         cmocka_unit_test(batches_do_not_matter),
        cmocka_unit_test(intersection_over_union), cmocka_unit_test(errors_of_depth),
        cmocka_unit_test(tasks_of_pixels),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
