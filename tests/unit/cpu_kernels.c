/* SPDX-License-Identifier: MIT */
/* Convolutions and matrix products of the CPU driver against sums in double. --bench times them
 * instead. */
#include <time.h>
#include <kernels/taps_dw.h>
#include <kernels/winograd.h>
#include <kernels/winograd_dw.h>
#include "cpu_problem.h"

static const struct conv_case cases[] = {
    { 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1 },     { 2, 3, 9, 7, 5, 3, 3, 1, 1, 1, 1 },
    { 2, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1 },   { 1, 24, 13, 17, 33, 3, 3, 2, 1, 1, 1 },
    { 3, 1, 32, 32, 12, 4, 4, 2, 1, 1, 1 },  { 3, 12, 16, 16, 24, 4, 4, 2, 1, 1, 1 },
    { 2, 48, 8, 8, 24, 4, 4, 2, 1, 1, 1 },   { 2, 48, 7, 7, 80, 1, 1, 1, 0, 1, 1 },
    { 2, 20, 20, 20, 40, 1, 1, 2, 0, 1, 1 }, { 2, 1, 28, 28, 6, 5, 5, 1, 2, 1, 1 },
    { 2, 6, 14, 14, 16, 5, 5, 1, 0, 1, 1 },  { 1, 17, 19, 11, 3, 3, 3, 1, 2, 2, 1 },
    { 1, 33, 12, 9, 1, 3, 3, 1, 1, 1, 1 },   { 1, 3, 40, 37, 40, 7, 7, 2, 3, 1, 1 },
    { 1, 18, 15, 16, 20, 3, 3, 3, 1, 2, 1 }, { 1, 5, 11, 11, 7, 3, 2, 2, 2, 3, 1 },
    { 2, 32, 10, 9, 32, 3, 3, 1, 1, 1, 32 }, { 1, 40, 12, 13, 40, 5, 5, 2, 2, 1, 40 },
    { 1, 8, 9, 9, 12, 3, 3, 1, 1, 1, 4 },    { 1, 64, 6, 6, 64, 3, 3, 2, 1, 1, 2 },
    { 1, 24, 7, 7, 48, 3, 3, 1, 1, 1, 24 },  { 2, 3, 6, 6, 3, 3, 3, 1, 1, 1, 3 },
    { 1, 2, 5, 5, 2, 5, 5, 1, 4, 1, 1 },     { 1, 70, 4, 4, 130, 3, 3, 1, 1, 1, 1 },
    { 1, 16, 3, 3, 16, 3, 3, 5, 1, 1, 1 },   { 9, 20, 5, 4, 36, 2, 3, 1, 1, 1, 1 },
    { 1, 16, 70, 33, 32, 1, 1, 1, 0, 1, 1 }, { 1, 4, 30, 30, 4, 3, 3, 1, 1, 1, 1 },
    { 1, 64, 40, 48, 16, 3, 3, 1, 1, 1, 1 }, { 1, 5, 9, 9, 18, 1, 1, 2, 2, 1, 1 },
    { 2, 30, 17, 14, 6, 5, 3, 1, 1, 1, 1 },  { 2, 7, 20, 32, 24, 4, 4, 2, 1, 1, 1 },
    { 2, 33, 13, 9, 33, 5, 5, 1, 2, 1, 33 },  { 3, 20, 15, 17, 20, 3, 3, 2, 1, 1, 20 },
    { 2, 24, 11, 30, 24, 3, 3, 1, 3, 3, 24 }, { 1, 17, 12, 11, 17, 7, 7, 2, 3, 1, 17 },
    { 1, 18, 9, 10, 18, 1, 1, 2, 0, 1, 18 },  { 9, 40, 7, 7, 40, 3, 3, 1, 1, 1, 40 },
    { 1, 16, 20, 70, 16, 2, 4, 3, 2, 2, 16 }, { 1, 16, 9, 40, 16, 5, 5, 2, 0, 1, 16 },
    { 2, 5, 6, 5, 5, 3, 3, 1, 9, 6, 5 },
    { 1, 32, 8, 150, 32, 3, 3, 1, 1, 1, 1 }, { 9, 33, 8, 8, 40, 3, 3, 1, 1, 1, 1 },
    { 2, 40, 24, 23, 40, 3, 3, 1, 3, 3, 1 },
    { 3, 33, 13, 11, 40, 3, 3, 1, 1, 1, 1 }, { 2, 24, 17, 15, 20, 5, 5, 1, 2, 1, 1 },
    { 3, 32, 21, 19, 37, 3, 3, 1, 2, 2, 1 }, { 3, 80, 9, 8, 72, 3, 3, 1, 1, 1, 1 },
    { 2, 16, 12, 13, 16, 3, 3, 1, 0, 1, 1 }, { 4, 32, 10, 9, 33, 3, 3, 1, 3, 1, 1 },
    { 9, 16, 24, 20, 8, 3, 3, 1, 1, 1, 1 },  { 1, 30, 30, 29, 32, 5, 5, 1, 6, 3, 1 },
    { 3, 31, 17, 15, 20, 3, 3, 2, 1, 1, 1 }, { 2, 80, 9, 11, 72, 3, 3, 2, 1, 1, 1 },
    { 9, 16, 26, 23, 24, 2, 3, 2, 0, 1, 1 }, { 1, 48, 13, 14, 17, 3, 3, 3, 2, 2, 1 },
};
enum { N_CASES = sizeof cases / sizeof *cases };

