/* SPDX-License-Identifier: MIT */
/* Teachers scored before the first step, and beside the student in the end. */
#include "heard.h"
#include <jansson.h>
#include <limbeck/train.h>

static int64_t steps_left;
static bool until(void *ud, const struct lbk_progress *p)
{
    (void) ud, (void) p;
    return --steps_left != 0;
}

enum { MOST = 8 };

/* more: settings up to a name of NULL. */
static lbk_status run(const char *name, const char *method, const struct lbk_setting more[],
                      bool resume)
{
    struct lbk_setting list[6 + MOST] = {
        { "data", "synth,count=64,eval_count=32,classes=4" },
        { "model", "lenet5_bn" },
        { "batch", "16" },
        { "epochs", "3" },
        { "lr", "0.01" },
        { "seed", "3" },
    };
    int n = 6;
    for (int i = 0; more && more[i].name; i++)
        list[n++] = more[i];
    const char *out = in_folder(name);
    struct lbk_train_params p = { .size = sizeof p,
                                  .method = method,
                                  .device = "cpu,threads=2",
                                  .out_dir = out,
                                  .settings = list,
                                  .n_settings = n,
                                  .progress = steps_left ? until : NULL };
    if (resume)
        p.resume = out, p.n_settings = 0;
    warnings = 0;
    return lbk_train(unit.ctx, &p);
}

static json_t *result(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/result.json", in_folder(name));
    json_t *o = json_load_file(path, 0, NULL);
    assert_non_null(o);
    return o;
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static const json_t *scores(const json_t *teacher, size_t i)
{
    return json_object_get(json_array_get(json_object_get(teacher, "roles"), i), "scores");
}

static const char *weights(const char *name)
{
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s/student.safetensors", folder, name);
    return path[turn];
}

static void the_score_is_that_of_its_own_run(void **state)
{
    assert_int_equal(run("teacher", "none", NULL, false), LBK_OK);
    const struct lbk_setting more[] = { { "teacher", "lenet5_bn" },
                                        { "teacher.weights", weights("teacher") },
                                        { NULL, NULL } };
    assert_int_equal(run("a", "kd", more, false), LBK_OK);
    json_t *own = result("teacher"), *r = result("a"), *t = json_object_get(r, "teacher");
    assert_true(json_is_null(json_object_get(own, "teacher")));
    assert_string_equal(json_string_value(json_object_get(t, "part")), "val");
    assert_string_equal(json_string_value(json_object_get(t, "metric")), "accuracy");
    assert_string_equal(json_string_value(json_object_get(t, "better")), "higher");
    assert_true(number(scores(t, 0), "accuracy") == number(own, "validation"));
    assert_true(number(t, "student") == number(r, "validation"));
    assert_true(json_is_null(json_object_get(t, "student_before")));
    const bool worse = number(scores(t, 0), "accuracy") <= number(t, "student");
    assert_int_equal(warnings, worse);
    json_decref(own);
    json_decref(r);
}

/* Nothing that is trained can tell. */
static void the_same_bits_with_and_without(void **state)
{
    static const char *const how[][2] = { { "off", "no" },
                                          { "memory", "yes" },
                                          { "memory", "no" } };
    for (int i = 0; i < 3; i++) {
        char name[16];
        const struct lbk_setting more[] = { { "teacher", "lenet5_bn" },
                                            { "teacher.weights", weights("teacher") },
                                            { "teacher_cache", how[i][0] },
                                            { "teacher_eval", how[i][1] },
                                            { NULL, NULL } };
        snprintf(name, sizeof name, "b%d", i);
        assert_int_equal(run(name, "kd", more, false), LBK_OK);
        json_t *r = result(name), *a = result("a");
        assert_int_equal(json_is_null(json_object_get(r, "teacher")), !strcmp(how[i][1], "no"));
        assert_true(
            json_equal(json_object_get(r, "weights_sha256"), json_object_get(a, "weights_sha256")));
        assert_int_equal(access(in_folder(i == 1 ? "b1/teacher.json" : "b0/teacher.json"), F_OK),
                         i == 1 ? 0 : -1);
        json_decref(r);
        json_decref(a);
    }
}

/* Two of them, one of which is what the student begins with. */
static void no_better_than_the_student(void **state)
{
    char both[1100];
    snprintf(both, sizeof both, "%s,%s", weights("teacher"), weights("a"));
    const struct lbk_setting more[] = { { "teacher", "lenet5_bn,lenet5_bn" },
                                        { "teacher.weights", both },
                                        { "student.weights", weights("a") },
                                        { "lr", "0" },
                                        { NULL, NULL } };
    assert_int_equal(run("c", "kd", more, false), LBK_OK);
    json_t *r = result("c"), *t = json_object_get(r, "teacher");
    const double before = number(t, "student_before"), after = number(t, "student");
    int expected = 0;
    assert_true(before == number(scores(t, 1), "accuracy"));
    for (size_t i = 0; i < 2; i++)
        expected += (number(scores(t, i), "accuracy") <= before) +
                    (number(scores(t, i), "accuracy") <= after);
    assert_true(expected > 0);
    assert_int_equal(warnings, expected);
    assert_non_null(strstr(warning, "is no better than the student that learnt from it: val "));
    json_decref(r);
}

/* Of a run that goes on nothing is scored anew: it has what its file says. */
static void scored_once(void **state)
{
    const struct lbk_setting more[] = { { "teacher", "lenet5_bn" },
                                        { "teacher.weights", weights("teacher") },
                                        { "checkpoint_every", "2" },
                                        { NULL, NULL } };
    steps_left = 5;
    assert_int_equal(run("d", "kd", more, false), LBK_ECANCELLED);
    json_t *o = json_load_file(in_folder("d/teacher.json"), 0, NULL);
    json_t *s = (json_t *) (uintptr_t) scores(json_object_get(o, "teacher"), 0);
    json_object_set_new(s, "accuracy", json_real(-3));
    assert_int_equal(json_dump_file(o, in_folder("d/teacher.json"), 0), 0);
    json_decref(o);
    assert_int_equal(run("d", NULL, NULL, true), LBK_OK);
    json_t *r = result("d"), *a = result("a");
    assert_true(number(scores(json_object_get(r, "teacher"), 0), "accuracy") == -3);
    assert_int_equal(warnings, 1);
    assert_true(
        json_equal(json_object_get(r, "weights_sha256"), json_object_get(a, "weights_sha256")));
    json_decref(r);
    json_decref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_score_is_that_of_its_own_run),
        cmocka_unit_test(the_same_bits_with_and_without),
        cmocka_unit_test(no_better_than_the_student),
        cmocka_unit_test(scored_once),
    };
    return cmocka_run_group_tests(tests, open_folder_all, close_folder);
}
