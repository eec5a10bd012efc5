/* SPDX-License-Identifier: MIT */
/* One step of the method through the whole trainer, on networks that are nothing but their logits,
 * against PyTorch (tests/ref/make_rdd.py): what is logged to 1e-5, gradients to 1e-4 of the
 * largest. rdd [--device DEVICE] [CASE ...] */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <limbeck/file.h>
#include <limbeck/train.h>
#include "registry.h"
#include "safetensors.h"
#include "testing.h"

/* The rate of that step: what it takes from the logits is so many gradients. */
#define RATE "1024"

static lbk_ctx *ctx;
static const char *device;
static char **chosen; /* cases, ended by NULL; none = all */
static struct st_file golden;
static char folder[] = "/tmp/limbeck-rdd-XXXXXX";

/* The case that runs. */
static struct {
    const char *name;
    char inputs[32];
    lbk_shape out, aux, label; /* N K h w, N H W */
    uint8_t *labels;
} now;

static const struct st_tensor *tensor(const char *what)
{
    char name[128];
    const bool wanted = !strncmp(what, "value.", 6) || !strncmp(what, "grad.", 5);
    snprintf(name, sizeof name, "%s/%s", wanted ? now.name : now.inputs, what);
    return lbk__st_find(&golden, name);
}

static void *content(const struct st_file *f, const struct st_tensor *t)
{
    void *p = malloc((size_t) (t->end - t->begin) + 1);
    assert_non_null(p);
    assert_int_equal(lbk__st_read(f, t, p), LBK_OK);
    return p;
}

static lbk_shape shape_of(const struct st_tensor *t)
{
    lbk_shape s = { .n = t ? t->rank : 0 };
    for (int i = 0; i < s.n; i++)
        s.d[i] = (int64_t) t->dim[i];
    return s;
}

/* ---- a model that looks its logits up, and labels for it ---- */

struct logits {
    bool aux;
};
static const struct lbk_opt logits_opts[] = {
    LBK_BOOL(logits, aux, true, "is there an auxiliary head?"),
    LBK_OPTS_END,
};

static lbk_val *rows(lbk_scope *s, const char *name, lbk_val *index)
{
    lbk_val *w = lbk_weight(s, name, now.out, (struct lbk_init){ .kind = LBK_INIT_ZEROS });
    return lbk_gather(lbk_scope_graph(s), w, index, (struct lbk_axis){ 0 });
}

static lbk_val *logits(lbk_scope *s, lbk_val *index, const void *cfg)
{
    if (((const struct logits *) cfg)->aux)
        lbk_tap(s, "aux", rows(s, "aux", index));
    return rows(s, "out", index);
}

struct part {
    int split;
};
struct lbk_dataset {
    bool train; /* else all pixels are of class 0: there is always something to judge by */
    struct lbk_field fields[3];
};
static const char *const splits[] = { "train", "val", "test", NULL };
static const struct lbk_opt part_opts[] = {
    LBK_ENUM(part, split, "train", splits, "which part"),
    LBK_OPTS_END,
};

static lbk_status open_set(lbk_ctx *c, const void *cfg, lbk_dataset **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return LBK_ENOMEM;
    (*out)->train = !((const struct part *) cfg)->split;
    (*out)->fields[0] = (struct lbk_field){ "image", LBK_IMAGE, LBK_F32, 0, 0 };
    (*out)->fields[1] = (struct lbk_field){ "label", LBK_MAP, LBK_I32, now.out.d[1], now.out.d[1] };
    return LBK_OK;
}

static void close_set(lbk_dataset *d) { free(d); }
static int64_t count(const lbk_dataset *d) { return now.out.d[0]; }
static const struct lbk_field *fields(const lbk_dataset *d) { return d->fields; }

static lbk_status read_set(const lbk_dataset *d, int64_t i, lbk_record *r)
{
    const int64_t h = now.label.d[1], w = now.label.d[2];
    int32_t *to = lbk_record_put(r, "label", LBK_I32, LBK_SHAPE(h, w));
    if (!to || !lbk_record_put(r, "image", LBK_F32, LBK_SHAPE(1, h, w)))
        return LBK_ENOMEM;
    for (int64_t k = 0; d->train && k < h * w; k++)
        to[k] = now.labels[i * h * w + k];
    return LBK_OK;
}

static lbk_status hash(const lbk_dataset *d, char out[65])
{
    snprintf(out, 65, "%064d", 0);
    return LBK_OK;
}

