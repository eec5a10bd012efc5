/* SPDX-License-Identifier: MIT */
/* Runs that keep what a teacher gives, beside those that do not. */
#include "heard.h"
#include <jansson.h>
#include <limbeck/train.h>
#include "testing.h"

/* A network that no row can be kept of: what it says of a sample depends on the others. */
static lbk_val *crowd(lbk_scope *s, lbk_val *x, const void *cfg)
{
    lbk_graph *g = lbk_scope_graph(s);
    (void) cfg;
    x = lbk_mean(g, x, (struct lbk_reduce){ 0xc, false });
    x = lbk_nn_linear(lbk_scope_sub(s, "fc"), x, 4, true);
    return lbk_sub(g, x, lbk_mean(g, x, (struct lbk_reduce){ 1, true }));
}

/* Draws a number that changes with the step. */
static lbk_val *restless(lbk_scope *s, lbk_val *x, const void *cfg)
{
    lbk_graph *g = lbk_scope_graph(s);
    (void) cfg;
    x = lbk_nn_linear(lbk_scope_sub(s, "fc"), lbk_mean(g, x, (struct lbk_reduce){ 0xc, false }), 4,
                      true);
    return lbk_add(g, x, lbk_uniform(s, "drawn", lbk_shape_of(x)));
}

static lbk_status setup(lbk_registrar *r)
{
    lbk_register_model(r, LBK_DESC(lbk_model, .name = "restless", .doc = "", .task = "classify",
                                   .build = restless));
    return lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "crowd", .doc = "", .task = "classify", .build = crowd));
}
static const struct lbk_plugin odd = { LBK_ABI, LBK_ABI_MARK, sizeof odd, "odd",
                                       "0.1",   "MIT",        NULL,       setup };

static int start(void **state)
{
    static const struct lbk_plugin *all[64] = { &odd };
#ifdef LBK_STATIC_PLUGIN
    for (int i = 0; lbk_builtin_plugins[i] && i < 62; i++)
        all[i + 1] = lbk_builtin_plugins[i];
#endif
    return open_folder(state, all);
}

/* ---- runs ---- */

struct halt {
    int64_t at, seen;
};
static bool count(void *ud, const struct lbk_progress *p)
{
    struct halt *h = ud;
    (void) p;
    return ++h->seen != h->at;
}

/* A hint as well, samples that are drawn anew in each of two views, and an epoch that leaves some
 * out. */
static lbk_status run(const char *name, const char *cache, const char *more, const char *value,
                      struct halt *h, bool resume)
{
    const struct lbk_setting list[] = {
        { "data", "synth,count=44,eval_count=16,classes=4" },
        { "augment", "flip,rotate=15" },
        { "model", "lenet5_bn" },
        { "teacher", "lenet5_bn" },
        { "teacher.weights", in_folder("teacher/student.safetensors") },
        { "kd.hint", "0.5" },
        { "train.views", "2" },
        { "epochs", "4" },
        { "batch", "8" },
        { "eval_batch", "8" },
        { "lr", "0.01" },
        { "seed", "3" },
        { "checkpoint_every", "5" },
        { "teacher_cache_dir", in_folder("cache") },
        { "teacher_cache", cache },
        { "teacher_eval", "no" },
        { more ? more : "loaders", more ? value : "1" },
    };
    const char *out = in_folder(name);
    struct lbk_train_params p = { .size = sizeof p,
                                  .method = "kd",
                                  .device = "cpu,threads=2",
                                  .out_dir = out,
                                  .settings = list,
                                  .n_settings = sizeof list / sizeof *list,
                                  .progress = h ? count : NULL,
                                  .ud = h };
    if (resume)
        p.resume = out, p.n_settings = 0;
    unit.errors = 0;
    return lbk_train(unit.ctx, &p);
}

