/* SPDX-License-Identifier: MIT */
/* A CPU device, and graphs through the planner and that against the host interpreter. */
#ifndef LBK_TESTS_WORLD_H
#define LBK_TESTS_WORLD_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <limbeck/plugin.h>
#include <limbeck/rng.h>
#include "graph.h"
#include "plan.h"

#ifdef LBK_STATIC_PLUGIN
extern const struct lbk_plugin *const lbk_builtin_plugins[];
#endif

struct world { lbk_ctx *ctx; lbk_device *device; };

static inline void complain(void *ud, enum lbk_log_level lvl, const char *msg)
{
    (void) ud;
    if (lvl <= LBK_LOG_WARN)
        print_message("%s\n", msg);
}

static inline int setup(void **state)
{
    static struct world w;
    const struct lbk_ctx_params p = {
        .size = sizeof p,
        .log = complain,
        .log_level = LBK_LOG_WARN,
        .seed = 7,
#ifdef LBK_STATIC_PLUGIN
        .builtins = lbk_builtin_plugins,
#endif
    };
    if (lbk_ctx_create(&p, &w.ctx) || lbk_device_open(w.ctx, "cpu,threads=2", &w.device))
        return -1;
    *state = &w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    if (!w)
        return 0;
    lbk_device_close(&w->device);
    lbk_ctx_destroy(&w->ctx);
    return 0;
}

/* Leaves are filled with numbers that depend on their name and element alone. */
static inline float number(const char *name, int64_t i)
{
    uint64_t h = 5;
    for (; *name; name++)
        h = lbk_mix(h, (unsigned char) *name);
    return lbk_random_at(h, 1, (uint64_t) i) + 0.25f;
}

static inline float *numbers(const char *name, int64_t n)
{
    float *x = malloc((size_t) n * sizeof *x + 4);
    for (int64_t i = 0; i < n; i++)
        x[i] = number(name, i);
    return x;
}

static inline lbk_tensor *tensor(struct world *w, const char *name, lbk_shape s)
{
    lbk_tensor *t;
    float *x = numbers(name, lbk_shape_count(s));
    assert_int_equal(lbk_tensor_create(w->device, LBK_F32, s, &t), LBK_OK);
    assert_int_equal(lbk_tensor_write(t, x, (size_t) lbk_shape_count(s) * sizeof *x), LBK_OK);
    free(x);
    return t;
}

struct leaves { float *data[64]; int n; };
static inline const void *leaf(void *ud, const lbk_node *n)
{
    struct leaves *l = ud;
    assert_true(l->n < 64);
    return l->data[l->n++] = numbers(n->name, lbk_shape_count(n->shape));
}

static inline void close_to(const char *what, const float *a, const float *b, int64_t n, double tol)
{
    double scale = 0;
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(b[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tol * (scale + 1e-6)))
            fail_msg("%s[%lld]: %.9g, expected %.9g", what, (long long) i, a[i], b[i]);
}

static inline void print_line(void *ud, const char *line) { (void) ud, print_message("%s\n", line); }

/* Compiles, runs and compares all outputs and all assigned states with the interpreter. */
static inline void check(struct world *w, lbk_graph *g, struct lbk_compile_params cp,
                  struct lbk_exec_info *info, double tol)
{
    lbk_store *store;
    lbk_exec *x;
    struct lbk_bind in[64], out[64];
    int n_in = 0, n_out = 0;
    assert_int_equal(lbk_graph_status(g), LBK_OK);
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    for (int64_t i = 0; i < g->n_node; i++) {
        const lbk_node *n = g->node[i];
        if (n->kind != NODE_STATE && n->kind != NODE_INPUT)
            continue;
        lbk_tensor *t = tensor(w, n->name, n->shape);
        if (n->kind == NODE_INPUT)
            in[n_in++] = (struct lbk_bind) { n->name, t };
        else
            assert_int_equal(lbk_store_put(store, n->name, t), LBK_OK), lbk_tensor_unref(&t);
    }
    for (int64_t i = 0; i < g->n_output; i++, n_out++) {
        out[n_out].name = g->output[i].name;
        assert_int_equal(
            lbk_tensor_create(w->device, LBK_F32, g->output[i].v->shape, &out[n_out].tensor),
            LBK_OK);
    }
    cp.size = sizeof cp;
    assert_int_equal(lbk_compile(g, store, &cp, &x), LBK_OK);
    if (getenv("LIMBECK_TEST_DUMP"))
        lbk_exec_dump(x, print_line, NULL);
    assert_int_equal(lbk_run(x, n_in, in, n_out, out), LBK_OK);
    info->size = sizeof *info;
    lbk_exec_info(x, info);

