/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <math.h>
#include "opt.h"

/* On a clock of 1000 steps with 10 steps per epoch. */
static double at(const char *text, double step)
{
    struct arena a = { NULL };
    struct lbk_ramp r;
    const char *wrong = lbk__parse_ramp(&a, text, strlen(text), &r);
    assert_null(wrong);
    const double v = lbk__ramp_at(r, step, 10, 1000);
    lbk__arena_finish(&a);
    return v;
}

static const struct {
    const char *text;
    double step, value;
} values[] = {
    { "0.1", 0, 0.1 },
    { "0.1", 999, 0.1 },
    { "0.1 x0.2 10e 20e", 99, 0.1 },
    { "0.1 x0.2 10e 20e", 100, 0.1 * 0.2 },
    { "0.1 x0.2 10e 20e", 200, 0.1 * 0.2 * 0.2 },
    { "1 x0.5 10% x0.1 500", 100, 0.5 },
    { "1 x0.5 10% x0.1 500", 999, 0.05 },
    { "1e-4 x0.5 /5e", 49, 1e-4 },
    { "1e-4 x0.5 /5e", 50, 0.5e-4 },
    { "1e-4 x0.5 /5e", 149, 0.25e-4 },
    { "0 line 1 20e", 0, 0 },
    { "0 line 1 20e", 50, 0.25 },
    { "0 line 1 20e", 200, 1 },
    { "0 line 1 20e", 900, 1 },
    { "2 line 1", 500, 1.5 },
    { "0.02 poly 2", 500, 0.005 },
    { "0.02 poly 1", 1000, 0 },
    { "0.02 poly 1 100", 50, 0.01 },
    { "0.1 cos 0", 0, 0.1 },
    { "0.1 cos 0", 500, 0.05 },
    { "0.1 cos 0.02", 1000, 0.02 },
    { "0.1 warm 100 0.5", 0, 0.05 },
    { "0.1 warm 100 0.5", 50, 0.075 },
    { "0.1 warm 100 0.5", 100, 0.1 },
    { "0.1 cos 0 warm 10e 0", 50, 0.5 * 0.05 * (1 + 0.98768834059513777) },
};

static void test_values(void **state)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const double v = at(values[i].text, values[i].step);
        if (!(fabs(v - values[i].value) <= 1e-12))
            fail_msg("%s at %g: expected %.15g, found %.15g", values[i].text, values[i].step,
                     values[i].value, v);
    }
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {
        "",
        "x0.5 3e",
        "1 wobble",
        "1 line",
        "1 line 2 0",
        "1 line 2 -3",
        "1 poly 0",
        "1 poly",
        "1 cos",
        "1 x",
        "1 x0.1",
        "1 x0.1 /0",
        "1 x0.1 5e /5e",
        "1 x0.1 /5e /6e",
        "1 warm",
        "1 warm 5",
        "1 warm 5 0.1 2",
        "1 2",
        "nan",
        "1 x0.1 101%",
        "1 warm 5 0.1 cos 0",
        "1 line 2 20e 30e",
        "1 x0.1 3q",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a = { NULL };
        struct lbk_ramp r;
        if (!lbk__parse_ramp(&a, bad[i], strlen(bad[i]), &r))
            fail_msg("'%s' was taken", bad[i]);
        lbk__arena_finish(&a);
    }
}

static bool off(const char *text, bool rest)
{
    struct arena a = { NULL };
    struct lbk_ramp r;
    assert_null(lbk__parse_ramp(&a, text, strlen(text), &r));
    const bool is = lbk_ramp_off(rest ? lbk_ramp_rest(r) : r);
    lbk__arena_finish(&a);
    return is;
}

static void test_off(void **state)
{
    assert_true(off("0", false));
    assert_true(off("0 cos 0", false));
    assert_true(off("0 poly 0.9", false));
    assert_true(off("0 x0.1 10e", false));
    assert_true(off("0 warm 10 0.1", false));
    assert_false(off("0 line 1 20e", false));
    assert_false(off("1", false));
    assert_true(off("1", true));
    assert_true(off("1 line 1", true));
    assert_false(off("1 warm 10 0.1", true));
    assert_false(off("0", true));
    assert_true(lbk_ramp_off(lbk_ramp_times(LBK_CONST(3), 0)));
}

static void test_algebra(void **state)
{
    struct arena a = { NULL };
    struct lbk_ramp r;
    double v;
    assert_null(lbk__parse_ramp(&a, "0 line 1 10", 11, &r));
    assert_true(lbk__ramp_at(lbk_ramp_rest(r), 5, 10, 1000) == 0.5);
    assert_true(lbk__ramp_at(lbk_ramp_times(lbk_ramp_rest(r), 3), 10, 10, 1000) == 0);
    assert_true(lbk__ramp_at(lbk_ramp_times(lbk_ramp_rest(r), 3), 0, 10, 1000) == 3);
    r = lbk_ramp_from(r, (struct lbk_span){ 10, LBK_PERCENT });
    assert_true(lbk__ramp_at(r, 99, 10, 1000) == 0);
    assert_true(lbk__ramp_at(lbk_ramp_rest(r), 105, 10, 1000) == 0.5);
    assert_null(lbk__parse_ramp(&a, "1 line 0", 8, &r));
    r = lbk_ramp_from(r, (struct lbk_span){ 20, LBK_EPOCHS });
    assert_true(lbk__ramp_at(r, 200, 10, 1000) == 1);
    assert_true(lbk__ramp_at(r, 600, 10, 1000) == 0.5);
    assert_true(lbk__ramp_at(r, 1000, 10, 1000) == 0);
    assert_false(lbk__ramp_constant(r, &v));
    assert_true(lbk__ramp_constant(lbk_ramp_times(r, 0), &v));
    assert_true(v == 0);
    lbk__arena_finish(&a);
}

static void test_spans(void **state)
{
    assert_true(lbk__span_steps((struct lbk_span){ 40, LBK_STEPS }, 7.5, 300) == 40);
    assert_true(lbk__span_steps((struct lbk_span){ 2, LBK_EPOCHS }, 7.5, 300) == 15);
    assert_true(lbk__span_steps((struct lbk_span){ 10, LBK_PERCENT }, 7.5, 300) == 30);
    assert_true(lbk__span_steps((struct lbk_span){ 0, LBK_STEPS }, 7.5, 300) == 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_refusals), cmocka_unit_test(test_off),
        cmocka_unit_test(test_algebra), cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
