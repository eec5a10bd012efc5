/* SPDX-License-Identifier: MIT */
/* Verdicts on results that are written here. */
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limbeck/report.h>

enum { MOST = 16 };
struct result {
    const char *method, *more; /* more: settings, as JSON */
    int seed;
    double score;
    bool plain;
};
static char folder[] = "/tmp/limbeck-compare-XXXXXX", dirs[MOST][200];
static const char *runs[MOST];

static void write_result(int i, const struct result *r, const char *better)
{
    char path[300];
    snprintf(dirs[i], sizeof dirs[i], "%s/%d", folder, i);
    runs[i] = dirs[i];
    mkdir(dirs[i], 0777);
    snprintf(path, sizeof path, "%s/%d/result.json", folder, i);
    FILE *f = fopen(path, "w");
    fprintf(
        f,
        "{\"method\":\"%s\",\"plain\":%s,\"seed\":%d,\"settings\":{\"model\":\"m\",\"seed\":\"%d\","
        "\"out\":\"%d\"%s},\"metric\":\"score\",\"score\":%.17g,\"other\":1,\"seconds\":2,"
        "\"images_per_second\":10,\"scores\":{\"score\":{\"better\":\"%s\",\"validation\":%.17g}},"
        "\"data\":{\"train.test\":\"x\"}}",
        r->method, r->plain ? "true" : "false", r->seed, r->seed, i, r->more ? r->more : "",
        r->score, better, r->score - 1);
    fclose(f);
}

static lbk_status compare(void **state, int n, const struct result r[], const char *better,
                          struct lbk_comparison *k)
{
    for (int i = 0; i < n; i++)
        write_result(i, &r[i], better);
    k->size = sizeof *k;
    return lbk_compare(unit_ctx(state), n, runs, k);
}

static void near(double got, double want) { assert_true(fabs(got - want) < 1e-9); }

/* The samples of tests/unit/stats.c: paired they tell, by Welch they do not. The order of runs does
 * not matter. */
static void pairs_tell_what_means_do_not(void **state)
{
    struct result r[] = { { "a", NULL, 3, 0.8402, false }, { "a", NULL, 1, 0.8311, false },
                          { "a", NULL, 2, 0.8195, false }, { "a", NULL, 2, 0.8061, true },
                          { "a", NULL, 3, 0.8190, true },  { "a", NULL, 1, 0.8123, true } };
    struct lbk_comparison k = { 0 };
    assert_int_equal(compare(state, 6, r, "higher", &k), LBK_OK);
    assert_int_equal(k.n, 2);
    assert_string_equal(k.groups[0].label, "plain");
    assert_int_equal(k.groups[0].verdict, LBK_BASELINE);
    assert_string_equal(k.groups[1].label, "a");
    const struct lbk_run_group *g = &k.groups[1];
    assert_true(g->difference.paired);
    near(g->difference.low, 0.007875877613833354);
    near(g->difference.high, 0.027724122386166575);
    near(g->test.mean, (0.8311 + 0.8195 + 0.8402) / 3);
    near(g->validation.mean, g->test.mean - 1);
    near(g->test.deviation, 0.01037513052126732);
    assert_int_equal(g->verdict, LBK_HELPED);
    assert_string_equal(g->reason,
                        "the interval +0.007876 to +0.02772 leaves 0 out (paired by seed)");

    assert_int_equal(compare(state, 6, r, "lower", &k), LBK_OK);
    assert_int_equal(k.groups[1].verdict, LBK_HURT);

    r[0].seed = 4;
    assert_int_equal(compare(state, 6, r, "higher", &k), LBK_OK);
    assert_false(k.groups[1].difference.paired);
    near(k.groups[1].difference.low, -0.0033919388005243627);
    assert_int_equal(k.groups[1].verdict, LBK_CANNOT_TELL);
    assert_string_equal(k.groups[1].reason, "the interval -0.003392 to +0.03899 holds 0 (Welch)");
}

static void few_seeds_tell_nothing(void **state)
{
    const struct result r[] = { { "none", NULL, 1, 0.5, false }, { "none", NULL, 2, 0.5, false },
                                { "none", NULL, 3, 0.5, false }, { "a", NULL, 1, 0.9, false },
                                { "a", NULL, 2, 0.9, false },    { "a", NULL, 2, 0.9, false } };
    struct lbk_comparison k = { 0 };
    assert_int_equal(compare(state, 6, r, "higher", &k), LBK_OK);
    assert_int_equal(k.groups[1].verdict, LBK_CANNOT_TELL);
    assert_string_equal(k.groups[1].reason, "2 seeds, 3 at least");
    assert_int_equal(compare(state, 4, r, "higher", &k), LBK_OK);
    assert_string_equal(k.groups[1].reason, "1 seed, 3 at least");
    assert_true(isnan(k.groups[1].difference.low));
    assert_int_equal(compare(state, 1, r, "higher", &k), LBK_OK);
    assert_int_equal(k.n, 1);
    assert_string_equal(k.groups[0].label, "all");
}

