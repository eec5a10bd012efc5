/* SPDX-License-Identifier: MIT */
/* What is looked at and told before the first step, and what a failure is put down to. */
#include "heard.h"
#include <limbeck/train.h>
#include "trainer.h"

static const char *last_error(void)
{
    static char text[1024];
    lbk_last_error(unit.ctx, text, sizeof text);
    return text;
}

/* ---- settings that failures are put down to ---- */

static void a_failure_names_its_setting(void **state)
{
    static const struct {
        const char *about, *memory, *said, *expected;
        lbk_status st;
    } table[] = {
        { NULL, NULL, "x is wrong", "x is wrong", LBK_EINVAL },
        { "data", NULL, "x is wrong", "data: x is wrong", LBK_EINVAL },
        { "data", NULL, "data: x is wrong", "data: x is wrong", LBK_EINVAL },
        { "data", NULL, "data.val: x is wrong", "data.val: x is wrong", LBK_EINVAL },
        { "data", NULL, "database is wrong", "data: database is wrong", LBK_EINVAL },
        { "data", "batch", "x is wrong", "data: x is wrong", LBK_EINVAL },
        { "data", "batch", "x is large", "batch: x is large", LBK_ENOMEM },
        { NULL, "batch", "x is large", "batch: x is large", LBK_ENOMEM },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        lbk__about(unit.ctx, table[i].about);
        lbk__about_memory(unit.ctx, table[i].memory);
        assert_int_equal(lbk_fail(unit.ctx, table[i].st, "%s", table[i].said), table[i].st);
        assert_string_equal(last_error(), table[i].expected);
    }
    assert_null(lbk__about(unit.ctx, "a"));
    assert_string_equal(lbk__about(unit.ctx, NULL), "a");
    assert_string_equal(lbk__about_memory(unit.ctx, NULL), "batch");
}

static void a_long_failure_is_cut(void **state)
{
    char name[1024], said[2000];
    memset(said, 'x', sizeof said), said[sizeof said - 1] = 0;
    memset(name, 'n', sizeof name), name[sizeof name - 1] = 0;
    lbk__about(unit.ctx, "data");
    lbk_fail(unit.ctx, LBK_EINVAL, "%s", said);
    assert_int_equal(strlen(last_error()), 1023);
    assert_memory_equal(last_error(), "data: xxx", 9);
    lbk__about(unit.ctx, name);
    lbk_fail(unit.ctx, LBK_EINVAL, "%s", said);
    assert_memory_equal(last_error(), "xxx", 3);
    lbk__about(unit.ctx, NULL);
}

/* ---- the folder ---- */

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void put_file(const char *name)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fclose(f);
}

static void a_folder_is_tried_and_left_alone(void **state)
{
    const int before = entries(folder);
    assert_int_equal(lbk__out_check(unit.ctx, in_folder("a/b/c"), false, 1000), LBK_OK);
    assert_int_equal(lbk__out_check(unit.ctx, folder, false, 1000), LBK_OK);
    assert_int_equal(entries(folder), before);
    assert_int_equal(lbk__out_check(unit.ctx, in_folder("a"), false, UINT64_MAX), LBK_EIO);
    assert_non_null(strstr(last_error(), "/a: the checkpoints need "));
    assert_non_null(strstr(last_error(), " MiB are left"));
    put_file("file");
    assert_int_equal(lbk__out_check(unit.ctx, in_folder("file/a"), false, 0), LBK_EIO);
    assert_non_null(strstr(last_error(), "/file/a: cannot write there: Not a directory"));
    assert_memory_equal(last_error(), "out: ", 5);
}

static void a_run_is_not_written_over(void **state)
{
    assert_int_equal(lbk__mkdirs(unit.ctx, in_folder("run")), LBK_OK);
    put_file("run/config.yaml");
    assert_int_equal(lbk__out_check(unit.ctx, in_folder("run"), true, 0), LBK_OK);
    assert_int_equal(lbk__out_check(unit.ctx, in_folder("run"), false, 0), LBK_EINVAL);
    assert_non_null(strstr(last_error(), "/run: holds a run already"));
}

/* ---- what is told ---- */

struct told {
    char text[16384];
};

static void tell(void *ud, const char *line)
{
    struct told *t = ud;
    const size_t n = strlen(t->text);
    snprintf(t->text + n, sizeof t->text - n, "%s\n", line);
}

