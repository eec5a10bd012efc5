/* SPDX-License-Identifier: MIT */
/* Every registered model builds, answers in the shape its task wants, and has the published number
 * of parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <limbeck/train.h>
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

struct seen {
    int64_t trained, kept;
    lbk_shape out;
    int taps;
};

static void see_weight(void *ud, const char *name, lbk_shape shape, bool trainable)
{
    struct seen *s = ud;
    *(trainable ? &s->trained : &s->kept) += lbk_shape_count(shape);
}

static void see_tap(void *ud, const char *name, lbk_shape shape)
{
    struct seen *s = ud;
    s->taps++;
    if (!strcmp(name, "out"))
        s->out = shape;
}

static struct lbk_model_info describe(const char *model, lbk_shape input, const char *classes,
                                      struct seen *seen)
{
    const struct lbk_setting options[] = { { "classes", classes } };
    struct lbk_model_info info = {
        .size = sizeof info, .weight = see_weight, .tap = see_tap, .ud = seen
    };
    *seen = (struct seen){ 0 };
    if (lbk_model_describe(ctx, model, input, classes ? 1 : 0, options, &info))
        fail_msg("%s does not build", model);
    return info;
}

static bool has_option(const struct lbk_opt *o, const char *name)
{
    for (; o && o->name; o++)
        if (!strcmp(o->name, name))
            return true;
    return false;
}

static void shapes_and_counts_agree(void **state)
{
    int n = 0;
    for (const struct lbk_model *m = NULL; (m = lbk_registry_next(ctx, LBK_MODELS, m));) {
        if (m->reads)
            continue; /* answers to labels, with weights that a run leaves */
        struct seen seen;
        const bool classes = has_option(m->opts, "classes");
        const struct lbk_model_info info =
            describe(m->name, LBK_SHAPE(3, 32, 32), classes ? "7" : NULL, &seen);
        assert_int_equal(info.parameters, seen.trained);
        assert_int_equal(info.buffers, seen.kept);
        assert_true(info.parameters > 0 && seen.taps > 1);
        if (!strcmp(m->task, "classify")) {
            assert_int_equal(seen.out.n, 2);
            assert_int_equal(seen.out.d[1], 7);
        } else if (!strcmp(m->task, "segment")) {
            assert_int_equal(seen.out.n, 4);
            assert_int_equal(seen.out.d[1], 7);
        } else if (!strcmp(m->task, "depth")) {
            assert_int_equal(lbk_shape_count(seen.out), 32 * 32);
        } else if (!strcmp(m->task, "reconstruct")) {
            assert_int_equal(lbk_shape_count(seen.out), 3 * 32 * 32);
        }
        n++;
    }
    assert_true(n >= 19);
}

static void published_counts(void **state)
{
    static const struct {
        const char *model;
        int64_t channels, side;
        const char *classes;
        int64_t parameters;
    } table[] = {
        { "autoencoder", 3, 32, NULL, 47355 },
        { "autoencoder", 3, 64, NULL, 47355 },
        { "autoencoder", 1, 32, NULL, 46585 },
        { "autoencoder_linear", 1, 32, NULL, 46585 },
        { "lenet5_bn", 1, 32, "10", 61750 },
        { "resnet18_cifar", 3, 32, "100", 11220132 },
        { "resnet50_cifar", 3, 32, "100", 23705252 },
        { "resnet18_cifar", 3, 64, "200", 11578632 },
        { "resnet50_cifar", 3, 64, "200", 25138952 },
        { "resnet18_cifar", 1, 32, "10", 11172810 },
        { "resnet18_cifar", 1, 28, "10", 11172810 },
        { "resnet34_cifar", 3, 32, "100", 21328292 },
        { "resnet20", 3, 32, "100", 278324 },
        { "resnet32", 3, 32, "100", 472756 },
        { "resnet56", 3, 32, "100", 861620 },
        { "resnet110", 3, 32, "100", 1736564 },
        { "resnet8x4", 3, 32, "100", 1233540 },
        { "resnet32x4", 3, 32, "100", 7433860 },
        { "mobilenet_v2", 3, 64, "1000", 3504872 },
        { "resnet18", 3, 64, "1000", 11689512 },
        { "resnet34", 3, 64, "1000", 21797672 },
        { "deeplabv3_resnet18", 3, 64, "11", 13606422 },
        { "depth_mobilenet_v2", 3, 64, NULL, 1673905 },
        { "depth_resnet34", 3, 64, NULL, 21918977 },
        { "light_depth", 3, 64, NULL, 1982857 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct seen seen;
        const lbk_shape input = LBK_SHAPE(table[i].channels, table[i].side, table[i].side);
        const struct lbk_model_info info = describe(table[i].model, input, table[i].classes, &seen);
        if (info.parameters != table[i].parameters)
            fail_msg("%s: expected %lld parameters, found %lld", table[i].model,
                     (long long) table[i].parameters, (long long) info.parameters);
    }
}

static void misfits_are_refused(void **state)
{
    struct lbk_model_info info = { .size = sizeof info };
    const struct lbk_setting none = { "classes", "0" }, two = { "rates", "6:12" };
    assert_int_equal(lbk_model_describe(ctx, "autoencoder", LBK_SHAPE(3, 28, 28), 0, NULL, &info),
                     LBK_EINVAL);
    assert_int_equal(lbk_model_describe(ctx, "lenet5_bn", LBK_SHAPE(1, 32, 32), 1, &none, &info),
                     LBK_EINVAL);
    assert_int_equal(
        lbk_model_describe(ctx, "deeplabv3_resnet18", LBK_SHAPE(3, 32, 32), 1, &two, &info),
        LBK_EINVAL);
    assert_int_equal(lbk_model_describe(ctx, "lenet6", LBK_SHAPE(1, 32, 32), 0, NULL, &info),
                     LBK_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_counts_agree),
        cmocka_unit_test(published_counts),
        cmocka_unit_test(misfits_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
