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
#include "device.h"
#include "safetensors.h"
#include "scope.h"
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

/* ---- models: a state_dict of PyTorch, its answer, and every tensor after a step ---- */

struct built {
    lbk_graph *g;
    struct net net;
    lbk_val *x, *label, *out;
};

static const char *meta_of(const struct st_file *f, const char *key)
{
    for (int64_t i = 0; i < f->n_meta; i++)
        if (!strcmp(f->meta[i].key, key))
            return f->meta[i].value;
    fail_msg("%s has no '%s'", f->path, key);
    return NULL;
}

static lbk_shape shape_in(const struct st_file *f, const char *name)
{
    const struct st_tensor *t = lbk__st_find(f, name);
    lbk_shape s = { t->rank, { 0 } };
    for (int i = 0; i < t->rank; i++)
        s.d[i] = (int64_t) t->dim[i];
    return s;
}

static void build(const struct st_file *f, enum lbk_mode mode, struct built *b)
{
    const struct lbk_model *m = lbk_registry_find(ctx, LBK_MODELS, meta_of(f, "model"));
    lbk_opts *o = NULL;
    assert_non_null(m);
    if (m->opts) {
        assert_int_equal(lbk_opts_create(ctx, m->opts, m->cfg_size, &o), LBK_OK);
        assert_int_equal(lbk_opts_set(o, "classes", meta_of(f, "classes")), LBK_OK);
    }
    assert_int_equal(lbk_graph_create(ctx, &b->g), LBK_OK);
    b->net = (struct net){ .g = b->g, .path = "weights/", .mode = mode };
    b->x = lbk_input(b->g, "x", LBK_F32, shape_in(f, "x"));
    b->label = lbk_input(b->g, "label", LBK_I32, shape_in(f, "label"));
    b->out = m->build(lbk__scope_root(&b->net), b->x, o ? lbk_opts_cfg(o) : NULL);
    if (o)
        lbk_opts_destroy(&o);
    assert_int_equal(lbk_graph_status(b->g), LBK_OK);
}

static lbk_val *loss_of(struct built *b, const struct st_file *f)
{
    if (!strcmp(meta_of(f, "classes"), "1"))
        return lbk_mean(b->g, lbk_square(b->g, lbk_sub(b->g, b->out, b->x)), LBK_ALL);
    return lbk_mean(b->g, lbk_cross_entropy(b->g, b->out, b->label, (struct lbk_labels){ 1, -1 }),
                    LBK_ALL);
}

/* An output "after/name" for every weight; buffers are assigned. */
static void add_step(struct built *b, const struct st_file *f)
{
    lbk_val *w[256], *grad[256], *loss = loss_of(b, f);
    struct net *net = &b->net;
    int n = 0;
    for (int64_t i = 0; i < b->g->n_node; i++)
        if (b->g->node[i]->kind == NODE_STATE && b->g->node[i]->trainable && n < 256)
            w[n++] = val_of(b->g->node[i]);
    assert_int_equal(lbk_grad(b->g, loss, n, w, grad), LBK_OK);
    lbk_val *lr = lbk_scalar(b->g, atof(meta_of(f, "lr"))),
            *wd = lbk_scalar(b->g, atof(meta_of(f, "weight_decay")));
    for (int i = 0; i < n; i++) {
        lbk_val *step = lbk_mul(b->g, lr, lbk_add(b->g, grad[i], lbk_mul(b->g, wd, w[i])));
        lbk_output(b->g, node_of(w[i])->name, lbk_sub(b->g, w[i], step));
    }
    lbk_output(b->g, "loss", loss);
    assert_int_equal(lbk__nets_assign(b->g, 1, &net), LBK_OK);
}

