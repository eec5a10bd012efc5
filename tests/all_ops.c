/* SPDX-License-Identifier: MIT */
/* Every registered operator on every case of it: references, lowerings, gradients, devices.
 * all_ops [--device SPEC] [--support | --bench], LBK_OP=NAME for one operator,
 * LBK_VARIANTS=alone,fused for those variants only. */
#include "unit/unit.h"
#include "op_case.h"
#include "op_device.h"
#include "op_refused.h"

enum { PROBES = 12 };
static int failures;

#define COMPLAIN(k, ...)                                                                           \
 (failures++, print_error("%s \"%s\" %s: ", (k)->op->name, (k)->c->shapes, (k)->c->params),        \
  print_error(__VA_ARGS__), print_error("\n"))

typedef void check_fn(struct op_case *k);

static void each_case(void **state, check_fn *check)
{
    lbk_ctx *ctx = unit_ctx(state);
    const char *only = getenv("LBK_OP");
    int ops = 0, cases = 0;
    failures = 0;
    for (const struct lbk_op *op = NULL; (op = lbk_registry_next(ctx, LBK_OPS, op));) {
        ops++;
        if (!op->cases || (only && strcmp(only, op->name))) {
            failures += !op->cases;
            continue;
        }
        for (const struct lbk_case *c = op->cases; c->shapes; c++, cases++) {
            struct op_case k;
            char why[256];
            if (case_open(ctx, op, c, &k))
                check(&k);
            else
                lbk_last_error(ctx, why, sizeof why), COMPLAIN(&k, "%s", why);
            case_close(&k);
        }
    }
    print_message("%d operators, %d cases\n", ops, cases);
    assert_true(ops > 0);
    assert_int_equal(failures, 0);
}

static void check_precision(struct op_case *k)
{
    lbk_node *y = &k->y->node;
    void **wide, **narrow;
    if (case_eval(k, true, 1, &y, &wide) && case_eval(k, false, 1, &y, &narrow)) {
        const double d =
            distance(y->dtype, lbk_shape_count(y->shape), wide[y->id], true, narrow[y->id], false);
        if (!(d <= k->c->tol + 1e-7))
            COMPLAIN(k, "f32 is %g from f64", d);
        lbk__eval_free(k->g, narrow);
    } else {
        COMPLAIN(k, "does not evaluate");
    }
    lbk__eval_free(k->g, wide);
}

static void check_lower(struct op_case *k)
{
    if (!k->op->lower || !k->op->ref)
        return;
    lbk_val *v = k->op->lower(k->g, &k->y->node);
    void **value = NULL;
    if (!v || !lbk__same_shape(v->node.shape, k->y->node.shape)) {
        COMPLAIN(k, "lowers to another shape");
        return;
    }
    lbk_node *t[2] = { &k->y->node, &v->node };
    if (!case_eval(k, true, 2, t, &value))
        COMPLAIN(k, "the lowering does not evaluate");
    else {
        const double d = distance(v->node.dtype, lbk_shape_count(v->node.shape), value[t[0]->id],
                                  true, value[t[1]->id], true);
        if (!(d <= 1e-7))
            COMPLAIN(k, "lowering is %g from the reference", d);
    }
    lbk__eval_free(k->g, value);
}

/* What these say in their doc: no gradient to this operand. */
static bool no_gradient_by_design(const struct lbk_op *op, int i)
{
    static const struct {
        const char *name;
        int operand;
    } list[] = { { "stop_grad", 0 }, { "pow", 1 } };
    for (size_t k = 0; k < sizeof list / sizeof *list; k++)
        if (!strcmp(list[k].name, op->name) && list[k].operand == i)
            return true;
    return false;
}

static double value_at(struct op_case *k, lbk_node *loss)
{
    void **v;
    double r = NAN;
    if (case_eval(k, true, 1, &loss, &v))
        r = *(double *) v[loss->id];
    lbk__eval_free(k->g, v);
    return r;
}

