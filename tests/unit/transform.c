/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "one_record.h"
#include "transform.h"

static const struct lbk_field fields[] = {
    { "image", LBK_IMAGE, LBK_F32, 0, 0 },
    { "label", LBK_MAP, LBK_I32, 9, 255 },
    { "boxes", LBK_BOXES, LBK_F32, 3, 0 },
    { NULL, LBK_PLAIN, LBK_F32, 0, 0 },
};
/* Pixels 1, 2, 3 ..; labels likewise; one box. */
static void fill(struct fixture *f, int64_t channels, int64_t h, int64_t w)
{
    lbk__record_reset(f->r, 1, fields);
    float *image = lbk_record_put(f->r, "image", LBK_F32, LBK_SHAPE(channels, h, w));
    int32_t *label = lbk_record_put(f->r, "label", LBK_I32, LBK_SHAPE(h, w));
    float *box = lbk_record_put(f->r, "boxes", LBK_F32, LBK_SHAPE(1, 5));
    for (int64_t i = 0; i < channels * h * w; i++)
        image[i] = (float) (i + 1);
    for (int64_t i = 0; i < h * w; i++)
        label[i] = (int32_t) i + 1;
    memcpy(box, (float[]){ 0, 0, 1, 2, 2 }, 20);
}

static void apply(struct fixture *f, const char *text, uint64_t key)
{
    struct pipeline *p;
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, text, &p));
    assert_ok(&f->heard, lbk__pipeline_run(p, 0, p->n, f->r, key));
    lbk__pipeline_destroy(&p);
}

static void expect(struct fixture *f, const char *name, lbk_dtype t, int64_t n, const double *want)
{
    struct lbk_array a;
    assert_ok(&f->heard, lbk_record_get(f->r, name, t, &a));
    assert_int_equal(lbk_shape_count(a.shape), n);
    for (int64_t i = 0; i < n; i++) {
        const double got = t == LBK_F32 ? (double) ((float *) a.data)[i] : ((int32_t *) a.data)[i];
        if (fabs(got - want[i]) > 1e-5)
            print_error("%s[%d]: %g for %g\n", name, (int) i, got, want[i]);
        assert_true(fabs(got - want[i]) <= 1e-5);
    }
}

static void resizes(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 1, 2);
    apply(f, "resize=1:4", 0);
    expect(f, "image", LBK_F32, 4, (double[]){ 1, 1.25, 1.75, 2 });
    expect(f, "label", LBK_I32, 4, (double[]){ 1, 1, 2, 2 });
    expect(f, "boxes", LBK_F32, 5, (double[]){ 0, 0, 2, 1, 2 });
    fill(f, 1, 2, 4); /* shrinking averages: weights 1 3 3 1 where they fit */
    apply(f, "resize=2", 0);
    expect(f, "image", LBK_F32, 4, (double[]){ 12 / 7.0, 23 / 7.0, 40 / 7.0, 51 / 7.0 });
    expect(f, "label", LBK_I32, 4, (double[]){ 2, 4, 6, 8 });
    fill(f, 1, 4, 8);
    apply(f, "resize(h=2,fit=short)", 0);
    struct lbk_array a;
    assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
    assert_true(a.shape.d[1] == 2 && a.shape.d[2] == 4);
}

static void crops(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 3, 3);
    apply(f, "center_crop=1", 0);
    expect(f, "image", LBK_F32, 1, (double[]){ 5 });
    expect(f, "boxes", LBK_F32, 0, NULL);
    fill(f, 1, 1, 2);
    apply(f, "center_crop=3:4", 0);
    expect(f, "image", LBK_F32, 12, (double[]){ 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0 });
    expect(f, "label", LBK_I32, 12,
           (double[]){ 255, 255, 255, 255, 255, 1, 2, 255, 255, 255, 255, 255 });
    expect(f, "boxes", LBK_F32, 5, (double[]){ 1, 1, 2, 3, 2 });
    bool seen[5][5] = { { false } };
    for (uint64_t key = 0; key < 400;
         key++) { /* every place of a padded 3 x 3 comes up, and no other */
        struct lbk_array a;
        fill(f, 1, 3, 3);
        apply(f, "crop=1:1", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        const int v = (int) *(float *) a.data;
        seen[v ? 1 + (v - 1) / 3 : 0][v ? 1 + (v - 1) % 3 : 0] = true;
    }
    for (int y = 1; y < 4; y++)
        for (int x = 1; x < 4; x++)
            assert_true(seen[y][x]);
    assert_true(seen[0][0]);
}

