/* SPDX-License-Identifier: MIT */
/* Reductions of expressions, over shapes that are cut into slots and tiles, and batch norm
 * statistics far from zero. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <cpu.h>
#include <opdef.h>
#include "cpu_group.h"

static struct lbk_word arg_word(int i)
{
    return (struct lbk_word){ .kind = LBK_WORD_ARG, .arg = (uint8_t) i };
}
static struct lbk_word op_word(const struct lbk_op *op, int a, int b)
{
    return (struct lbk_word){ .kind = LBK_WORD_OP, .op = op, .in = { (uint8_t) a, (uint8_t) b } };
}

struct set {
    const struct lbk_op *op;
    const void *params;
    lbk_shape x, out;
    struct lbk_layout layout;
    uint32_t axes;
    bool expr;           /* operand 0 is relu(x + s) of a number s per channel */
    double scale, shift; /* of the values of x */
};

static double value(const struct set *s, const double *x, const double *per, int64_t i)
{
    const int64_t inner = lbk_shape_count(s->x) / s->x.d[0] / s->x.d[1];
    const double v = s->expr ? x[i] + per[i / inner % s->x.d[1]] : x[i];
    return s->expr && v < 0 ? 0 : v;
}

static int64_t reduced(const struct set *s, int64_t i)
{
    int64_t c[LBK_MAX_DIMS], to = 0;
    coords(s->x, i, c);
    for (int k = 0; k < s->x.n; k++)
        if (!(s->axes >> k & 1))
            to = to * s->x.d[k] + c[k];
    return to;
}

static void expect(const struct set *s, const double *x, const double *per, double *want)
{
    const int64_t n = lbk_shape_count(s->x),
                  m = s->op == &lbk_op_bn_stats ? s->x.d[1] : lbk_shape_count(s->out);
    const bool max = s->op == &lbk_op_max, stats = s->op == &lbk_op_bn_stats;
    const double count = (double) n / (double) m;
    for (int64_t i = 0; i < m; i++)
        want[i] = max ? -INFINITY : 0;
    for (int64_t i = 0; i < n; i++) {
        double *w = &want[reduced(s, i)];
        const double v = value(s, x, per, i);
        *w = !max ? *w + v : v > *w ? v : *w;
    }
    for (int64_t i = 0; i < m && (stats || s->op == &lbk_op_mean); i++)
        want[i] /= count;
    for (int64_t i = 0; i < n && stats; i++)
        want[m + reduced(s, i)] += pow(value(s, x, per, i) - want[reduced(s, i)], 2) / count;
}

static void prepare_group(const struct set *s, struct lbk_group *g)
{
    *g = (struct lbk_group){ .size = sizeof *g,
                             .op = s->op,
                             .params = s->params,
                             .n_arg = s->expr ? 2 : 1,
                             .n_operand = 1,
                             .n_out = 1,
                             .acc = s->out };
    lbk_shape per = s->x;
    for (int i = 0; i < per.n; i++)
        per.d[i] = i == 1 ? per.d[1] : 1;
    g->arg[0] = (struct lbk_arg){ .dtype = LBK_F32, .shape = s->x, .layout = s->layout };
    g->arg[1] = (struct lbk_arg){ .dtype = LBK_F32, .shape = per, .layout = CPU_ROW };
    g->operand[0].w[0] = arg_word(0);
    g->operand[0].w[1] = arg_word(1);
    g->operand[0].w[2] = op_word(&lbk_op_add, 0, 1);
    g->operand[0].w[3] = op_word(&lbk_op_relu, 2, 0);
    g->operand[0].n = s->expr ? 4 : 1;
    g->epi.n = 1;
    g->epi.w[0] = (struct lbk_word){ .kind = LBK_WORD_ACC };
    g->out[0] = (struct lbk_arg){ .dtype = LBK_F32, .shape = s->out, .layout = CPU_ROW };
}

static void check(const struct set *s, double tol)
{
    struct lbk_group g;
    uint64_t first = 0;
    const int64_t n = lbk_shape_count(s->x);
    uint32_t seed = 9;
    double *x = malloc(sizeof *x * (size_t) n), *want = calloc((size_t) (2 * n) + 2, sizeof *want);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float) (group_random(&seed) * s->scale + s->shift);
    for (int run = 0; run < group_runs(); run++) {
        lbk_drv *d = group_open(run);
        prepare_group(s, &g);
        group_put(d, &g.arg[0], x);
        double *per = s->expr ? group_fill(d, &g.arg[1], 4) : NULL;
        group_alloc(d, &g.out[0]);
        group_launch(d, &g);
        const uint64_t h = group_hash(&g);
        first = run ? first : h;
        if (h != first)
            fail_msg("%s: other bits in run %d", s->op->name, run);
        memset(want, 0, sizeof *want * (size_t) (2 * n));
        expect(s, x, per, want);
        group_compare(&g.out[0], want, tol);
        free(per);
        group_free(d, &g);
        cpu_device_fns.close(d);
    }
    free(x);
    free(want);
}

static void sums_of_expressions(void **state)
{
    static const lbk_shape shapes[] = { { 4, { 3, 17, 31, 5 } }, { 4, { 2, 6, 129, 128 } },
                                        { 4, { 5, 33, 1, 1 } },  { 2, { 70, 1500 } },
                                        { 2, { 40000, 3 } },     { 3, { 4, 300, 65 } } };
    static const struct lbk_op *const ops[] = { &lbk_op_sum, &lbk_op_mean, &lbk_op_max };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (uint32_t axes = 0; axes < 1u << shapes[i].n; axes++)
            for (int k = 0; k < 12; k++) {
                const struct lbk_reduce p = { axes, false };
                struct set s = {
                    ops[k % 3], &p,    shapes[i], { 0 }, k / 3 % 2 ? CPU_CBLK : CPU_ROW,
                    axes,       k / 6, 1,         0.5
                };
                for (int a = 0; a < s.x.n; a++)
                    if (!(axes >> a & 1))
                        s.out.d[s.out.n++] = s.x.d[a];
                if (s.layout.order != LBK_CBLK || (s.x.n == 4 && (axes & 12) == 12))
                    check(&s, 2e-6);
            }
}

static void statistics_far_from_zero(void **state)
{
    static const lbk_shape shapes[] = { { 4, { 8, 20, 64, 33 } }, { 4, { 2, 3, 200, 101 } },
                                        { 2, { 300, 37 } },       { 4, { 64, 600, 1, 1 } },
                                        { 4, { 1, 1, 1, 1 } },    { 2, { 600, 700 } } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int k = 0; k < 4; k++) {
            struct set s = { &lbk_op_bn_stats,
                             &LBK_NONE,
                             shapes[i],
                             LBK_SHAPE(2, shapes[i].d[1]),
                             k % 2 ? CPU_CBLK : CPU_ROW,
                             ~2u,
                             k / 2,
                             1,
                             100 };
            if (s.layout.order != LBK_CBLK || s.x.n == 4)
                check(&s, 4e-7);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sums_of_expressions),
                                        cmocka_unit_test(statistics_far_from_zero) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
