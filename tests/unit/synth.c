/* SPDX-License-Identifier: MIT */
#include "one_record.h"

static struct data *open_part(struct fixture *f, const char *text, enum data_split part)
{
    struct data *d;
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, part, &d));
    return d;
}

static struct lbk_array get(struct fixture *f, const char *name, lbk_dtype t)
{
    struct lbk_array a;
    assert_ok(&f->heard, lbk_record_get(f->r, name, t, &a));
    return a;
}

/* Pixels, labels, depth and boxes of a scene tell one story. */
static void consistent(void **state)
{
    struct fixture *f = *state;
    struct data *d = open_part(f, "synth,of=all,h=48,w=40,classes=7,count=40", DATA_TRAIN);
    assert_int_equal(d->n, 40);
    for (int64_t i = 0; i < d->n; i++) {
        assert_ok(&f->heard, lbk__data_read(d, i, f->r));
        const struct lbk_array image = get(f, "image", LBK_F32), label = get(f, "label", LBK_I32),
                               depth = get(f, "depth", LBK_F32), boxes = get(f, "boxes", LBK_F32);
        assert_int_equal(lbk_shape_count(image.shape), 3 * 48 * 40);
        assert_in_range(*(int32_t *) get(f, "kind", LBK_I32).data, 0, 5);
        assert_in_range(boxes.shape.d[0], 1, 4);
        for (int64_t k = 0; k < 48 * 40; k++) {
            const int32_t l = ((int32_t *) label.data)[k];
            const float v = ((float *) image.data)[k], m = ((float *) depth.data)[k];
            bool covered = l == 0;
            assert_true(v >= 0 && v <= 1 && m >= 1 && m <= 8);
            assert_in_range(l, 0, 6);
            assert_true(l ? m <= 4 : m >= 5);
            for (int64_t b = 0; b < boxes.shape.d[0]; b++) {
                const float *q = (float *) boxes.data + 5 * b, x = (float) (k % 40),
                            y = (float) (k / 40);
                covered |=
                    q[4] == (float) (l - 1) && x >= q[0] && x < q[2] && y >= q[1] && y < q[3];
            }
            assert_true(covered);
        }
    }
    lbk__data_close(&d);
}

static void sum_image(struct fixture *f, struct data *d, int64_t i, double *sum)
{
    assert_ok(&f->heard, lbk__data_read(d, i, f->r));
    const struct lbk_array a = get(f, "image", LBK_F32);
    *sum = 0;
    for (int64_t k = 0; k < lbk_shape_count(a.shape); k++)
        *sum += (double) ((float *) a.data)[k] * (double) (k % 101 + 1);
}

static void of_seed_and_index(void **state)
{
    struct fixture *f = *state;
    struct data *d[4] = { open_part(f, "synth", DATA_TRAIN),
                          open_part(f, "synth,count=9", DATA_TRAIN),
                          open_part(f, "synth,seed=2", DATA_TRAIN),
                          open_part(f, "synth", DATA_TEST) };
    double sum[4], other;
    char hash[4][65];
    for (int i = 0; i < 4; i++) {
        sum_image(f, d[i], 5, &sum[i]);
        assert_ok(&f->heard, lbk__data_hash(d[i], hash[i]));
    }
    sum_image(f, d[0], 6, &other);
    assert_true(sum[0] == sum[1] && sum[0] != sum[2] && sum[0] != sum[3] && sum[0] != other);
    assert_string_not_equal(hash[0], hash[2]);
    assert_string_not_equal(hash[0], hash[3]);
    for (int i = 0; i < 4; i++)
        lbk__data_close(&d[i]);
}

enum { SIDE = 16, CELLS = SIDE * SIDE };

static void read_grey(struct fixture *f, struct data *d, int64_t i, double v[CELLS], int *label)
{
    assert_ok(&f->heard, lbk__data_read(d, i, f->r));
    const float *p = get(f, "image", LBK_F32).data;
    for (int k = 0; k < CELLS; k++)
        v[k] = (double) p[k];
    *label = *(int32_t *) get(f, "label", LBK_I32).data;
}

/* Even the mean picture of a class tells it from the others: twice as well as chance. */
static void can_be_learned(void **state)
{
    struct fixture *f = *state;
    struct data *train = open_part(f, "synth,channels=1,h=16,w=16,count=1000", DATA_TRAIN),
                *test = open_part(f, "synth,channels=1,h=16,w=16,eval_count=300", DATA_TEST);
    static double mean[10][CELLS];
    double v[CELLS];
    int n[10] = { 0 }, label, right = 0;
    memset(mean, 0, sizeof mean);
    for (int64_t i = 0; i < train->n; i++) {
        read_grey(f, train, i, v, &label);
        n[label]++;
        for (int k = 0; k < CELLS; k++)
            mean[label][k] += v[k];
    }
    for (int64_t i = 0; i < test->n; i++) {
        double best = 1e30;
        int guess = 0;
        read_grey(f, test, i, v, &label);
        for (int c = 0; c < 10; c++) {
            double far = 0;
            for (int k = 0; k < CELLS; k++)
                far += (v[k] - mean[c][k] / n[c]) * (v[k] - mean[c][k] / n[c]);
            if (far < best)
                best = far, guess = c;
        }
        right += guess == label;
    }
    print_message("nearest mean picture: %.1f %% of 10 classes\n", right / 3.0);
    assert_true(right > 60);
    for (int c = 0; c < 10; c++)
        assert_in_range(n[c], 60, 140);
    lbk__data_close(&train);
    lbk__data_close(&test);
}

static void refuses(void **state)
{
    struct fixture *f = *state;
    struct data *d;
    assert_refused(&f->heard, lbk__data_open(f->ctx, "synth,channels=2", 0, NULL, DATA_TRAIN, &d),
                   LBK_EINVAL, "1 or 3 channels");
    assert_refused(&f->heard,
                   lbk__data_open(f->ctx, "synth,of=everything", 0, NULL, DATA_TRAIN, &d),
                   LBK_EINVAL, "data.of");
    assert_refused(&f->heard, lbk__data_open(f->ctx, "synth,h=7", 0, NULL, DATA_TRAIN, &d),
                   LBK_EINVAL, "data.h: expected 8..16384");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(consistent, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(of_seed_and_index, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(can_be_learned, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(refuses, record_setup, record_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