static void flips(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 2, 3);
    apply(f, "flip=1", 0);
    expect(f, "image", LBK_F32, 6, (double[]){ 3, 2, 1, 6, 5, 4 });
    expect(f, "label", LBK_I32, 6, (double[]){ 3, 2, 1, 6, 5, 4 });
    expect(f, "boxes", LBK_F32, 5, (double[]){ 2, 0, 3, 2, 2 });
    int turned = 0;
    for (uint64_t key = 0; key < 1000; key++) {
        struct lbk_array a;
        fill(f, 1, 1, 2);
        apply(f, "flip(p=0.25)", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        turned += *(float *) a.data > 1;
    }
    assert_in_range(turned, 200, 300);
}

/* Each pixel of a turned picture is a pixel of the old one, or zero; image and labels go together.
 */
static void rotates(void **state)
{
    struct fixture *f = *state;
    int moved = 0;
    for (uint64_t key = 0; key < 50; key++) {
        struct lbk_array a, b;
        fill(f, 1, 9, 7);
        apply(f, "rotate=90", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        assert_ok(&f->heard, lbk_record_get(f->r, "label", LBK_I32, &b));
        for (int i = 0; i < 63; i++) {
            const int32_t label = ((int32_t *) b.data)[i];
            assert_true(((float *) a.data)[i] == (label == 255 ? 0 : (float) label));
            moved += label != i + 1;
        }
        assert_int_equal(((int32_t *) b.data)[31], 32); /* the centre stays */
    }
    assert_true(moved > 1000);
    fill(f, 1, 3, 3);
    apply(f, "rotate=0", 3);
    expect(f, "image", LBK_F32, 9, (double[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 });
}

/* A picture that is linear in place stays so where its neighbours are inside; maps are copied. */
static void rotates_smoothly(void **state)
{
    struct fixture *f = *state;
    int straight = 0;
    for (uint64_t key = 0; key < 20; key++) {
        struct lbk_array a, b;
        fill(f, 1, 11, 13);
        apply(f, "rotate(degrees=30,smooth=yes)", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        assert_ok(&f->heard, lbk_record_get(f->r, "label", LBK_I32, &b));
        const float *p = a.data;
        for (int y = 3; y < 8; y++)
            for (int x = 3; x < 10; x++, straight++) {
                const int i = 13 * y + x;
                assert_true(fabsf(p[i - 1] + p[i + 1] - 2 * p[i]) < 1e-3f);
                assert_true(fabsf(p[i - 13] + p[i + 13] - 2 * p[i]) < 1e-3f);
                assert_true(fabsf(p[i] - (float) ((int32_t *) b.data)[i]) <= 7.01f);
            }
        assert_int_equal(((int32_t *) b.data)[71], 72);
    }
    assert_int_equal(straight, 700);
}

/* All pixels shift alike; by how much varies as the components say, red with green. */
static void lights(void **state)
{
    struct fixture *f = *state;
    double sum = 0, squares = 0, product = 0;
    enum { N = 4000 };
    for (uint64_t key = 0; key < N; key++) {
        struct lbk_array a;
        fill(f, 3, 1, 2);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        float *p = a.data;
        for (int i = 0; i < 6; i++)
            p[i] = 0.5f;
        apply(f, "lighting", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        p = a.data;
        assert_true(p[0] == p[1] && p[2] == p[3] && p[4] == p[5]);
        const double red = (double) p[0] - 0.5, green = (double) p[2] - 0.5;
        sum += red, squares += red * red, product += red * green;
    }
    assert_true(fabs(sum / N) < 0.001);
    assert_true(fabs(sqrt(squares / N) / 0.012420 - 1) < 0.05);
    assert_true(fabs(product / N / 1.5591e-4 - 1) < 0.1);
    fill(f, 3, 1, 2);
    apply(f, "lighting=0", 1);
    expect(f, "image", LBK_F32, 6, (double[]){ 1, 1, 1, 1, 1, 1 });
    struct pipeline *p;
    fill(f, 1, 1, 2);
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, "lighting", &p));
    assert_refused(&f->heard, lbk__pipeline_run(p, 0, 1, f->r, 0), LBK_EINVAL, "3 channels");
    lbk__pipeline_destroy(&p);
}

static void colours(void **state)
{
    struct fixture *f = *state;
    struct lbk_array a;
    fill(f, 3, 1, 2);
    apply(f, "normalize(mean=[1,2,3],std=2)", 0);
    expect(f, "image", LBK_F32, 6, (double[]){ 0, 0.5, 0.5, 1, 1, 1.5 });
    fill(f, 1, 1, 2);
    apply(f, "normalize=0.5:0.25", 0);
    expect(f, "image", LBK_F32, 2, (double[]){ 2, 6 });
    fill(f, 3, 1, 2);
    assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
    for (int i = 0; i < 6; i++)
        ((float *) a.data)[i] = 0.5f; /* grey has no hue and no saturation, and is its own mean */
    apply(f, "color(brightness=0,contrast=1,saturation=1,hue=0.5)", 5);
    expect(f, "image", LBK_F32, 6, (double[]){ 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 });
    for (uint64_t key = 0; key < 20; key++) {
        memcpy(a.data, (float[]){ 0.1f, 0.9f, 0.4f, 0.2f, 1, 0 }, 24);
        apply(f, "color(brightness=0.5,contrast=0.5,saturation=0.5,hue=0.2)", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        for (int i = 0; i < 6; i++)
            assert_true(((float *) a.data)[i] >= 0 && ((float *) a.data)[i] <= 1);
    }
}

static void scales(void **state)
{
    struct fixture *f = *state;
    for (uint64_t key = 0; key < 20; key++) {
        struct lbk_array a;
        fill(f, 1, 20, 10);
        apply(f, "scale=0.5:2", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        assert_in_range(a.shape.d[1], 10, 40);
        assert_true(labs((long) (a.shape.d[1] - 2 * a.shape.d[2])) <= 1);
    }
    bool seen[16] = { false };
    for (uint64_t key = 0; key < 200; key++) { /* 0.5, 0.6 .. 2, and nothing between */
        struct lbk_array a;
        fill(f, 1, 100, 10);
        apply(f, "scale=0.5:2:16:no", key);
        assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
        assert_true(a.shape.d[1] % 10 == 0 && a.shape.d[2] * 10 == a.shape.d[1]);
        seen[a.shape.d[1] / 10 - 5] = true;
    }
    for (int i = 0; i < 16; i++)
        assert_true(seen[i]);
    fill(f, 1, 8, 8); /* to a quarter: the four pixels about each centre; smoothed, all sixteen */
    apply(f, "scale(lo=0.25,hi=0.25,antialias=no)", 0);
    expect(f, "image", LBK_F32, 4, (double[]){ 14.5, 18.5, 46.5, 50.5 });
    expect(f, "label", LBK_I32, 4, (double[]){ 19, 23, 51, 55 });
}

static void pads(void **state)
{
    struct fixture *f = *state;
    fill(f, 3, 1, 2);
    apply(f, "pad(h=2,w=3,fill=[-1,-2,-3])", 0);
    expect(f, "image", LBK_F32, 18,
           (double[]){ 1, 2, -1, -1, -1, -1, 3, 4, -2, -2, -2, -2, 5, 6, -3, -3, -3, -3 });
    expect(f, "label", LBK_I32, 6, (double[]){ 1, 2, 255, 255, 255, 255 });
    expect(f, "boxes", LBK_F32, 5, (double[]){ 0, 0, 1, 2, 2 });
    apply(f, "pad=2", 0); /* large enough */
    struct lbk_array a;
    assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
    assert_true(a.shape.d[1] == 2 && a.shape.d[2] == 3);
    apply(f, "pad=1:5:9", 0);
    assert_ok(&f->heard, lbk_record_get(f->r, "image", LBK_F32, &a));
    assert_true(a.shape.d[1] == 2 && a.shape.d[2] == 5 && ((float *) a.data)[4] == 9);
    struct pipeline *p;
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, "pad(h=9,fill=[1,2])", &p));
    assert_refused(&f->heard, lbk__pipeline_run(p, 0, 1, f->r, 0), LBK_EINVAL,
                   "pad.fill: expected 1 or 3 numbers, got 2");
    lbk__pipeline_destroy(&p);
}

static void refused(struct fixture *f, const char *text, lbk_status want, const char *words)
{
    struct pipeline *p;
    assert_refused(&f->heard, lbk__pipeline_create(f->ctx, text, &p), want, words);
    assert_null(p);
}

static void texts(void **state)
{
    struct fixture *f = *state;
    struct pipeline *p;
    refused(f, "resise=32", LBK_ENOENT, "did you mean 'resize'?");
    refused(f, "resize=big", LBK_EINVAL, "resize.h: expected");
    refused(f, "resize=1:2:stretch:4", LBK_EINVAL, "expected fewer values");
    refused(f, "flip(p=2)", LBK_EINVAL, "flip.p: expected 0..1, got '2'");
    refused(f, "flip(q=2)", LBK_ENOENT, "q");
    refused(f, "flip(p=0.5", LBK_EINVAL, "not closed");
    assert_ok(&f->heard,
              lbk__pipeline_create(f->ctx, " resize=8 , none,center_crop=4, flip , normalize", &p));
    assert_int_equal(p->n, 4);
    assert_int_equal(p->fixed, 2);
    fill(f, 3, 2, 2);
    lbk__pipeline_destroy(&p);
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, "normalize(mean=[1,2])", &p));
    assert_refused(&f->heard, lbk__pipeline_run(p, 0, 1, f->r, 0), LBK_EINVAL,
                   "normalize.mean: expected 1 or 3 numbers, got 2");
    lbk__pipeline_destroy(&p);
}