/* Without a hint. */
static lbk_status run_of(const char *name, const char *teacher, const char *cache, struct halt *h)
{
    const struct lbk_setting list[] = {
        { "data", "synth,count=44,eval_count=16,classes=4" },
        { "model", "lenet5_bn" },
        { "teacher", teacher },
        { "teacher.weights", in_folder("teacher/student.safetensors") },
        { "epochs", "2" },
        { "batch", "8" },
        { "teacher_cache", cache },
        { "teacher_eval", "no" },
    };
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = "kd",
                                        .device = "cpu,threads=2",
                                        .out_dir = in_folder(name),
                                        .settings = list,
                                        .n_settings = sizeof list / sizeof *list,
                                        .progress = count,
                                        .ud = h };
    return lbk_train(unit.ctx, &p);
}

static void make_teacher(const char *model, const char *name, const char *steps)
{
    const struct lbk_setting list[] = { { "data", "synth,count=16,eval_count=8,classes=4" },
                                        { "model", model },
                                        { "steps", steps },
                                        { "batch", "8" } };
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = "none",
                                        .device = "cpu,threads=2",
                                        .out_dir = in_folder(name),
                                        .settings = list,
                                        .n_settings = 4 };
    assert_int_equal(lbk_train(unit.ctx, &p), LBK_OK);
}

static void assert_same(const char *a, const char *b, const char *file)
{
    char x[512], y[512];
    unsigned char *v, *w;
    size_t n, m;
    snprintf(x, sizeof x, "%s/%s/%s", folder, a, file);
    snprintf(y, sizeof y, "%s/%s/%s", folder, b, file);
    assert_int_equal(lbk_file_slurp(x, 1 << 28, &v, &n), 0);
    assert_int_equal(lbk_file_slurp(y, 1 << 28, &w, &m), 0);
    assert_int_equal(n, m);
    assert_memory_equal(v, w, n);
    free(v);
    free(w);
}

static int64_t counted(const char *name, const char *what)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/result.json", folder, name);
    json_t *o = json_load_file(path, 0, NULL);
    const json_t *v = json_object_get(json_object_get(o, "teacher_cache"), what);
    assert_non_null(v);
    const int64_t n = json_integer_value(v);
    json_decref(o);
    return n;
}

static void same_bits_with_and_without(void **state)
{
    make_teacher("lenet5_bn", "teacher", "2");
    warnings = 0;
    assert_int_equal(run("off", "off", NULL, NULL, NULL, false), LBK_OK);
    assert_int_equal(run("memory", "memory", NULL, NULL, NULL, false), LBK_OK);
    assert_int_equal(run("disk", "disk", NULL, NULL, NULL, false), LBK_OK);
    assert_int_equal(run("again", "disk", "loaders", "2", NULL, false), LBK_OK);
    static const char *const names[] = { "memory", "disk", "again" };
    for (int i = 0; i < 3; i++) {
        assert_same("off", names[i], "student.safetensors");
        assert_same("off", names[i], "metrics.jsonl");
        assert_int_equal(counted(names[i], "hits") + counted(names[i], "misses"), 4 * 40);
    }
    assert_int_equal(counted("off", "hits") + counted("off", "misses"), 0);
    assert_int_equal(run("little", "memory", "teacher_cache_bytes", "60000", NULL, false), LBK_OK);
    assert_same("off", "little", "student.safetensors");
    assert_true(counted("little", "kept_bytes") <= 60000 && counted("little", "hits") > 0);
    /* two views of all, what epochs 1 and 2 left out in batches of epochs 3 and 4 */
    assert_true(counted("memory", "hits") > 0);
    assert_int_equal(counted("again", "misses"), 8);
    assert_int_equal(counted("again", "kept_bytes"), 0);
    assert_int_equal(warnings, 0);
}

