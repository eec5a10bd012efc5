/* SPDX-License-Identifier: MIT */
/* Whole runs on made-up data. */
#include "unit.h"
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>
#include <limbeck/plugin.h>
#include <limbeck/train.h>
#include "file.h"
#include "loose.h"
#include "registry.h"
#include "testing.h"

static char folder[] = "/tmp/limbeck-trainer-XXXXXX";
struct stop {
    int64_t at, seen;
};

static struct unit unit;

/* ---- a method that trains plainly, in two stages that carry on ---- */

static void plainly(lbk_objective *o, const void *cfg)
{
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(lbk_obj_pass(o, "student", NULL)));
}

static lbk_status halves(lbk_ctx *c, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = { { "student", NULL, LBK_TRAINED, 0 }, { 0 } };
    lbk_schedule_add(out, LBK_DESC(lbk_stage, .name = "begins", .roles = roles,
                                   .length = { 5, LBK_STEPS }, .objective = plainly));
    return lbk_schedule_add(out, LBK_DESC(lbk_stage, .flags = LBK_STAGE_CARRY, .name = "goes_on",
                                          .roles = roles, .objective = plainly));
}

static lbk_status setup(lbk_registrar *r)
{
    return lbk_register_method(r, LBK_DESC(lbk_method, .name = "unit_halves", .schedule = halves));
}

static int start(void **state)
{
    const struct lbk_ctx_params p = {
        .size = sizeof p,
        .log = unit_log,
        .log_ud = &unit,
        .seed = 1,
        .threads = 2,
#ifdef LBK_STATIC_PLUGIN
        .builtins = lbk_builtin_plugins,
#endif
    };
    *state = &unit;
    if (!mkdtemp(folder) || lbk_ctx_create(&p, &unit.ctx))
        return -1;
    return lbk__register(unit.ctx, NULL, setup);
}

static void clear(const char *path)
{
    char inside[4096];
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && unlink(inside))
            clear(inside);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static int stop(void **state)
{
    lbk_ctx_destroy(&unit.ctx);
    clear(folder);
    return 0;
}

static bool count(void *ud, const struct lbk_progress *p)
{
    struct stop *s = ud;
    (void) p;
    return ++s->seen != s->at;
}

static lbk_status run(const char *method, const char *name, const char *more, const char *value,
                      struct stop *s, bool resume)
{
    char out[256];
    const struct lbk_setting set[] = { { "data", "synth,count=64,eval_count=24,classes=4" },
                                       { "model", "lenet5_bn" },
                                       { "epochs", "2" },
                                       { "batch", "16" },
                                       { "eval_batch", "16" },
                                       { "lr", "0.01" },
                                       { more ? more : "loaders", more ? value : "1" } };
    snprintf(out, sizeof out, "%s/%s", folder, name);
    struct lbk_train_params p = { .size = sizeof p,
                                  .method = method,
                                  .device = "cpu,threads=2",
                                  .out_dir = out,
                                  .settings = set,
                                  .n_settings = 7,
                                  .progress = s ? count : NULL,
                                  .ud = s };
    if (resume)
        p.resume = out, p.n_settings = 0;
    unit.errors = 0;
    return lbk_train(unit.ctx, &p);
}

static char *read_file(const char *name, const char *file, size_t *n)
{
    char path[512];
    unsigned char *text = NULL;
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    assert_int_equal(lbk_file_slurp(path, 1 << 26, &text, n), 0);
    return (char *) text;
}

