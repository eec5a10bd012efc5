/* SPDX-License-Identifier: MIT */
/* Operators timed on devices that are made up: a launch on "gpu" takes 5 us by its own clock. */
#include "fake.h"
#include <limbeck/train.h>

struct seen {
    int n;
    struct lbk_bench last;
    char shapes[64], params[64];
};

static void see(void *ud, const struct lbk_case *sample, const struct lbk_bench *b)
{
    struct seen *s = ud;
    s->n++, s->last = *b;
    snprintf(s->shapes, sizeof s->shapes, "%s", sample->shapes);
    snprintf(s->params, sizeof s->params, "%s", sample->params);
}

static lbk_status bench(void **state, const char *device, const char *op, struct seen *out,
                        const char *const settings[])
{
    struct lbk_setting at[8];
    int n = 0;
    *out = (struct seen){ 0 };
    for (; settings[2 * n]; n++)
        at[n] = (struct lbk_setting){ settings[2 * n], settings[2 * n + 1] };
    return lbk_bench_op(unit_ctx(state), device, op, n, at, see, out);
}
#define BENCH(device, op, out, ...)                                                                \
 bench(state, device, op, out, (const char *const[]){ __VA_ARGS__, NULL })

static void near(double got, double expected)
{
    if (!(got > expected * (1 - 1e-9) && got < expected * (1 + 1e-9)))
        fail_msg("%.17g, expected %.17g", got, expected);
}

static void by_the_clock_of_the_device(void **state)
{
    struct seen s;
    fake.rates = true;
    assert_int_equal(BENCH("gpu", "add", &s, "shapes", "4x5,4x1", "seconds", "0"), LBK_OK);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.shapes, "4x5,4x1");
    assert_string_equal(s.params, "");
    near(s.last.device_ms, 0.005);
    assert_int_equal(s.last.bytes, 4 * (20 + 4 + 20));
    assert_int_equal(s.last.launches, 1);
    assert_int_equal(s.last.fallbacks + s.last.reorders, 0);
    assert_true(s.last.reorder_ms == 0 && s.last.median_ms > 0);
    near(s.last.peak_gflops, 123.5), near(s.last.peak_gbs, 45.25);
    assert_int_equal(fake.timed_on, 1);
    assert_int_equal(fake.timed_off, 1);
}

static void a_device_that_knows_no_rates(void **state)
{
    struct seen s;
    assert_int_equal(BENCH("gpu", "relu", &s, "shapes", "3:u", "seconds", "0"), LBK_EINVAL);
    assert_int_equal(BENCH("gpu", "relu", &s, "shapes", "3", "seconds", "0"), LBK_OK);
    assert_true(s.last.peak_gflops == 0 && s.last.peak_gbs == 0);
    assert_int_equal(BENCH("old", "relu", &s, "shapes", "", "seconds", "0"), LBK_OK);
    assert_int_equal(s.last.bytes, 8);
}

static void what_falls_back_has_no_time_on_the_device(void **state)
{
    struct seen s;
    assert_int_equal(BENCH("gpu", "conv2d", &s, "shapes", "2x3x5x6,4x3x3x3", "pad", "1", "stride",
                           "2", "seconds", "0"),
                     LBK_OK);
    assert_string_equal(s.params, "stride=2,pad=1");
    assert_int_equal(s.last.fallbacks, 1);
    assert_true(s.last.device_ms == 0 && s.last.reorder_ms == 0);
    near(s.last.gflops * s.last.median_ms * 1e6, 2.0 * 2 * 4 * 3 * 3 * 3 * 3 * 3);
    assert_int_equal(
        BENCH("gpu", "conv2d", &s, "shapes", "2x3x5x6,4x3x3x3", "strict", "yes"), LBK_EUNSUPPORTED);
    assert_unit_error(state, "strict: device 'gpu' has no kernel for 'conv2d' here (1 in all)");
    assert_int_equal(s.n, 0);
}

static void its_own_samples(void **state)
{
    struct seen s;
    int n = 0;
    const struct lbk_op *op = lbk_registry_find(unit_ctx(state), LBK_OPS, "softmax");
    while (op->cases[n].shapes)
        n++;
    assert_true(n > 1);
    assert_int_equal(BENCH("gpu", "softmax", &s, "seconds", "0"), LBK_OK);
    assert_int_equal(s.n, n);
    assert_string_equal(s.shapes, op->cases[n - 1].shapes);
}

static void params_in_order(void **state)
{
    struct seen s;
    assert_int_equal(
        BENCH("gpu", "transpose", &s, "shapes", "2x3:7", "d0", "1", "n", "2", "d1", "0"), LBK_OK);
    assert_string_equal(s.params, "n=2,d0=1,d1=0");
}

static void wrong_settings(void **state)
{
    static const struct {
        const char *name, *value, *message;
        lbk_status st;
    } wrong[] = {
        { "padd", "1", "padd: no such setting; did you mean 'pad'?", LBK_ENOENT },
        { "stirct", "1", "stirct: no such setting; did you mean 'strict'?", LBK_ENOENT },
        { "pad", "x", "pad: expected a whole number, got 'x'", LBK_EINVAL },
        { "pad", "1,stride=2", "pad: expected a whole number, got '1,stride=2'", LBK_EINVAL },
        { "seconds", "-1", "seconds: expected 0..3600, got '-1'", LBK_EINVAL },
        { "shapes", "2x3x4x5", "conv2d: 1 operands, expected 2 to 2", LBK_EINVAL },
        { "shapes", "99999999999x99999999999", "shapes: '99999999999x99999999999' is too large",
          LBK_EINVAL },
        { "shapes", "1,1,1,1,1,1,1,1,1", "shapes: expected at most 8, got '1,1,1,1,1,1,1,1,1'",
          LBK_EINVAL },
    };
    struct seen s;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(BENCH("gpu", "conv2d", &s, "shapes", "1x1x4x4,1x1x3x3", wrong[i].name,
                               wrong[i].value),
                         wrong[i].st);
        assert_unit_error(state, wrong[i].message);
        assert_int_equal(s.n, 0);
    }
    assert_int_equal(BENCH("gpu", "conv2d", &s, "pad", "1"), LBK_EINVAL);
    assert_unit_error(state, "bench: 'pad=1' goes with shapes=, as in shapes=2x3x8x8,4x3x3x3");
}

static void wrong_shapes(void **state)
{
    static const char *const wrong[] = {
        "a",    "2x",     "2xx3",       "2x3:",          "4:x",           "4:1..", "4:3..2", "4:0",
        "-1x2", "4:10 ",  "4:uu",       "1x2x3x4x5x6x7", "4:-3000000000..1", "2,3x", "4:5x3"
    };
    struct seen s;
    char message[256];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *comma = strchr(wrong[i], ',');
        assert_int_equal(BENCH("gpu", "add", &s, "shapes", wrong[i]), LBK_EINVAL);
        snprintf(message, sizeof message,
                 "shapes: expected sizes as 64x3x32x32, or 64x10:100 and 64:-1..99 of whole "
                 "numbers and 64:u of bytes, got '%s'",
                 comma ? comma + 1 : wrong[i]);
        assert_unit_error(state, message);
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fake_start, unit_stop)
    const struct CMUnitTest tests[] = {
        CASE(by_the_clock_of_the_device),
        CASE(a_device_that_knows_no_rates),
        CASE(what_falls_back_has_no_time_on_the_device),
        CASE(its_own_samples),
        CASE(params_in_order),
        CASE(wrong_settings),
        CASE(wrong_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