/* Kept for this run alone, and each epoch shows other images: nothing could ever be read. */
static void views_that_never_come_back(void **state)
{
    warnings = 0;
    assert_int_equal(run("anew", "memory", "train.views", "0", NULL, false), LBK_OK);
    assert_int_equal(warnings, 2);
    assert_non_null(strstr(warning, "set train.views"));
    assert_int_equal(counted("anew", "kept_bytes") + counted("anew", "misses"), 0);
    assert_int_equal(run("anew-disk", "disk", "train.views", "0", NULL, false), LBK_OK);
    /* epochs 1 and 2 are the two views that there are already */
    assert_int_equal(counted("anew-disk", "misses"), 2 * 40 + 8);
    assert_int_equal(run("anew-again", "disk", "train.views", "0", NULL, false), LBK_OK);
    assert_int_equal(counted("anew-again", "misses"), 8);
    assert_same("anew", "anew-disk", "student.safetensors");
    assert_same("anew", "anew-again", "student.safetensors");
}

/* Convolutions of every kind, and a plan in which the teacher had its loss fused to it. */
static void same_bits_of_a_residual_network(void **state)
{
    char weights[512];
    make_teacher("resnet8x4", "wide", "2");
    snprintf(weights, sizeof weights, "%s", in_folder("wide/student.safetensors"));
    for (int i = 0; i < 2; i++) {
        const struct lbk_setting list[] = {
            { "data", "synth,count=20,eval_count=8,classes=4" },
            { "augment", "flip" },
            { "model", "resnet20" },
            { "teacher", "resnet8x4" },
            { "teacher.weights", weights },
            { "kd.hint", "0.5" },
            { "train.views", "1" },
            { "epochs", "2" },
            { "batch", "8" },
            { "teacher_cache", i ? "memory" : "off" },
            { "teacher_eval", "no" },
        };
        const struct lbk_train_params p = { .size = sizeof p,
                                            .method = "kd",
                                            .device = "cpu,threads=2",
                                            .out_dir = in_folder(i ? "wide1" : "wide0"),
                                            .settings = list,
                                            .n_settings = sizeof list / sizeof *list };
        assert_int_equal(lbk_train(unit.ctx, &p), LBK_OK);
    }
    assert_same("wide0", "wide1", "student.safetensors");
    assert_same("wide0", "wide1", "metrics.jsonl");
}

static void another_seed_or_teacher_reads_nothing(void **state)
{
    char weights[512];
    make_teacher("lenet5_bn", "teacher3", "3");
    snprintf(weights, sizeof weights, "%s", in_folder("teacher3/student.safetensors"));
    const char *const table[][3] = {
        { "seed", "seed", "4" },
        { "batch", "batch", "4" },
        { "mean", "data.mean", "0.1" },
        { "augment", "augment", "flip,rotate=10" },
        { "weights", "teacher.weights", weights },
    };
    warnings = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(run(table[i][0], "disk", table[i][1], table[i][2], NULL, false), LBK_OK);
        assert_true(counted(table[i][0], "misses") >= 2 * 40);
        assert_true(counted(table[i][0], "kept_bytes") > 0);
    }
    /* a wrong row would have been seen, and told */
    assert_int_equal(warnings, 0);
    /* half of the samples: they are found by their place in the files */
    assert_int_equal(run("fraction", "disk", "data.fraction", "0.5", NULL, false), LBK_OK);
    assert_true(counted("fraction", "hits") > 0);
    /* but another student does */
    assert_int_equal(run("lr", "disk", "lr", "0.02", NULL, false), LBK_OK);
    assert_int_equal(counted("lr", "misses"), 8);
    assert_int_equal(run("other", "disk", "model", "resnet8x4", NULL, false), LBK_OK);
    assert_int_equal(counted("other", "misses"), 8);
    assert_int_equal(run("logits", "disk", "kd.hint", "0", NULL, false), LBK_OK);
    assert_int_equal(counted("logits", "misses"), 8);
}

