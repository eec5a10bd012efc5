/* SPDX-License-Identifier: MIT */
/* Every registered model builds, answers in the shape its task wants, and has the parameters and
 * multiply-adds that PyTorch counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static struct lbk_model_info describe(const char *model, lbk_shape input, int n,
                                      const struct lbk_setting *options, struct seen *seen)
{
    struct lbk_model_info info = {
        .size = sizeof info, .weight = see_weight, .tap = see_tap, .ud = seen
    };
    *seen = (struct seen){ 0 };
    if (lbk_model_describe(ctx, model, input, n, options, &info))
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
        const struct lbk_setting seven = { "classes", "7" };
        const struct lbk_model_info info = describe(
            m->name, strcmp(m->task, "detect") ? LBK_SHAPE(3, 32, 32) : LBK_SHAPE(3, 128, 136),
            has_option(m->opts, "classes") ? 1 : 0, &seven, &seen);
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
        } else if (!strcmp(m->task, "detect")) {
            assert_int_equal(seen.out.d[1], 9 * (16 * 17 + 8 * 9 + 4 * 5 + 2 * 3 + 1 * 2));
            assert_int_equal(seen.out.d[2], 7 + 4);
        }
        n++;
    }
    assert_true(n >= 33);
}

/* Whoever has a width has 1 for it unless told, and is the smaller with less. */
static void width_means_the_same(void **state)
{
    static const struct lbk_setting one[] = { { "width", "1" }, { "classes", "7" } },
                                    half[] = { { "width", "0.5" }, { "classes", "7" } };
    int n = 0;
    for (const struct lbk_model *m = NULL; (m = lbk_registry_next(ctx, LBK_MODELS, m));) {
        struct seen seen;
        const lbk_shape image = LBK_SHAPE(3, 128, 152);
        const int k = has_option(m->opts, "classes") ? 2 : 1;
        if (m->reads || !has_option(m->opts, "width"))
            continue;
        const int64_t as_is = describe(m->name, image, k - 1, one + 1, &seen).parameters;
        assert_int_equal(describe(m->name, image, k, one, &seen).parameters, as_is);
        assert_true(describe(m->name, image, k, half, &seen).parameters * 5 < as_is * 4);
        n++;
    }
    assert_true(n >= 30);
}

/* "11689512 148577280 3x64x64 resnet18 classes=1000": parameters and multiply-adds */
static void check_count(char *line)
{
    long long want = 0, products = 0, c = 0, h = 0, w = 0;
    char *name = line, *word;
    struct lbk_setting options[8];
    struct seen seen;
    int n = 0, at = 0;
    assert_int_equal(sscanf(line, "%lld %lld %lldx%lldx%lld %n", &want, &products, &c, &h, &w, &at),
                     5);
    name = strtok(line + at, " \n");
    while ((word = strtok(NULL, " \n")) && n < 8) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = 0;
        options[n++] = (struct lbk_setting){ word, equals + 1 };
    }
    const struct lbk_model_info found = describe(name, LBK_SHAPE(c, h, w), n, options, &seen);
    if (found.parameters != want || found.multiply_adds != (double) products)
        fail_msg(
            "%s at %lldx%lldx%lld: expected %lld parameters and %lld products, found %lld and %.0f",
            name, c, h, w, want, products, (long long) found.parameters, found.multiply_adds);
}

/* Those of the same networks in PyTorch: tests/ref/models.py. */
static void counts_are_those_of_pytorch(void **state)
{
    FILE *f = fopen(LBK_TEST_REF "/counts.txt", "r");
    char line[256];
    int n = 0;
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); n++)
        check_count(line);
    assert_true(n >= 80);
    fclose(f);
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
    assert_int_equal(
        lbk_model_describe(ctx, "retinanet_resnet10", LBK_SHAPE(3, 127, 320), 0, NULL, &info),
        LBK_EINVAL);
    assert_int_equal(lbk_model_describe(ctx, "lenet6", LBK_SHAPE(1, 32, 32), 0, NULL, &info),
                     LBK_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_counts_agree),
        cmocka_unit_test(width_means_the_same),
        cmocka_unit_test(counts_are_those_of_pytorch),
        cmocka_unit_test(misfits_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
