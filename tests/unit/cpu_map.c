/* SPDX-License-Identifier: MIT */
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

#define PW(id, k) static const struct lbk_op op_##id = { .name = #id, .n_min = k, .n_max = k }
PW(add, 2);
PW(mul, 2);
PW(sub, 2);
PW(relu, 1);
PW(select, 3);
PW(exp, 1);
PW(neg, 1);
PW(abs, 1);
PW(sign, 1);
PW(sqrt, 1);
PW(square, 1);
PW(finite, 1);
PW(floor, 1);
PW(stop_grad, 1);
PW(positive, 1);
PW(div, 2);
PW(maximum, 2);
PW(minimum, 2);
PW(le, 2);
PW(lt, 2);
PW(eq, 2);

static lbk_status twice_ref(const struct lbk_ref *r)
{
    const float *x = r->in[0];
    for (int64_t i = 0; i < lbk_shape_count(r->out_shape); i++)
        ((float *) r->out)[i] = 2 * x[i];
    return LBK_OK;
}
static const struct lbk_op twice = {
    .name = "plugin.twice", .n_min = 1, .n_max = 1, .ref = twice_ref
};

static struct lbk_word arg_word(int i)
{
    return (struct lbk_word){ .kind = LBK_WORD_ARG, .arg = (uint8_t) i };
}
static struct lbk_word num_word(float v)
{
    return (struct lbk_word){ .kind = LBK_WORD_CONST, .value = v };
}
static struct lbk_word op_word(const struct lbk_op *op, int a, int b, int c)
{
    return (struct lbk_word){ .kind = LBK_WORD_OP,
                              .op = op,
                              .in = { (uint8_t) a, (uint8_t) b, (uint8_t) c } };
}

/* One arg of every kind: y0 = select(x - s, relu(x * c + s) + twice(r), exp(1)), y1 = x * c. Of c
 * there is one number for each channel, sample and channel, sample, pixel, or pixel
 * of a sample; of s one number, or with pixels one for each channel. */
enum kind { CHANNEL, BOTH, SAMPLE, PIXEL, EACH, KINDS };
static const bool has_axis[KINDS][3] = { /* samples, channels, the image */
                                         [CHANNEL] = { false, true, false },
                                         [BOTH] = { true, true, false },
                                         [SAMPLE] = { true, false, false },
                                         [PIXEL] = { false, false, true },
                                         [EACH] = { true, false, true }
};

static void make_group(struct lbk_group *g, lbk_shape full, struct lbk_layout layout,
                       enum kind kind)
{
    const struct lbk_word w[] = { arg_word(0),
                                  arg_word(1),
                                  arg_word(2),
                                  arg_word(3),
                                  num_word(1),
                                  op_word(&op_mul, 0, 1, 0),
                                  op_word(&op_add, 5, 2, 0),
                                  op_word(&op_relu, 6, 0, 0),
                                  op_word(&twice, 3, 0, 0),
                                  op_word(&op_add, 7, 8, 0),
                                  op_word(&op_sub, 0, 2, 0),
                                  op_word(&op_exp, 4, 0, 0),
                                  op_word(&op_select, 10, 9, 11) };
    *g = (struct lbk_group){
        .size = sizeof *g, .n_arg = 4, .n_out = 2, .acc = full, .result = { 12, 5 }
    };
    memcpy(g->epi.w, w, sizeof w);
    g->epi.n = sizeof w / sizeof *w;
    lbk_shape chan = full, one = full;
    for (int i = 0; i < full.n; i++)
        one.d[i] = 1, chan.d[i] = has_axis[kind][i < 2 ? i : 2] ? full.d[i] : 1;
    if (kind >= PIXEL && full.n > 1)
        one.d[1] = full.d[1];
    const lbk_shape shape[] = { full, chan, one, full };
    for (int i = 0; i < 4; i++)
        g->arg[i] = (struct lbk_arg){ .dtype = LBK_F32,
                                      .shape = shape[i],
                                      .layout = i == 0 || i == 3 ? layout : CPU_ROW };
    for (int i = 0; i < 2; i++)
        g->out[i] = (struct lbk_arg){ .dtype = LBK_F32, .shape = full, .layout = layout };
}

static void expect(const struct lbk_group *g, double *v[4], double *y0, double *y1)
{
    const int64_t n = lbk_shape_count(g->acc);
    for (int64_t i = 0; i < n; i++) {
        int64_t c[LBK_MAX_DIMS];
        coords(g->acc, i, c);
        const double x = v[0][i], k = v[1][stretched(g->arg[1].shape, g->acc, c)],
                     s = v[2][stretched(g->arg[2].shape, g->acc, c)], m = x * k + s;
        y1[i] = x * k;
        y0[i] = x - s > 0 ? (m > 0 ? m : 0) + 2 * v[3][i] : 2.718281828459045;
    }
}