/* Bounds of the pixels of a map that are 5; all zero: there are none. */
static void bounds(const struct lbk_array *a, float out[4])
{
    const int64_t h = a->shape.d[0], w = a->shape.d[1];
    float b[4] = { (float) w, (float) h, 0, 0 };
    for (int64_t i = 0; i < h * w; i++) {
        if (((const int32_t *) a->data)[i] != 5)
            continue;
        const float x = (float) (i % w), y = (float) (i / w);
        b[0] = fminf(b[0], x), b[1] = fminf(b[1], y);
        b[2] = fmaxf(b[2], x + 1), b[3] = fmaxf(b[3], y + 1);
    }
    for (int k = 0; k < 4; k++)
        out[k] = b[2] > b[0] ? b[k] : 0;
}

/* A rectangle in a map, and a box around it. */
static void paint(struct fixture *f, int64_t h, int64_t w, const int64_t at[4])
{
    fill(f, 3, h, w);
    int32_t *label = lbk_record_put(f->r, "label", LBK_I32, LBK_SHAPE(h, w));
    float *box = lbk_record_put(f->r, "boxes", LBK_F32, LBK_SHAPE(1, 5));
    for (int64_t i = 0; i < h * w; i++) {
        const int64_t x = i % w, y = i / w;
        label[i] = x >= at[0] && x < at[2] && y >= at[1] && y < at[3] ? 5 : 0;
    }
    for (int k = 0; k < 4; k++)
        box[k] = (float) at[k];
}