static void check_operand(struct op_case *k, lbk_node *loss, int i, const double *grad)
{
    double *x = k->in[i].data, largest = 1;
    const int64_t n = lbk_shape_count(k->in[i].shape), step = n > PROBES ? n / PROBES : 1;
    for (int64_t e = 0; e < n; e++)
        largest = fmax(largest, fabs(grad[e]));
    for (int64_t e = 0; e < n; e += step) {
        const double was = x[e], h = 1e-5;
        x[e] = was + h;
        const double up = value_at(k, loss);
        x[e] = was - h;
        const double d = (up - value_at(k, loss)) / (2 * h);
        x[e] = was;
        if (!(fabs(d - grad[e]) <= 1e-6 * largest)) {
            COMPLAIN(k, "gradient of operand %d at %lld is %.9g, differences say %.9g", i,
                     (long long) e, grad[e], d);
            return;
        }
    }
}

static bool finite_value(struct op_case *k)
{
    void **v;
    lbk_node *y = &k->y->node;
    bool ok = case_eval(k, true, 1, &y, &v);
    for (int64_t i = 0, n = lbk_shape_count(y->shape); ok && i < n; i++)
        ok = isfinite(((double *) v[y->id])[i]);
    lbk__eval_free(k->g, v);
    return ok;
}

/* A sum of the result with weights of both signs. */
static lbk_val *weighted(struct op_case *k)
{
    const lbk_shape s = k->y->node.shape;
    const int64_t n = lbk_shape_count(s);
    double *w = calloc((size_t) n + 1, sizeof *w);
    for (int64_t i = 0; i < n; i++)
        w[i] = 0.3 + unit_at(99, (uint64_t) i) * (i % 3 ? 1 : -1.5);
    lbk_val *loss = lbk_sum(k->g, lbk_mul(k->g, k->y, lbk_numbers(k->g, s, w)), LBK_ALL);
    free(w);
    return loss;
}

static void check_gradient(struct op_case *k)
{
    const struct lbk_op *op = k->op;
    lbk_val *grad[LBK_OPERAND_MAX];
    lbk_node *target[LBK_OPERAND_MAX];
    void **value = NULL;
    if (k->y->node.dtype != LBK_F32 || (op->flags & LBK_OP_NONDIFF) || (!op->grad && !op->lower) ||
        !finite_value(k))
        return;
    lbk_val *loss = weighted(k);
    if (!loss || lbk_grad(k->g, loss, k->n, k->leaf, grad)) {
        COMPLAIN(k, "has no gradient graph");
        return;
    }
    for (int i = 0; i < k->n; i++)
        target[i] = &grad[i]->node;
    if (!case_eval(k, true, k->n, target, &value))
        COMPLAIN(k, "gradient does not evaluate");
    for (int i = 0; i < k->n && value[target[i]->id]; i++)
        if (k->in[i].dtype == LBK_F32 && !no_gradient_by_design(op, i))
            check_operand(k, &loss->node, i, value[target[i]->id]);
    lbk__eval_free(k->g, value);
}

static void test_precision(void **state) { each_case(state, check_precision); }

static void test_lower(void **state) { each_case(state, check_lower); }

static void test_gradient(void **state) { each_case(state, check_gradient); }

/* Only adjoints of adjoints that nothing needs may lack one. */
static void test_gradients_exist(void **state)
{
    for (const struct lbk_op *op = NULL; (op = lbk_registry_next(unit_ctx(state), LBK_OPS, op));)
        if (!op->grad && !op->lower && !(op->flags & LBK_OP_NONDIFF) &&
            strcmp(op->name, "max_pool_dx"))
            fail_msg("%s has no gradient", op->name);
}

