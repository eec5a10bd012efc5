/* SPDX-License-Identifier: MIT */
/* Graphs through the planner and the CPU backend against the host interpreter. */
#include "world.h"
#include "scope.h"

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

static float first(lbk_tensor *t)
{
    float v[2];
    assert_int_equal(lbk_tensor_read(t, v, sizeof v), LBK_OK);
    return v[0];
}

static lbk_tensor *pair(struct world *w, float v)
{
    lbk_tensor *t;
    assert_int_equal(lbk_tensor_create(w->device, LBK_F32, LBK_SHAPE(2), &t), LBK_OK);
    assert_int_equal(lbk_tensor_write(t, (float[]){ v, v }, 8), LBK_OK);
    return t;
}

/* Binds in any order, other tensors than the last time, a store that has changed since. */
static void every_run_may_bind_anew(void **state)
{
    struct world *w = *state;
    lbk_graph *g = fresh(w);
    lbk_store *store;
    lbk_exec *x;
    char text[256];
    lbk_val *a = lbk_input(g, "a", LBK_F32, LBK_SHAPE(2));
    lbk_val *b = lbk_input(g, "b", LBK_F32, LBK_SHAPE(2));
    lbk_val *s = lbk_state(g, "s", LBK_F32, LBK_SHAPE(2), false);
    lbk_output(g, "y", lbk_add(g, lbk_sub(g, a, b), s));
    lbk_output(g, "z", lbk_mul(g, a, s));
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    lbk_tensor *t[6];
    for (int i = 0; i < 6; i++)
        t[i] = pair(w, (float) (1 << i));
    assert_int_equal(lbk_store_put(store, "s", t[4]), LBK_OK);
    assert_int_equal(lbk_compile(g, store, NULL, &x), LBK_OK);
    lbk_tensor *y = pair(w, 0), *z = pair(w, 0);
    const struct lbk_bind out[] = { { "z", z }, { "y", y } };
    const struct lbk_bind one[] = { { "a", t[1] }, { "b", t[0] } },
                          two[] = { { "b", t[0] }, { "other", t[3] }, { "a", t[2] } };
    assert_int_equal(lbk_run(x, 2, one, 2, out), LBK_OK);
    assert_true(first(y) == 2 - 1 + 16 && first(z) == 2 * 16);
    assert_int_equal(lbk_run(x, 3, two, 2, out), LBK_OK);
    assert_true(first(y) == 4 - 1 + 16 && first(z) == 4 * 16);
    assert_int_equal(lbk_store_put(store, "s", t[5]), LBK_OK);
    assert_int_equal(lbk_run(x, 2, one, 1, out + 1), LBK_OK);
    assert_true(first(y) == 2 - 1 + 32 && first(z) == 4 * 16);
    assert_int_equal(lbk_run(x, 1, one, 0, NULL), LBK_EINVAL);
    lbk_last_error(w->ctx, text, sizeof text);
    assert_string_equal(text, "run: input 'b' is not bound");
    for (int i = 0; i < 6; i++)
        lbk_tensor_unref(&t[i]);
    lbk_tensor_unref(&y), lbk_tensor_unref(&z);
    lbk_exec_destroy(&x);
    lbk_store_destroy(&store);
    lbk_graph_destroy(&g);
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

/* Squeeze and excitation of c channels between convolutions, masks of pixels, and what all of it
 * says to the weights. */
static lbk_graph *gated_net(struct world *w, int64_t c)
{
    lbk_graph *g = fresh(w);
    const struct lbk_reduce image = { 12, true };
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(3, 3, 6, 7)), *gk[6];
    lbk_val *y = norm(g, conv(g, x, "first", c, 1), "norm");
    lbk_val *few = lbk_state(g, "few", LBK_F32, LBK_SHAPE(8, c, 1, 1), true),
            *all = lbk_state(g, "all", LBK_F32, LBK_SHAPE(c, 8, 1, 1), true);
    lbk_val *s = lbk_relu(g, lbk_conv2d(g, lbk_mean(g, y, image), few, (struct lbk_conv2d){ 0 }));
    s = lbk_sigmoid(g, lbk_conv2d(g, s, all, (struct lbk_conv2d){ 0 }));
    y = lbk_mul(g, lbk_mul(g, y, s), lbk_input(g, "mask", LBK_F32, LBK_SHAPE(3, 1, 6, 7)));
    y = lbk_add(g, y, lbk_input(g, "place", LBK_F32, LBK_SHAPE(1, 1, 6, 7)));
    y = lbk_mul(g, y, lbk_input(g, "sample", LBK_F32, LBK_SHAPE(3, 1, 1, 1)));
    y = conv(g, y, "last", 20, 1);
    y = lbk_mul(g, y, lbk_input(g, "gate", LBK_F32, LBK_SHAPE(3, 20, 1, 1)));
    y = lbk_relu(g, lbk_sub(g, y, lbk_input(g, "floor", LBK_F32, LBK_SHAPE(3, 1, 6, 7))));
    lbk_val *k[6];
    int n = 0;
    for (int64_t i = 0; i < g->n_node; i++)
        if (g->node[i]->kind == NODE_STATE)
            k[n++] = val_of(g->node[i]);
    lbk_grad(g, lbk_sum(g, lbk_square(g, lbk_mean(g, y, image)), LBK_ALL), n, k, gk);
    for (int i = 0; i < n; i++) {
        char name[8];
        snprintf(name, sizeof name, "g%d", i);
        lbk_output(g, name, gk[i]);
    }
    return g;
}

