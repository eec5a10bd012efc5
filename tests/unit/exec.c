/* SPDX-License-Identifier: MIT */
/* Graphs through the planner and the CPU backend against the host interpreter. */
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

static void complain(void *ud, enum lbk_log_level lvl, const char *msg)
{
    (void) ud;
    if (lvl <= LBK_LOG_WARN)
        print_message("%s\n", msg);
}

static int setup(void **state)
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

static int teardown(void **state)
{
    struct world *w = *state;
    if (!w)
        return 0;
    lbk_device_close(&w->device);
    lbk_ctx_destroy(&w->ctx);
    return 0;
}

/* Leaves are filled with numbers that depend on their name and element alone. */
static float number(const char *name, int64_t i)
{
    uint64_t h = 5;
    for (; *name; name++)
        h = lbk_mix(h, (unsigned char) *name);
    return lbk_random_at(h, 1, (uint64_t) i) + 0.25f;
}

static float *numbers(const char *name, int64_t n)
{
    float *x = malloc((size_t) n * sizeof *x + 4);
    for (int64_t i = 0; i < n; i++)
        x[i] = number(name, i);
    return x;
}

static lbk_tensor *tensor(struct world *w, const char *name, lbk_shape s)
{
    lbk_tensor *t;
    float *x = numbers(name, lbk_shape_count(s));
    assert_int_equal(lbk_tensor_create(w->device, LBK_F32, s, &t), LBK_OK);
    assert_int_equal(lbk_tensor_write(t, x, (size_t) lbk_shape_count(s) * sizeof *x), LBK_OK);
    free(x);
    return t;
}

struct leaves { float *data[64]; int n; };
static const void *leaf(void *ud, const lbk_node *n)
{
    struct leaves *l = ud;
    assert_true(l->n < 64);
    return l->data[l->n++] = numbers(n->name, lbk_shape_count(n->shape));
}

static void close_to(const char *what, const float *a, const float *b, int64_t n, double tol)
{
    double scale = 0;
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(b[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tol * (scale + 1e-6)))
            fail_msg("%s[%lld]: %.9g, expected %.9g", what, (long long) i, a[i], b[i]);
}

static void print_line(void *ud, const char *line) { (void) ud, print_message("%s\n", line); }

/* Compiles, runs and compares all outputs and all assigned states with the interpreter. */
static void check(struct world *w, lbk_graph *g, struct lbk_compile_params cp,
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

static lbk_graph *fresh(struct world *w)
{
    lbk_graph *g;
    assert_int_equal(lbk_graph_create(w->ctx, &g), LBK_OK);
    return g;
}

static lbk_val *conv(lbk_graph *g, lbk_val *x, const char *name, int64_t out, int64_t stride)
{
    lbk_val *k = lbk_state(g, name, LBK_F32, LBK_SHAPE(out, lbk_shape_of(x).d[1], 3, 3), true);
    return lbk_conv2d(g, x, k, (struct lbk_conv2d) { stride, 1, 1, 1 });
}

static lbk_val *norm(lbk_graph *g, lbk_val *x, const char *name)
{
    char gamma[32], beta[32];
    snprintf(gamma, sizeof gamma, "%s.gamma", name), snprintf(beta, sizeof beta, "%s.beta", name);
    const lbk_shape c = LBK_SHAPE(lbk_shape_of(x).d[1]);
    return lbk_batch_norm(g, x, lbk_state(g, gamma, LBK_F32, c, true),
                          lbk_state(g, beta, LBK_F32, c, true), (struct lbk_bn){ 1e-5 });
}

/* A residual block with its gradient and an update with momentum: what a training step looks like.
 */
static lbk_graph *residual_step(struct world *w)
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
    lbk_output(g, "loss", loss);
    lbk_val *p[16], *d[16], *lr = lbk_input(g, "lr", LBK_F32, LBK_SHAPE(1));
    int n = 0;
    for (int64_t i = 0; i < g->n_node && n < 16; i++)
        if (g->node[i]->kind == NODE_STATE)
            p[n++] = val_of(g->node[i]);
    assert_int_equal(lbk_grad(g, loss, n, p, d), LBK_OK);
    for (int i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s@m", p[i]->node.name);
        lbk_val *m = lbk_state(g, name, LBK_F32, lbk_shape_of(p[i]), false);
        lbk_val *v = lbk_add(g, lbk_mul(g, m, lbk_scalar(g, 0.9)),
                             lbk_add(g, d[i], lbk_mul(g, p[i], lbk_scalar(g, 0.01))));
        lbk_assign(g, m, v);
        lbk_assign(g, p[i], lbk_sub(g, p[i], lbk_mul(g, v, lr)));
    }
    return g;
}

