/* SPDX-License-Identifier: MIT */
/* The table against a loop over all pairs (tests/ref/make_table.py), and its rule for delta. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "ctx.h"
#include "safetensors.h"
#include "table.h"

enum { K = 6, N = 54, D = 20 };
static float z[N * D], similarity[K * K], soft[K * K];
static int32_t label[N];

static int read_golden(void **state)
{
    static struct lbk_ctx ctx = { .lock = PTHREAD_MUTEX_INITIALIZER };
    const struct {
        const char *name;
        void *dst;
        uint64_t bytes;
    } parts[] = {
        { "z", z, sizeof z },
        { "label", label, sizeof label },
        { "similarity", similarity, sizeof similarity },
        { "soft", soft, sizeof soft },
    };
    struct st_file f;
    if (lbk__st_open(&ctx, LBK_TEST_REF "/reffakd_table.safetensors", &f))
        return -1;
    int bad = 0;
    for (int i = 0; i < 4; i++) {
        const struct st_tensor *t = lbk__st_find(&f, parts[i].name);
        bad |= !t || t->end - t->begin != parts[i].bytes || lbk__st_read(&f, t, parts[i].dst);
    }
    lbk__st_close(&f);
    return -bad;
}

static void fill(struct sums *s)
{
    assert_true(sums_init(s, K, D));
    for (int i = 0; i < N; i++)
        sums_add(s, label[i], z + i * D);
}

static void equals_all_pairs(void **state)
{
    struct sums s;
    double a[K * K];
    fill(&s);
    sums_table(&s, a);
    for (int i = 0; i < K * K; i++)
        assert_true(fabs(a[i] - similarity[i]) <= 1e-7);
    sums_finish(&s);
}

static void rows_are_the_soft_labels(void **state)
{
    struct sums s;
    double a[K * K];
    fill(&s);
    sums_table(&s, a);
    for (int i = 0; i < K; i++) {
        double total = 0;
        for (int j = 0; j < K; j++)
            total += exp(a[i * K + j]);
        for (int j = 0; j < K; j++)
            assert_true(fabs(exp(a[i * K + j]) / total - soft[i * K + j]) <= 1e-6);
    }
    sums_finish(&s);
}

static void delta_is_the_least(void **state)
{
    const double a[9] = { 0.90, 0.95, 0.10, 0.95, 0.97, 0.20, 0.10, 0.20, 0.50 };
    const double good[4] = { 1, 0.5, 0.5, 1 };
    const double delta = table_delta(a, 3);
    assert_true(delta > 0.05 && delta < 0.0501);
    assert_true(table_delta(good, 2) == 0);
}

static void odd_classes(void **state)
{
    struct sums s;
    double a[9];
    const float x[2] = { 3, 4 }, zero[2] = { 0, 0 };
    assert_true(sums_init(&s, 3, 2));
    sums_add(&s, 0, x);
    sums_add(&s, 1, zero);
    sums_add(&s, 1, x);
    sums_table(&s, a);
    assert_true(a[0] == 1);                /* one sample: as near to itself as can be */
    assert_true(fabs(a[1] - 0.5) < 1e-12); /* no direction: cosine 0 */
    assert_true(a[8] == 1 && a[2] == 0);   /* no sample */
    sums_finish(&s);
    assert_false(sums_init(&s, 1 << 20, INT64_MAX / 2));
    sums_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_all_pairs),
        cmocka_unit_test(rows_are_the_soft_labels),
        cmocka_unit_test(delta_is_the_least),
        cmocka_unit_test(odd_classes),
    };
    return cmocka_run_group_tests(tests, read_golden, NULL);
}
