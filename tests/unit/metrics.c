/* SPDX-License-Identifier: MIT */
/* Scores of a run are those of its samples, however they fall into batches. */
#include "unit.h"
#include <limbeck/plugin.h>
#include "evaluate.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_scores),
        cmocka_unit_test(batches_do_not_matter),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
