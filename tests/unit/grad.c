/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <math.h>
#include <limbeck/rng.h>
#include "opdef.h"

enum { LEAVES = 3, MOST = 24 };

struct world {
    lbk_graph *g;
    lbk_val *x[LEAVES];
    double data[LEAVES][MOST];
};

static const void *leaf(void *ud, const lbk_node *n)
{
    struct world *w = ud;
    for (int i = 0; i < LEAVES; i++)
        if (&w->x[i]->node == n)
            return w->data[i];
    return NULL;
}

static void start(void **state, struct world *w, uint64_t key)
{
    static const lbk_shape shape[LEAVES] = { { 3, { 2, 3, 4 } }, { 2, { 3, 1 } }, { 1, { 4 } } };
    static const char *const name[LEAVES] = { "a", "b", "c" };
    assert_int_equal(lbk_graph_create(unit_ctx(state), &w->g), LBK_OK);
    for (int i = 0; i < LEAVES; i++) {
        w->x[i] = lbk_input(w->g, name[i], LBK_F32, shape[i]);
        for (int k = 0; k < MOST; k++)
            w->data[i][k] = 0.3 + (double) lbk_random_at(key, (uint64_t) i, (uint64_t) k);
    }
}

static void values(struct world *w, int n, lbk_val *const v[], void ***out)
{
    const struct eval e = { .f64 = true, .leaf = leaf, .ud = w };
    lbk_node *t[8];
    for (int i = 0; i < n; i++)
        t[i] = &v[i]->node;
    assert_int_equal(lbk__eval(w->g, &e, n, t, out), LBK_OK);
}

static double scalar(struct world *w, lbk_val *v)
{
    void **value;
    values(w, 1, &v, &value);
    const double r = *(double *) value[v->node.id];
    lbk__eval_free(w->g, value);
    return r;
}

/* Of a scalar y, for every element of every leaf. */
static void check(struct world *w, lbk_val *y)
{
    lbk_val *grad[LEAVES];
    void **value;
    assert_non_null(y);
    assert_int_equal(lbk_grad(w->g, y, LEAVES, w->x, grad), LBK_OK);
    values(w, LEAVES, grad, &value);
    for (int i = 0; i < LEAVES; i++) {
        const lbk_shape s = lbk_shape_of(w->x[i]);
        const double *d = value[grad[i]->node.id], h = 1e-5;
        assert_true(lbk__same_shape(lbk_shape_of(grad[i]), s));
        for (int64_t k = 0; k < lbk_shape_count(s); k++) {
            const double was = w->data[i][k];
            w->data[i][k] = was + h;
            const double up = scalar(w, y);
            w->data[i][k] = was - h;
            const double want = (up - scalar(w, y)) / (2 * h);
            w->data[i][k] = was;
            assert_true(fabs(want - d[k]) <= 1e-6 * fmax(1, fabs(want)));
        }
    }
    lbk__eval_free(w->g, value);
}

static lbk_val *total(lbk_graph *g, lbk_val *v) { return lbk_sum(g, v, LBK_ALL); }

static void test_broadcast(void **state)
{
    struct world w;
    start(state, &w, 1);
    lbk_val *v = lbk_mul(w.g, lbk_add(w.g, w.x[1], w.x[2]), lbk_div(w.g, w.x[0], w.x[1]));
    check(&w, total(w.g, lbk_mul(w.g, v, v)));
    lbk_graph_destroy(&w.g);
}

static lbk_val *random_node(lbk_graph *g, uint32_t r, lbk_val *a, lbk_val *b)
{
    switch (r % 8) {
    case 0: return lbk_add(g, a, b);
    case 1: return lbk_mul(g, a, b);
    case 2: return lbk_sub(g, lbk_sigmoid(g, a), b);
    case 3: return lbk_tanh(g, a);
    case 4: return lbk_div(g, a, lbk_add(g, lbk_square(g, b), lbk_scalar(g, 1)));
    case 5: return lbk_softplus(g, lbk_sub(g, b, a));
    case 6: return lbk_mean(g, a, (struct lbk_reduce) { 1u << r % 3, true });
    default: return lbk_softmax(g, a, (struct lbk_axis) { -1 });
    }
}