static void step_of_a_residual_net(void **state)
{
    struct world *w = *state;
    lbk_graph *g = residual_step(w);
    struct lbk_exec_info fused, single;
    check(w, g, (struct lbk_compile_params) { .no_fusion = false }, &fused, 2e-4);
    check(w, g, (struct lbk_compile_params) { .no_fusion = true }, &single, 2e-4);
    assert_int_equal(fused.fallbacks, 0);
    assert_true(fused.launches < single.launches);
    assert_true(fused.arena_bytes <= 1.15 * (double) fused.live_bytes + 4096);
    lbk_graph_destroy(&g);
}

/* Planned as lbk_compile would, for a device with buffers of at most so many bytes. */
static lbk_status planned(struct world *w, lbk_graph *g, size_t most, struct plan *p)
{
    lbk_store *store;
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    w->device->limits.max_alloc = most;
    *p = (struct plan){ .device = w->device, .store = store };
    const lbk_status st = lbk__plan_build(p, g);
    w->device->limits.max_alloc = 0;
    lbk_store_destroy(&store);
    return st;
}

static size_t largest(const struct plan *p)
{
    size_t most = 0;
    for (int64_t i = 0; i < p->n_value; i++)
        if (p->value[i].kind == VALUE_TEMP && p->value[i].bytes > most)
            most = p->value[i].bytes;
    for (int64_t i = 0; i < p->n_group; i++)
        if (p->group[i].offer.scratch > most)
            most = p->group[i].offer.scratch;
    return (most + 63) / 64 * 64;
}

static void assert_in_one_slab(const struct plan *p, size_t at, size_t bytes)
{
    assert_true(at / p->slab_most < p->n_slab);
    assert_true(at % p->slab_most + bytes <= p->slab[at / p->slab_most]);
    assert_true(p->slab[at / p->slab_most] <= p->slab_most);
}

/* The least buffers that can do, twice that, and one large one: nothing lies across a border. */
static void slabs(void **state)
{
    struct world *w = *state;
    lbk_graph *g = residual_step(w);
    struct plan p;
    assert_int_equal(planned(w, g, 0, &p), LBK_OK);
    assert_int_equal(p.n_slab, 1);
    const size_t whole = p.arena_bytes, least = largest(&p);
    lbk__plan_finish(&p);
    assert_true(whole > 2 * least);
    for (size_t most = least; most <= 2 * least; most += least) {
        assert_int_equal(planned(w, g, most + 17, &p), LBK_OK);
        assert_true(p.n_slab > 1);
        for (int64_t i = 0; i < p.n_value; i++)
            if (p.value[i].kind == VALUE_TEMP && p.value[i].home == NONE)
                assert_in_one_slab(&p, p.value[i].offset, p.value[i].bytes);
        for (int64_t i = 0; i < p.n_group; i++)
            assert_in_one_slab(&p, p.group[i].scratch_offset, p.group[i].offer.scratch);
        assert_true(p.arena_bytes >= p.live_bytes);
        lbk__plan_finish(&p);
    }
    struct lbk_exec_info info;
    w->device->limits.max_alloc = least;
    check(w, g, (struct lbk_compile_params) { .no_fusion = false }, &info, 2e-4);
    check(w, g, (struct lbk_compile_params) { .no_fusion = true }, &info, 2e-4);
    w->device->limits.max_alloc = 0;
    lbk_graph_destroy(&g);
}