static void assert_same(const char *a, const char *b, const char *file)
{
    size_t n, m;
    char *x = read_file(a, file, &n), *y = read_file(b, file, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static void result_is_complete(void **state)
{
    static const char *const keys[] = { "schema",     "method",    "seed",
                                        "settings",   "metric",    "accuracy",
                                        "seconds",    "stages",    "images_per_second",
                                        "peak_bytes", "fallbacks", "weights_sha256",
                                        "plugins",    "data",      "selection",
                                        NULL };
    size_t n;
    assert_int_equal(run("none", "a", NULL, NULL, NULL, false), LBK_OK);
    assert_int_equal(unit.errors, 0);
    char *text = read_file("a", "result.json", &n);
    json_t *o = json_loads(text, 0, NULL);
    for (int i = 0; keys[i]; i++)
        if (!json_object_get(o, keys[i]))
            fail_msg("result.json has no '%s'", keys[i]);
    assert_int_equal(json_integer_value(json_object_get(o, "fallbacks")), 0);
    json_decref(o);
    free(text);
    free(read_file("a", "env.json", &n));
    free(read_file("a", "metrics.csv", &n));
}

static void same_seed_same_bits(void **state)
{
    assert_int_equal(run("none", "b", "loaders", "3", NULL, false), LBK_OK);
    assert_same("a", "b", "student.safetensors");
    assert_same("a", "b", "metrics.jsonl");
}

/* At every step of every stage, the sweep included. */
static void resume_anywhere(void **state)
{
    char name[16];
    assert_int_equal(run("reffakd", "whole", "checkpoint_every", "2", NULL, false), LBK_OK);
    struct stop all = { 0 };
    assert_int_equal(run("reffakd", "count", "checkpoint_every", "2", &all, false), LBK_OK);
    for (int64_t k = 1; k <= all.seen; k += 3) {
        struct stop s = { k, 0 };
        snprintf(name, sizeof name, "s%d", (int) k);
        assert_int_equal(run("reffakd", name, "checkpoint_every", "2", &s, false), LBK_ECANCELLED);
        assert_int_equal(run("reffakd", name, NULL, NULL, NULL, true), LBK_OK);
        assert_same("whole", name, "student.safetensors");
        assert_same("whole", name, "metrics.csv");
        assert_same("whole", name, "curves.svg");
    }
}

static double of_result(const char *name, const char *key)
{
    size_t n;
    char *text = read_file(name, "result.json", &n);
    json_t *o = json_loads(text, 0, NULL);
    const double v = json_number_value(json_object_get(o, key));
    json_decref(o);
    free(text);
    return v;
}

/* Of both runs the best lies in the first stage, before the rate that spoils it. */
static void stages_that_carry_on_are_one(void **state)
{
    static const char *const numbers[] = { "best_epoch", "validation", "last_accuracy" };
    assert_int_equal(run("none", "one", "lr", "0.002 x1e5 4", NULL, false), LBK_OK);
    assert_int_equal(run("unit_halves", "two", "lr", "0.002 x1e5 4", NULL, false), LBK_OK);
    assert_same("one", "two", "student.safetensors");
    for (int i = 0; i < 3; i++)
        assert_true(of_result("one", numbers[i]) == of_result("two", numbers[i]));
    assert_true(of_result("two", "best_epoch") == 1);
}

static int rows_of(const char *name, const char *part)
{
    size_t n, of = 0;
    char *text = read_file(name, "metrics.csv", &n);
    for (const char *s = text; (s = strstr(s, part)); s++)
        of++;
    free(text);
    return (int) of;
}

/* Two scores each time; the first step of the second stage is the sixth of the run. */
static void validation_comes_as_often_as_said(void **state)
{
    assert_int_equal(run("unit_halves", "often", "eval_every", "3", NULL, false), LBK_OK);
    assert_int_equal(rows_of("often", ",val,"), 2 * 3);
    assert_int_equal(rows_of("often", "goes_on,val,1,"), 2);
    assert_int_equal(rows_of("often", "goes_on,val,3,"), 2);
}

static void a_second_run_is_refused(void **state)
{
    char text[1024];
    assert_int_equal(run("none", "a", NULL, NULL, NULL, false), LBK_EINVAL);
    lbk_last_error(unit.ctx, text, sizeof text);
    assert_non_null(strstr(text, "holds a run already"));
    assert_int_equal(unit.errors, 1);
}

static void unknown_settings_are_named(void **state)
{
    static const char *const table[][3] = {
        { "epoch", "3", "epoch: no such setting; did you mean 'epochs'?" },
        { "reffakd.alhpa", "1", "reffakd.alhpa: no such setting; did you mean 'reffakd.alpha'?" },
    };
    char text[1024];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(run("reffakd", "x", table[i][0], table[i][1], NULL, false), LBK_ENOENT);
        lbk_last_error(unit.ctx, text, sizeof text);
        assert_string_equal(text, table[i][2]);
        assert_int_equal(unit.errors, 1);
    }
}

static void divergence_names_the_operator(void **state)
{
    char text[1024];
    assert_int_equal(run("none", "nan", "lr", "1e30", NULL, false), LBK_EDIVERGED);
    lbk_last_error(unit.ctx, text, sizeof text);
    assert_non_null(strstr(text, "stage 'student', step "));
    assert_non_null(strstr(text, "expected a finite number"));
    assert_int_equal(unit.errors, 1);
}

/* However seldom the host looks, it names the same step and the same operator. */
static void divergence_is_found_late_as_well(void **state)
{
    char text[2][1024];
    assert_int_equal(run("none", "nan1", "log_every", "1", NULL, false), LBK_OK);
    for (int i = 0; i < 2; i++) {
        char out[256];
        const struct lbk_setting set[] = { { "data", "synth,count=6400,eval_count=24,classes=4" },
                                           { "model", "lenet5_bn" },
                                           { "steps", "400" },
                                           { "batch", "16" },
                                           { "lr", "0.01 x1e36 7" },
                                           { "checkpoint_every", i ? "400" : "1" },
                                           { "log_every", i ? "400" : "1" } };
        snprintf(out, sizeof out, "%s/late%d", folder, i);
        const struct lbk_train_params p = { .size = sizeof p,
                                            .method = "none",
                                            .device = "cpu,threads=2",
                                            .out_dir = out,
                                            .settings = set,
                                            .n_settings = 7 };
        unit.errors = 0;
        assert_int_equal(lbk_train(unit.ctx, &p), LBK_EDIVERGED);
        assert_int_equal(unit.errors, 1);
        lbk_last_error(unit.ctx, text[i], sizeof text[i]);
    }
    assert_string_equal(text[0], text[1]);
    assert_non_null(strstr(text[0], "stage 'student', step 8: "));
}

struct rig {
    lbk_store *store;
    lbk_exec *exec;
    struct lbk_bind in[8];
    lbk_tensor *values, *weight;
    int n;
};

static void feed(struct rig *r, const lbk_graph *g, float poison)
{
    for (int i = 0; i < r->n; i++) {
        const lbk_node *n = lbk__graph_find(g, NODE_INPUT, r->in[i].name);
        float *v = calloc(r->in[i].tensor->bytes + 1, 1);
        if (!strcmp(n->name, "poison"))
            *v = poison;
        else if (!strcmp(n->name, "lr"))
            *v = 0.1f;
        else if (n->dtype == LBK_F32)
            for (int64_t k = 0; k < lbk_shape_count(n->shape); k++)
                v[k] = (float) (k % 7) / 7;
        assert_int_equal(lbk_tensor_write(r->in[i].tensor, v, r->in[i].tensor->bytes), LBK_OK);
        free(v);
    }
}

static void build_rig(struct rig *r, lbk_device *d, struct loose *l)
{
    lbk_graph *g = l->o->g;
    lbk_val *poison = lbk_input(g, "poison", LBK_F32, (lbk_shape){ 0 });
    lbk_obj_loss(l->o, "task", LBK_CONST(1), lbk_pass_loss(l->pass));
    lbk_obj_loss(l->o, "poison", LBK_CONST(1), lbk_log(g, poison));
    assert_int_equal(lbk__objective_finish(l->o, "sgd"), LBK_OK);
    assert_int_equal(lbk_store_create(d, &r->store), LBK_OK);
    assert_int_equal(lbk__store_fill(r->store, g), LBK_OK);
    assert_int_equal(lbk_compile(g, r->store, NULL, &r->exec), LBK_OK);
    for (int64_t i = 0; i < g->n_node; i++) {
        const lbk_node *n = g->node[i];
        if (n->kind == NODE_STATE && n->trainable)
            r->weight = lbk_store_get(r->store, n->name);
        if (n->kind != NODE_INPUT)
            continue;
        r->in[r->n].name = n->name;
        assert_int_equal(lbk_tensor_create(d, n->dtype, n->shape, &r->in[r->n++].tensor), LBK_OK);
    }
    assert_int_equal(lbk_tensor_create(d, LBK_F32, g->output[0].v->shape, &r->values), LBK_OK);
}

/* From a loss that is not finite on, no weight changes, and the steps since are counted. */
static void a_bad_step_is_the_last_that_counts(void **state)
{
    static const float poison[] = { 1, 1, -1, 1, 1 };
    static const float since[] = { 0, 0, 1, 2, 3 };
    float values[4], *before = NULL;
    struct rig r = { 0 };
    struct loose l;
    lbk_device *d;
    unit.errors = 0;
    assert_int_equal(lbk__loose_open(unit.ctx, "lenet5_bn", LBK_SHAPE(1, 32, 32), 4, 4, LBK_TRAINED,
                                     0, NULL, NULL, &l),
                     LBK_OK);
    assert_int_equal(lbk_device_open(unit.ctx, "cpu,threads=2", &d), LBK_OK);
    build_rig(&r, d, &l);
    const size_t bytes = r.weight->bytes;
    float *now = malloc(bytes);
    before = calloc(1, bytes);
    for (int i = 0; i < 5; i++) {
        feed(&r, l.o->g, poison[i]);
        assert_int_equal(lbk_run(r.exec, r.n, r.in, 1, &(struct lbk_bind){ "values", r.values }),
                         LBK_OK);
        assert_int_equal(lbk_tensor_read(r.values, values, sizeof values), LBK_OK);
        assert_int_equal(lbk_tensor_read(r.weight, now, bytes), LBK_OK);
        assert_true(values[3] == since[i]);
        assert_int_equal(memcmp(now, before, bytes) != 0, i < 2);
        memcpy(before, now, bytes);
    }
    free(now), free(before);
    for (int i = 0; i < r.n; i++)
        lbk_tensor_unref(&r.in[i].tensor);
    lbk_tensor_unref(&r.values);
    lbk_exec_destroy(&r.exec);
    lbk_store_destroy(&r.store);
    lbk_device_close(&d);
    lbk__loose_close(&l);
}

/* Rows of the metrics do not depend on when else the values are looked at. */
static void log_every_chooses_the_rows(void **state)
{
    size_t n;
    assert_int_equal(run("none", "rows", "log_every", "3", NULL, false), LBK_OK);
    char *text = read_file("rows", "metrics.csv", &n);
    static const char *const steps[] = { "train,3,", "train,6,", "train,8," };
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(text, steps[i]));
    for (int i = 1; i < 8; i++) {
        char row[32];
        snprintf(row, sizeof row, "train,%d,", i);
        assert_int_equal(strstr(text, row) != NULL, i == 3 || i == 6);
    }
    free(text);
    assert_same("nan1", "rows", "student.safetensors");
}