/* Said once, in these words, with nothing built. */
static void refuse(void **state, const struct lbk_op *op, const char *shapes, const char *params,
                   const char *message)
{
    const struct lbk_case c = { shapes, params, 0, 0, 0 };
    struct op_case k;
    ((struct unit *) *state)->errors = 0;
    assert_false(case_open(unit_ctx(state), op, &c, &k));
    assert_null(k.y);
    assert_unit_error(state, message);
    case_close(&k);
}

static void refuse_pointwise(void **state, const struct lbk_op *op)
{
    static const char *const shapes[] = { "", "2x3:5", "2x3,2x4", "2x3,2x1,2x4" };
    char message[128];
    if (op->n_max == 1)
        snprintf(message, sizeof message, "%s: x is i32, expected f32", op->name);
    else
        snprintf(message, sizeof message, "%s: %s is 2x4, which does not broadcast with 2x3",
                 op->name, op->n_max == 2 ? "b" : "c");
    refuse(state, op, shapes[op->n_max], "", message);
}

static void test_refused(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    for (const struct lbk_op *op = NULL; (op = lbk_registry_next(ctx, LBK_OPS, op));) {
        int n = 0;
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            if (!strcmp(refused[i].op, op->name))
                refuse(state, op, refused[i].shapes, refused[i].params, refused[i].message), n++;
        if (op->expr)
            refuse_pointwise(state, op), n++;
        if (!n)
            fail_msg("%s: nothing that it refuses is tested", op->name);
    }
}

static const char *spec = "cpu";
static bool asked; /* for this device: then it must open */
static lbk_store *store;
static lbk_device *device;

static bool device_ready(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    if (!device && lbk_device_open(ctx, spec, &device))
        return false;
    return store || !lbk_store_create(device, &store);
}

static void device_end(void)
{
    lbk_store_destroy(&store);
    lbk_device_close(&device);
}

static double allowed(const struct op_case *k, enum variant v)
{
    const double tol = fmax(k->c->tol, 1e-6);
    return k->y->node.dtype == LBK_F32 ? tol * (v == ALONE ? 4 : 20) : 0;
}

static void compare(struct op_case *k, enum variant v, const struct device_case *c)
{
    lbk_node *y = &k->y->node;
    void **want = NULL;
    if (!case_eval(k, true, 1, &y, &want))
        COMPLAIN(k, "does not evaluate");
    else {
        const int64_t n = lbk_shape_count(y->shape);
        const double d = distance(y->dtype, n, want[y->id], true, c->got, false);
        if (!(d <= allowed(k, v)))
            COMPLAIN(k, "%s, %s: %g from the reference", spec, variant_names[v], d);
    }
    if (!guard_intact(c))
        COMPLAIN(k, "%s, %s: wrote past its result", spec, variant_names[v]);
    lbk__eval_free(k->g, want);
}

static void check_variant(struct op_case *k, enum variant v)
{
    struct device_case c;
    char why[256];
    if (!variant_build(k, v))
        return;
    lbk_status st = device_open(k, store, &c);
    st = st ? st : device_run(k, &c);
    st = st ? st : device_fetch(&c);
    if (st) {
        lbk_last_error(k->ctx, why, sizeof why);
        COMPLAIN(k, "%s, %s: %s", spec, variant_names[v], why);
    } else {
        compare(k, v, &c);
    }
    device_close(&c);
}

static int left_out;

static void check_device(struct op_case *k)
{
    const char *only = getenv("LBK_VARIANTS");
    for (enum variant v = ALONE; v < VARIANTS; v++)
        if (!only || strstr(only, variant_names[v]))
            check_variant(k, v);
        else
            left_out += variant_build(k, v);
}

static void test_device(void **state)
{
    const bool ready = device_ready(state);
    assert_true(ready || !asked);
    if (!ready)
        skip();
    each_case(state, check_device);
    if (left_out)
        print_message("%d variants left out\n", left_out);
    device_end();
}

/* How the plans of a case alone run the operator. */
struct found {
    const char *name;
    bool kernel, fallback, map;
};