static void what_is_small_is_no_help(void **state)
{
    struct result r[] = { { "none", NULL, 1, 0.50, false }, { "none", NULL, 2, 0.52, false },
                          { "none", NULL, 3, 0.54, false }, { "a", NULL, 1, 0.501, false },
                          { "a", NULL, 2, 0.519, false },   { "a", NULL, 3, 0.541, false } };
    struct lbk_comparison k = { 0 };
    assert_int_equal(compare(state, 6, r, "higher", &k), LBK_OK);
    assert_int_equal(k.groups[1].verdict, LBK_NO_HELP);
    for (int i = 3; i < 6; i++)
        r[i].score = r[i - 3].score;
    assert_int_equal(compare(state, 6, r, "higher", &k), LBK_OK);
    assert_int_equal(k.groups[1].verdict, LBK_NO_HELP);
    assert_true(k.groups[1].difference.low == 0 && k.groups[1].difference.high == 0);
    assert_int_equal(compare(state, 6, r, "", &k), LBK_OK);
    assert_int_equal(k.groups[1].verdict, LBK_CANNOT_TELL);
}

static void groups_are_of_equal_settings(void **state)
{
    const struct result r[] = {
        { "a", ",\"a.T\":\"4\",\"threads\":\"2\"", 1, 1, false },
        { "a", ",\"a.T\":\"4\",\"log_every\":\"3\",\"strict\":\"no\"", 2, 1, false },
        { "a", ",\"a.T\":\"8\"", 1, 1, false },
        { "a", ",\"a.T\":\"9\"", 1, 1, true }, /* plain: of no concern */
        { "a", "", 2, 1, true },
        { "b", ",\"teacher.weights\":\"x\"", 1, 1, false },
        { "b", ",\"teacher.weights\":\"y\"", 2, 1, false },
    };
    struct lbk_comparison k = { .ignore = "batch, teacher.weights" };
    assert_int_equal(compare(state, 7, r, "higher", &k), LBK_OK);
    static const char *const label[] = { "a plain", "a a.T=4", "a a.T=8", "b" };
    static const int n[] = { 2, 2, 1, 2 };
    assert_int_equal(k.n, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(k.groups[i].label, label[i]);
        assert_int_equal(k.groups[i].n, n[i]);
    }
    k = (struct lbk_comparison){ .ignore = "teacher.weights", .baseline = runs[2] };
    assert_int_equal(compare(state, 7, r, "higher", &k), LBK_OK);
    assert_string_equal(k.groups[0].label, label[2]);
    assert_string_equal(k.groups[1].label, label[1]);
}

static void bad_results_are_named(void **state)
{
    const struct result r[] = { { "a", NULL, 1, 1, false } };
    struct lbk_comparison k = { .score = "miou" };
    char text[256], path[256];
    assert_int_equal(compare(state, 1, r, "higher", &k), LBK_EINVAL);
    snprintf(text, sizeof text, "%s: it has no score 'miou'; its metric is score", runs[0]);
    assert_unit_error(state, text);
    k = (struct lbk_comparison){ .baseline = "elsewhere" };
    assert_int_equal(compare(state, 1, r, "higher", &k), LBK_EINVAL);
    assert_unit_error(state, "baseline: expected one of the runs, found 'elsewhere'");
    k = (struct lbk_comparison){ 0 };
    snprintf(path, sizeof path, "%s/result.json", runs[0]);
    FILE *f = fopen(path, "w");
    fputs("{\"metric\":\"score\"", f);
    fclose(f);
    assert_int_equal(lbk_compare(unit_ctx(state), 1, runs, &k), LBK_EFORMAT);
    unlink(path);
    assert_int_equal(lbk_compare(unit_ctx(state), 1, runs, &k), LBK_ENOENT);
    assert_int_equal(lbk_compare(unit_ctx(state), 0, runs, &k), LBK_EINVAL);
}

static int start(void **state) { return mkdtemp(folder) ? unit_start(state) : -1; }

static int stop(void **state)
{
    char path[256];
    for (int i = 0; i < MOST; i++) {
        snprintf(path, sizeof path, "%s/%d/result.json", folder, i);
        unlink(path);
        snprintf(path, sizeof path, "%s/%d", folder, i);
        rmdir(path);
    }
    rmdir(folder);
    return unit_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_tell_what_means_do_not),
        cmocka_unit_test(few_seeds_tell_nothing),
        cmocka_unit_test(what_is_small_is_no_help),
        cmocka_unit_test(groups_are_of_equal_settings),
        cmocka_unit_test(bad_results_are_named),
    };
    return cmocka_run_group_tests_name("compare", tests, start, stop);
}
