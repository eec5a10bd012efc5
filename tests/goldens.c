/* SPDX-License-Identifier: MIT */
/* Losses against numbers that PyTorch computed in double (tests/ref/make_losses.py): 1e-5 of the
 * value, 1e-4 of the largest gradient. A new case is a new entry of that file. And models
 * (tests/ref/make_models.py): goldens [--device DEVICE] [NAME ...] */
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <limbeck/file.h>
#include <limbeck/rng.h>
#include <limbeck/train.h>
#include "device.h"
#include "loose.h"
#include "safetensors.h"
#include "testing.h"

static lbk_ctx *ctx;
static const char *device;
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
        if (lbk_loss_eval(ctx, device, loss, in_path, out_path, n, options, NULL))
            fail_msg("%s", golden.meta[i].key);
        compare_outputs(&golden, golden.meta[i].key);
    }
    lbk__st_close(&golden);
}

static void core_losses(void **state) { run_file(LBK_TEST_REF "/losses.safetensors"); }

/* ---- models: an answer, and every tensor after a step ---- */

static const char *find_meta(const struct st_file *f, const char *key)
{
    for (int64_t i = 0; i < f->n_meta; i++)
        if (!strcmp(f->meta[i].key, key))
            return f->meta[i].value;
    return NULL;
}

static const char *meta_of(const struct st_file *f, const char *key)
{
    const char *value = find_meta(f, key);
    if (!value)
        fail_msg("%s has no '%s'", f->path, key);
    return value;
}

/* What the golden says of its model. text: "model option=value ..."; returns how many options. */
static int model_of(const struct st_file *f, char text[256], char **model,
                    struct lbk_setting options[8])
{
    snprintf(text, 256, "%s %s", meta_of(f, "model"), meta_of(f, "options"));
    return split(text, model, options, 8);
}

/* The model on the images of the file, with the truth that its task wants beside them. */
static void build(const struct st_file *f, enum lbk_mode mode, struct loose *l)
{
    const struct st_tensor *x = lbk__st_find(f, "data/image");
    struct lbk_setting options[8];
    char text[256], *model;
    assert_non_null(x);
    const int n = model_of(f, text, &model, options);
    const lbk_shape image =
        LBK_SHAPE((int64_t) x->dim[1], (int64_t) x->dim[2], (int64_t) x->dim[3]);
    assert_int_equal(lbk__loose_open(ctx, model, image, (int64_t) x->dim[0],
                                     atoll(meta_of(f, "classes")), mode, n, options, NULL, l),
                     LBK_OK);
    assert_int_equal(lbk__loose_encode(l), LBK_OK);
}

/* An output for every weight, what a step takes from it; buffers are assigned. */
static void add_step(struct loose *l, const struct st_file *f)
{
    lbk_graph *g = l->o->g;
    lbk_val *w[256], *grad[256], *loss = lbk_pass_loss(l->pass);
    struct net *net = &l->pass->piece.net;
    int n = 0;
    for (int64_t i = 0; i < g->n_node; i++)
        if (g->node[i]->kind == NODE_STATE && g->node[i]->trainable && n < 256)
            w[n++] = val_of(g->node[i]);
    assert_true(n < 256);
    assert_int_equal(lbk_grad(g, loss, n, w, grad), LBK_OK);
    lbk_val *lr = lbk_scalar(g, atof(meta_of(f, "lr"))),
            *wd = lbk_scalar(g, atof(meta_of(f, "weight_decay")));
    for (int i = 0; i < n; i++)
        lbk_output(g, node_of(w[i])->name,
                   lbk_mul(g, lr, lbk_add(g, grad[i], lbk_mul(g, wd, w[i]))));
    lbk_output(g, "loss", loss);
    assert_int_equal(lbk__nets_assign(g, 1, &net), LBK_OK);
}

static lbk_tensor *tensor_of(const lbk_store *inputs, const char *name)
{
    lbk_tensor *t = lbk_store_get(inputs, name);
    assert_non_null(t);
    return t;
}

/* Of "step/name": what the golden allows where the arithmetic itself is that rough. */
static double tolerance_of(const struct st_file *f, const char *key)
{
    char name[192];
    float v = 1e-4F;
    snprintf(name, sizeof name, "tolerance/%s", strncmp(key, "step/", 5) ? key : key + 5);
    const struct st_tensor *t = lbk__st_find(f, name);
    if (t)
        assert_int_equal(lbk__st_read(f, t, &v), LBK_OK);
    return v;
}

/* The golden's samples of a tensor: at most 16, evenly spread. */
static void compare_samples(const struct st_file *f, const char *key, const lbk_tensor *t,
                            double most)
{
    const struct st_tensor *want = lbk__st_find(f, key);
    if (!want)
        fail_msg("%s: no '%s'", f->path, key);
    const int64_t n = lbk_shape_count(t->shape), m = (int64_t) (want->end - want->begin) / 4;
    float *v = malloc(t->bytes), *b = content(f, want), a[16];
    assert_int_equal(m, n < 16 ? n : 16);
    assert_int_equal(lbk_tensor_read(t, v, t->bytes), LBK_OK);
    for (int64_t i = 0; i < m; i++)
        a[i] = v[m > 1 ? i * (n - 1) / (m - 1) : 0];
    const double d = distance(a, b, m);
    if (!(d <= most))
        fail_msg("%s: %s: relative error %g", f->path, key, d);
    free(v);
    free(b);
}

