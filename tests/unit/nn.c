/* SPDX-License-Identifier: MIT */
/* Layers against numbers worked out by hand. */
#include "unit.h"
#include <math.h>
#include "opdef.h"
#include "scope.h"

struct rig {
    lbk_graph *g;
    struct net net;
    const float *x;
    float state[8][64];
};

static lbk_scope *fresh(void **state, enum lbk_mode mode, struct rig *r)
{
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk_graph_create(unit_ctx(state), &r->g), LBK_OK);
    r->net = (struct net){ .g = r->g, .path = "m/", .mode = mode };
    return lbk__scope_root(&r->net);
}

/* States hold their index in the order they were made, plus 1. */
static const void *leaf(void *ud, const lbk_node *n)
{
    struct rig *r = ud;
    int k = 0;
    if (n->kind == NODE_INPUT)
        return r->x;
    for (int64_t i = 0; i < n->id; i++)
        k += r->g->node[i]->kind == NODE_STATE;
    for (int i = 0; i < 64; i++)
        r->state[k][i] = (float) k + 1;
    return r->state[k];
}

static void compute(struct rig *r, lbk_val *y, float *out)
{
    const struct eval e = { .leaf = leaf, .ud = r };
    void **v;
    lbk_node *t = node_of(y);
    assert_non_null(y);
    assert_int_equal(lbk__eval(r->g, &e, 1, &t, &v), LBK_OK);
    memcpy(out, v[t->id], (size_t) lbk_shape_count(t->shape) * sizeof *out);
    lbk__eval_free(r->g, v);
}

static void test_linear(void **state)
{
    struct rig r = { .x = (const float[]){ 1, 2, 3 } };
    lbk_scope *s = fresh(state, LBK_TRAINED, &r);
    float y[2];
    lbk_val *x = lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(1, 3));
    compute(&r, lbk_nn_linear(s, x, 2, true), y); /* weights 1, bias 2 */
    assert_true(y[0] == 8 && y[1] == 8);
    const lbk_node *w = lbk__graph_find(r.g, NODE_STATE, "m/weight");
    assert_true(fabs(w->init->a - 1 / sqrt(3)) < 1e-12);
    lbk_graph_destroy(&r.g);
}

static void test_conv(void **state)
{
    struct rig r = { .x = (const float[]){ 1, 2, 3, 4 } };
    lbk_scope *s = fresh(state, LBK_TRAINED, &r);
    float y[4];
    lbk_val *x = lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(1, 1, 2, 2));
    compute(&r, lbk_nn_conv2d(s, x, lbk_conv(.out = 1, .kernel = 3, .pad = 1, .bias = true)), y);
    for (int i = 0; i < 4; i++)
        assert_true(y[i] == 12);
    lbk_graph_destroy(&r.g);
}

static void test_transposed_shapes(void **state)
{
    struct rig r = { 0 };
    lbk_scope *s = fresh(state, LBK_TRAINED, &r);
    lbk_val *x = lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(2, 6, 4, 4));
    lbk_val *y = lbk_nn_conv2d_transpose(
        s, x, lbk_conv(.out = 3, .kernel = 4, .stride = 2, .pad = 1, .bias = true));
    assert_true(lbk__same_shape(lbk_shape_of(y), LBK_SHAPE(2, 3, 8, 8)));
    const lbk_node *w = lbk__graph_find(r.g, NODE_STATE, "m/weight");
    assert_true(lbk__same_shape(w->shape, LBK_SHAPE(6, 3, 4, 4)));
    assert_true(fabs(w->init->a - 1 / sqrt(48)) < 1e-12);
    lbk_graph_destroy(&r.g);
}

/* gamma 1, beta 2, mean 3, var 4 */
static void test_frozen_batch_norm(void **state)
{
    struct rig r = { .x = (const float[]){ 3, 5 } };
    lbk_scope *s = fresh(state, LBK_FROZEN, &r);
    float y[2];
    compute(&r, lbk_nn_batch_norm(s, lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(2, 1))), y);
    assert_true(fabsf(y[0] - 2) < 1e-5f && fabsf(y[1] - 3) < 1e-4f);
    assert_null(r.net.drifts);
    lbk_graph_destroy(&r.g);
}

static void test_batch_norm_of_a_batch(void **state)
{
    struct rig r = { .x = (const float[]){ 3, 5 } };
    lbk_scope *s = fresh(state, LBK_TRAINED, &r);
    float y[2], to;
    compute(&r, lbk_nn_batch_norm(s, lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(2, 1))), y);
    assert_true(fabsf(y[0] - 1) < 1e-4f && fabsf(y[1] - 3) < 1e-4f);
    assert_non_null(r.net.drifts);
    compute(&r, r.net.drifts->to, &to);
    assert_true(fabsf(to - 4) < 1e-6f);
    compute(&r, r.net.drifts->next->to, &to); /* unbiased: 1 * 2 / 1 */
    assert_true(fabsf(to - 2) < 1e-6f);
    lbk_graph_destroy(&r.g);
}

static void test_dropout(void **state)
{
    struct rig r = { 0 };
    lbk_scope *s = fresh(state, LBK_FROZEN, &r);
    lbk_val *x = lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(4));
    assert_ptr_equal(lbk_nn_dropout(s, x, 0.5), x);
    lbk_graph_destroy(&r.g);
    s = fresh(state, LBK_TRAINED, &r);
    x = lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(4));
    assert_ptr_not_equal(lbk_nn_dropout(s, x, 0.5), x);
    assert_non_null(lbk__graph_find(r.g, NODE_INPUT, "step"));
    assert_null(lbk_nn_dropout(s, x, 1));
    assert_unit_error(state, "m/dropout: expected a probability below 1, got 1");
    lbk_graph_destroy(&r.g);
}

static void test_misfits(void **state)
{
    struct rig r = { 0 };
    lbk_scope *s = fresh(state, LBK_TRAINED, &r);
    lbk_val *x = lbk_input(r.g, "x", LBK_F32, LBK_SHAPE(4));
    assert_null(lbk_nn_conv2d(s, x, lbk_conv(.out = 1)));
    assert_unit_error(
        state, "m/conv: x is 4, expected N C H W that fits 1 channels, a kernel of 0 and 1 groups");
    lbk_graph_destroy(&r.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_linear, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_conv, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_transposed_shapes, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_frozen_batch_norm, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_batch_norm_of_a_batch, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_dropout, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_misfits, unit_start, unit_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
