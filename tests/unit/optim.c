/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <math.h>
#include "optim.h"
#include "graph.h"

enum { N = 5, STEPS = 8, STATES = 3 };

/* The states as they stand; eval reads them, and each assign writes its own back when the step
 * ends. Others are 0. */
struct world {
    lbk_graph *g;
    double state[STATES][N];
    const lbk_node *node[STATES];
    double grad[N], lr, ok;
    int32_t step;
};

static const void *leaf(void *ud, const lbk_node *n)
{
    static const double none[N];
    struct world *w = ud;
    if (n->kind == NODE_INPUT)
        return !strcmp(n->name, "lr")     ? (const void *) &w->lr
               : !strcmp(n->name, "ok")   ? (const void *) &w->ok
               : !strcmp(n->name, "step") ? (const void *) &w->step
                                          : w->grad;
    for (int i = 0; i < STATES; i++)
        if (w->node[i] == n)
            return w->state[i];
    return none;
}

static void start(void **state, struct world *w, const char *spec)
{
    const lbk_shape one = { 0 };
    *w = (struct world){ .ok = 1 };
    assert_int_equal(lbk_graph_create(unit_ctx(state), &w->g), LBK_OK);
    lbk_val *p = lbk_state(w->g, "w", LBK_F32, LBK_SHAPE(N), true),
            *d = lbk_input(w->g, "d", LBK_F32, LBK_SHAPE(N));
    assert_null(lbk__optim_build(w->g, spec, lbk_input(w->g, "lr", LBK_F32, one),
                                 lbk_input(w->g, "ok", LBK_F32, one),
                                 lbk_input(w->g, "step", LBK_I32, one), 1, &p, &d));
    assert_int_equal(lbk_graph_status(w->g), LBK_OK);
    for (int i = 0; i < N; i++)
        w->state[0][i] = 0.5 - 0.3 * i;
    w->node[0] = &p->node;
    const char *const names[][2] = { { "w@momentum", "" }, { "w@moment1", "w@moment2" } };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++)
            if (lbk__graph_find(w->g, NODE_STATE, names[k][i]))
                w->node[1 + i] = lbk__graph_find(w->g, NODE_STATE, names[k][i]);
}

static void advance(struct world *w)
{
    lbk_node *target[3 * STATES];
    void **value;
    const struct eval e = { .f64 = true, .leaf = leaf, .ud = w };
    for (int64_t i = 0; i < w->g->n_assign; i++)
        target[i] = w->g->assign[i].v;
    assert_int_equal(lbk__eval(w->g, &e, (int) w->g->n_assign, target, &value), LBK_OK);
    for (int64_t i = 0; i < w->g->n_assign; i++)
        for (int k = 0; k < STATES; k++)
            if (w->node[k] == w->g->assign[i].state)
                memcpy(w->state[k], value[target[i]->id], sizeof w->state[k]);
    lbk__eval_free(w->g, value);
}

/* Gradient and rate of a step. */
static void vary(struct world *w, int t)
{
    w->step = t;
    w->lr = 0.1 / (1 + t);
    for (int i = 0; i < N; i++)
        w->grad[i] = sin(3.7 * i + 1.3 * t) + (i == 2) * w->state[0][i];
}

/* The constants of the graph are floats. */
static double f(double v) { return (double) (float) v; }

struct plain {
    double p, b, m, v;
};

static void sgd(struct plain *x, double d, double lr, double mu, bool nesterov, double wd)
{
    d += f(wd) * x->p;
    x->b = f(mu) * x->b + d;
    x->p -= lr * (nesterov ? d + f(mu) * x->b : x->b);
}

static void adam(struct plain *x, double d, double lr, int t, double wd, bool decoupled)
{
    if (decoupled)
        x->p *= 1 - lr * f(wd);
    else
        d += f(wd) * x->p;
    x->m = f(0.8) * x->m + f(1 - 0.8) * d;
    x->v = f(0.99) * x->v + f(1 - 0.99) * d * d;
    x->p -= lr / (1 - pow(0.8, t + 1)) * x->m / (sqrt(x->v) / sqrt(1 - pow(0.99, t + 1)) + f(1e-6));
}

static void follow(void **state, const char *spec, int kind)
{
    struct world w;
    struct plain x[N] = { { 0, 0, 0, 0 } };
    start(state, &w, spec);
    for (int i = 0; i < N; i++)
        x[i].p = w.state[0][i];
    for (int t = 0; t < STEPS; t++) {
        vary(&w, t);
        for (int i = 0; i < N; i++) {
            if (kind < 3)
                sgd(&x[i], w.grad[i], w.lr, kind ? 0.9 : 0, kind == 2, 0.05);
            else
                adam(&x[i], w.grad[i], w.lr, t, 0.1, kind == 4);
        }
        advance(&w);
        for (int i = 0; i < N; i++)
            assert_true(fabs(w.state[0][i] - x[i].p) < 2e-6);
    }
    lbk_graph_destroy(&w.g);
}

