/* SPDX-License-Identifier: MIT */
/* What core makes of a backend: specs, reports, diagnoses, tuning, timing. */
#include "fake.h"
#include <limbeck/ops.h>
#include "device.h"

struct lines {
    char text[1024];
};

static void put_line(void *ud, const char *line)
{
    struct lines *l = ud;
    strcat(strcat(l->text, line), ";");
}

static void put_pair(void *ud, const char *a, const char *b)
{
    struct lines *l = ud;
    strcat(strcat(strcat(strcat(l->text, a), "="), b), ";");
}

static void report_of_a_device(void **state)
{
    struct lines l = { "" };
    assert_int_equal(lbk_device_report(unit_ctx(state), "gpu:1,level=7", put_pair, &l), LBK_OK);
    assert_string_equal(l.text, "name=Two;level=7;");
    l = (struct lines){ "" };
    assert_int_equal(lbk_device_report(unit_ctx(state), "gpu", put_pair, &l), LBK_OK);
    assert_string_equal(l.text, "name=One;level=2;");
}

static void report_of_a_backend_that_has_none(void **state)
{
    struct lines l = { "" };
    assert_int_equal(lbk_device_report(unit_ctx(state), "old", put_pair, &l), LBK_OK);
    assert_string_equal(l.text, "");
}

static void report_of_what_is_not_there(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    assert_int_equal(lbk_device_report(ctx, "gpu:2", put_pair, NULL), LBK_ENOENT);
    assert_unit_error(state, "gpu 2: there are 2");
    assert_int_equal(lbk_device_report(ctx, "gpv", put_pair, NULL), LBK_ENOENT);
    assert_unit_error(state, "backend 'gpv' is unknown; did you mean 'gpu'?");
    assert_int_equal(lbk_device_report(ctx, "gpu,level=10", put_pair, NULL), LBK_EINVAL);
    assert_unit_error(state, "level: expected 0..9, got '10'");
}

static void chosen(void **state, const char *spec)
{
    char text[LBK_DEVICE_SPEC], why[256];
    struct unit *u = *state;
    u->infos = 0;
    assert_int_equal(lbk_device_choose(u->ctx, "auto", text, sizeof text), LBK_OK);
    assert_string_equal(text, spec);
    assert_int_equal(u->infos, 1);
    snprintf(why, sizeof why, "device=auto is %s: ", spec);
    assert_memory_equal(u->info, why, strlen(why));
}

static void auto_is_the_best_there_is(void **state)
{
    struct lbk_device_info *d = fake.gpu;
    d[0].is_cpu = d[1].is_cpu = true;
    chosen(state, "proc");
    d[1].is_cpu = false;
    chosen(state, "gpu:1");
    d[0].is_cpu = false;
    chosen(state, "gpu");
    d[0].memory = 1, d[1].memory = 2;
    chosen(state, "gpu:1");
    d[1].unified = true;
    chosen(state, "gpu");
    fake.n_gpu = 0;
    chosen(state, "proc");
    fake.no_proc = true, fake.n_gpu = 1, d[0].is_cpu = true;
    chosen(state, "gpu");
}

static void auto_of_nothing(void **state)
{
    char text[LBK_DEVICE_SPEC];
    fake.n_gpu = 0, fake.no_proc = true;
    assert_int_equal(lbk_device_choose(unit_ctx(state), "auto", text, sizeof text), LBK_EDEVICE);
    assert_unit_error(state, "device 'auto': no backend has found a device");
}

static void auto_is_a_word_of_its_own(void **state)
{
    lbk_device *d;
    static const char *const wrong[] = { "auto:1", "auto,strict" };
    char text[256];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lbk_device_open(unit_ctx(state), wrong[i], &d), LBK_EINVAL);
        snprintf(text, sizeof text,
                 "device '%s': auto takes no index and no options: name a device for them",
                 wrong[i]);
        assert_unit_error(state, text);
    }
    assert_int_equal(lbk_device_open(unit_ctx(state), "automatic", &d), LBK_ENOENT);
    assert_unit_error(state, "backend 'automatic' is unknown");
    memset(text, 'x', sizeof text), memcpy(text, "gpu,", 4), text[255] = 0;
    char *longer = malloc(600);
    snprintf(longer, 600, "%s%s", text, text);
    assert_int_equal(lbk_device_open(unit_ctx(state), longer, &d), LBK_EINVAL);
    free(longer);
    ((struct unit *) *state)->errors = 0;
}

static void auto_opens(void **state)
{
    lbk_device *d;
    assert_int_equal(lbk_device_open(unit_ctx(state), "auto", &d), LBK_OK);
    assert_string_equal(d->spec, "gpu");
    lbk_device_close(&d);
}

static void problems_are_counted(void **state)
{
    struct lines l = { "" };
    assert_int_equal(lbk_backend_diagnose(unit_ctx(state), "gpu", put_pair, &l), 0);
    fake.problems = 2;
    assert_int_equal(lbk_backend_diagnose(unit_ctx(state), "gpu", put_pair, &l), 2);
    assert_string_equal(l.text, "no platform=;the loader is not there=apt install loader;");
    assert_int_equal(lbk_backend_diagnose(unit_ctx(state), "old", put_pair, &l), 0);
    assert_int_equal(lbk_backend_diagnose(unit_ctx(state), "none", put_pair, &l), 0);
    assert_int_equal(((struct unit *) *state)->errors, 0);
}