static void check_shape(lbk_shape full, struct lbk_layout layout, enum kind kind, bool inplace)
{
    struct lbk_group g;
    uint64_t first = 0;
    for (int run = 0; run < group_runs(); run++) {
        lbk_drv *d = group_open(run);
        make_group(&g, full, layout, kind);
        double *v[4], *want[2];
        for (int i = 0; i < 4; i++)
            v[i] = group_fill(d, &g.arg[i], (uint32_t) i + 1);
        for (int k = 0; k < 2; k++)
            want[k] = calloc((size_t) lbk_shape_count(full), sizeof(double));
        expect(&g, v, want[0], want[1]);
        if (inplace) {
            g.out[0].mem = g.arg[0].mem, g.out[0].offset = g.arg[0].offset;
            group_alloc(d, &g.out[1]);
        } else {
            group_alloc(d, &g.out[0]), group_alloc(d, &g.out[1]);
        }
        group_launch(d, &g);
        uint64_t h = group_hash(&g);
        first = run ? first : h;
        assert_true(h == first);
        for (int k = 0; k < 2; k++)
            group_compare(&g.out[k], want[k], 2e-6);
        group_free(d, &g);
        for (int i = 0; i < 4; i++)
            free(v[i]);
        free(want[0]), free(want[1]);
        cpu_device_fns.close(d);
    }
}

static void chains_match_in_every_layout(void **state)
{
    static const lbk_shape shapes[] = { { 4, { 1, 1, 1, 1 } },    { 4, { 2, 3, 5, 7 } },
                                        { 4, { 3, 17, 9, 11 } },  { 4, { 2, 16, 1, 1 } },
                                        { 4, { 5, 40, 13, 16 } }, { 2, { 7, 300 } },
                                        { 4, { 2, 33, 32, 32 } } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int k = 0; k < 2 * KINDS; k++) {
            check_shape(shapes[i], CPU_ROW, k / 2, k % 2);
            if (shapes[i].n == 4)
                check_shape(shapes[i], CPU_CBLK, k / 2, k % 2);
        }
}

/* Words drawn at random, against the same words one by one, to the bit. */
enum { LEAVES = 5, WORDS = 24, OUTS = 3 };
static const struct lbk_op *const drawn[] = {
    &op_neg,  &op_abs,      &op_sign, &op_sqrt, &op_square, &op_finite,  &op_floor,   &op_stop_grad,
    &op_relu, &op_positive, &twice,   &op_add,  &op_add,    &op_sub,     &op_sub,     &op_mul,
    &op_mul,  &op_div,      &op_le,   &op_lt,   &op_eq,     &op_maximum, &op_minimum, &op_select,
};