static void test_sgd(void **state)
{
    follow(state, "sgd,wd=0.05", 0);
    follow(state, "sgd,momentum=0.9,wd=0.05", 1);
    follow(state, "sgd,momentum=0.9,nesterov=yes,wd=0.05", 2);
}

static void test_adam(void **state)
{
    follow(state, "adam,beta1=0.8,beta2=0.99,eps=1e-6,wd=0.1", 3);
    follow(state, "adamw,beta1=0.8,beta2=0.99,eps=1e-6,wd=0.1", 4);
}

/* Two parameters count as one: both are shortened alike, where both together are longer. One
 * without a gradient stays. */
static void test_clip(void **state)
{
    static const char *const spec[] = { "sgd,clip=6.5", "sgd,clip=30", "adam,clip=1e-3,eps=1" };
    static const double grad[N] = { 3, 0, 4, 12 }; /* of length 13 with another 0.75 of it: */
    const double whole = 1.25 * 13, most[] = { 6.5, 30, 1e-3 };
    const lbk_shape one = { 0 };
    for (int k = 0; k < 3; k++) {
        struct world w = { .lr = 0.5 };
        assert_int_equal(lbk_graph_create(unit_ctx(state), &w.g), LBK_OK);
        lbk_val *p[3], *d = lbk_input(w.g, "d", LBK_F32, LBK_SHAPE(N)),
                       *part[3] = { d, lbk_mul(w.g, d, lbk_scalar(w.g, 0.75)), NULL };
        for (int i = 0; i < 3; i++) {
            p[i] =
                lbk_state(w.g, (const char *[]){ "a", "b", "c" }[i], LBK_F32, LBK_SHAPE(N), true);
            w.node[i] = &p[i]->node;
        }
        assert_non_null(lbk__optim_build(w.g, spec[k], lbk_input(w.g, "lr", LBK_F32, one), NULL,
                                         lbk_input(w.g, "step", LBK_I32, one), 3, p, part));
        memcpy(w.grad, grad, sizeof grad);
        advance(&w);
        for (int i = 0; i < 3 * N; i++) {
            const double g = grad[i % N] * (double[]){ 1, 0.75, 0 }[i / N] *
                             fmin(1, most[k] / whole),
                         want = k < 2 ? -0.5 * g : -0.5 * g / (g + 1);
            if (!(fabs(w.state[i / N][i % N] - want) <= 1e-6 * fabs(want)))
                fail_msg("%s: %d is %.9g, expected %.9g", spec[k], i, w.state[i / N][i % N], want);
        }
        lbk_graph_destroy(&w.g);
    }
}

/* A bad step leaves everything as it was, NaN or not. */
static void test_not_ok(void **state)
{
    struct world w;
    double before[STATES][N];
    start(state, &w, "adam");
    vary(&w, 0);
    advance(&w);
    memcpy(before, w.state, sizeof before);
    for (int i = 0; i < N; i++)
        w.grad[i] = NAN;
    w.ok = 0;
    advance(&w);
    assert_memory_equal(before, w.state, sizeof before);
    w.ok = 1;
    advance(&w);
    assert_true(isnan(w.state[0][0]));
    lbk_graph_destroy(&w.g);
}

static void test_bad(void **state)
{
    static const struct {
        const char *spec, *message;
    } bad[] = {
        { "sdg", "optim: 'sdg' is unknown; did you mean 'sgd'?" },
        { "sgd,momentum", "optim: expected name=value, got 'momentum'" },
        { "sgd,momentum=2", "sgd.momentum: expected 0..1, got '2'" },
        { "adam,clip=-1", "adam.clip: expected 0..1e+30, got '-1'" },
        { "sgd,nesterov=yes", "sgd.nesterov: expected a momentum above 0 with it, got 0" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ((struct unit *) *state)->errors = 0;
        assert_int_not_equal(lbk__optim_check(unit_ctx(state), bad[i].spec), LBK_OK);
        assert_unit_error(state, bad[i].message);
    }
    assert_int_equal(lbk__optim_check(unit_ctx(state), "adamw,wd=0.05"), LBK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sgd, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_adam, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_clip, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_not_ok, unit_start, unit_stop),
        cmocka_unit_test_setup_teardown(test_bad, unit_start, unit_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
