/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <stdio.h>
#include "registry.h"
#include "str.h"

static void test_nearest(void **state)
{
    static const char *const names[] = { "reffakd", "rdd", "ssim", "temperature", NULL };
    assert_string_equal(lbk__nearest("reffkd", names), "reffakd");
    assert_string_equal(lbk__nearest("temprature", names), "temperature");
    assert_string_equal(lbk__nearest("temperatur_e", names), "temperature");
    assert_string_equal(lbk__nearest("RDD", names), "rdd");
    assert_null(lbk__nearest("zzz", names));
    assert_null(lbk__nearest("", names));
    assert_null(lbk__nearest("x", names));
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(lbk__nearest(longest, names));
}

static void test_distance(void **state)
{
    assert_int_equal(lbk__distance("kitten", "sitting", 9), 3);
    assert_int_equal(lbk__distance("", "abc", 9), 3);
    assert_int_equal(lbk__distance("abc", "abc", 9), 0);
    assert_int_equal(lbk__distance("abcdef", "ghijkl", 2), 3);
}

static void test_number_text(void **state)
{
    char text[32];
    double back;
    static const double values[] = {
        0, 1, -1, 0.1, 1.0 / 3, 1e9, 1e300, 5e-324, 123456789012345678.0, -2.5e-7
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        lbk__number_text(values[i], text);
        assert_true(lbk__parse_number(text, strlen(text), &back));
        assert_true(back == values[i]);
    }
    assert_string_equal(lbk__number_text(0.1, text), "0.1");
    assert_string_equal(lbk__number_text(1e9, text), "1000000000");
}

static void test_int_limits(void **state)
{
    int64_t v;
    assert_true(lbk__parse_int("9223372036854775807", 19, &v) && v == INT64_MAX);
    assert_true(lbk__parse_int("-9223372036854775808", 20, &v) && v == INT64_MIN);
    assert_false(lbk__parse_int("9223372036854775808", 19, &v));
    assert_false(lbk__parse_int("-9223372036854775809", 20, &v));
    assert_false(lbk__parse_int("-", 1, &v));
    assert_false(lbk__parse_int("", 0, &v));
}

static lbk_val *build(lbk_scope *s, lbk_val *x, const void *cfg) { return x; }

static lbk_status setup(lbk_registrar *r)
{
    static const char *const names[] = { "m_c", "m_a", "m_b" };
    lbk_status st = LBK_OK;
    for (int i = 0; i < 3; i++) {
        const struct lbk_model m = { .size = sizeof m, .name = names[i], .build = build };
        st = lbk_register_model(r, &m);
    }
    return st;
}

static lbk_status setup_and_fail(lbk_registrar *r)
{
    const struct lbk_model m = { .size = sizeof m, .name = "m_d", .build = build };
    const struct lbk_model again = { .size = sizeof m, .name = "m_a", .build = build };
    lbk_register_model(r, &m);
    assert_int_equal(lbk_register_model(r, &again), LBK_EINVAL);
    return lbk_register_model(r, &m); /* latched: another reason is not given */
}

static void test_order(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    const struct lbk_model *m = NULL;
    const char *before = "";
    int n = 0;
    assert_int_equal(lbk__register(ctx, NULL, setup), LBK_OK);
    while ((m = lbk_registry_next(ctx, LBK_MODELS, m))) {
        assert_true(strcmp(before, m->name) < 0);
        assert_ptr_equal(lbk_registry_find(ctx, LBK_MODELS, m->name), m);
        before = m->name;
        n++;
    }
    assert_int_equal(n, 3);
    assert_null(lbk_registry_find(ctx, LBK_TASKS, "m_a"));
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk__register(ctx, NULL, setup_and_fail), LBK_EINVAL);
    assert_unit_error(
        state,
        "limbeck itself: expected a new model, found 'm_a', which limbeck itself has registered");
    assert_null(lbk_registry_find(ctx, LBK_MODELS, "m_d"));
}

/* Operators of the library: in order, each found. */
static void test_operators(void **state)
{
    const struct lbk_op *op = NULL;
    while ((op = lbk_registry_next(unit_ctx(state), LBK_OPS, op)))
        assert_true(lbk__is_name(op->name) && (op->ref || op->lower));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest),     cmocka_unit_test(test_distance),
        cmocka_unit_test(test_number_text), cmocka_unit_test(test_int_limits),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_operators),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