/* Whatever becomes of the pixels becomes of the box; it goes when nearly all of them do. */
static void boxes_go_with_pixels(void **state)
{
    static const char *const texts[] = {
        "flip",
        "flip(vertical=yes)",
        "crop=24:4:30",
        "center_crop=20:28",
        "pad(h=50,multiple=32)",
        "resize=80:120",
        "resize(h=20,w=100,fit=inside)",
        "resize(h=20,w=30,fit=stretch)",
        "flip,flip(vertical=yes),crop=32:0:48,pad=64,resize=128",
        "color,flip=1,resize(h=20,fit=short)",
    };
    struct fixture *f = *state;
    int cut = 0, whole = 0, gone = 0;
    for (uint64_t key = 0; key < 40; key++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            const int64_t x = 2 * (int64_t) (key * 7 % 20), y = 2 * (int64_t) (key * 5 % 12);
            struct lbk_array boxes, label;
            float want[4];
            paint(f, 40, 60, (int64_t[]){ x, y, x + 2 + 2 * (int64_t) (key % 9), y + 12 });
            apply(f, texts[i], key);
            assert_ok(&f->heard, lbk_record_get(f->r, "label", LBK_I32, &label));
            assert_ok(&f->heard, lbk_record_get(f->r, "boxes", LBK_F32, &boxes));
            bounds(&label, want);
            const float *b = boxes.data;
            const float area = (want[2] - want[0]) * (want[3] - want[1]);
            if (!boxes.shape.d[0]) {
                gone++;
                assert_true(area < 0.11f * 18 * 12 * 16);
                continue;
            }
            for (int k = 0; k < 4; k++)
                if (fabsf(b[k] - want[k]) > 1e-3f)
                    fail_msg("%s: %g %g %g %g, expected %g %g %g %g", texts[i], (double) b[0],
                             (double) b[1], (double) b[2], (double) b[3], (double) want[0],
                             (double) want[1], (double) want[2], (double) want[3]);
            const bool edge = b[0] <= 0 || b[1] <= 0;
            cut += edge, whole += !edge;
        }
    assert_true(cut > 10 && whole > 200 && gone > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(boxes_go_with_pixels, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(resizes, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(crops, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(flips, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(rotates, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(rotates_smoothly, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(lights, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(colours, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(pads, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(scales, record_setup, record_teardown),
        cmocka_unit_test_setup_teardown(texts, record_setup, record_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