static lbk_status setup(lbk_registrar *r)
{
    lbk_register_source(r, LBK_DESC(lbk_source, .name = "rdd_labels", .opts = part_opts,
                                    .cfg_size = sizeof(struct part), .open = open_set,
                                    .close = close_set, .count = count, .fields = fields,
                                    .read = read_set, .hash = hash));
    return lbk_register_model(r, LBK_DESC(lbk_model, .name = "rdd_logits", .task = "segment",
                                          .reads = "index", .opts = logits_opts,
                                          .cfg_size = sizeof(struct logits), .build = logits));
}

static int start(void **state)
{
    ctx = testing_ctx();
    if (!ctx || !mkdtemp(folder) || lbk__register(ctx, NULL, setup))
        return -1;
    return lbk__st_open(ctx, LBK_TEST_REF "/rdd.safetensors", &golden);
}

static int stop(void **state)
{
    lbk__st_close(&golden);
    lbk_ctx_destroy(&ctx);
    return testing_remove(folder);
}

/* ---- one case ---- */

static void begin(const char *name, const char *inputs)
{
    now.name = name;
    snprintf(now.inputs, sizeof now.inputs, "%s", inputs);
    now.out = shape_of(tensor("student.out"));
    now.aux = shape_of(tensor("student.aux"));
    now.label = shape_of(tensor("label"));
    now.labels = content(&golden, tensor("label"));
}

static const char *file_of(const char *role, char path[256])
{
    static const char *const heads[] = { "out", "aux" };
    struct st_item items[2];
    char what[64];
    int n = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(what, sizeof what, "%s.%s", role, heads[i]);
        const struct st_tensor *t = tensor(what);
        if (t)
            items[n++] = (struct st_item){ .name = heads[i],
                                           .dtype = LBK_F32,
                                           .shape = shape_of(t),
                                           .data = content(&golden, t) };
    }
    snprintf(path, 256, "%s/%s.%s", folder, now.name, role);
    assert_int_equal(lbk__st_save(ctx, path, n, items, 0, NULL), LBK_OK);
    while (n--)
        free((void *) items[n].data);
    return path;
}

/* Trains for a step unless the text says otherwise; out: the folder of the run. */
static lbk_status train(const char *method, const char *text, char out[256])
{
    char words[512], weights[2][256], batch[24];
    struct lbk_setting s[32] = {
        { "data", "rdd_labels" },
        { "model", "rdd_logits" },
        { "student.weights", file_of("student", weights[0]) },
        { "student.aux", now.aux.n ? "yes" : "no" },
        { "teacher_eval", "no" },
        { "batch", batch },
        { "steps", "1" },
        { "log_every", "1" },
        { "optim", "sgd,momentum=0,wd=0" },
        { "lr", RATE },
        { "teacher", "rdd_logits" },
        { "teacher.weights", file_of("teacher", weights[1]) },
        { "teacher.aux", tensor("teacher.aux") ? "yes" : "no" },
    };
    int n = strcmp(method, "none") ? 13 : 10;
    snprintf(batch, sizeof batch, "%lld", (long long) now.out.d[0]);
    snprintf(words, sizeof words, "%s", text);
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
        char *equals = strchr(w, '=');
        *equals = 0;
        s[n++] = (struct lbk_setting){ w, equals + 1 };
    }
    static int runs;
    snprintf(out, 256, "%s/%d", folder, runs++);
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = method,
                                        .device = device,
                                        .out_dir = out,
                                        .settings = s,
                                        .n_settings = n,
                                        .strict = true };
    return lbk_train(ctx, &p);
}

static void compare_values(const char *out)
{
    char path[300], line[512];
    int logged = 0, wanted = 0;
    snprintf(path, sizeof path, "%s/metrics.csv", out);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char label[64], what[96];
        double v;
        float want;
        if (sscanf(line, "%*[^,],train,1,0,%63[^,],%lf", label, &v) != 2 || !strcmp(label, "lr"))
            continue;
        snprintf(what, sizeof what, "value.%s", label);
        const struct st_tensor *t = tensor(what);
        if (!t)
            fail_msg("%s: '%s' is logged, and is not in the golden", now.name, label);
        assert_int_equal(lbk__st_read(&golden, t, &want), LBK_OK);
        if (!(fabs(v - (double) want) <= 1e-5 * fabs((double) want)))
            fail_msg("%s: %s is %.9g, expected %.9g", now.name, label, v, (double) want);
        logged++;
    }
    fclose(f);
    for (int64_t i = 0; i < golden.n; i++)
        wanted += !strncmp(golden.at[i].name, now.name, strlen(now.name)) &&
                  !strncmp(golden.at[i].name + strlen(now.name), "/value.", 7);
    if (logged != wanted)
        fail_msg("%s: %d values are logged, expected %d", now.name, logged, wanted);
}