static void look(void *ud, const char *line)
{
    struct found *f = ud;
    char word[2][64] = { "", "" };
    const char *s = line + strspn(line, " 0123456789");
    if (sscanf(s, "%63s %63s", word[0], word[1]) < 1)
        return;
    f->fallback |= !strcmp(word[0], "FALLBACK") && !strcmp(word[1], f->name);
    f->kernel |= !strcmp(word[0], f->name);
    f->map |= !strcmp(word[0], "map");
}

static struct {
    int kernel, map, lowered, fallback;
} tally;

static void support_case(struct op_case *k)
{
    struct device_case c;
    struct found f = { .name = k->op->name };
    if (!variant_build(k, ALONE) || device_open(k, store, &c))
        return;
    lbk_exec_dump(c.exec, look, &f);
    tally.fallback += f.fallback;
    tally.kernel += f.kernel;
    tally.map += !f.kernel && !f.fallback && k->op->expr;
    tally.lowered += !f.kernel && !f.fallback && !k->op->expr;
    device_close(&c);
}

static void bench_case(struct op_case *k)
{
    struct device_case c;
    struct lbk_exec_info info = { .size = sizeof info };
    int runs = 0;
    if (!variant_build(k, ALONE) || device_open(k, store, &c) || device_run(k, &c))
        return;
    lbk_exec_info(c.exec, &info);
    const double begin = seconds();
    double end = begin;
    while (end - begin < 0.01 && !device_run(k, &c))
        runs++, end = seconds();
    const double us = (end - begin) / runs * 1e6;
    print_message("%-22s %-28s %-40s %10.2f us %8.2f GFLOP/s\n", k->op->name, k->c->shapes,
                  k->c->params, us, info.flops / us * 1e-3);
    device_close(&c);
}

static void each_case_of(lbk_ctx *ctx, const struct lbk_op *op, check_fn *run)
{
    for (const struct lbk_case *c = op->cases; c && c->shapes; c++) {
        struct op_case k;
        if (case_open(ctx, op, c, &k))
            run(&k);
        case_close(&k);
    }
}

static void test_support(void **state)
{
    assert_true(device_ready(state));
    print_message("%-24s %s: cases run by a kernel, in a map, lowered, on the host\n", "operator",
                  spec);
    for (const struct lbk_op *op = NULL; (op = lbk_registry_next(unit_ctx(state), LBK_OPS, op));) {
        memset(&tally, 0, sizeof tally);
        each_case_of(unit_ctx(state), op, support_case);
        print_message("%-24s %3d %3d %3d %3d\n", op->name, tally.kernel, tally.map, tally.lowered,
                      tally.fallback);
    }
    device_end();
}

static void test_bench(void **state)
{
    const char *only = getenv("LBK_OP");
    assert_true(device_ready(state));
    for (const struct lbk_op *op = NULL; (op = lbk_registry_next(unit_ctx(state), LBK_OPS, op));)
        if (!only || !strcmp(only, op->name))
            each_case_of(unit_ctx(state), op, bench_case);
    device_end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest host[] = {
        cmocka_unit_test(test_precision),       cmocka_unit_test(test_lower),
        cmocka_unit_test(test_gradients_exist), cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_device),
    };
    const struct CMUnitTest only_device[] = { cmocka_unit_test(test_device) };
    const struct CMUnitTest support[] = { cmocka_unit_test(test_support) };
    const struct CMUnitTest bench[] = { cmocka_unit_test(test_bench) };
    const struct CMUnitTest *group = host;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--device") && i + 1 < argc)
            asked = true, spec = argv[++i], group = group == host ? only_device : group;
        else if (!strcmp(argv[i], "--support"))
            group = support;
        else if (!strcmp(argv[i], "--bench"))
            group = bench;
    }
    if (group == host)
        return cmocka_run_group_tests(host, unit_start, unit_stop);
    return _cmocka_run_group_tests("device", group, 1, unit_start, unit_stop);
}
