/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <math.h>
#include "opdef.h"

struct world {
    double f64[8];
    float f32[8];
    int32_t label[4];
    bool wide;
    int seen;
};

static const void *leaf(void *ud, const lbk_node *n)
{
    struct world *w = ud;
    if (!strcmp(n->name, "missing"))
        return NULL;
    return n->dtype == LBK_I32 ? (const void *) w->label : w->wide ? (const void *) w->f64 : w->f32;
}

static lbk_status count(void *ud, const lbk_node *n, const void *value)
{
    struct world *w = ud;
    assert_non_null(value);
    w->seen++;
    return n->kind == NODE_OP && !strcmp(n->op->name, "exp") ? LBK_ECANCELLED : LBK_OK;
}

static void start(struct world *w)
{
    *w = (struct world) { .label = { 2, 0, 7, -1 } };
    for (int i = 0; i < 8; i++)
        w->f64[i] = w->f32[i] = (float) (0.5 * i - 1);
}

static void test_both_widths(void **state)
{
    struct world w;
    lbk_graph *g;
    start(&w);
    assert_int_equal(lbk_graph_create(unit_ctx(state), &g), LBK_OK);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(2, 4));
    lbk_val *b = lbk_numbers(g, LBK_SHAPE(2, 1), (double[]) { 10, 20 });
    lbk_node *y = &lbk_add(g, x, b)->node;
    for (int wide = 0; wide < 2; wide++) {
        void **v;
        const struct eval e = { .f64 = wide, .leaf = leaf, .ud = &w };
        w.wide = wide;
        assert_int_equal(lbk__eval(g, &e, 1, &y, &v), LBK_OK);
        for (int i = 0; i < 8; i++) {
            const double got = wide ? ((double *) v[y->id])[i] : (double) ((float *) v[y->id])[i];
            assert_true(got == w.f64[i] + (i < 4 ? 10 : 20));
        }
        lbk__eval_free(g, v);
    }
    lbk_graph_destroy(&g);
}

static void test_gather(void **state)
{
    struct world w;
    lbk_graph *g;
    void **v;
    start(&w);
    assert_int_equal(lbk_graph_create(unit_ctx(state), &g), LBK_OK);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(8));
    lbk_val *i = lbk_input(g, "i", LBK_I32, LBK_SHAPE(4));
    lbk_node *y = &lbk_gather(g, x, i, (struct lbk_axis) { 0 })->node;
    const struct eval e = { .leaf = leaf, .ud = &w };
    assert_int_equal(lbk__eval(g, &e, 1, &y, &v), LBK_OK);
    const float want[4] = { 0, -1, 2.5f, 0 };
    assert_memory_equal(v[y->id], want, sizeof want);
    lbk__eval_free(g, v);
    lbk_graph_destroy(&g);
}

/* An operator without a reference runs as what it is made of: here a transposed 1x1 convolution,
 * which scales. */
static void test_lowered(void **state)
{
    const double x[4] = { 1, 2, 3, 4 }, k = 3;
    double out[4];
    const lbk_shape shape[2] = { LBK_SHAPE(1, 1, 2, 2), LBK_SHAPE(1, 1, 1, 1) };
    const lbk_dtype type[2] = { LBK_F32, LBK_F32 };
    const void *const in[2] = { x, &k };
    const struct lbk_conv2d_up p = { .stride = 1 };
    const struct lbk_ref r = { .n = 2,
                               .in_shape = shape,
                               .in_t = type,
                               .in = in,
                               .params = &p,
                               .out_shape = shape[0],
                               .out_t = LBK_F32,
                               .out = out,
                               .f64 = true };
    assert_int_equal(lbk__eval_op(unit_ctx(state), &lbk_op_conv2d_transpose, &r), LBK_OK);
    for (int i = 0; i < 4; i++)
        assert_true(out[i] == 3 * x[i]);
}

static void test_ends(void **state)
{
    struct world w;
    lbk_graph *g;
    void **v;
    start(&w);
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk_graph_create(unit_ctx(state), &g), LBK_OK);
    lbk_val *x = lbk_input(g, "x", LBK_F32, LBK_SHAPE(4));
    lbk_node *y = &lbk_neg(g, lbk_exp(g, x))->node;
    const struct eval e = { .leaf = leaf, .seen = count, .ud = &w };
    assert_int_equal(lbk__eval(g, &e, 1, &y, &v), LBK_ECANCELLED);
    assert_int_equal(w.seen, 2);
    lbk__eval_free(g, v);
    y = &lbk_neg(g, lbk_input(g, "missing", LBK_F32, LBK_SHAPE(4)))->node;
    assert_int_equal(lbk__eval(g, &e, 1, &y, &v), LBK_EINVAL);
    assert_unit_error(state, "evaluation: missing has no value");
    lbk__eval_free(g, v);
    lbk_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_widths),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_lowered),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
