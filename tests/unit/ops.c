/* SPDX-License-Identifier: MIT */
/* Results worked out by hand, by the definitions of PyTorch's documentation: what the references
 * mean. */
#include "unit.h"
#include <math.h>
#include "opdef.h"

enum { MOST = 64 };

struct given {
    lbk_dtype dtype;
    lbk_shape shape;
    double v[MOST];
};

static void run(void **state, const struct lbk_op *op, const void *params, int n,
                const struct given *in, lbk_shape shape, const double *want)
{
    lbk_shape s[LBK_OPERAND_MAX];
    lbk_dtype t[LBK_OPERAND_MAX];
    int32_t whole[LBK_OPERAND_MAX][MOST];
    const void *data[LBK_OPERAND_MAX];
    double out[MOST];
    for (int i = 0; i < n; i++) {
        s[i] = in[i].shape, t[i] = in[i].dtype;
        for (int k = 0; k < MOST; k++)
            whole[i][k] = (int32_t) in[i].v[k];
        data[i] = t[i] == LBK_I32 ? (const void *) whole[i] : in[i].v;
    }
    const struct lbk_ref r = { .n = n,
                               .in_shape = s,
                               .in_t = t,
                               .in = data,
                               .params = params,
                               .out_shape = shape,
                               .out_t = LBK_F32,
                               .out = out,
                               .f64 = true };
    assert_int_equal(lbk__eval_op(unit_ctx(state), op, &r), LBK_OK);
    for (int64_t k = 0; k < lbk_shape_count(shape); k++)
        if (!(fabs(out[k] - want[k]) < 1e-12))
            fail_msg("%s: element %d is %.15g, expected %.15g", op->name, (int) k, out[k], want[k]);
}

static const struct given two_by_two = { LBK_F32, { 4, { 1, 1, 2, 2 } }, { 1, 2, 3, 4 } };
static const struct given nine = { LBK_F32, { 4, { 1, 1, 3, 3 } }, { 0, 1, 2, 3, 4, 5, 6, 7, 8 } };
static const struct given ramp = { LBK_F32, { 4, { 1, 1, 1, 5 } }, { 10, 20, 30, 40, 50 } };

static void test_resize(void **state)
{
    const struct lbk_resize half = { 4, 4, LBK_BILINEAR }, corners = { 3, 3, LBK_CORNERS };
    const struct lbk_resize near = { 1, 3, LBK_NEAREST }, far = { 1, 8, LBK_NEAREST };
    run(state, &lbk_op_resize, &half, 1, &two_by_two, LBK_SHAPE(1, 1, 4, 4),
        (double[]) { 1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75,
                    4 });
    run(state, &lbk_op_resize, &corners, 1, &two_by_two, LBK_SHAPE(1, 1, 3, 3),
        (double[]) { 1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4 });
    run(state, &lbk_op_resize, &near, 1, &ramp, LBK_SHAPE(1, 1, 1, 3), (double[]) { 10, 20, 40 });
    run(state, &lbk_op_resize, &far, 1, &ramp, LBK_SHAPE(1, 1, 1, 8),
        (double[]) { 10, 10, 20, 20, 30, 40, 40, 50 });
}

static void test_pad(void **state)
{
    const struct lbk_pad mirror = { 2, 0, 2, 2, LBK_REFLECT }, edge = { 0, 1, 1, 0, LBK_EDGE };
    run(state, &lbk_op_pad, &mirror, 1, &nine, LBK_SHAPE(1, 1, 5, 7),
        (double[]) { 8, 7, 6, 7, 8, 7, 6, 5, 4, 3, 4, 5, 4, 3, 2, 1, 0, 1,
                    2, 1, 0, 5, 4, 3, 4, 5, 4, 3, 8, 7, 6, 7, 8, 7, 6 });
    run(state, &lbk_op_pad, &edge, 1, &two_by_two, LBK_SHAPE(1, 1, 3, 3),
        (double[]) { 1, 1, 2, 3, 3, 4, 3, 3, 4 });
}

static void test_pool(void **state)
{
    const struct lbk_pool around = { 3, 2, 1, false }, partial = { 2, 2, 0, true };
    const struct lbk_hw three = { 1, 3 };
    const struct given minus = { LBK_F32, { 4, { 1, 1, 1, 1 } }, { -5 } };
    run(state, &lbk_op_avg_pool, &around, 1, &nine, LBK_SHAPE(1, 1, 2, 2),
        (double[]) { 2, 3, 5, 6 });
    run(state, &lbk_op_max_pool, &around, 1, &nine, LBK_SHAPE(1, 1, 2, 2),
        (double[]) { 4, 5, 7, 8 });
    run(state, &lbk_op_max_pool, &around, 1, &minus, LBK_SHAPE(1, 1, 1, 1), (double[]) { -5 });
    run(state, &lbk_op_avg_pool, &partial, 1, &nine, LBK_SHAPE(1, 1, 2, 2),
        (double[]) { 2, 3.5, 6.5, 8 });
    run(state, &lbk_op_adaptive_avg_pool, &three, 1, &ramp, LBK_SHAPE(1, 1, 1, 3),
        (double[]) { 15, 30, 45 });
}