static void put_inputs(lbk_store *inputs, lbk_device *d, const struct loose *l,
                       const struct st_file *f)
{
    for (int i = 0; i < l->layout.n; i++) {
        lbk_tensor *t;
        char name[64];
        snprintf(name, sizeof name, "data/%s", l->field[i].name);
        assert_int_equal(lbk_tensor_create(d, l->field[i].dtype, l->field[i].shape, &t), LBK_OK);
        assert_int_equal(lbk_store_put(inputs, name, t), LBK_OK);
        lbk_tensor_unref(&t);
    }
    assert_int_equal(lbk_ckpt_load(inputs, f->path, "", NULL, false), LBK_OK);
}

/* As tests/ref/make_models.py makes them. */
static void make_weight(const lbk_node *n, float *v)
{
    const char *name = strchr(n->name, '/') + 1, *last = strrchr(n->name, '/') + 1;
    const int64_t count = lbk_shape_count(n->shape);
    const double scale = strcmp(last, "weight") ? 1 : 0.5,
                 base = strcmp(last, "weight") && strcmp(last, "running_var") ? 1 : 0.5;
    char dotted[160];
    snprintf(dotted, sizeof dotted, "%s", name);
    for (char *c = dotted; *c; c++)
        *c = *c == '/' ? '.' : *c;
    const uint64_t key = lbk__name_key(dotted);
    const double spread = sqrt(6.0 / ((double) count / (double) n->shape.d[0]));
    for (int64_t i = 0; i < count; i++) {
        const double u = lbk_random_at(key, 0, (uint64_t) i);
        v[i] = (float) (n->shape.n > 1 ? (2 * u - 1) * spread : scale * u + base);
    }
}

static void assert_same_bytes(const char *a, const char *b)
{
    unsigned char *p, *q;
    size_t n, m;
    assert_int_equal(lbk_file_slurp(a, 1 << 24, &p, &n), 0);
    assert_int_equal(lbk_file_slurp(b, 1 << 24, &q, &m), 0);
    assert_int_equal(n, m);
    assert_memory_equal(p, q, n);
    free(p);
    free(q);
}

/* From a state_dict as PyTorch writes it, which comes out again as it was; either stays as it is
 * when it is what was asked for. */
static void put_published(lbk_store *s, const struct st_file *f, const char *name)
{
    struct lbk_setting options[8];
    struct lbk_converted done = { .size = sizeof done };
    char text[256], path[512], *model;
    const int n = model_of(f, text, &model, options);
    snprintf(path, sizeof path, "%s/%s", LBK_TEST_REF, name);
    struct lbk_convert_params p = { .size = sizeof p,
                                    .model = model,
                                    .in = path,
                                    .out = in_path,
                                    .input = LBK_SHAPE(3, 32, 32),
                                    .options = options,
                                    .n_options = n };
    assert_int_equal(lbk_convert(ctx, &p, &done), LBK_OK);
    assert_int_equal(done.classes, atoi(meta_of(f, "classes")));
    p.in = in_path, p.out = out_path;
    assert_int_equal(lbk_convert(ctx, &p, &done), LBK_OK);
    assert_same_bytes(in_path, out_path);
    p.back = true;
    for (int i = 0; i < 2; i++, p.in = path) {
        assert_int_equal(lbk_convert(ctx, &p, &done), LBK_OK);
        assert_same_bytes(path, out_path);
    }
    assert_int_equal(lbk_ckpt_load(s, in_path, "model/", NULL, true), LBK_OK);
}

static void put_weights(lbk_store *s, const lbk_graph *g, const struct st_file *f)
{
    const char *published = find_meta(f, "published");
    bool stored = published != NULL;
    for (int64_t i = 0; i < f->n; i++)
        stored |= !strncmp(f->at[i].name, "model/", 6);
    for (int64_t i = 0; !stored && i < g->n_node; i++) {
        lbk_tensor *t;
        const lbk_node *n = g->node[i];
        if (n->kind != NODE_STATE)
            continue;
        assert_int_equal(lbk_tensor_create(s->device, n->dtype, n->shape, &t), LBK_OK);
        float *v = malloc(t->bytes);
        make_weight(n, v);
        assert_int_equal(lbk_tensor_write(t, v, t->bytes), LBK_OK);
        assert_int_equal(lbk_store_put(s, n->name, t), LBK_OK);
        lbk_tensor_unref(&t);
        free(v);
    }
    assert_int_equal(lbk__store_fill_under(s, g, "model/"), LBK_OK);
    if (published)
        put_published(s, f, published);
    else if (stored)
        assert_int_equal(lbk_ckpt_load(s, f->path, "", NULL, false), LBK_OK);
}