/* Numbers per channel, pixel or sample do not keep a value from being in blocks; without an image
 * whole blocks are rows, and others cost no more than themselves. */
static void gates_keep_blocks(void **state)
{
    struct world *w = *state;
    static const int64_t channels[] = { 32, 24, 3 };
    for (int i = 0; i < 3; i++) {
        lbk_graph *g = gated_net(w, channels[i]);
        struct lbk_exec_info fused, single;
        check(w, g, (struct lbk_compile_params) { .no_fusion = false }, &fused, 1e-4);
        check(w, g, (struct lbk_compile_params) { .no_fusion = true }, &single, 1e-4);
        assert_int_equal(fused.fallbacks + single.fallbacks, 0);
        if (channels[i] == 32)
            assert_int_equal(fused.reorders + single.reorders, 0);
        lbk_graph_destroy(&g);
    }
}

/* Two states that exchange their values: neither may be overwritten before the other has read it.
 */
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

/* ---- frozen networks ---- */

static lbk_val *frozen_layer(lbk_scope *s, lbk_val *x, int64_t out)
{
    lbk_graph *g = lbk_scope_graph(s);
    const struct lbk_init init = { .kind = LBK_INIT_ZEROS };
    lbk_val *k = lbk_weight(s, "conv", LBK_SHAPE(out, lbk_shape_of(x).d[1], 3, 3), init);
    x = lbk_conv2d(g, x, k, (struct lbk_conv2d){ 1, 1, 1, 1 });
    return lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(s, "bn"), x));
}

/* The weights of the second are larger than what it gives. */
static lbk_graph *frozen_net(struct world *w, bool settled)
{
    lbk_graph *g = fresh(w);
    struct net n = { .g = g, .path = "t/", .mode = LBK_FROZEN, .settled = settled };
    lbk_scope *s = lbk__scope_root(&n);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(2, 3, 6, 7));
    x = frozen_layer(lbk_scope_sub(s, "0"), x, 16);
    lbk_output(g, "y", frozen_layer(lbk_scope_sub(s, "1"), x, 32));
    return g;
}

struct lines {
    int once, scaled, plain;
};
static void count_lines(void *ud, const char *line)
{
    struct lines *l = ud;
    const char *conv = strstr(line, "conv2d");
    l->once += strstr(line, "once: ") != NULL;
    l->scaled += conv && strstr(conv, "mul add relu <-");
    l->plain += conv && strstr(conv, "conv2d add relu <-");
}