/* Where gradients are bounded their norm is a value of each row; a bound that is never met changes
 * nothing. */
static void gradients_that_are_bounded_are_logged(void **state)
{
    size_t n;
    assert_int_equal(run("none", "bounded", "optim", "adam,clip=1e6", NULL, false), LBK_OK);
    assert_int_equal(run("none", "free", "optim", "adam", NULL, false), LBK_OK);
    assert_same("bounded", "free", "student.safetensors");
    char *text = read_file("bounded", "metrics.jsonl", &n),
         *of = read_file("free", "metrics.jsonl", &n);
    assert_non_null(strstr(text, ",\"grad_norm\":"));
    assert_true(strtod(strstr(text, "grad_norm") + 11, NULL) > 0);
    assert_null(strstr(of, "grad_norm"));
    free(text), free(of);
}

static void a_teacher_needs_weights(void **state)
{
    char text[1024];
    assert_int_equal(run("kd", "t", "teacher", "lenet5_bn", NULL, false), LBK_EINVAL);
    lbk_last_error(unit.ctx, text, sizeof text);
    assert_string_equal(text, "teacher: role 'teacher' has no weights: set teacher.weights=FILE");
    assert_int_equal(unit.errors, 1);
}

static void evaluation_repeats_the_result(void **state)
{
    char dir[256];
    size_t n;
    snprintf(dir, sizeof dir, "%s/a", folder);
    const struct lbk_train_params p = { .size = sizeof p, .resume = dir };
    struct lbk_progress out = { .size = sizeof out };
    assert_int_equal(lbk_evaluate(unit.ctx, &p, &out), LBK_OK);
    char *text = read_file("a", "result.json", &n);
    json_t *o = json_loads(text, 0, NULL);
    assert_string_equal(out.labels[0], "accuracy");
    assert_true(out.values[0] - json_number_value(json_object_get(o, "accuracy")) < 1e-8);
    json_decref(o);
    free(text);
}