static void convolutions_are_the_sums(void **state)
{
    lbk_drv *d = open_cpu(2, "auto");
    for (int i = 0; i < N_CASES; i++)
        for (enum pass pass = FORWARD; pass <= BY_W; pass++) {
            struct problem p;
            char what[64];
            snprintf(what, sizeof what, "case %d, pass %d", i, (int) pass);
            conv_problem(&p, &cases[i], pass);
            run_on(d, &p);
            double *want = conv_reference(&cases[i], pass, &p);
            check_close(&p, want, what);
            check_tail(&p, what);
            free(want);
            free_problem(&p);
        }
    cpu_device_fns.close(d);
}

static const struct lbk_op add = { .name = "add", .n_min = 2, .n_max = 2 },
                           mul = { .name = "mul", .n_min = 2, .n_max = 2 },
                           minimum = { .name = "minimum", .n_min = 2, .n_max = 2 },
                           relu = { .name = "relu", .n_min = 1, .n_max = 1 };

/* min(relu(x * scale + shift), 0.75), or the first 5 or 6 words of it, instead of x; scale and
 * shift by channel. What lies around x stays zero. */
static void add_expression(struct problem *p, int words)
{
    lbk_shape lanes = LBK_SHAPE(1, p->g.arg[0].shape.d[1], 1, 1);
    add_arg(p, lanes);
    add_arg(p, lanes);
    p->g.operand[0] =
        (struct lbk_expr){ .n = words,
                           .w = { { .kind = LBK_WORD_ARG, .arg = 0 },
                                  { .kind = LBK_WORD_ARG, .arg = 2 },
                                  { .kind = LBK_WORD_OP, .in = { 0, 1 }, .op = &mul },
                                  { .kind = LBK_WORD_ARG, .arg = 3 },
                                  { .kind = LBK_WORD_OP, .in = { 2, 3 }, .op = &add },
                                  { .kind = LBK_WORD_OP, .in = { 4 }, .op = &relu },
                                  { .kind = LBK_WORD_CONST, .value = 0.75f },
                                  { .kind = LBK_WORD_OP, .in = { 5, 6 }, .op = &minimum } } };
}