static void tuning(void **state)
{
    struct lines l = { "" };
    lbk_device *d;
    assert_int_equal(lbk_device_open(unit_ctx(state), "gpu", &d), LBK_OK);
    assert_int_equal(lbk_device_tune(d, put_line, &l), LBK_OK);
    assert_string_equal(l.text, "matmul: tile 64x64;conv2d: tile 32x32;");
    lbk_device_close(&d);
    assert_int_equal(lbk_device_open(unit_ctx(state), "old", &d), LBK_OK);
    assert_int_equal(lbk_device_tune(d, put_line, &l), LBK_EUNSUPPORTED);
    assert_unit_error(state, "device 'old': there is nothing to tune: its kernels are chosen "
                             "without timing");
    lbk_device_close(&d);
}

static lbk_exec *compiled(lbk_ctx *ctx, lbk_device *d, lbk_store *store, bool profile)
{
    const struct lbk_compile_params p = { .size = sizeof p, .profile = profile };
    lbk_graph *g;
    lbk_exec *x;
    lbk_tensor *t;
    assert_int_equal(lbk_tensor_create(d, LBK_F32, LBK_SHAPE(4), &t), LBK_OK);
    assert_int_equal(lbk_store_put(store, "x", t), LBK_OK);
    lbk_tensor_unref(&t);
    assert_int_equal(lbk_graph_create(ctx, &g), LBK_OK);
    lbk_output(g, "y", lbk_neg(g, lbk_state(g, "x", LBK_F32, LBK_SHAPE(4), false)));
    assert_int_equal(lbk_compile(g, store, &p, &x), LBK_OK);
    lbk_graph_destroy(&g);
    return x;
}

/* On from the first plan that is profiled to the last; asked for no other. */
static void launches_are_timed_for_profiles_alone(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    lbk_device *d;
    lbk_store *s;
    assert_int_equal(lbk_device_open(ctx, "gpu", &d), LBK_OK);
    assert_int_equal(lbk_store_create(d, &s), LBK_OK);
    lbk_exec *plain = compiled(ctx, d, s, false);
    assert_int_equal(lbk_run(plain, 0, NULL, 0, NULL), LBK_OK);
    assert_int_equal(fake.timed_on + fake.asked, 0);
    lbk_exec *one = compiled(ctx, d, s, true), *two = compiled(ctx, d, s, true);
    assert_int_equal(fake.timed_on, 1);
    assert_int_equal(lbk_run(one, 0, NULL, 0, NULL), LBK_OK);
    assert_int_equal(fake.asked, 1);
    lbk_exec_destroy(&one);
    assert_int_equal(lbk_run(two, 0, NULL, 0, NULL), LBK_OK);
    assert_int_equal(fake.timed_off, 0);
    lbk_exec_destroy(&two);
    assert_int_equal(fake.timed_off, 1);
    assert_int_equal(lbk_run(plain, 0, NULL, 0, NULL), LBK_OK);
    assert_int_equal(fake.asked, 2);
    lbk_exec_destroy(&plain);
    lbk_store_destroy(&s);
    lbk_device_close(&d);
}

/* A first run in which the driver still compiles is left out of the mean. */
static void the_first_run_does_not_count(void **state)
{
    struct lines l = { "" };
    lbk_device *d;
    lbk_store *s;
    assert_int_equal(lbk_device_open(unit_ctx(state), "gpu", &d), LBK_OK);
    assert_int_equal(lbk_store_create(d, &s), LBK_OK);
    lbk_exec *x = compiled(unit_ctx(state), d, s, true);
    assert_int_equal(lbk_run(x, 0, NULL, 0, NULL), LBK_OK);
    lbk_exec_dump(x, put_line, &l);
    assert_non_null(strstr(l.text, " 1000000.0 us;"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(lbk_run(x, 0, NULL, 0, NULL), LBK_OK);
    l = (struct lines){ "" };
    lbk_exec_dump(x, put_line, &l);
    assert_non_null(strstr(l.text, " 5.0 us;"));
    lbk_exec_destroy(&x);
    lbk_store_destroy(&s);
    lbk_device_close(&d);
}

static void a_driver_of_before(void **state)
{
    lbk_device *d;
    lbk_store *s;
    assert_int_equal(lbk_device_open(unit_ctx(state), "old", &d), LBK_OK);
    assert_int_equal(lbk_store_create(d, &s), LBK_OK);
    lbk_exec *x = compiled(unit_ctx(state), d, s, true);
    assert_int_equal(lbk_run(x, 0, NULL, 0, NULL), LBK_OK);
    lbk_exec_destroy(&x);
    lbk_store_destroy(&s);
    lbk_device_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(report_of_a_device, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(report_of_a_backend_that_has_none, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(report_of_what_is_not_there, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(auto_is_the_best_there_is, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(auto_of_nothing, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(auto_is_a_word_of_its_own, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(auto_opens, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(problems_are_counted, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(tuning, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(launches_are_timed_for_profiles_alone, fake_start,
                                        unit_stop),
        cmocka_unit_test_setup_teardown(the_first_run_does_not_count, fake_start, unit_stop),
        cmocka_unit_test_setup_teardown(a_driver_of_before, fake_start, unit_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
