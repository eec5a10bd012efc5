/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <math.h>
#include <limbeck/rng.h>
#include "ctx.h"
#include "device.h"
#include "opdef.h"
#include "scope.h"

struct bench {
    lbk_graph *g;
    struct net net;
    lbk_scope *s;
};

static struct bench fresh(void **state, enum lbk_mode mode, struct net *net)
{
    struct bench b = { 0 };
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk_graph_create(unit_ctx(state), &b.g), LBK_OK);
    *net = (struct net){ .g = b.g, .path = "student/", .mode = mode };
    b.s = lbk__scope_root(net);
    return b;
}

static void test_paths(void **state)
{
    struct net net;
    struct bench b = fresh(state, LBK_TRAINED, &net);
    const struct lbk_init zeros = { .kind = LBK_INIT_ZEROS };
    lbk_scope *s = lbk_scope_sub(lbk_scope_sub(b.s, "layer%d", 1), "0");
    lbk_val *w = lbk_weight(s, "weight", LBK_SHAPE(3), zeros),
            *m = lbk_buffer(s, "mean", LBK_F32, LBK_SHAPE(3), zeros);
    assert_string_equal(w->node.name, "student/layer1/0/weight");
    assert_true(w->node.trainable);
    assert_false(m->node.trainable);
    assert_ptr_equal(w, lbk_weight(s, "weight", LBK_SHAPE(3), zeros));
    assert_null(lbk_scope_sub(NULL, "x"));
    assert_null(lbk_weight(NULL, "x", LBK_SHAPE(1), zeros));
    lbk_graph_destroy(&b.g);
}

static void test_frozen_does_not_train(void **state)
{
    struct net net;
    struct bench b = fresh(state, LBK_FROZEN, &net);
    lbk_val *w = lbk_weight(b.s, "w", LBK_SHAPE(3), (struct lbk_init){ .kind = LBK_INIT_ONES });
    assert_false(w->node.trainable);
    assert_false(lbk_scope_training(b.s));
    lbk_graph_destroy(&b.g);
}

static void test_taps(void **state)
{
    struct net net;
    struct bench b = fresh(state, LBK_TRAINED, &net);
    lbk_val *x = lbk_scalar(b.g, 1);
    lbk_tap(lbk_scope_sub(b.s, "neck"), "p3", x);
    lbk_tap(lbk_scope_sub(b.s, "head"), "", x);
    assert_non_null(lbk__net_tap(&net, "neck/p3"));
    assert_non_null(lbk__net_tap(&net, "head"));
    assert_null(lbk__net_tap(&net, "p3"));
    lbk_tap(b.s, "head", x);
    assert_unit_error(state, "tap 'head' is set twice");
    lbk_graph_destroy(&b.g);
}

static void values(void **state, const char *name, struct lbk_init init, lbk_shape shape, float *v)
{
    struct net net;
    struct bench b = fresh(state, LBK_TRAINED, &net);
    lbk_val *w = lbk_weight(b.s, name, shape, init);
    assert_int_equal(lbk__init_values(unit_ctx(state), &w->node, v), LBK_OK);
    lbk_graph_destroy(&b.g);
}

static void test_start_values(void **state)
{
    float a[1000], c[1000], d[1000];
    const struct lbk_init u = { .kind = LBK_INIT_UNIFORM, .a = 0.5 },
                          normal = { .kind = LBK_INIT_NORMAL, .a = 2 };
    double sum = 0, square = 0;
    values(state, "a", u, LBK_SHAPE(1000), a);
    values(state, "a", u, LBK_SHAPE(1000), c);
    values(state, "b", u, LBK_SHAPE(1000), d);
    assert_memory_equal(a, c, sizeof a);
    assert_memory_not_equal(a, d, sizeof a);
    for (int i = 0; i < 1000; i++)
        assert_true(fabsf(a[i]) <= 0.5f);
    values(state, "n", normal, LBK_SHAPE(1000), a);
    for (int i = 0; i < 1000; i++)
        sum += (double) a[i], square += (double) a[i] * (double) a[i];
    assert_true(fabs(sum / 1000) < 0.2);
    assert_true(fabs(sqrt(square / 1000) - 2) < 0.15);
}

/* However they are drawn together, each is a function of its own place. */
static void test_start_values_one_by_one(void **state)
{
    static const int64_t sizes[] = { 1, 3, 4, 257, 514, 997 };
    const struct lbk_init u = { .kind = LBK_INIT_UNIFORM, .a = 0.5 },
                          normal = { .kind = LBK_INIT_NORMAL, .a = 2 };
    const lbk_ctx *ctx = unit_ctx(state);
    const uint64_t key = lbk_mix(ctx->params.seed, lbk__name_key("student/w"));
    float a[1000];
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        values(state, "w", u, LBK_SHAPE(sizes[k]), a);
        for (int64_t i = 0; i < sizes[k]; i++)
            assert_true(a[i] == (float) ((2.0 * lbk_random_at(key, 0, (uint64_t) i) - 1) * 0.5));
        values(state, "w", normal, LBK_SHAPE(sizes[k]), a);
        for (int64_t i = 0; i < sizes[k]; i++) {
            const double x = 1.0 - lbk_random_at(key, 0, 2 * (uint64_t) i),
                         v = lbk_random_at(key, 0, 2 * (uint64_t) i + 1);
            const float n = (float) (sqrt(-2 * log(x)) * cos(6.283185307179586 * v));
            assert_true(a[i] == (float) (n * 2.0));
        }
    }
}

static void test_unknown_shape(void **state)
{
    struct net net;
    struct bench b = fresh(state, LBK_FROZEN, &net);
    assert_null(
        lbk_weight(b.s, "table", LBK_SHAPE_ANY, (struct lbk_init){ .kind = LBK_INIT_NONE }));
    assert_unit_error(
        state,
        "weight 'student/table' is missing: it has no shape but that of a file or an artifact");
    lbk_graph_destroy(&b.g);
}

/* Two passes of one network drift its statistics one after the other. */
static void test_drifts_are_chained(void **state)
{
    struct net net[2];
    struct bench b = fresh(state, LBK_TRAINED, &net[0]);
    net[1] = (struct net){ .g = b.g, .path = "student/", .mode = LBK_TRAINED };
    lbk_scope *s[2] = { b.s, lbk__scope_root(&net[1]) };
    const struct lbk_init zeros = { .kind = LBK_INIT_ZEROS };
    for (int i = 0; i < 2; i++)
        lbk__scope_drift(s[i], lbk_buffer(s[i], "mean", LBK_F32, (lbk_shape){ 0 }, zeros),
                         lbk_scalar(b.g, 10 + i), 0.5);
    struct net *both[2] = { &net[0], &net[1] };
    assert_int_equal(lbk__nets_assign(b.g, 2, both), LBK_OK);
    assert_int_equal(b.g->n_assign, 1);
    lbk_graph_destroy(&b.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_frozen_does_not_train, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_taps, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_start_values, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_start_values_one_by_one, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_unknown_shape, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_drifts_are_chained, unit_start, unit_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
