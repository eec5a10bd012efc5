/* SPDX-License-Identifier: MIT */
/* Losses against numbers that PyTorch computed in double (tests/ref/make_losses.py): 1e-5 of the
 * value, 1e-4 of the largest gradient. A new case is a new entry of that file. */
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <limbeck/train.h>
#include "safetensors.h"
#include "testing.h"

static lbk_ctx *ctx;
static char folder[] = "/tmp/limbeck-goldens-XXXXXX";
static char in_path[64], out_path[64];

static int start(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(in_path, sizeof in_path, "%s/in", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    ctx = testing_ctx();
    return ctx ? 0 : -1;
}

static int stop(void **state)
{
    remove(in_path);
    remove(out_path);
    lbk_ctx_destroy(&ctx);
    return rmdir(folder);
}

static void *content(const struct st_file *f, const struct st_tensor *t)
{
    void *p = malloc((size_t) (t->end - t->begin) + 1);
    assert_int_equal(lbk__st_read(f, t, p), LBK_OK);
    return p;
}

/* Splits "kl temperature=4 reduction=mean" in place; returns how many options there are. */
static int split(char *text, char **loss, struct lbk_setting *options, int max)
{
    int n = 0;
    *loss = strtok(text, " ");
    for (char *word = strtok(NULL, " "); word && n < max; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = 0;
        options[n++] = (struct lbk_setting){ word, equals + 1 };
    }
    return n;
}

/* The tensors "case/in.x" of the golden file, as x in a file of their own. */
static void write_inputs(const struct st_file *f, const char *name)
{
    struct st_item items[8];
    char prefix[128];
    int n = 0;
    snprintf(prefix, sizeof prefix, "%s/in.", name);
    for (int64_t i = 0; i < f->n; i++) {
        const struct st_tensor *t = &f->at[i];
        if (strncmp(t->name, prefix, strlen(prefix)))
            continue;
        items[n] = (struct st_item){ .name = t->name + strlen(prefix), .data = content(f, t) };
        items[n].dtype = strcmp(t->dtype->name, "I32") ? LBK_F32 : LBK_I32;
        items[n].shape.n = t->rank;
        for (int j = 0; j < t->rank; j++)
            items[n].shape.d[j] = (int64_t) t->dim[j];
        n++;
    }
    assert_true(n > 0);
    assert_int_equal(lbk__st_save(ctx, in_path, n, items, 0, NULL), LBK_OK);
    while (n--)
        free((void *) items[n].data);
}

/* Largest difference over the largest number expected. */
static double distance(const float *a, const float *b, int64_t n)
{
    double worst = 0, most = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, isfinite(a[i]) ? fabs((double) a[i] - b[i]) : INFINITY);
        most = fmax(most, fabs((double) b[i]));
    }
    return worst / most;
}

static void compare_outputs(const struct st_file *golden, const char *name)
{
    struct st_file f;
    char prefix[128];
    int n = 0;
    snprintf(prefix, sizeof prefix, "%s/out.", name);
    assert_int_equal(lbk__st_open(ctx, out_path, &f), LBK_OK);
    for (int64_t i = 0; i < golden->n; i++) {
        const struct st_tensor *want = &golden->at[i], *got;
        if (strncmp(want->name, prefix, strlen(prefix)))
            continue;
        const char *short_name = want->name + strlen(prefix);
        got = lbk__st_find(&f, short_name);
        if (!got || got->end - got->begin != want->end - want->begin)
            fail_msg("%s: no '%s' of that size", name, short_name);
        float *a = content(&f, got), *b = content(golden, want);
        const double d = distance(a, b, (int64_t) (want->end - want->begin) / 4);
        if (!(d <= (strcmp(short_name, "loss") ? 1e-4 : 1e-5)))
            fail_msg("%s: %s: relative error %g", name, short_name, d);
        free(a);
        free(b);
        n++;
    }
    assert_true(n >= 2);
    lbk__st_close(&f);
}

static void run_file(const char *path)
{
    struct st_file golden;
    assert_int_equal(lbk__st_open(ctx, path, &golden), LBK_OK);
    assert_true(golden.n_meta > 0);
    for (int64_t i = 0; i < golden.n_meta; i++) {
        char text[256], *loss;
        struct lbk_setting options[8];
        snprintf(text, sizeof text, "%s", golden.meta[i].value);
        const int n = split(text, &loss, options, 8);
        write_inputs(&golden, golden.meta[i].key);
        if (lbk_loss_eval(ctx, "cpu", loss, in_path, out_path, n, options, NULL))
            fail_msg("%s", golden.meta[i].key);
        compare_outputs(&golden, golden.meta[i].key);
    }
    lbk__st_close(&golden);
}

static void core_losses(void **state) { run_file(LBK_TEST_REF "/losses.safetensors"); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(core_losses) };
    return cmocka_run_group_tests(tests, start, stop);
}