static lbk_tensor *tensor_of(const lbk_store *inputs, const char *name)
{
    lbk_tensor *t = lbk_store_get(inputs, name);
    assert_non_null(t);
    return t;
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

static void put_inputs(lbk_store *inputs, lbk_device *d, const struct built *b,
                       const struct st_file *f)
{
    static const char *const names[] = { "x", "label" };
    for (int i = 0; i < 2; i++) {
        lbk_tensor *t;
        const lbk_val *v = i ? b->label : b->x;
        assert_int_equal(lbk_tensor_create(d, lbk_dtype_of(v), lbk_shape_of(v), &t), LBK_OK);
        assert_int_equal(lbk_store_put(inputs, names[i], t), LBK_OK);
        lbk_tensor_unref(&t);
    }
    assert_int_equal(lbk_ckpt_load(inputs, f->path, "", NULL, false), LBK_OK);
}

static void run_graph(struct built *b, lbk_store *states, const lbk_store *inputs,
                      const struct st_file *f, bool step)
{
    lbk_exec *x;
    struct lbk_bind in[2] = { { "x", tensor_of(inputs, "x") },
                              { "label", tensor_of(inputs, "label") } },
                    out[256];
    int n = 0;
    assert_int_equal(lbk_compile(b->g, states, NULL, &x), LBK_OK);
    for (int64_t i = 0; i < b->g->n_output; i++, n++) {
        out[n].name = b->g->output[i].name;
        assert_int_equal(
            lbk_tensor_create(states->device, LBK_F32, b->g->output[i].v->shape, &out[n].tensor),
            LBK_OK);
    }
    const bool labels = step && strcmp(meta_of(f, "classes"), "1");
    assert_int_equal(lbk_run(x, labels ? 2 : 1, in, n, out), LBK_OK);
    for (int i = 0; i < n; i++) {
        char key[160];
        const char *inside = strchr(out[i].name, '/');
        snprintf(key, sizeof key, "%s%s", inside ? "after/" : "",
                 inside ? inside + 1 : out[i].name);
        for (char *c = key + 6; inside && *c; c++)
            *c = *c == '/' ? '.' : *c;
        compare_samples(f, key, out[i].tensor, 1e-4);
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
        snprintf(key, sizeof key, "after/%s", s->at[i].name + strlen("weights/"));
        for (char *c = key + 6; *c; c++)
            *c = *c == '/' ? '.' : *c;
        compare_samples(f, key, s->at[i].tensor, 1e-5);
    }
}

static void run_model(const char *path)
{
    struct st_file f;
    struct built b;
    lbk_device *d;
    lbk_store *states, *inputs;
    assert_int_equal(lbk__st_open(ctx, path, &f), LBK_OK);
    assert_int_equal(lbk_device_open(ctx, device, &d), LBK_OK);
    assert_int_equal(lbk_store_create(d, &states), LBK_OK);
    assert_int_equal(lbk_store_create(d, &inputs), LBK_OK);
    build(&f, LBK_FROZEN, &b);
    lbk_output(b.g, "eval", b.out);
    assert_int_equal(lbk__store_fill(states, b.g), LBK_OK);
    assert_int_equal(lbk_ckpt_load(states, path, "", NULL, false), LBK_OK);
    put_inputs(inputs, d, &b, &f);
    run_graph(&b, states, inputs, &f, false);
    lbk_graph_destroy(&b.g);
    build(&f, LBK_TRAINED, &b);
    add_step(&b, &f);
    run_graph(&b, states, inputs, &f, true);
    compare_buffers(states, &f);
    lbk_graph_destroy(&b.g);
    lbk_store_destroy(&inputs);
    lbk_store_destroy(&states);
    lbk_device_close(&d);
    lbk__st_close(&f);
}

static void lenet5_bn(void **state) { run_model(LBK_TEST_REF "/model_lenet5_bn.safetensors"); }
static void autoencoder(void **state) { run_model(LBK_TEST_REF "/model_autoencoder.safetensors"); }
static void resnet20(void **state) { run_model(LBK_TEST_REF "/model_resnet20.safetensors"); }

int main(int argc, char **argv)
{
    device = testing_device(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_losses),
        cmocka_unit_test(lenet5_bn),
        cmocka_unit_test(autoencoder),
        cmocka_unit_test(resnet20),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