static void apply_expression(struct problem *p, int words)
{
    int64_t c = p->g.arg[0].shape.d[1], plane = p->g.arg[0].shape.d[2] * p->g.arg[0].shape.d[3];
    for (int64_t i = 0; i < lbk_shape_count(p->g.arg[0].shape); i++) {
        float y = p->value[0][i] * p->value[2][i / plane % c] + p->value[3][i / plane % c];
        y = words > 5 && !(y > 0) ? 0 : y;
        p->value[0][i] = words > 6 && y > 0.75f ? 0.75f : y;
    }
}

/* Few channels are row-major, or have pixels for lanes: those may be declined; and of one pixel
 * nobody knows which of the args is x. */
static bool may_decline(const struct problem *p)
{
    return p->g.arg[0].shape.d[1] <= 4 ||
           lbk_shape_count(p->g.arg[0].shape) == p->g.arg[0].shape.d[1] ||
           (p->g.acc.d[1] <= 8 && strcmp(p->op.name, "conv2d_dw") != 0);
}

static void operand_is_computed(lbk_drv *d, int i, enum pass pass)
{
    const int words = (int[]){ 5, 6, 8 }[i % 3];
    struct problem p;
    char what[64];
    snprintf(what, sizeof what, "case %d, pass %d of an expression", i, (int) pass);
    conv_problem(&p, &cases[i], pass);
    add_expression(&p, words);
    if (cpu_device_fns.supports(d, &p.g, &p.offer)) {
        check_bits(&p, what);
        apply_expression(&p, words);
        double *want = conv_reference(&cases[i], pass, &p);
        check_close(&p, want, what);
        if (pass != BY_W)
            check_tail(&p, what);
        free(want);
    } else if (!may_decline(&p)) {
        fail_msg("%s is declined", what);
    }
    free_problem(&p);
}

static void operands_are_computed(void **state)
{
    lbk_drv *d = open_cpu(2, "auto");
    for (int i = 0; i < N_CASES; i++)
        for (enum pass pass = FORWARD; pass <= BY_W; pass++)
            operand_is_computed(d, i, pass);
    cpu_device_fns.close(d);
}

/* The second out: a reduction of the first, 2 x C. */
static void add_tail(struct problem *p, enum lbk_tail tail)
{
    static const struct lbk_bn bn = { 1e-3 };
    const int64_t c = p->g.acc.d[1];
    const int operands = p->g.n_operand;
    p->g.tail = tail, p->g.tail_params = &bn;
    for (int i = 0; tail == LBK_TAIL_BN_SUMS && i < 2; i++) {
        p->g.tail_arg[i] = p->g.n_arg;
        add_arg(p, i ? LBK_SHAPE(2, c) : p->g.acc);
    }
    p->g.n_operand = operands;
    for (int64_t i = 0; tail == LBK_TAIL_BN_SUMS && i < c; i++)
        p->value[p->g.tail_arg[1]][c + i] += 1.5f; /* variances */
    p->g.out[1] = (struct lbk_arg){ .dtype = LBK_F32, .shape = LBK_SHAPE(2, c) };
    p->g.n_out = 2;
    p->tail = calloc((size_t) c * 2, sizeof *p->tail);
}

/* The two results for channel k in doubles, and how near they can be expected to be. */
static void stats_of(const struct problem *p, int64_t k, double want[2], double close[2])
{
    const int64_t c = p->g.acc.d[1], plane = p->g.acc.d[2] * p->g.acc.d[3];
    const int64_t count = p->g.acc.d[0] * plane;
    double mean = 0, var = 0;
    for (int64_t i = 0; i < count; i++)
        mean += p->result[(i / plane * c + k) * plane + i % plane] / (double) count;
    for (int64_t i = 0; i < count; i++) {
        const double e = p->result[(i / plane * c + k) * plane + i % plane] - mean;
        var += e * e / (double) count;
    }
    want[0] = mean, want[1] = var;
    close[0] = 2e-6 * (fabs(mean) + sqrt(var) + 1e-3), close[1] = 4e-6 * (var + 1e-3);
}