static void compare_gradient(const struct st_file *f, const char *head)
{
    char what[64];
    double worst = 0, most = 0;
    snprintf(what, sizeof what, "student.%s", head);
    const struct st_tensor *before = tensor(what), *after = lbk__st_find(f, head);
    snprintf(what, sizeof what, "grad.%s", head);
    const struct st_tensor *want = tensor(what);
    assert_true(before && after && want);
    float *a = content(&golden, before), *b = content(f, after), *g = content(&golden, want);
    for (int64_t i = 0, n = lbk_shape_count(now.out); i < n; i++) {
        worst = fmax(worst, fabs((double) (a[i] - b[i]) / atof(RATE) - (double) g[i]));
        most = fmax(most, fabs((double) g[i]));
    }
    if (!(worst <= 1e-4 * most))
        fail_msg("%s: gradient of %s: off by %g, the largest is %g", now.name, head, worst, most);
    free(a), free(b), free(g);
}

static void run(const char *name, const char *text)
{
    char out[256], path[300];
    struct st_file f;
    const size_t inputs = strcspn(text, " ");
    char which[32];
    snprintf(which, sizeof which, "%.*s", (int) inputs, text);
    begin(name, which);
    if (train("rdd", text + inputs, out))
        fail_msg("%s does not train", now.name);
    compare_values(out);
    snprintf(path, sizeof path, "%s/student.safetensors", out);
    assert_int_equal(lbk__st_open(ctx, path, &f), LBK_OK);
    compare_gradient(&f, "out");
    if (now.aux.n)
        compare_gradient(&f, "aux");
    lbk__st_close(&f);
    free(now.labels);
}

static void goldens(void **state)
{
    int n = 0;
    for (int64_t i = 0; i < golden.n_meta; i++) {
        bool wanted = !*chosen;
        for (char **c = chosen; *c && !wanted; c++)
            wanted = !strcmp(*c, golden.meta[i].key);
        if (wanted)
            run(golden.meta[i].key, golden.meta[i].value), n++;
    }
    assert_true(n >= (*chosen ? 1 : 20));
}

/* In two stages, of which the second begins in the middle of an epoch, with momentum. */
static void without_weights_it_is_plain_training(void **state)
{
    static const char settings[] = "steps=5 batch=1 optim=sgd,momentum=0.9";
    char text[300], out[256];
    unsigned char *bytes[2];
    size_t n[2];
    begin("plain", "both");
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%s%s", settings,
                 i ? " rdd.easy=3 rdd.reweight=0 rdd.kd=0" : "");
        assert_int_equal(train(i ? "rdd" : "none", text, out), LBK_OK);
        snprintf(text, sizeof text, "%s/student.safetensors", out);
        assert_int_equal(lbk_file_slurp(text, 1 << 20, &bytes[i], &n[i]), 0);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    free(bytes[0]), free(bytes[1]), free(now.labels);
}

static void refused(const char *text, const char *why)
{
    char out[256], said[512];
    begin("refused", "one");
    if (train("rdd", text, out) == LBK_OK)
        fail_msg("'%s' trains", text);
    lbk_last_error(ctx, said, sizeof said);
    if (!strstr(said, why))
        fail_msg("'%s': expected '%s', found '%s'", text, why, said);
    free(now.labels);
}

static void what_is_wrong_is_named(void **state)
{
    refused("teacher.aux=no rdd.easy=100%", "compares the teacher's head 'aux', which it has not");
    refused("rdd.classes=1:2:3 rdd.easy=0", "rdd.classes: expected 5 numbers, found 3");
    refused("rdd.classes=1:2:-3:4:5", "rdd.classes: expected 0 or more, got -3");
    refused("rdd.blend=0.5 rdd.reweight=1\tline\t0",
            "rdd.reweight: expected a number, not a curve");
}

int main(int argc, char **argv)
{
    device = testing_device(argc, argv);
    chosen = argv + (argc > 2 && !strcmp(argv[1], "--device") ? 3 : 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens),
        cmocka_unit_test(without_weights_it_is_plain_training),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
