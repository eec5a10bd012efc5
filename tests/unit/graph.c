/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "opdef.h"

static lbk_graph *fresh(void **state)
{
    lbk_graph *g;
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk_graph_create(unit_ctx(state), &g), LBK_OK);
    return g;
}

static lbk_val *in(lbk_graph *g, const char *name, lbk_shape s)
{
    return lbk_input(g, name, LBK_F32, s);
}

static void test_latch(void **state)
{
    lbk_graph *g = fresh(state);
    lbk_val *x = in(g, "x", LBK_SHAPE(8, 16, 32, 32)), *w = in(g, "w", LBK_SHAPE(64, 3, 7, 7));
    lbk_val *y = lbk_conv2d(g, x, w, (struct lbk_conv2d) { .pad = 3 });
    assert_null(y);
    assert_null(lbk_relu(g, y));
    assert_null(lbk_add(g, x, x));
    assert_int_equal(lbk_output(g, "y", y), LBK_EINVAL);
    assert_int_equal(lbk_graph_status(g), LBK_EINVAL);
    assert_unit_error(state,
                      "conv2d: w is 64x3x7x7, expected 16 channels on axis 1 for x of 8x16x32x32");
    lbk_graph_destroy(&g);
    assert_null(g);
    lbk_graph_destroy(&g);
}

static void test_null(void **state)
{
    lbk_graph *g = fresh(state);
    assert_null(lbk_relu(g, NULL));
    assert_null(lbk_sum(g, NULL, LBK_ALL));
    assert_int_equal(lbk_graph_status(g), LBK_OK);
    assert_int_equal(lbk_shape_of(NULL).n, 0);
    assert_int_equal(lbk_shape_of(NULL).d[1], 0);
    assert_int_equal(lbk_range_of(NULL), 0);
    assert_int_equal(lbk_output(g, "y", NULL), LBK_EINVAL);
    assert_unit_error(state, "output y: there is no value");
    lbk_graph_destroy(&g);
}

static void expect(void **state, lbk_graph *g, const char *message)
{
    assert_int_equal(lbk_graph_status(g), LBK_EINVAL);
    assert_unit_error(state, message);
    lbk_graph_destroy(&g);
}

static void test_state_disagrees(void **state)
{
    lbk_graph *g = fresh(state);
    lbk_val *a = lbk_state(g, "w", LBK_F32, LBK_SHAPE(3, 4), true);
    assert_ptr_equal(lbk_state(g, "w", LBK_F32, LBK_SHAPE(3, 4), true), a);
    assert_ptr_equal(lbk_state(g, "w", LBK_F32, LBK_SHAPE_ANY, true), a);
    assert_ptr_equal(in(g, "x", LBK_SHAPE(2)), in(g, "x", LBK_SHAPE(2)));
    assert_null(lbk_state(g, "w", LBK_F32, LBK_SHAPE(4, 3), true));
    expect(state, g, "state w: asked for as f32 4x3, but it is f32 3x4");
}

static void test_assign(void **state)
{
    lbk_graph *g = fresh(state);
    lbk_val *w = lbk_state(g, "w", LBK_F32, LBK_SHAPE(3), true);
    assert_int_equal(lbk_assign(g, w, lbk_relu(g, w)), LBK_OK);
    assert_int_equal(lbk_assign(g, w, w), LBK_EINVAL);
    expect(state, g, "assign w: assigned twice");
    g = fresh(state);
    w = lbk_state(g, "w", LBK_F32, LBK_SHAPE(3), true);
    lbk_assign(g, w, lbk_scalar(g, 1));
    expect(state, g, "assign w: value is scalar, expected 3");
    g = fresh(state);
    w = in(g, "w", LBK_SHAPE(3));
    lbk_assign(g, w, w);
    expect(state, g, "assign: the first operand is not a state");
}

static void test_messages(void **state)
{
    lbk_graph *g = fresh(state);
    lbk_add(g, in(g, "a", LBK_SHAPE(2, 3)), in(g, "b", LBK_SHAPE(4)));
    expect(state, g, "add: b is 4, which does not broadcast with 2x3");
    g = fresh(state);
    g->where = "student/layer2/";
    lbk_relu(g, lbk_input(g, "label", LBK_I32, LBK_SHAPE(2)));
    expect(state, g, "student/layer2: relu: x is i32, expected f32");
    g = fresh(state);
    lbk_input(g, "x", LBK_F32, LBK_SHAPE(INT64_MAX / 2, 9));
    expect(state, g, "input x: shape 4611686018427387903x9 is negative or too large");
    g = fresh(state);
    lbk_output(g, "y", lbk_scalar(g, 1));
    lbk_output(g, "y", lbk_scalar(g, 2));
    expect(state, g, "output y is given twice");
    g = fresh(state);
    lbk_apply(g, &lbk_op_add, 1, (lbk_val *[]) { lbk_scalar(g, 1) }, NULL);
    expect(state, g, "add: 1 operands, expected 2 to 2");
}