static void test_random_graphs(void **state)
{
    enum { NODES = 9 };
    for (uint64_t seed = 0; seed < 25; seed++) {
        struct world w;
        lbk_val *v[LEAVES + NODES];
        start(state, &w, seed);
        memcpy(v, w.x, sizeof w.x);
        for (int n = LEAVES; n < LEAVES + NODES; n++) {
            const struct lbk_philox r = lbk_philox(seed, 1, (uint64_t) n);
            v[n] = random_node(w.g, r.v[0], v[r.v[1] % (unsigned) n], v[r.v[2] % (unsigned) n]);
        }
        lbk_val *last = lbk_add(w.g, v[LEAVES + NODES - 1], v[LEAVES + NODES - 2]);
        check(&w, total(w.g, lbk_mul(w.g, last, last)));
        lbk_graph_destroy(&w.g);
    }
}

/* Asked for a value in the middle as well: the gradient passes through it. */
static void test_middle(void **state)
{
    struct world w;
    void **value;
    start(state, &w, 3);
    lbk_val *m = lbk_square(w.g, w.x[2]), *grad[2];
    lbk_val *y = total(w.g, lbk_mul(w.g, m, w.x[2]));
    assert_int_equal(lbk_grad(w.g, y, 2, (lbk_val *[]) { m, w.x[2] }, grad), LBK_OK);
    values(&w, 2, grad, &value);
    for (int k = 0; k < 4; k++) {
        const double x = w.data[2][k];
        assert_true(fabs(((double *) value[grad[0]->node.id])[k] - x) < 1e-12);
        assert_true(fabs(((double *) value[grad[1]->node.id])[k] - 3 * x * x) < 1e-12);
    }
    lbk__eval_free(w.g, value);
    lbk_graph_destroy(&w.g);
}

static void test_stopped(void **state)
{
    struct world w;
    void **value;
    lbk_val *grad[LEAVES];
    start(state, &w, 4);
    lbk_val *y = total(w.g, lbk_mul(w.g, w.x[2], lbk_stop_grad(w.g, w.x[2])));
    assert_int_equal(lbk_grad(w.g, y, LEAVES, w.x, grad), LBK_OK);
    values(&w, LEAVES, grad, &value);
    for (int k = 0; k < 4; k++)
        assert_true(((double *) value[grad[2]->node.id])[k] == w.data[2][k]);
    for (int k = 0; k < 24; k++)
        assert_true(((double *) value[grad[0]->node.id])[k] == 0);
    lbk__eval_free(w.g, value);
    lbk_graph_destroy(&w.g);
}

static void test_integers_end_it(void **state)
{
    struct world w;
    lbk_val *grad;
    start(state, &w, 5);
    lbk_val *i = lbk_argmax(w.g, w.x[0], (struct lbk_axis) { 2 });
    lbk_val *y = total(w.g, lbk_cast(w.g, i, (struct lbk_cast) { LBK_F32 }));
    assert_int_equal(lbk_grad(w.g, y, 1, w.x, &grad), LBK_OK);
    assert_true(lbk__same_shape(lbk_shape_of(grad), lbk_shape_of(w.x[0])));
    lbk_graph_destroy(&w.g);
}

static const struct lbk_op opaque = {
    .size = sizeof(struct lbk_op),
    .name = "opaque",
    .n_min = 1,
    .n_max = 1,
};

static void test_missing(void **state)
{
    struct world w;
    lbk_val *grad;
    start(state, &w, 6);
    ((struct unit *) *state)->errors = 0;
    lbk_val *side = lbk_apply(w.g, &opaque, 1, &w.x[1], NULL);
    lbk_val *y = total(w.g, lbk_add(w.g, w.x[0], side));
    assert_int_equal(lbk_grad(w.g, y, 1, &w.x[0], &grad), LBK_OK);
    assert_int_equal(lbk_grad(w.g, y, 1, &w.x[1], &grad), LBK_EUNSUPPORTED);
    assert_unit_error(state, "opaque has no gradient, and one is needed of 3x1 through it");
    lbk_graph_destroy(&w.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcast),       cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_middle),          cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_integers_end_it), cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