static void sums_of(const struct problem *p, int64_t k, double want[2], double close[2])
{
    const int64_t c = p->g.acc.d[1], plane = p->g.acc.d[2] * p->g.acc.d[3];
    const float *y = p->value[p->g.tail_arg[0]], *stats = p->value[p->g.tail_arg[1]];
    const double rstd = 1 / sqrt(stats[c + k] + ((const struct lbk_bn *) p->g.tail_params)->eps);
    want[0] = want[1] = close[0] = close[1] = 0;
    for (int64_t i = 0; i < p->g.acc.d[0] * plane; i++) {
        const int64_t at = (i / plane * c + k) * plane + i % plane;
        const double dz = p->result[at], t = dz * (y[at] - stats[k]) * rstd;
        want[0] += dz, want[1] += t;
        close[0] += 2e-6 * fabs(dz), close[1] += 2e-6 * fabs(t);
    }
}

static void check_reduced(const struct problem *p, const char *what)
{
    const int64_t c = p->g.acc.d[1];
    for (int64_t k = 0; k < c; k++) {
        double want[2], close[2];
        (p->g.tail == LBK_TAIL_BN_SUMS ? sums_of : stats_of)(p, k, want, close);
        for (int i = 0; i < 2; i++)
            if (!(fabs(p->tail[i * c + k] - want[i]) <= close[i]))
                fail_msg("%s: channel %d: result %d is %g, expected %g", what, (int) k, i,
                         p->tail[i * c + k], want[i]);
    }
}

static bool tail_is_taken(lbk_drv *d, int i, enum pass pass, enum lbk_tail tail)
{
    struct problem p;
    char what[64];
    snprintf(what, sizeof what, "case %d, pass %d, tail %d", i, (int) pass, (int) tail);
    conv_problem(&p, &cases[i], pass);
    if (i % 2)
        add_expression(&p, 6);
    add_tail(&p, tail);
    const bool taken = cpu_device_fns.supports(d, &p.g, &p.offer) && p.offer.tail;
    if (taken) {
        run_on(d, &p);
        check_reduced(&p, what);
        check_bits(&p, what);
        check_tail(&p, what);
    }
    free_problem(&p);
    return taken;
}

static void tails_are_taken(void **state)
{
    lbk_drv *d = open_cpu(2, "auto");
    for (enum lbk_tail tail = LBK_TAIL_BN_STATS; tail <= LBK_TAIL_BN_SUMS; tail++) {
        int taken = 0;
        for (int i = 0; i < N_CASES; i++)
            for (enum pass pass = FORWARD; pass <= BY_X; pass++)
                taken += tail_is_taken(d, i, pass, tail);
        assert_true(taken > N_CASES);
    }
    cpu_device_fns.close(d);
}

static void convolutions_have_one_result(void **state)
{
    for (int i = 0; i < N_CASES; i++)
        for (enum pass pass = FORWARD; pass <= BY_W; pass++) {
            struct problem p;
            char what[64];
            snprintf(what, sizeof what, "case %d, pass %d", i, (int) pass);
            conv_problem(&p, &cases[i], pass);
            check_bits(&p, what);
            free_problem(&p);
        }
}

/* 'w' by Winograd, 't' by taps, 'd' as the other passes are. */
static char way_of(lbk_drv *d, const struct conv_case *c)
{
    struct problem p;
    conv_problem(&p, c, BY_W);
    struct winograd_dw *w = winograd_dw_create(d, &p.g, p.g.arg[0].shape);
    struct taps_dw *t = taps_dw_create(d, &p.g, p.g.arg[0].shape);
    const char way = w ? 'w' : t ? 't' : 'd';
    winograd_dw_destroy(w);
    taps_dw_destroy(t);
    free_problem(&p);
    return way;
}

