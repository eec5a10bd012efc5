/* SPDX-License-Identifier: MIT */
/* Where plans lie, on devices that have little room. */
#include "world.h"

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
                 (int) ((kib * 7.0 / 8 - 4) / 512 * 64));
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

/* However many groups lie before an update, weight and momentum are written by one, in place. */
static void deep_updates_copy_nothing(void **state)
{
    struct world *w = *state;
    lbk_graph *g = deep_step(w, 250);
    struct plan p;
    assert_int_equal(planned(w, g, 0, &p), LBK_OK);
    assert_true(p.n_group > 500);
    assert_int_equal(p.n_copy, 0);
    lbk__plan_finish(&p);
    lbk_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slabs),
        cmocka_unit_test(slabs_change_no_bit),
        cmocka_unit_test(a_value_too_large_is_named),
        cmocka_unit_test(out_of_memory_tells_the_need),
        cmocka_unit_test(a_tensor_without_memory),
        cmocka_unit_test(deep_updates_copy_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