/* What the states hold after three steps. */
static float *after_steps(struct world *w, const lbk_graph *g, size_t most, size_t *n)
{
    lbk_store *store;
    lbk_exec *x;
    struct lbk_bind in[4];
    int n_in = 0;
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    for (int64_t i = 0; i < g->n_node; i++) {
        const lbk_node *v = g->node[i];
        if (v->kind != NODE_STATE && v->kind != NODE_INPUT)
            continue;
        lbk_tensor *t = tensor(w, v->name, v->shape);
        if (v->kind == NODE_INPUT)
            in[n_in++] = (struct lbk_bind) { v->name, t };
        else
            assert_int_equal(lbk_store_put(store, v->name, t), LBK_OK), lbk_tensor_unref(&t);
    }
    w->device->limits.max_alloc = most;
    assert_int_equal(lbk_compile((lbk_graph *) g, store, NULL, &x), LBK_OK);
    w->device->limits.max_alloc = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(lbk_run(x, n_in, in, 0, NULL), LBK_OK);
    float *all = NULL;
    *n = 0;
    for (int64_t i = 0; i < store->n; i++) {
        lbk_tensor *t = store->at[i].tensor;
        all = realloc(all, (*n + t->bytes / sizeof *all) * sizeof *all);
        assert_int_equal(lbk_tensor_read(t, all + *n, t->bytes), LBK_OK);
        *n += t->bytes / sizeof *all;
    }
    lbk_exec_destroy(&x);
    while (n_in--)
        lbk_tensor_unref(&in[n_in].tensor);
    lbk_store_destroy(&store);
    return all;
}

static void slabs_change_no_bit(void **state)
{
    struct world *w = *state;
    lbk_graph *g = residual_step(w);
    struct plan p;
    size_t n, m;
    assert_int_equal(planned(w, g, 0, &p), LBK_OK);
    const size_t least = largest(&p);
    lbk__plan_finish(&p);
    float *one = after_steps(w, g, 0, &n), *many = after_steps(w, g, least, &m);
    assert_int_equal(n, m);
    assert_true(n > 1000);
    assert_memory_equal(one, many, n * sizeof *one);
    free(one), free(many);
    lbk_graph_destroy(&g);
}

static void a_value_too_large_is_named(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    struct plan p;
    char text[256];
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(8, 4));
    lbk_output(g, "y", lbk_matmul(g, x, x, (struct lbk_matmul){ false, true }));
    assert_int_equal(planned(w, g, 255, &p), LBK_ENOMEM);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_string_equal(text, "plan: matmul of 8x8 needs a buffer of 256 bytes, device "
                              "'cpu,threads=2' has 255 at most");
    lbk__plan_finish(&p);
    assert_int_equal(planned(w, g, 256, &p), LBK_ENOMEM);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_non_null(strstr(text, "plan: the scratch memory of matmul needs a buffer of "));
    lbk__plan_finish(&p);
    lbk_graph_destroy(&g);
}

static lbk_status compiled_with(struct world *w, lbk_graph *g, size_t memory)
{
    lbk_store *store;
    lbk_exec *x = NULL;
    lbk_tensor *t = NULL;
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    w->device->limits.memory = memory;
    lbk_status st = lbk_compile(g, store, NULL, &x);
    if (!st)
        st = lbk__exec_tensor(x, LBK_F32, LBK_SHAPE(64, 1024), &t);
    w->device->limits.memory = 0;
    lbk_tensor_unref(&t);
    lbk_exec_destroy(&x);
    lbk_store_destroy(&store);
    return st;
}