/* So that the cases above go all ways. */
static void weight_gradients_choose_their_way(void **state)
{
    static const char ways[] = "wwwwwwwwtttt";
    lbk_drv *d = open_cpu(1, "auto");
    for (int i = 0; ways[i]; i++)
        if (way_of(d, &cases[N_CASES - 12 + i]) != ways[i])
            fail_msg("case %d goes by %c", N_CASES - 12 + i, way_of(d, &cases[N_CASES - 12 + i]));
    assert_int_equal(way_of(d, &(struct conv_case){ 64, 16, 1, 1, 16, 3, 3, 1, 1, 1, 1 }), 'd');
    assert_int_equal(way_of(d, &(struct conv_case){ 8, 32, 28, 28, 192, 1, 1, 1, 0, 1, 1 }), 'd');
    cpu_device_fns.close(d);
}

static bool by_winograd(const struct conv_case *c, enum pass pass, int threads, const char *isa)
{
    struct problem p;
    lbk_drv *d = open_cpu(threads, isa);
    conv_problem(&p, c, pass);
    struct winograd *w = winograd_create(d, &p.g, p.g.arg[0].shape);
    const bool is = w != NULL;
    winograd_destroy(w);
    free_problem(&p);
    cpu_device_fns.close(d);
    return is;
}

/* By shapes alone, since the bits depend on it. The first six are among the cases above: tiles in
 * pieces of a row, of some images or sub-grids at once, in bands, odd blocks, 5 x 5 with a
 * dilation. */
