/* SPDX-License-Identifier: MIT */
/* Against SciPy 1.10.1; tests/ref/make_stats.py prints the numbers. */
#include "unit.h"
#include <math.h>
#include "stats.h"

static void near(double got, double want)
{
    if (fabs(got - want) > 1e-9 * fmax(fabs(want), 1e-3))
        fail_msg("%.17g, expected %.17g", got, want);
}

static void quantiles(void **state)
{
    static const double all[][3] = {
        { 0.975, 1, 12.706204736432095 },   { 0.975, 2, 4.302652729911275 },
        { 0.975, 3.7, 2.8675207071912086 }, { 0.975, 30, 2.0422724563012373 },
        { 0.975, 1e6, 1.9599663568141066 }, { 0.95, 5, 2.015048372669157 },
        { 0.995, 2, 9.92484320091807 },     { 0.5, 4, 0 },
        { 0.1, 8, -1.3968153097434188 },    { 0.9995, 1.2, 226.5375672912979 },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        near(lbk__t_quantile(all[i][0], all[i][1]), all[i][2]);
}

static const double plain[] = { 0.8123, 0.8061, 0.8190 }, other[] = { 0.8311, 0.8195, 0.8402 },
                    many[] = { 0.79, 0.83, 0.801, 0.815, 0.822, 0.808, 0.811 },
                    back[] = { 0.811, 0.808, 0.822, 0.815, 0.801, 0.83, 0.79 };

static void assert_difference(struct lbk_difference d, const double want[4])
{
    near(d.mean, want[0]);
    near(d.low, want[1]);
    near(d.high, want[2]);
    near(d.freedom, want[3]);
}

static void intervals(void **state)
{
    assert_difference(lbk__welch(3, plain, 3, other),
                      (double[]){ 0.017799999999999816, -0.0033919388005243627, 0.038991938800524,
                                  3.345529299603393 });
    assert_difference(lbk__welch(3, plain, 7, many),
                      (double[]){ -0.0014666666666668382, -0.01599080871968845,
                                  0.013057475386354774, 7.53684597578657 });
    assert_difference(
        lbk__paired(3, plain, other),
        (double[]){ 0.017799999999999965, 0.007875877613833354, 0.027724122386166575, 2 });
    assert_difference(lbk__paired(7, many, back),
                      (double[]){ 0, -0.019734858928886632, 0.019734858928886632, 6 });
}

static void few_and_equal(void **state)
{
    struct lbk_spread s;
    lbk__spread(1, plain, &s);
    assert_true(s.n == 1 && s.mean == plain[0] && isnan(s.deviation) && s.least == s.most);
    lbk__spread(0, plain, &s);
    assert_true(s.n == 0 && isnan(s.mean) && isnan(s.least));
    struct lbk_difference d = lbk__welch(1, plain, 3, other);
    assert_true(isfinite(d.mean) && isnan(d.low) && isnan(d.high));
    d = lbk__paired(1, plain, other);
    assert_true(isfinite(d.mean) && isnan(d.low) && isnan(d.high));
    const double same[] = { 0.5, 0.5, 0.5 }, more[] = { 0.75, 0.75, 0.75 };
    d = lbk__welch(3, same, 3, more);
    assert_true(d.mean == 0.25 && d.low == 0.25 && d.high == 0.25);
    d = lbk__paired(3, same, same);
    assert_true(d.mean == 0 && d.low == 0 && d.high == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(intervals),
        cmocka_unit_test(few_and_equal),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