/* Temporaries, constants, or an input of the plan: what cannot be had, the message is the same. */
static void out_of_memory_tells_the_need(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    char text[1024];
    double table[1024];
    for (int i = 0; i < 1024; i++)
        table[i] = i;
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(64, 1024));
    lbk_val *s = lbk_softmax(g, x, (struct lbk_axis){ 1 });
    lbk_output(g, "y", lbk_sum(g, lbk_mul(g, s, lbk_numbers(g, LBK_SHAPE(1024), table)), LBK_ALL));
    static const char *const want =
        "out of memory: the plan needs 0.5 MiB, device 'cpu,threads=2' has %.1f MiB, of which 0.0 "
        "are in use; largest: %s";
    for (int kib = 100; kib <= 500; kib += 200) {
        char begin[256];
        assert_int_equal(compiled_with(w, g, (size_t) kib << 10), LBK_ENOMEM);
        lbk_last_error(w->ctx, text, sizeof text);
        snprintf(begin, sizeof begin, want, kib / 1024.0, "");
        assert_memory_equal(text, begin, strlen(begin));
        assert_non_null(strstr(text, "softmax of 64x1024 (0.2 MiB)"));
        assert_non_null(strstr(text, "input 'x' of 64x1024 (0.2 MiB)"));
        snprintf(begin, sizeof begin, "; a batch of %d should fit, this is one of 64",
                 (int) ((kib * 15.0 / 16 - 4) / 512 * 64));
        assert_non_null(strstr(text, begin));
    }
    assert_int_equal(compiled_with(w, g, 600 << 10), LBK_OK);
    lbk_graph_destroy(&g);
}

static void a_tensor_without_memory(void **state)
{
    struct world *w = *state;
    char text[256];
    lbk_tensor *t;
    w->device->limits = (struct lbk_limits){ .memory = 1000 };
    assert_int_equal(lbk_tensor_create(w->device, LBK_F32, LBK_SHAPE(10, 30), &t), LBK_ENOMEM);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_string_equal(text, "out of memory: a tensor of f32 10x30 needs 1200 bytes, device "
                              "'cpu,threads=2' has 1000; 0 are in use");
    w->device->limits = (struct lbk_limits){ .max_alloc = 1000 };
    assert_int_equal(lbk_tensor_create(w->device, LBK_F32, LBK_SHAPE(10, 30), &t), LBK_ENOMEM);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_string_equal(text, "out of memory: a tensor of f32 10x30 needs 1200 bytes, device "
                              "'cpu,threads=2' has 1000 at most for one buffer; 0 are in use");
    w->device->limits = (struct lbk_limits){ 0 };
}

/* Random pointwise graphs with broadcasting and several outputs: fused, single and interpreted
 * agree. */
static void random_pointwise_graphs(void **state)
{
    struct world *w = *state;
    static const lbk_shape shapes[] = { { 4, { 2, 5, 3, 4 } },
                                        { 4, { 1, 5, 1, 1 } },
                                        { 1, { 4 } },
                                        { 0, { 0 } },
                                        { 4, { 2, 1, 3, 4 } } };
    for (uint64_t seed = 0; seed < 60; seed++) {
        lbk_graph *g = fresh(w);
        lbk_val *v[64];
        int n = 0;
        uint64_t r = seed;
        for (int i = 0; i < 5; i++) {
            char name[8];
            snprintf(name, sizeof name, "in%d", i);
            v[n++] = lbk_input(g, name, LBK_F32, shapes[i]);
        }
        while (n < 40) {
            r = lbk_mix(r, (uint64_t) n);
            lbk_val *a = v[r % (uint64_t) n], *b = v[r / 64 % (uint64_t) n];
            switch (r >> 40 & 7) {
            case 0: v[n++] = lbk_add(g, a, b); break;
            case 1: v[n++] = lbk_mul(g, a, lbk_scalar(g, 0.5)); break;
            case 2: v[n++] = lbk_relu(g, lbk_sub(g, a, b)); break;
            case 3: v[n++] = lbk_sigmoid(g, a); break;
            case 4: v[n++] = lbk_maximum(g, a, b); break;
            case 5: v[n++] = lbk_tanh(g, a); break;
            case 6: v[n++] = lbk_mean(g, a, (struct lbk_reduce) { 3, true }); break;
            default: v[n++] = lbk_select(g, lbk_sub(g, a, b), a, b); break;
            }
        }
        for (int i = 0; i < 4; i++) {
            char name[8];
            snprintf(name, sizeof name, "out%d", i);
            lbk_output(g, name, v[n - 1 - i * 5]);
        }
        struct lbk_exec_info info;
        check(w, g, (struct lbk_compile_params) { .no_fusion = seed % 4 == 3 }, &info, 1e-5);
        lbk_graph_destroy(&g);
    }
}