static void convolutions_choose_their_way(void **state)
{
    static const struct {
        struct conv_case c;
        bool is;
    } t[] = {
        { { 1, 32, 8, 150, 32, 3, 3, 1, 1, 1, 1 }, 1 },
        { { 9, 33, 8, 8, 40, 3, 3, 1, 1, 1, 1 }, 1 },
        { { 2, 40, 24, 23, 40, 3, 3, 1, 3, 3, 1 }, 1 },
        { { 1, 64, 40, 48, 16, 3, 3, 1, 1, 1, 1 }, 1 },
        { { 3, 80, 9, 8, 72, 3, 3, 1, 1, 1, 1 }, 1 },
        { { 1, 30, 30, 29, 32, 5, 5, 1, 6, 3, 1 }, 1 },
        { { 64, 16, 32, 32, 16, 3, 3, 1, 1, 1, 1 }, 1 },
        { { 64, 512, 4, 4, 512, 3, 3, 1, 1, 1, 1 }, 1 },
        { { 4, 512, 32, 32, 512, 3, 3, 1, 4, 4, 1 }, 1 },
        { { 4, 64, 30, 30, 64, 3, 3, 2, 1, 1, 1 }, 0 },
        { { 4, 64, 30, 30, 64, 3, 3, 1, 1, 1, 2 }, 0 },
        { { 4, 64, 30, 30, 64, 3, 5, 1, 1, 1, 1 }, 0 },
        { { 4, 64, 30, 30, 64, 7, 7, 1, 3, 1, 1 }, 0 },
        { { 4, 4, 30, 30, 4, 3, 3, 1, 1, 1, 1 }, 0 },
        { { 1, 1040, 20, 20, 1040, 3, 3, 1, 1, 1, 1 }, 0 },
        { { 1, 64, 2, 2, 64, 3, 3, 1, 1, 1, 1 }, 0 },
        { { 4, 256, 32, 32, 256, 3, 3, 1, 24, 24, 1 }, 0 },
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (enum pass pass = FORWARD; pass <= BY_X; pass++)
            if (by_winograd(&t[i].c, pass, 1, "auto") != t[i].is ||
                by_winograd(&t[i].c, pass, 3, "base") != t[i].is)
                fail_msg("way %d, pass %d", (int) i, (int) pass);
}

struct mat_case {
    int64_t batch, m, n, k;
    bool ta, tb, one_a, one_b;
};
static const struct mat_case mats[] = {
    { 1, 1, 1, 1, 0, 0, 0, 0 },       { 1, 128, 10, 84, 0, 1, 1, 1 },
    { 1, 84, 10, 128, 1, 0, 1, 1 },   { 1, 57, 130, 33, 0, 0, 1, 1 },
    { 1, 3, 49, 1100, 1, 1, 1, 1 },   { 3, 5, 7, 9, 0, 0, 0, 0 },
    { 3, 20, 32, 17, 1, 0, 0, 1 },    { 2, 70, 16, 5, 0, 1, 1, 0 },
    { 1, 120, 400, 128, 1, 0, 1, 1 }, { 1, 1, 300, 600, 0, 0, 1, 1 },
};
enum { N_MATS = sizeof mats / sizeof *mats };

static lbk_shape mat_shape(int64_t batch, bool one, int64_t rows, int64_t cols, bool turned)
{
    return one ? LBK_SHAPE(turned ? cols : rows, turned ? rows : cols)
               : LBK_SHAPE(batch, turned ? cols : rows, turned ? rows : cols);
}

static void mat_problem(struct problem *p, const struct mat_case *c)
{
    memset(p, 0, sizeof *p);
    rng_state = (uint32_t) (c->m * 31 + c->n);
    p->p3 = (struct lbk_matmul){ c->ta, c->tb };
    add_arg(p, mat_shape(c->batch, c->one_a, c->m, c->k, c->ta));
    add_arg(p, mat_shape(c->batch, c->one_b, c->k, c->n, c->tb));
    finish_problem(p, "matmul", &p->p3,
                   mat_shape(c->batch, c->one_a && c->one_b, c->m, c->n, false));
}

static double *mat_reference(const struct mat_case *c, const struct problem *p)
{
    double *out = calloc((size_t) (c->batch * c->m * c->n), sizeof *out);
    for (int64_t i = 0; i < c->batch * c->m * c->n; i++)
        for (int64_t k = 0; k < c->k; k++) {
            int64_t n = i % c->n, m = i / c->n % c->m, b = i / c->n / c->m;
            const float *x = p->value[0] + (c->one_a ? 0 : b * c->m * c->k),
                        *y = p->value[1] + (c->one_b ? 0 : b * c->k * c->n);
            out[i] += (double) x[c->ta ? k * c->m + m : m * c->k + k] *
                      y[c->tb ? n * c->k + k : k * c->n + n];
        }
    return out;
}

static void products_are_the_sums(void **state)
{
    lbk_drv *d = open_cpu(2, "auto");
    for (int i = 0; i < N_MATS; i++) {
        struct problem p;
        char what[64];
        snprintf(what, sizeof what, "product %d", i);
        mat_problem(&p, &mats[i]);
        run_on(d, &p);
        double *want = mat_reference(&mats[i], &p);
        check_close(&p, want, what);
        check_bits(&p, what);
        free(want);
        free_problem(&p);
    }
    cpu_device_fns.close(d);
}

/* relu(result + bias by channel) * factor + other, in place of other. */
static void add_epilogue(struct problem *p)
{
    bool image = p->g.acc.n == 4;
    lbk_shape bias = p->g.acc;
    for (int i = 0; i < bias.n; i++)
        bias.d[i] = i == (image ? 1 : bias.n - 1) ? bias.d[i] : 1;
    add_arg(p, bias);
    add_arg(p, p->g.acc);
    p->g.epi = (struct lbk_expr){ .n = 8,
                                  .w = { { .kind = LBK_WORD_ACC },
                                         { .kind = LBK_WORD_ARG, .arg = 2 },
                                         { .kind = LBK_WORD_OP, .in = { 0, 1 }, .op = &add },
                                         { .kind = LBK_WORD_OP, .in = { 2 }, .op = &relu },
                                         { .kind = LBK_WORD_CONST, .value = 0.5f },
                                         { .kind = LBK_WORD_OP, .in = { 3, 4 }, .op = &mul },
                                         { .kind = LBK_WORD_ARG, .arg = 3 },
                                         { .kind = LBK_WORD_OP, .in = { 5, 6 }, .op = &add } } };
    p->g.result[0] = 7;
}

static void apply_epilogue(const struct problem *p, double *v)
{
    bool image = p->g.acc.n == 4;
    int64_t axis = image ? 1 : p->g.acc.n - 1, inner = image ? p->g.acc.d[2] * p->g.acc.d[3] : 1;
    for (int64_t i = 0; i < lbk_shape_count(p->g.acc); i++) {
        double x = v[i] + p->value[2][i / inner % p->g.acc.d[axis]];
        v[i] = 0.5 * (x > 0 ? x : 0) + p->value[3][i];
    }
}

static void check_epilogue(struct problem *p, double *want, const char *what)
{
    lbk_drv *d = open_cpu(2, "auto");
    add_epilogue(p);
    run_on(d, p);
    cpu_device_fns.close(d);
    apply_epilogue(p, want);
    check_close(p, want, what);
    check_tail(p, what);
    check_bits(p, what);
    free(want);
    free_problem(p);
}

static void epilogues_are_applied(void **state)
{
    struct problem p;
    char what[64];
    for (int i = 0; i < N_CASES; i++)
        for (enum pass pass = FORWARD; pass <= BY_X; pass++) {
            snprintf(what, sizeof what, "case %d, pass %d with epilogue", i, (int) pass);
            conv_problem(&p, &cases[i], pass);
            check_epilogue(&p, conv_reference(&cases[i], pass, &p), what);
        }
    for (int i = 0; i < N_MATS; i++) {
        snprintf(what, sizeof what, "product %d with epilogue", i);
        mat_problem(&p, &mats[i]);
        check_epilogue(&p, mat_reference(&mats[i], &p), what);
    }
}

/* With one thread the time on the processor, which does not depend on who else is running. */
static double now(const lbk_drv *d)
{
    struct timespec t;
    clock_gettime(d->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

/* Seconds: the best tenth of many launches. */
static double time_launch(lbk_drv *d, struct problem *p)
{
    enum { MOST_ROUNDS = 400 };
    double t[MOST_ROUNDS], end;
    int n = 0;
    lbk_code *code;
    negotiate(d, p);
    for (int i = 0; i < p->g.n_arg; i++)
        store_arg(d, &p->g.arg[i], p->value[i], 0);
    store_arg(d, &p->g.out[0], NULL, 0);
    cpu_device_fns.alloc(d, p->offer.scratch, &p->g.scratch.mem);
    cpu_device_fns.prepare(d, &p->g, &code);
    cpu_device_fns.launch(d, &p->g, code);
    for (end = now(d) + 0.25; n < MOST_ROUNDS && (n < 3 || now(d) < end); n++) {
        t[n] = now(d);
        cpu_device_fns.launch(d, &p->g, code);
        t[n] = now(d) - t[n];
    }
    qsort(t, (size_t) n, sizeof *t, by_value);
    cpu_device_fns.release(d, code);
    free_buffers(d, p);
    return t[n / 10];
}

static void bench_convolutions(lbk_drv *d)
{
    static const struct conv_case b[] = {
        { 64, 16, 32, 32, 16, 3, 3, 1, 1, 1, 1 },  { 64, 16, 32, 32, 32, 3, 3, 2, 1, 1, 1 },
        { 64, 32, 16, 16, 32, 3, 3, 1, 1, 1, 1 },  { 64, 64, 8, 8, 64, 3, 3, 1, 1, 1, 1 },
        { 64, 3, 32, 32, 16, 3, 3, 1, 1, 1, 1 },   { 64, 64, 32, 32, 64, 3, 3, 1, 1, 1, 1 },
        { 128, 1, 32, 32, 12, 4, 4, 2, 1, 1, 1 },  { 128, 12, 16, 16, 24, 4, 4, 2, 1, 1, 1 },
        { 128, 24, 8, 8, 48, 4, 4, 2, 1, 1, 1 },   { 128, 1, 28, 28, 6, 5, 5, 1, 2, 1, 1 },
        { 128, 6, 14, 14, 16, 5, 5, 1, 0, 1, 1 },  { 64, 512, 4, 4, 512, 3, 3, 1, 1, 1, 1 },
        { 8, 256, 14, 14, 256, 3, 3, 1, 1, 1, 1 }, { 8, 24, 56, 56, 144, 1, 1, 1, 0, 1, 1 },
        { 8, 256, 56, 56, 64, 1, 1, 1, 0, 1, 1 },  { 8, 96, 56, 56, 96, 3, 3, 1, 1, 1, 96 },
        { 8, 96, 28, 28, 96, 5, 5, 1, 2, 1, 96 },  { 4, 3, 224, 224, 64, 7, 7, 2, 3, 1, 1 },
    };
    printf("%34s %19s %19s %19s\n", "n c h w k r s", "forward", "dx", "dw");
    for (size_t i = 0; i < sizeof b / sizeof *b; i++) {
        const struct conv_case *c = &b[i];
        printf("%4d %4d %4d %4d %4d  %dx%d/%d g%-3d ", (int) c->n, (int) c->c, (int) c->h,
               (int) c->w, (int) c->k, (int) c->r, (int) c->s, (int) c->stride, (int) c->groups);
        double flops = 2.0 * (double) (c->n * c->k * out_size(c->h, c->r, c) *
                                       out_size(c->w, c->s, c) * (c->c / c->groups) * c->r * c->s);
        for (enum pass pass = FORWARD; pass <= BY_W; pass++) {
            struct problem p;
            conv_problem(&p, c, pass);
            double t = time_launch(d, &p);
            printf(" %8.3f ms %5.0f G", t * 1e3, flops / t * 1e-9);
            free_problem(&p);
        }
        printf("\n");
    }
}

static void bench_products(lbk_drv *d)
{
    static const struct mat_case b[] = {
        { 1, 128, 120, 400, 0, 1, 1, 1 }, { 1, 128, 400, 120, 0, 0, 1, 1 },
        { 1, 120, 400, 128, 1, 0, 1, 1 }, { 1, 128, 84, 120, 0, 1, 1, 1 },
        { 1, 128, 10, 84, 0, 1, 1, 1 },   { 1, 64, 100, 512, 0, 1, 1, 1 },
        { 1, 512, 512, 512, 0, 0, 1, 1 }, { 1, 1024, 1024, 1024, 0, 1, 1, 1 },
        { 1, 64, 64, 50000, 0, 1, 1, 1 },
    };
    for (size_t i = 0; i < sizeof b / sizeof *b; i++) {
        const struct mat_case *c = &b[i];
        struct problem p;
        mat_problem(&p, c);
        double t = time_launch(d, &p);
        printf("%5d x %5d x %5d %s%s %8.3f ms %5.0f G\n", (int) c->m, (int) c->n, (int) c->k,
               c->ta ? "t" : "n", c->tb ? "t" : "n", t * 1e3,
               2e-9 * (double) (c->m * c->n * c->k) / t);
        free_problem(&p);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
        lbk_drv *d = NULL;
        cpu_open(NULL, argc > 2 ? atoi(argv[2]) : 2, argc > 3 ? argv[3] : "auto", true, &d);
        bench_products(d);
        bench_convolutions(d);
        cpu_device_fns.close(d);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_the_sums),
        cmocka_unit_test(convolutions_have_one_result),
        cmocka_unit_test(weight_gradients_choose_their_way),
        cmocka_unit_test(convolutions_choose_their_way),
        cmocka_unit_test(operands_are_computed),
        cmocka_unit_test(tails_are_taken),
        cmocka_unit_test(products_are_the_sums),
        cmocka_unit_test(epilogues_are_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