static lbk_status look(const char *weights, struct told *t)
{
    const struct lbk_setting list[] = {
        { "data", "synth,count=64,eval_count=16" },
        { "model", "lenet5_bn" },
        { "teacher", "lenet5_bn" },
        { "teacher.weights", weights },
        { "kd.weight", "0 line 0.9" },
        { "batch", "16" },
        { "epochs", "4" },
    };
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = "kd",
                                        .device = "cpu,threads=2",
                                        .out_dir = in_folder("planned"),
                                        .settings = list,
                                        .n_settings = sizeof list / sizeof *list };
    *t = (struct told){ "" };
    return lbk_check(unit.ctx, &p, tell, t);
}

static void make_teacher(void)
{
    const struct lbk_setting list[] = { { "data", "synth,count=16,eval_count=8" },
                                        { "model", "lenet5_bn" },
                                        { "steps", "1" },
                                        { "batch", "8" } };
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = "none",
                                        .device = "cpu,threads=2",
                                        .out_dir = in_folder("teacher"),
                                        .settings = list,
                                        .n_settings = 4 };
    assert_int_equal(lbk_train(unit.ctx, &p), LBK_OK);
}

static void says(const struct told *t, const char *words)
{
    if (!strstr(t->text, words))
        fail_msg("'%s' is not in\n%s", words, t->text);
}

static void a_stage_is_told(void **state)
{
    struct told t;
    make_teacher();
    assert_int_equal(look(in_folder("teacher/student.safetensors"), &t), LBK_OK);
    says(&t, "stage student: 16 steps, 4 epochs of 4\n");
    says(&t, "  optimiser adam; learning rate 0.001 at first, 0.0005");
    says(&t, "  role student: lenet5_bn, trained, 62050 parameters, weights drawn\n");
    says(&t, "  role teacher: lenet5_bn, frozen, 62050 parameters, weights from /tmp/");
    says(&t, "  stream train: synth, 64 samples, 16 to a step; image 16x3x32x32, label 16\n");
    says(&t, "  term kd: weight 0 at first, 0.3937 half way, 0.8438 at the end; ");
    says(&t, "  term task: weight 1 at first, 0.6062 half way, 0.1562 at the end; ");
    says(&t, " on the first batch\n");
    says(&t, "  memory: ");
    says(&t, "  plan: ");
    says(&t, " launches, 0 operators that fall back to the host\n");
    says(&t, "  time: about ");
    says(&t, "\nall is well: 1 stage, about ");
    assert_int_equal(access(in_folder("planned"), F_OK), -1);
}

/* Weights of a stage before, and what a sweep leaves. */
static void stages_are_told(void **state)
{
    struct told t = { "" };
    const struct lbk_setting list[] = { { "data", "synth,count=64,eval_count=16" },
                                        { "model", "lenet5_bn" },
                                        { "batch", "16" },
                                        { "epochs", "2" } };
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = "reffakd",
                                        .device = "cpu,threads=2",
                                        .settings = list,
                                        .n_settings = 4 };
    assert_int_equal(lbk_check(unit.ctx, &p, tell, &t), LBK_OK);
    says(&t, "stage autoencoder: 8 steps, 2 epochs of 4\n");
    says(&t, "stage table: one pass over the data\n"
             "  role autoencoder: autoencoder_linear, frozen, 47355 parameters, weights of stage "
             "autoencoder\n");
    says(&t, "  role teacher: table, frozen, 100 parameters, weights 'soft' of an earlier stage\n");
    says(&t, "\nall is well: 3 stages, about ");
}

static void nothing_is_well_when_it_is_not(void **state)
{
    struct told t;
    assert_int_equal(look(in_folder("no.safetensors"), &t), LBK_ENOENT);
    assert_string_equal(t.text, "");
    assert_memory_equal(last_error(), "teacher.weights: ", 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_names_its_setting),
        cmocka_unit_test(a_long_failure_is_cut),
        cmocka_unit_test(a_folder_is_tried_and_left_alone),
        cmocka_unit_test(a_run_is_not_written_over),
        cmocka_unit_test(a_stage_is_told),
        cmocka_unit_test(stages_are_told),
        cmocka_unit_test(nothing_is_well_when_it_is_not),
    };
    return cmocka_run_group_tests(tests, open_folder_all, close_folder);
}
