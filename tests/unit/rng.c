/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <limbeck/rng.h>

static void assert_philox(struct lbk_philox p, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    assert_int_equal(p.v[0], a);
    assert_int_equal(p.v[1], b);
    assert_int_equal(p.v[2], c);
    assert_int_equal(p.v[3], d);
}

/* The known answers that come with Random123, philox4x32 of 10 rounds. */
static void test_known_answers(void **state)
{
    assert_philox(lbk_philox(0, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assert_philox(lbk_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX), 0x408f276d, 0x41c83b0e,
                  0xa20bc7c6, 0x6d5451fd);
    assert_philox(lbk_philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
                  0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
}

static void test_unit(void **state)
{
    assert_true(lbk_unit(0) == 0.0f);
    assert_true(lbk_unit(UINT32_MAX) < 1.0f);
    double sum = 0, squares = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        const double v = lbk_random_at(lbk_mix(1, 2), 3, (uint64_t) i);
        sum += v;
        squares += v * v;
    }
    assert_true(sum / n > 0.495 && sum / n < 0.505);
    assert_true(squares / n > 0.328 && squares / n < 0.338);
}

static void test_keys(void **state)
{
    assert_true(lbk_mix(0, 0) == 0xe220a8397b1dcdaf); /* first output of SplitMix64 from state 0 */
    assert_true(lbk_mix(0, 1) != lbk_mix(1, 0));
    assert_true(lbk_random_at(1, 0, 5) != lbk_random_at(2, 0, 5));
    assert_true(lbk_random_at(1, 0, 5) != lbk_random_at(1, 1, 5));
    assert_true(lbk_random_at(1, 0, 5) == lbk_random_at(1, 0, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