static lbk_exec *compiled(struct world *w, lbk_graph *g, lbk_store *store)
{
    lbk_exec *x;
    for (int64_t i = 0; i < g->n_node; i++) {
        lbk_node *n = g->node[i];
        lbk_tensor *t = n->kind == NODE_STATE ? tensor(w, n->name, n->shape) : NULL;
        if (t && !lbk_store_get(store, n->name))
            assert_int_equal(lbk_store_put(store, n->name, t), LBK_OK);
        lbk_tensor_unref(&t);
    }
    assert_int_equal(lbk_compile(g, store, NULL, &x), LBK_OK);
    return x;
}

static void assert_gives(struct world *w, lbk_exec *x, const char *input, const float *want,
                         float *got)
{
    lbk_tensor *in = tensor(w, input, LBK_SHAPE(2, 3, 6, 7)), *out;
    const size_t bytes = 2 * 32 * 6 * 7 * sizeof(float);
    assert_int_equal(lbk_tensor_create(w->device, LBK_F32, LBK_SHAPE(2, 32, 6, 7), &out), LBK_OK);
    assert_int_equal(
        lbk_run(x, 1, &(struct lbk_bind){ "x", in }, 1, &(struct lbk_bind){ "y", out }), LBK_OK);
    assert_int_equal(lbk_tensor_read(out, got, bytes), LBK_OK);
    if (want)
        assert_memory_equal(got, want, bytes);
    lbk_tensor_unref(&in), lbk_tensor_unref(&out);
}

static void norms_of_a_frozen_network(void **state)
{
    struct world *w = *state;
    struct lbk_exec_info info;
    for (int settled = 0; settled < 2; settled++) {
        struct lines l = { 0 };
        lbk_store *store;
        lbk_graph *g = frozen_net(w, settled);
        check(w, g, (struct lbk_compile_params){ .no_fusion = false }, &info, 1e-5);
        assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
        lbk_exec *x = compiled(w, g, store);
        lbk_exec_dump(x, count_lines, &l);
        assert_int_equal(l.plain, settled);
        assert_int_equal(l.scaled, 2 - settled);
        assert_true(settled ? l.once >= 2 : !l.once);
        lbk_exec_destroy(&x);
        lbk_store_destroy(&store);
        lbk_graph_destroy(&g);
    }
}

/* What was computed once is there in later runs, and is computed again for other states. */
static void settled_values_last(void **state)
{
    struct world *w = *state;
    static float first_y[2688], y[2688], z[2688];
    lbk_store *store;
    lbk_graph *g = frozen_net(w, true);
    assert_int_equal(lbk_store_create(w->device, &store), LBK_OK);
    lbk_exec *x = compiled(w, g, store);
    assert_gives(w, x, "a", NULL, first_y);
    assert_gives(w, x, "b", NULL, y);
    assert_true(memcmp(first_y, y, sizeof y) != 0);
    assert_gives(w, x, "a", first_y, y);
    lbk_tensor *t = tensor(w, "other", LBK_SHAPE(16));
    assert_int_equal(lbk_store_put(store, "t/0/bn/weight", t), LBK_OK);
    lbk_tensor_unref(&t);
    assert_gives(w, x, "a", NULL, z);
    assert_true(memcmp(first_y, z, sizeof z) != 0);
    lbk_exec *anew = compiled(w, g, store);
    assert_gives(w, anew, "a", z, y);
    lbk_exec_destroy(&anew);
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
        cmocka_unit_test(gates_keep_blocks),
        cmocka_unit_test(random_pointwise_graphs),
        cmocka_unit_test(bad_binds_are_named),
        cmocka_unit_test(every_run_may_bind_anew),
        cmocka_unit_test(step_of_a_residual_net),
        cmocka_unit_test(norms_of_a_frozen_network),
        cmocka_unit_test(settled_values_last),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