static float one_op(const struct lbk_op *op, float a, float b, float c)
{
    const char *n = op->name;
#define IS(word) (strcmp(n, #word) == 0)
    return IS(neg)         ? -a
           : IS(abs)       ? fabsf(a)
           : IS(sign)      ? (float) ((a > 0) - (a < 0))
           : IS(sqrt)      ? sqrtf(a)
           : IS(square)    ? a * a
           : IS(finite)    ? (float) (a - a == 0)
           : IS(floor)     ? floorf(a)
           : IS(stop_grad) ? a
           : IS(relu)      ? (a > 0 ? a : 0)
           : IS(positive)  ? (float) (a > 0)
           : IS(add)       ? a + b
           : IS(sub)       ? a - b
           : IS(mul)       ? a * b
           : IS(div)       ? a / b
           : IS(le)        ? (float) (a <= b)
           : IS(lt)        ? (float) (a < b)
           : IS(eq)        ? (float) (a == b)
           : IS(maximum)   ? (a > b || b != b ? a : b)
           : IS(minimum)   ? (a < b || b != b ? a : b)
           : IS(select)    ? (a > 0 ? b : c)
                           : 2 * a;
#undef IS
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* Args: two whole, one per channel, one number. Later words are read more often, as in a chain. */
static void draw_group(struct lbk_group *g, lbk_shape full, struct lbk_layout layout, uint32_t seed)
{
    lbk_shape chan = full, one = full;
    for (int i = 0; i < full.n; i++)
        one.d[i] = 1, chan.d[i] = i == 1 ? full.d[1] : 1;
    *g = (struct lbk_group){ .size = sizeof *g, .n_arg = 4, .n_out = OUTS, .acc = full };
    for (int i = 0; i < 4; i++)
        g->arg[i] = (struct lbk_arg){ .dtype = LBK_F32,
                                      .shape = i < 2    ? full
                                               : i == 2 ? chan
                                                        : one,
                                      .layout = i < 2 ? layout : CPU_ROW };
    for (int i = 0; i < 4; i++)
        g->epi.w[i] = arg_word(i);
    g->epi.w[4] = num_word(0.5f);
    g->epi.n = LEAVES + 1 + (int) draw(&seed, WORDS - LEAVES);
    for (int i = LEAVES; i < g->epi.n; i++) {
        int in[3];
        for (int k = 0; k < 3; k++)
            in[k] = draw(&seed, 2) ? i - 1 : (int) draw(&seed, (uint32_t) i);
        g->epi.w[i] =
            op_word(drawn[draw(&seed, sizeof drawn / sizeof *drawn)], in[0], in[1], in[2]);
    }
    for (int k = 0; k < OUTS; k++) {
        g->result[k] = (uint8_t) (k ? draw(&seed, (uint32_t) g->epi.n) : (uint32_t) g->epi.n - 1);
        g->out[k] = (struct lbk_arg){ .dtype = LBK_F32, .shape = full, .layout = layout };
    }
}

static void check_element(const struct lbk_group *g, double *v[4], int64_t i)
{
    const int64_t inner = lbk_shape_count(g->acc) / g->acc.d[0] / g->acc.d[1];
    float reg[WORDS];
    for (int w = 0; w < g->epi.n; w++) {
        const struct lbk_word *word = &g->epi.w[w];
        const int64_t at = word->arg < 2 ? i : word->arg == 2 ? i / inner % g->acc.d[1] : 0;
        reg[w] = word->kind == LBK_WORD_ARG ? (float) v[word->arg][at]
                 : word->kind == LBK_WORD_CONST
                     ? word->value
                     : one_op(word->op, reg[word->in[0]], reg[word->in[1]], reg[word->in[2]]);
    }
    for (int k = 0; k < g->n_out; k++) {
        const float want = reg[g->result[k]], got = (float) group_at(&g->out[k], i);
        if (isnan(want) ? !isnan(got) : memcmp(&want, &got, sizeof got) != 0)
            fail_msg("out %d, element %d: expected %.9g, found %.9g", k, (int) i, (double) want,
                     (double) got);
    }
}

static double *fill_odd(lbk_drv *d, struct lbk_arg *a, uint32_t seed)
{
    static const double odd[] = { 0, -0.0, INFINITY, -INFINITY, NAN, 1e-40, -3e38, 1 };
    const int64_t n = lbk_shape_count(a->shape);
    double *v = malloc(sizeof *v * (size_t) n);
    for (int64_t i = 0; i < n; i++)
        v[i] = draw(&seed, 8) ? (float) group_random(&seed) : (float) odd[draw(&seed, 8)];
    group_put(d, a, v);
    return v;
}

static void check_words(lbk_drv *d, lbk_shape full, struct lbk_layout layout, uint32_t seed)
{
    struct lbk_group g;
    double *v[4];
    draw_group(&g, full, layout, seed);
    for (int i = 0; i < 4; i++)
        v[i] = fill_odd(d, &g.arg[i], seed + (uint32_t) i);
    for (int k = 0; k < OUTS; k++)
        if (k == 0 && seed % 2)
            g.out[0].mem = g.arg[0].mem, g.out[0].offset = g.arg[0].offset;
        else
            group_alloc(d, &g.out[k]);
    group_launch(d, &g);
    for (int64_t i = 0; i < lbk_shape_count(full); i++)
        check_element(&g, v, i);
    group_free(d, &g);
    for (int i = 0; i < 4; i++)
        free(v[i]);
}

static void words_match_one_by_one(void **state)
{
    static const lbk_shape shapes[] = { { 4, { 1, 17, 3, 7 } },
                                        { 4, { 2, 32, 5, 13 } },
                                        { 4, { 2, 3, 16, 17 } },
                                        { 2, { 3, 333 } },
                                        { 3, { 2, 5, 700 } } };
    for (int run = 0; run < group_runs(); run++) {
        lbk_drv *d = group_open(run);
        for (uint32_t seed = 0; seed < 200; seed++) {
            const lbk_shape s = shapes[seed % 5];
            check_words(d, s, CPU_ROW, seed);
            if (s.n == 4)
                check_words(d, s, CPU_CBLK, seed);
        }
        cpu_device_fns.close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(chains_match_in_every_layout),
                                        cmocka_unit_test(words_match_one_by_one) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