static void test_broadcast(void **state)
{
    lbk_graph *g = fresh(state);
    lbk_val *v = lbk_add(g, in(g, "a", LBK_SHAPE(5, 1, 3)), in(g, "b", LBK_SHAPE(4, 1)));
    assert_true(lbk__same_shape(lbk_shape_of(v), LBK_SHAPE(5, 4, 3)));
    v = lbk_mul(g, v, lbk_scalar(g, 2));
    assert_true(lbk__same_shape(lbk_shape_of(v), LBK_SHAPE(5, 4, 3)));
    assert_true(lbk__same_shape(lbk_shape_of(lbk_filled(g, LBK_SHAPE(2, 3), 1)), LBK_SHAPE(2, 3)));
    assert_int_equal(lbk_range_of(lbk_argmax(g, v, (struct lbk_axis) { 1 })), 4);
    lbk_graph_destroy(&g);
}

/* y = relu(x w) + b, assigned b; the order of building and what is dead differ. */
static void network(lbk_graph *g, bool other_way, double k)
{
    lbk_val *x = NULL, *b = NULL, *w = NULL;
    if (other_way) {
        b = lbk_state(g, "b", LBK_F32, LBK_SHAPE(4), true);
        lbk_exp(g, b);
        w = lbk_state(g, "w", LBK_F32, LBK_SHAPE(3, 4), true);
    }
    x = in(g, "x", LBK_SHAPE(2, 3));
    w = w ? w : lbk_state(g, "w", LBK_F32, LBK_SHAPE(3, 4), true);
    b = b ? b : lbk_state(g, "b", LBK_F32, LBK_SHAPE(4), true);
    if (other_way)
        lbk_assign(g, b, lbk_mul(g, b, lbk_scalar(g, k)));
    lbk_val *y = lbk_matmul(g, x, w, (struct lbk_matmul) { false, false });
    lbk_output(g, "y", lbk_add(g, lbk_relu(g, y), b));
    lbk_output(g, "z", y);
    if (!other_way)
        lbk_assign(g, b, lbk_mul(g, b, lbk_scalar(g, k)));
}

static void hash_of(void **state, bool other_way, double k, uint8_t out[32])
{
    lbk_graph *g = fresh(state);
    network(g, other_way, k);
    assert_int_equal(lbk_graph_status(g), LBK_OK);
    lbk_graph_hash(g, out);
    lbk_graph_destroy(&g);
}

static void test_hash(void **state)
{
    uint8_t a[32], b[32], c[32];
    hash_of(state, false, 0.5, a);
    hash_of(state, true, 0.5, b);
    hash_of(state, false, 0.25, c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

/* Parameters are compared by their bytes. */
static void test_params(void **state)
{
    lbk_graph *g = fresh(state);
    struct lbk_reduce p[2];
    memset(&p[0], 0x55, sizeof p[0]);
    memset(&p[1], 0xaa, sizeof p[1]);
    lbk_val *v[2], *x = in(g, "x", LBK_SHAPE(2, 3));
    for (int i = 0; i < 2; i++) {
        p[i].axes = 1, p[i].keep = true;
        v[i] = lbk_sum(g, x, p[i]);
    }
    assert_memory_equal(v[0]->node.params, v[1]->node.params, sizeof *p);
    lbk_graph_destroy(&g);
}

static void test_many_operands(void **state)
{
    lbk_graph *g = fresh(state);
    lbk_val *x[70];
    for (int i = 0; i < 70; i++)
        x[i] = lbk_filled(g, LBK_SHAPE(2, 1 + i % 3), i);
    lbk_val *v = lbk_concat(g, 70, x, (struct lbk_axis) { 1 });
    assert_true(lbk__same_shape(lbk_shape_of(v), LBK_SHAPE(2, 139)));
    lbk_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latch),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_state_disagrees),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_many_operands),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
