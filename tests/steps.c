/* SPDX-License-Identifier: MIT */
/* One training step of each method, through the whole trainer, against PyTorch
 * (tests/ref/make_steps.py). */
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
static const char *device;
static struct st_file golden;
static char folder[] = "/tmp/limbeck-steps-XXXXXX";

static void *content(const struct st_file *f, const struct st_tensor *t)
{
    void *p = malloc((size_t) (t->end - t->begin) + 1);
    assert_int_equal(lbk__st_read(f, t, p), LBK_OK);
    return p;
}

static const char *at(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

/* An IDX file of bytes. */
static void write_idx(const char *name, const char *tensor)
{
    char path[256];
    const struct st_tensor *t = lbk__st_find(&golden, tensor);
    assert_non_null(t);
    void *bytes = content(&golden, t);
    FILE *f = fopen(at(path, name), "wb");
    assert_non_null(f);
    fwrite((const unsigned char[]){ 0, 0, 8, (unsigned char) t->rank }, 1, 4, f);
    for (int i = 0; i < t->rank; i++)
        fwrite((const unsigned char[]){ 0, 0, 0, (unsigned char) t->dim[i] }, 1, 4, f);
    fwrite(bytes, 1, (size_t) (t->end - t->begin), f);
    fclose(f);
    free(bytes);
}

/* The tensors "role/x" as a file of their own, x as PyTorch names it. */
static void write_weights(const char *role)
{
    struct st_item items[64];
    char path[256], prefix[16], file[64];
    int n = 0;
    snprintf(prefix, sizeof prefix, "%s/", role);
    snprintf(file, sizeof file, "%s.safetensors", role);
    for (int64_t i = 0; i < golden.n; i++) {
        const struct st_tensor *t = &golden.at[i];
        if (strncmp(t->name, prefix, strlen(prefix)) || strcmp(t->dtype->name, "F16"))
            continue;
        items[n] = (struct st_item){ .name = t->name + strlen(prefix),
                                     .dtype = LBK_F16,
                                     .data = content(&golden, t) };
        items[n].shape.n = t->rank;
        for (int j = 0; j < t->rank; j++)
            items[n].shape.d[j] = (int64_t) t->dim[j];
        n++;
    }
    assert_true(n > 0);
    assert_int_equal(lbk__st_save(ctx, at(path, file), n, items, 0, NULL), LBK_OK);
    while (n--)
        free((void *) items[n].data);
}

static int start(void **state)
{
    ctx = testing_ctx();
    if (!ctx || !mkdtemp(folder) || lbk__st_open(ctx, LBK_TEST_REF "/steps.safetensors", &golden))
        return -1;
    write_idx("images", "image");
    write_idx("labels", "label");
    write_weights("student");
    write_weights("teacher");
    return 0;
}

static int stop(void **state)
{
    lbk__st_close(&golden);
    lbk_ctx_destroy(&ctx);
    return testing_remove(folder);
}

/* The golden's samples of a tensor, at most 16, against those of the file. */
static void compare(const char *name, const struct st_file *f, const struct st_tensor *want)
{
    const struct st_tensor *got = lbk__st_find(f, want->name + strlen(name) + 1);
    if (!got)
        fail_msg("%s: no '%s' in the student", name, want->name);
    const int64_t n = (int64_t) (got->end - got->begin) / 4,
                  m = (int64_t) (want->end - want->begin) / 4;
    float *v = content(f, got), *b = content(&golden, want);
    double worst = 0, most = 1e-30;
    for (int64_t i = 0; i < m; i++) {
        worst = fmax(worst, fabs((double) v[m > 1 ? i * (n - 1) / (m - 1) : 0] - b[i]));
        most = fmax(most, fabs((double) b[i]));
    }
    if (!(worst <= 1e-4 * most))
        fail_msg("%s: relative error %g", want->name, worst / most);
    free(v);
    free(b);
}

static void run(const char *name, const char *text)
{
    char data[1024], out[256], student[256], teacher[256], words[256], file[320];
    struct lbk_setting s[24] = {
        { "data", data },
        { "model", "lenet5_bn" },
        { "student.weights", at(student, "student.safetensors") },
        { "batch", "20" },
        { "steps", "1" },
        { "lr", "0.1" },
        { "optim", "sgd,momentum=0.9,wd=5e-4" },
    };
    int n = 7;
    snprintf(data, sizeof data,
             "idx,root=%s,images=images,labels=labels,val_images=images,val_labels=labels,test_"
             "images=images,test_labels=labels,classes=10",
             folder);
    snprintf(words, sizeof words, "%s", text);
    struct lbk_train_params p = {
        .size = sizeof p, .device = device, .out_dir = at(out, name), .settings = s, .strict = true
    };
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
        char *equals = strchr(w, '=');
        *equals = 0;
        if (!strcmp(w, "method"))
            p.method = equals + 1;
        else
            s[n++] = (struct lbk_setting){ w, equals + 1 };
    }
    if (!strcmp(p.method, "kd")) {
        s[n++] = (struct lbk_setting){ "teacher", "lenet5_bn" };
        s[n++] = (struct lbk_setting){ "teacher.weights", at(teacher, "teacher.safetensors") };
    }
    p.n_settings = n;
    if (lbk_train(ctx, &p))
        fail_msg("%s does not train", name);
    struct st_file f;
    snprintf(file, sizeof file, "%s/student.safetensors", out);
    assert_int_equal(lbk__st_open(ctx, file, &f), LBK_OK);
    int compared = 0;
    for (int64_t i = 0; i < golden.n; i++)
        if (!strncmp(golden.at[i].name, name, strlen(name)) &&
            golden.at[i].name[strlen(name)] == '/') {
            compare(name, &f, &golden.at[i]);
            compared++;
        }
    assert_int_equal(compared, f.n);
    lbk__st_close(&f);
}

static void every_method(void **state)
{
    assert_true(golden.n_meta >= 6);
    for (int64_t i = 0; i < golden.n_meta; i++)
        run(golden.meta[i].key, golden.meta[i].value);
}

int main(int argc, char **argv)
{
    device = testing_device(argc, argv);
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_method) };
    return cmocka_run_group_tests(tests, start, stop);
}