static void run_graph(struct loose *l, lbk_store *states, const lbk_store *inputs,
                      const struct st_file *f)
{
    lbk_exec *x;
    struct lbk_bind in[LOOSE_FIELDS], out[256];
    int n = 0, n_in = 0;
    const lbk_graph *g = l->o->g;
    assert_int_equal(lbk_compile(l->o->g, states, NULL, &x), LBK_OK);
    for (int64_t i = 0; i < g->n_node; i++)
        if (g->node[i]->kind == NODE_INPUT)
            in[n_in++] = (struct lbk_bind){ g->node[i]->name, tensor_of(inputs, g->node[i]->name) };
    for (int64_t i = 0; i < g->n_output; i++, n++) {
        out[n].name = g->output[i].name;
        assert_int_equal(
            lbk_tensor_create(states->device, LBK_F32, g->output[i].v->shape, &out[n].tensor),
            LBK_OK);
    }
    assert_int_equal(lbk_run(x, n_in, in, n, out), LBK_OK);
    for (int i = 0; i < n; i++) {
        char key[160];
        const char *inside = strchr(out[i].name, '/');
        snprintf(key, sizeof key, "%s%s", inside ? "step/" : "", inside ? inside + 1 : out[i].name);
        for (char *c = key + 5; inside && *c; c++)
            *c = *c == '/' ? '.' : *c;
        compare_samples(f, key, out[i].tensor, tolerance_of(f, key));
        lbk_tensor_unref(&out[i].tensor);
    }
    lbk_exec_destroy(&x);
}

static void compare_buffers(const lbk_store *s, const struct st_file *f)
{
    for (int64_t i = 0; i < s->n; i++) {
        char key[160];
        if (!strstr(s->at[i].name, "running_"))
            continue;
        snprintf(key, sizeof key, "after/%s", s->at[i].name + strlen("model/"));
        for (char *c = key + 6; *c; c++)
            *c = *c == '/' ? '.' : *c;
        compare_samples(f, key, s->at[i].tensor, 1e-5);
    }
}

static void run_model(const char *name)
{
    struct st_file f;
    struct loose l;
    lbk_device *d;
    lbk_store *states, *inputs;
    char path[512];
    snprintf(path, sizeof path, "%s/model_%s.safetensors", LBK_TEST_REF, name);
    assert_int_equal(lbk__st_open(ctx, path, &f), LBK_OK);
    assert_int_equal(lbk_device_open(ctx, device, &d), LBK_OK);
    assert_int_equal(lbk_store_create(d, &states), LBK_OK);
    assert_int_equal(lbk_store_create(d, &inputs), LBK_OK);
    build(&f, LBK_FROZEN, &l);
    lbk_output(l.o->g, "eval", lbk_pass_out(l.pass));
    put_weights(states, l.o->g, &f);
    put_inputs(inputs, d, &l, &f);
    run_graph(&l, states, inputs, &f);
    lbk__loose_close(&l);
    build(&f, LBK_TRAINED, &l);
    add_step(&l, &f);
    run_graph(&l, states, inputs, &f);
    compare_buffers(states, &f);
    lbk__loose_close(&l);
    lbk_store_destroy(&inputs);
    lbk_store_destroy(&states);
    lbk_device_close(&d);
    lbk__st_close(&f);
}

#define MODELS                                                                                     \
 X(lenet5_bn)                                                                                      \
 X(autoencoder)                                                                                    \
 X(resnet20)                                                                                       \
 X(resnet18)                                                                                       \
 X(resnet50)                                                                                       \
 X(mobilenet_v2)                                                                                   \
 X(deeplabv3_resnet18)                                                                             \
 X(deeplabv3_resnet50)                                                                             \
 X(deeplabv3_mobilenet_v2)                                                                         \
 X(pspnet_resnet18)                                                                                \
 X(depth_mobilenet_v2)                                                                             \
 X(depth_resnet18)                                                                                 \
 X(depth_resnet34)                                                                                 \
 X(light_depth)                                                                                    \
 X(retinanet_resnet18)                                                                             \
 X(torch_resnet18)                                                                                 \
 X(torch_deeplabv3)
#define X(name)                                                                                    \
 static void name(void **state) { run_model(#name); }
MODELS
#undef X

/* Of the tests, those named after the device; all of them, if none is. */
static int choose(int n, struct CMUnitTest tests[], int argc, char **argv)
{
    const int first = argc > 2 && !strcmp(argv[1], "--device") ? 3 : 1;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        bool named = first >= argc;
        for (int k = first; k < argc; k++)
            named |= !strcmp(argv[k], tests[i].name);
        if (named)
            tests[kept++] = tests[i];
    }
    return kept;
}

int main(int argc, char **argv)
{
    device = testing_device(argc, argv);
    struct CMUnitTest tests[] = { cmocka_unit_test(core_losses),
#define X(name) cmocka_unit_test(name),
                                  MODELS
#undef X
    };
    const int n = choose((int) (sizeof tests / sizeof *tests), tests, argc, argv);
    if (n == 0) {
        fprintf(stderr, "goldens: none of that name\n");
        return 1;
    }
    return _cmocka_run_group_tests("goldens", tests, (size_t) n, start, stop);
}
