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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(chains_match_in_every_layout) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