static void test_conv(void **state)
{
    const struct given in[2] = { nine, { LBK_F32, { 4, { 1, 1, 2, 2 } }, { 1, 10, 100, 1000 } } };
    const struct given up[2] = { two_by_two, in[1] };
    const struct lbk_conv2d plain = { 1, 0, 1, 1 }, strided = { 2, 1, 1, 1 }, wide = { 1, 0, 2, 1 };
    const struct lbk_conv2d_up twice = { 2, 0, 1, 1, 0 };
    run(state, &lbk_op_conv2d, &plain, 2, in, LBK_SHAPE(1, 1, 2, 2),
        (double[]) { 4310, 5421, 7643, 8754 });
    run(state, &lbk_op_conv2d, &strided, 2, in, LBK_SHAPE(1, 1, 2, 2),
        (double[]) { 0, 2100, 6030, 8754 });
    run(state, &lbk_op_conv2d, &wide, 2, in, LBK_SHAPE(1, 1, 1, 1), (double[]) { 8620 });
    run(state, &lbk_op_conv2d_transpose, &twice, 2, up, LBK_SHAPE(1, 1, 4, 4),
        (double[]) { 1, 10, 2, 20, 100, 1000, 200, 2000, 3, 30, 4, 40, 300, 3000, 400, 4000 });
}

static void test_statistics(void **state)
{
    const struct given x = { LBK_F32, { 2, { 4, 1 } }, { 1, 2, 3, 6 } };
    const struct given in[3] = { x,
                                 { LBK_F32, { 1, { 1 } }, { 2 } },
                                 { LBK_F32, { 1, { 1 } }, { 7 } } };
    const struct lbk_bn none = { 0.5 };
    const double r = 1 / sqrt(3.5 + 0.5);
    run(state, &lbk_op_bn_stats, NULL, 1, &x, LBK_SHAPE(2, 1), (double[]) { 3, 3.5 });
    run(state, &lbk_op_batch_norm, &none, 3, in, LBK_SHAPE(4, 1),
        (double[]) { 7 - 4 * r, 7 - 2 * r, 7, 7 + 6 * r });
}

static void test_labels(void **state)
{
    const struct given in[2] = { { LBK_F32, { 2, { 3, 2 } }, { 0, 0, 0, log(3), 5, 9 } },
                                 { LBK_I32, { 1, { 3 } }, { 1, 0, 255 } } };
    const struct lbk_labels p = { 1, 255 };
    run(state, &lbk_op_cross_entropy, &p, 2, in, LBK_SHAPE(3), (double[]) { log(2), log(4), 0 });
}

static void test_indices(void **state)
{
    const struct given table = { LBK_F32, { 2, { 3, 2 } }, { 1, 2, 3, 4, 5, 6 } };
    const struct given rows = { LBK_I32, { 1, { 3 } }, { 2, 0, 2 } };
    const struct given dy = { LBK_F32, { 2, { 3, 2 } }, { 10, 20, 30, 40, 50, 60 } };
    const struct lbk_axis first = { 0 };
    const struct lbk_axis_to to = { 0, 3 };
    const struct lbk_count twice = { 0, 2 };
    run(state, &lbk_op_gather, &first, 2, (struct given[]) { table, rows }, LBK_SHAPE(3, 2),
        (double[]) { 5, 6, 1, 2, 5, 6 });
    run(state, &lbk_op_gather_dx, &to, 2, (struct given[]) { rows, dy }, LBK_SHAPE(3, 2),
        (double[]) { 30, 40, 0, 0, 60, 80 });
    run(state, &lbk_op_scatter, &first, 3, (struct given[]) { table, rows, dy }, LBK_SHAPE(3, 2),
        (double[]) { 30, 40, 3, 4, 50, 60 });
    run(state, &lbk_op_repeat, &twice, 1, (struct given[]) { { LBK_F32, { 1, { 2 } }, { 1, 2 } } },
        LBK_SHAPE(4), (double[]) { 1, 2, 1, 2 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),     cmocka_unit_test(test_pad),
        cmocka_unit_test(test_pool),       cmocka_unit_test(test_conv),
        cmocka_unit_test(test_statistics), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_indices),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