static void outputs_may_be_leaves_and_views(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(2, 6)),
            *s = lbk_state(g, "s", LBK_F32, LBK_SHAPE(3, 4), false);
    lbk_output(g, "same", x);
    lbk_output(g, "state", s);
    lbk_output(g, "view", lbk_reshape(g, lbk_neg(g, x), (struct lbk_dims) { 2, { 3, -1 } }));
    lbk_assign(g, s, lbk_reshape(g, x, (struct lbk_dims) { 2, { 3, 4 } }));
    struct lbk_exec_info info;
    check(w, g, (struct lbk_compile_params) { 0 }, &info, 0);
    lbk_graph_destroy(&g);
}

/* Two states that exchange their values: neither may be overwritten before the other has read it.
 */
/* Convolutions want blocks; what is between them is seen flat. */
static void blocks_through_a_flat_view(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    lbk_val *k = lbk_state(g, "k", LBK_F32, LBK_SHAPE(6, 3, 3, 3), true), *gk;
    lbk_val *m = lbk_state(g, "m", LBK_F32, LBK_SHAPE(10, 6 * 36), true);
    lbk_val *y = lbk_conv2d(g, lbk_input(g, "x", LBK_F32, LBK_SHAPE(4, 3, 8, 8)), k,
                            (struct lbk_conv2d){ 0 });
    y = lbk_matmul(g, lbk_reshape(g, y, (struct lbk_dims){ 2, { 4, -1 } }), m,
                   (struct lbk_matmul){ false, true });
    lbk_grad(g, lbk_sum(g, lbk_square(g, y), LBK_ALL), 1, &k, &gk);
    lbk_output(g, "gk", gk);
    struct lbk_exec_info info;
    check(w, g, (struct lbk_compile_params) { 0 }, &info, 1e-5);
    lbk_graph_destroy(&g);
}

static void states_swap(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    lbk_val *a = lbk_state(g, "a", LBK_F32, LBK_SHAPE(40), false),
            *b = lbk_state(g, "b", LBK_F32, LBK_SHAPE(40), false);
    lbk_assign(g, a, lbk_add(g, b, lbk_scalar(g, 1)));
    lbk_assign(g, b, lbk_mul(g, a, lbk_scalar(g, 2)));
    struct lbk_exec_info info;
    check(w, g, (struct lbk_compile_params) { .no_fusion = true }, &info, 0);
    check(w, g, (struct lbk_compile_params) { .no_fusion = false }, &info, 0);
    lbk_graph_destroy(&g);
}

static void bad_binds_are_named(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    lbk_store *store;
    lbk_exec *x;
    char text[256];
    lbk_output(g, "y", lbk_neg(g, lbk_input(g, "x", LBK_F32, LBK_SHAPE(2, 3))));
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    assert_int_equal(lbk_compile(g, store, NULL, &x), LBK_OK);
    assert_int_equal(lbk_run(x, 0, NULL, 0, NULL), LBK_EINVAL);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_string_equal(text, "run: input 'x' is not bound");
    lbk_tensor *t = tensor(w, "x", LBK_SHAPE(3, 2));
    assert_int_equal(lbk_run(x, 1, &(struct lbk_bind) { "x", t }, 0, NULL), LBK_EINVAL);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_string_equal(text, "run: input 'x' is bound to f32 3x2, expected f32 2x3");
    lbk_tensor_unref(&t);
    lbk_exec_destroy(&x);
    lbk_store_destroy(&store);
    lbk_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_may_be_leaves_and_views),
        cmocka_unit_test(states_swap),
        cmocka_unit_test(blocks_through_a_flat_view),
        cmocka_unit_test(random_pointwise_graphs),
        cmocka_unit_test(bad_binds_are_named),
        cmocka_unit_test(step_of_a_residual_net),
        cmocka_unit_test(slabs),
        cmocka_unit_test(slabs_change_no_bit),
        cmocka_unit_test(a_value_too_large_is_named),
        cmocka_unit_test(out_of_memory_tells_the_need),
        cmocka_unit_test(a_tensor_without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