static void goes_on_in_the_same_bits(void **state)
{
    static const char *const cache[] = { "memory", "disk" };
    char name[16];
    for (int i = 0; i < 2; i++)
        for (int64_t k = 3; k < 20; k += 8) {
            struct halt h = { k, 0 };
            snprintf(name, sizeof name, "%s%d", cache[i], (int) k);
            clear(in_folder("cache"));
            assert_int_equal(run(name, cache[i], NULL, NULL, &h, false), LBK_ECANCELLED);
            assert_int_equal(run(name, NULL, NULL, NULL, NULL, true), LBK_OK);
            assert_same("off", name, "student.safetensors");
            assert_same("off", name, "metrics.jsonl");
        }
}

/* ---- files that are whole, but wrong ---- */

static const void *row_of(const void *ud, int64_t i)
{
    static float row[1 << 16];
    const struct shard *s = ud;
    assert_true(s->row <= sizeof row);
    assert_true(lbk__shard_read(s, i, row));
    row[0] += 1;
    return row;
}

static void spoil(const char *path)
{
    unsigned char *bytes;
    size_t n;
    struct shard s;
    struct row_key *key;
    const struct shard_head *h;
    assert_int_equal(lbk_file_slurp(path, 1 << 28, &bytes, &n), 0);
    h = (const void *) bytes;
    assert_null(lbk__shard_open(path, h->set, h->row, &s));
    key = calloc((size_t) s.n, sizeof *key);
    for (int64_t i = 0; i < s.n; i++)
        key[i] = s.at[i].key;
    assert_int_equal(lbk__shard_write(path, h->set, s.row, s.n, key, row_of, &s, &n), 0);
    lbk__shard_close(&s);
    free(key);
    free(bytes);
}

static void each_file(const char *path)
{
    char inside[4096];
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
        if (strstr(e->d_name, ".rows"))
            spoil(inside);
        else if (*e->d_name != '.')
            each_file(inside);
    }
    if (d)
        closedir(d);
}

static void wrong_rows_are_seen(void **state)
{
    clear(in_folder("cache"));
    assert_int_equal(run("fresh", "disk", NULL, NULL, NULL, false), LBK_OK);
    each_file(in_folder("cache"));
    warnings = 0;
    assert_int_equal(run("spoilt", "disk", NULL, NULL, NULL, false), LBK_OK);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warning, "differs from what the teacher gives now"));
    assert_int_equal(counted("spoilt", "hits"), 0);
    assert_same("off", "spoilt", "student.safetensors");
}

/* ---- teachers that nothing can be kept of ---- */

static void what_is_no_function_of_a_sample(void **state)
{
    static const char *const models[] = { "crowd", "restless" };
    for (int i = 0; i < 2; i++) {
        char off[32], memory[32];
        struct halt h = { 0 };
        snprintf(off, sizeof off, "%s-off", models[i]);
        snprintf(memory, sizeof memory, "%s-memory", models[i]);
        clear(in_folder("teacher"));
        make_teacher(models[i], "teacher", "2");
        warnings = 0;
        assert_int_equal(run_of(off, models[i], "off", &h), LBK_OK);
        assert_int_equal(warnings, 0);
        assert_int_equal(run_of(memory, models[i], "memory", &h), LBK_OK);
        /* by the rehearsal and by the run: of "crowd" from its rows, of the other from the graph */
        assert_int_equal(warnings, 2);
        assert_int_equal(counted(memory, "hits"), 0);
        assert_int_equal(counted(memory, "kept_bytes"), 0);
        assert_same(off, memory, "student.safetensors");
        assert_same(off, memory, "metrics.jsonl");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_with_and_without),
        cmocka_unit_test(views_that_never_come_back),
        cmocka_unit_test(same_bits_of_a_residual_network),
        cmocka_unit_test(another_seed_or_teacher_reads_nothing),
        cmocka_unit_test(goes_on_in_the_same_bits),
        cmocka_unit_test(wrong_rows_are_seen),
        cmocka_unit_test(what_is_no_function_of_a_sample),
    };
    return cmocka_run_group_tests(tests, start, close_folder);
}