/* Neither training nor evaluation asks for the auxiliary head, but the file has it. */
static void a_head_that_nobody_asks_for_is_kept(void **state)
{
    char dir[256], weights[512];
    struct lbk_progress out = { .size = sizeof out };
    struct lbk_setting set[] = { { "data", "synth,of=segment,count=8,eval_count=4" },
                                 { "model", "deeplabv3_resnet18" },
                                 { "student.width", "0.125" },
                                 { "epochs", "1" },
                                 { "batch", "4" },
                                 { "segment.aux", "0" },
                                 { "student.weights", weights } };
    struct lbk_train_params p = { .size = sizeof p, .out_dir = dir, .settings = set };
    snprintf(dir, sizeof dir, "%s/heads", folder);
    snprintf(weights, sizeof weights, "%s/student.safetensors", dir);
    p.n_settings = 6;
    assert_int_equal(lbk_train(unit.ctx, &p), LBK_OK);
    p.resume = dir;
    assert_int_equal(lbk_evaluate(unit.ctx, &p, &out), LBK_OK);
    set[5].value = "0.4";
    snprintf(dir, sizeof dir, "%s/again", folder);
    p.resume = NULL, p.n_settings = 7;
    assert_int_equal(lbk_train(unit.ctx, &p), LBK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_is_complete),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(evaluation_repeats_the_result),
        cmocka_unit_test(resume_anywhere),
        cmocka_unit_test(stages_that_carry_on_are_one),
        cmocka_unit_test(validation_comes_as_often_as_said),
        cmocka_unit_test(a_second_run_is_refused),
        cmocka_unit_test(unknown_settings_are_named),
        cmocka_unit_test(divergence_names_the_operator),
        cmocka_unit_test(divergence_is_found_late_as_well),
        cmocka_unit_test(a_bad_step_is_the_last_that_counts),
        cmocka_unit_test(log_every_chooses_the_rows),
        cmocka_unit_test(gradients_that_are_bounded_are_logged),
        cmocka_unit_test(a_teacher_needs_weights),
        cmocka_unit_test(a_head_that_nobody_asks_for_is_kept),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