    struct leaves l = { .n = 0 };
    const struct eval e = { .seed = 7, .leaf = leaf, .ud = &l };
    lbk_node *target[128];
    int n = 0;
    void **value;
    for (int64_t i = 0; i < g->n_output; i++)
        target[n++] = g->output[i].v;
    for (int64_t i = 0; i < g->n_assign; i++)
        target[n++] = g->assign[i].v;
    assert_int_equal(lbk__eval(g, &e, n, target, &value), LBK_OK);
    for (int i = 0; i < n; i++) {
        const bool is_out = i < g->n_output;
        const char *name = is_out ? g->output[i].name : g->assign[i - g->n_output].state->name;
        lbk_tensor *t = is_out ? out[i].tensor : lbk_store_get(store, name);
        const int64_t count = lbk_shape_count(target[i]->shape);
        float *got = malloc((size_t) count * sizeof *got + 4);
        assert_int_equal(lbk_tensor_read(t, got, (size_t) count * sizeof *got), LBK_OK);
        close_to(name, got, value[target[i]->id], count, tol);
        free(got);
    }
    lbk__eval_free(g, value);
    for (int i = 0; i < l.n; i++)
        free(l.data[i]);
    for (int i = 0; i < n_in; i++)
        lbk_tensor_unref(&in[i].tensor);
    for (int i = 0; i < n_out; i++)
        lbk_tensor_unref(&out[i].tensor);
    lbk_exec_destroy(&x);
    lbk_store_destroy(&store);
}

static inline lbk_graph *fresh(struct world *w)
{
    lbk_graph *g;
    assert_int_equal(lbk_graph_create(w->ctx, &g), LBK_OK);
    return g;
}

static inline lbk_val *conv(lbk_graph *g, lbk_val *x, const char *name, int64_t out, int64_t stride)
{
    lbk_val *k = lbk_state(g, name, LBK_F32, LBK_SHAPE(out, lbk_shape_of(x).d[1], 3, 3), true);
    return lbk_conv2d(g, x, k, (struct lbk_conv2d) { stride, 1, 1, 1 });
}

static inline lbk_val *norm(lbk_graph *g, lbk_val *x, const char *name)
{
    char gamma[32], beta[32];
    snprintf(gamma, sizeof gamma, "%s.gamma", name), snprintf(beta, sizeof beta, "%s.beta", name);
    const lbk_shape c = LBK_SHAPE(lbk_shape_of(x).d[1]);
    return lbk_batch_norm(g, x, lbk_state(g, gamma, LBK_F32, c, true),
                          lbk_state(g, beta, LBK_F32, c, true), (struct lbk_bn){ 1e-5 });
}

/* The loss as an output, and an update with momentum of every state where it is finite. */
static inline void learn(lbk_graph *g, lbk_val *loss)
{
    lbk_val *p[256], *d[256], *lr = lbk_input(g, "lr", LBK_F32, LBK_SHAPE(1));
    lbk_val *ok = lbk_finite(g, loss);
    int n = 0;
    lbk_output(g, "loss", loss);
    for (int64_t i = 0; i < g->n_node && n < 256; i++)
        if (g->node[i]->kind == NODE_STATE)
            p[n++] = val_of(g->node[i]);
    assert_int_equal(lbk_grad(g, loss, n, p, d), LBK_OK);
    for (int i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s@m", p[i]->node.name);
        lbk_val *m = lbk_state(g, name, LBK_F32, lbk_shape_of(p[i]), false);
        lbk_val *v = lbk_add(g, lbk_mul(g, m, lbk_scalar(g, 0.9)),
                             lbk_add(g, d[i], lbk_mul(g, p[i], lbk_scalar(g, 0.01))));
        lbk_assign(g, m, lbk_select(g, ok, v, m));
        lbk_assign(g, p[i], lbk_select(g, ok, lbk_sub(g, p[i], lbk_mul(g, v, lr)), p[i]));
    }
}

/* A residual block with its gradient and an update with momentum: what a training step looks like.
 */
static inline lbk_graph *residual_step(struct world *w)
{
    lbk_graph *g = fresh(w);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(3, 3, 9, 7));
    lbk_val *a = lbk_relu(g, norm(g, conv(g, x, "w0", 20, 1), "n0"));
    lbk_val *b = lbk_relu(g, norm(g, conv(g, a, "w1", 20, 1), "n1"));
    lbk_val *c = norm(g, conv(g, b, "w2", 20, 1), "n2");
    lbk_val *z = lbk_relu(g, lbk_add(g, a, c));
    z = lbk_relu(g, norm(g, conv(g, z, "w3", 33, 2), "n3"));
    lbk_val *loss =
        lbk_mean(g, lbk_square(g, lbk_mean(g, z, (struct lbk_reduce){ 0xc, false })), LBK_ALL);
    learn(g, loss);
    return g;
}

static inline lbk_graph *deep_step(struct world *w, int layers)
{
    lbk_graph *g = fresh(w);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(2, 24, 3, 3));
    for (int i = 0; i < layers; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        x = lbk_tanh(g, conv(g, x, name, 24, 1));
    }
    learn(g, lbk_mean(g, x, LBK_ALL));
    return g;
}

#endif
