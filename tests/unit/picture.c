/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <limbeck/task.h>
#include "answer_files.h"
#include "marks.h"
#include "one_record.h"

static const struct lbk_field fields[] = { { "image", LBK_IMAGE, LBK_F32 },
                                           { "label", LBK_MAP, LBK_I32, 3, 7 },
                                           { "depth", LBK_MAP, LBK_F32 },
                                           { NULL } };

static int setup(void **state)
{
    record_setup(state);
    lbk__record_reset(((struct fixture *) *state)->r, 4, fields);
    return 0;
}

static void put_f32(struct fixture *f, const char *name, lbk_shape s, const float *v)
{
    float *to = lbk_record_put(f->r, name, LBK_F32, s);
    assert_non_null(to);
    memcpy(to, v, (size_t) lbk_shape_count(s) * sizeof *v);
}

static void put_i32(struct fixture *f, const char *name, lbk_shape s, const int32_t *v)
{
    int32_t *to = lbk_record_put(f->r, name, LBK_I32, s);
    assert_non_null(to);
    memcpy(to, v, (size_t) lbk_shape_count(s) * sizeof *v);
}

static void images_become_colours(void **state)
{
    struct fixture *f = *state;
    struct canvas c;
    put_f32(f, "image", LBK_SHAPE(3, 1, 2), (float[]){ 0, 1, 0.5f, 2, -1, 0.2f });
    assert_ok(&f->heard, lbk__picture_of(f->r, &c));
    assert_true(c.w == 2 && c.h == 1);
    assert_memory_equal(c.data, ((uint8_t[]){ 0, 128, 0, 255, 255, 51 }), 6);
    free(c.data);
    put_f32(f, "image", LBK_SHAPE(1, 2, 1), (float[]){ 0, 1 });
    assert_ok(&f->heard, lbk__picture_of(f->r, &c));
    assert_memory_equal(c.data, ((uint8_t[]){ 0, 0, 0, 255, 255, 255 }), 6);
    free(c.data);
    put_f32(f, "image", LBK_SHAPE(2, 1, 1), (float[]){ 0, 1 });
    assert_refused(&f->heard, lbk__picture_of(f->r, &c), LBK_EINVAL, "1 or 3 channels");
}

static void a_truth_has_gaps(void **state)
{
    struct fixture *f = *state;
    struct map m;
    put_i32(f, "label", LBK_SHAPE(2, 2), (int32_t[]){ 0, 2, 7, 3 });
    assert_ok(&f->heard, lbk__map_of(f->r, "label", VIEW_LABELS, &m));
    assert_true(m.v[0] == 0 && m.v[1] == 2 && m.v[2] == MAP_NONE && m.v[3] == MAP_NONE);
    free(m.v);
    put_f32(f, "depth", LBK_SHAPE(1, 1, 3), (float[]){ 0, 1.5f, -1 });
    assert_ok(&f->heard, lbk__map_of(f->r, "depth", VIEW_METRES, &m));
    assert_true(m.h == 1 && m.w == 3);
    assert_true(m.v[0] == MAP_NONE && m.v[1] == 1.5f && m.v[2] == MAP_NONE);
    free(m.v);
    /* An answer below 0 is one. */
    put_f32(f, "metres", LBK_SHAPE(1, 3), (float[]){ 0, -2, NAN });
    assert_ok(&f->heard, lbk__map_of(f->r, "metres", VIEW_METRES, &m));
    assert_true(m.v[0] == 0 && m.v[1] == 0 && m.v[2] == MAP_NONE);
    free(m.v);
    put_f32(f, "metres", LBK_SHAPE(2, 1, 3), (float[]){ 0, 0, 0, 0, 0, 0 });
    assert_refused(&f->heard, lbk__map_of(f->r, "metres", VIEW_METRES, &m), LBK_EINVAL, "one map");
}

static struct map place(struct fixture *f, const struct map *m, enum view_kind kind,
                        struct frame at)
{
    struct map out = { .h = 2, .w = 4 };
    assert_ok(&f->heard, lbk__map_place(f->ctx, m, kind, &at, &out));
    return out;
}

static void assert_row(const struct map *m, const float want[4])
{
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(m->v[i] - want[i]) < 1e-6f);
    free(m->v);
}

static void maps_are_spread_over_a_picture(void **state)
{
    struct fixture *f = *state;
    float v[] = { 1, 3 }, gap[] = { MAP_NONE, 3 };
    struct map m = { 1, 2, v }, holed = { 1, 2, gap }, out;
    const struct frame whole = { 0, 0, 4, 2 };
    out = place(f, &m, VIEW_METRES, whole);
    assert_true(out.v[4] == out.v[0]);
    assert_row(&out, (float[]){ 1, 1.5f, 2.5f, 3 });
    out = place(f, &m, VIEW_LABELS, whole);
    assert_row(&out, (float[]){ 1, 1, 3, 3 });
    out = place(f, &holed, VIEW_METRES, whole);
    assert_row(&out, (float[]){ MAP_NONE, MAP_NONE, 3, 3 });
    out = place(f, &m, VIEW_METRES, (struct frame){ 1, 0, 3, 2 });
    assert_row(&out, (float[]){ MAP_NONE, 1, 3, MAP_NONE });
    out = place(f, &m, VIEW_LABELS, (struct frame){ 2, 1, 6, 2 });
    assert_true(out.v[6] == 1 && out.v[7] == 1 && out.v[5] == MAP_NONE);
    assert_row(&out, (float[]){ MAP_NONE, MAP_NONE, MAP_NONE, MAP_NONE });
}

static void outliers_do_not_set_the_scale(void **state)
{
    float v[1000];
    double lo, hi;
    for (int i = 0; i < 1000; i++)
        v[i] = 2 + (float) i / 1000;
    v[7] = 50, v[8] = MAP_NONE, v[9] = 0;
    const struct map m = { 10, 100, v };
    lbk__map_range(&m, &lo, &hi);
    assert_true(lo == 0 && hi == 50);
    lbk__map_spread(&m, 0.01, &lo, &hi);
    assert_true(lo > 1.9 && lo < 2.1 && hi > 2.9 && hi < 3.1);
    v[0] = 4;
    lbk__map_spread(&(struct map){ 1, 1, v }, 0.01, &lo, &hi);
    assert_true(lo == 4 && hi == 4);
    v[0] = MAP_NONE;
    lbk__map_spread(&(struct map){ 1, 1, v }, 0.01, &lo, &hi);
    assert_true(lo > hi);
}

static void maps_are_painted(void **state)
{
    struct fixture *f = *state;
    float v[] = { MAP_NONE, 0, 2 };
    const struct scale s = { 0, 4, "metres", lbk__grey };
    struct canvas c;
    assert_ok(&f->heard, lbk__map_paint(f->ctx, &(struct map){ 1, 3, v }, &s, &c));
    assert_memory_equal(c.data, ((uint8_t[]){ 128, 128, 128, 0, 0, 0, 128, 128, 128 }), 9);
    free(c.data);
    assert_ok(&f->heard, lbk__map_paint(f->ctx, &(struct map){ 1, 3, v }, NULL, &c));
    assert_memory_equal(c.data, ((uint8_t[]){ 128, 128, 128, 30, 120, 210, 195, 0, 45 }), 9);
    free(c.data);
}

static void classes_by_area(void **state)
{
    float v[] = { 3, 3, 1, MAP_NONE, 0, 0 };
    struct share s[4];
    assert_int_equal(lbk__map_shares(&(struct map){ 2, 3, v }, 4, s), 3);
    assert_true(s[0].label == 0 && s[0].share == 0.4);
    assert_true(s[1].label == 3 && s[1].share == 0.4);
    assert_true(s[2].label == 1 && s[2].share == 0.2);
    assert_int_equal(lbk__map_shares(&(struct map){ 2, 3, v }, 1, s), 1);
}

static void classes_have_names(void **state)
{
    static const char *const names[] = { "a", "b" };
    const struct lbk_field f = { "label", LBK_CLASS, LBK_I32, 2, -1, names };
    char buf[32];
    assert_string_equal(lbk__class_name(&f, 1, buf), "b");
    assert_string_equal(lbk__class_name(&f, 2, buf), "class 2");
    assert_string_equal(lbk__class_name(NULL, 0, buf), "class 0");
}

static void tasks_name_what_is_seen(void **state)
{
    struct fixture *f = *state;
    put_i32(f, "class", LBK_SHAPE(1, 2), (int32_t[]){ 0, 1 });
    put_f32(f, "metres", LBK_SHAPE(1, 1, 2), (float[]){ 0, 1 });
    put_f32(f, "logits", LBK_SHAPE(2), (float[]){ 0, 1 });
    lbk_draw_map(f->r, "class", "classes");
    lbk_draw_map(f->r, "metres", "turbo");
    lbk_draw_scores(f->r, "logits");
    assert_int_equal(f->r->n_view, 3);
    assert_true(f->r->view[0].kind == VIEW_LABELS && f->r->view[1].kind == VIEW_METRES);
    assert_string_equal(f->r->view[2].array, "logits");
    lbk_draw_map(f->r, "metres", "rainbow");
    assert_refused(&f->heard, LBK_EINVAL, LBK_EINVAL, "the palette classes or turbo");
    lbk_draw_map(f->r, "logits", "turbo");
    assert_refused(&f->heard, LBK_EINVAL, LBK_EINVAL, "expected 'logits' to be one map");
    lbk_draw_map(f->r, "metres", "classes");
    assert_refused(&f->heard, LBK_EINVAL, LBK_EINVAL, "expected an array 'metres' of i32");
    lbk_draw_scores(f->r, "logits");
    lbk_draw_scores(f->r, "logits");
    assert_refused(&f->heard, LBK_EINVAL, LBK_EINVAL, "at most 4 arrays");
    lbk__record_reset(f->r, 5, fields);
    assert_int_equal(f->r->n_view, 0);
}

static void boxes_become_marks(void **state)
{
    struct fixture *f = *state;
    struct marks answer, truth;
    int64_t of, extra;
    put_f32(f, "found", LBK_SHAPE(4, 6), (float[]){ 0, 0, 4, 4, 0.5f, 1, 1, 1,   3, 3, 0.9f, 0,
                                                    2, 2, 4, 4, 0.1f, 0, 0, NAN, 1, 1, 0.9f, 0 });
    put_f32(f, "boxes", LBK_SHAPE(3, 5),
            (float[]){ 0, 0, 8, 4, 1, 2, 1, 6, 3, 0, 20, 20, 40, 40, 0 });
    put_i32(f, "boxes_crowd", LBK_SHAPE(3), (int32_t[]){ 0, 0, 1 });
    lbk_draw_boxes(f->r, "found", 0.25);
    assert_true(f->r->n_view == 1 && f->r->view[0].kind == VIEW_BOXES);
    lbk_draw_boxes(f->r, "boxes", 0);
    assert_refused(&f->heard, LBK_EINVAL, LBK_EINVAL, "expected 'boxes' to be n x 6");
    assert_int_equal(lbk__marks_of(f->r, "found", f->r->view[0].least, &answer), LBK_OK);
    assert_int_equal(answer.n, 2); /* best first */
    assert_true(fabs(answer.at[0].score - 0.9) < 1e-6 && answer.at[0].label == 0);
    lbk__marks_place(&answer, 10, 10, &(struct frame){ 0, 0, 20, 10 },
                     &(struct canvas){ 20, 10, NULL });
    assert_true(answer.at[1].at[2] == 8 && answer.at[1].at[3] == 4);
    assert_int_equal(lbk__marks_of(f->r, "boxes", 0, &truth), LBK_OK);
    assert_true(truth.n == 3 && truth.at[2].label == -1 && isnan(truth.at[2].score));
    assert_int_equal(lbk__marks_right(&answer, &truth, &of, &extra), 2);
    assert_true(of == 2 && extra == 0);
    answer.at[0].label = 1; /* takes the larger one's place only by half */
    assert_int_equal(lbk__marks_right(&answer, &truth, &of, &extra), 1);
    assert_true(of == 2 && extra == 1);
    lbk__marks_place(&answer, 10, 10, &(struct frame){ 10, 0, 0, 10 },
                     &(struct canvas){ 9, 10, NULL }); /* mirrored, and cut */
    assert_true(answer.at[1].at[0] == 2 && answer.at[1].at[2] == 9);
    lbk__marks_place(&answer, 10, 10, &(struct frame){ 20, 20, 30, 30 },
                     &(struct canvas){ 10, 10, NULL });
    assert_int_equal(answer.n, 0);
    free(answer.at);
    free(truth.at);
}

static void boxes_are_painted(void **state)
{
    struct canvas c;
    struct fixture *f = *state;
    struct mark m = { { 2, 4, 10, 12 }, (double) NAN, 1 };
    assert_int_equal(lbk__canvas_create(f->ctx, 10, 10, RGB(0, 0, 0), &c), LBK_OK);
    const struct marked how = { 20, 20, { 0, 0, 10, 10 }, NULL, false, 1 };
    lbk__marks_draw(&c, &how, &(struct marks){ 1, &m });
    const struct rgb colour = lbk__class_colour(1);
    for (int y = 0; y < 10; y++)
        for (int x = 0; x < 10; x++) {
            const bool edge =
                x >= 1 && x < 5 && y >= 2 && y < 6 && (x == 1 || x == 4 || y == 2 || y == 5);
            assert_int_equal(c.data[3 * (10 * y + x)], edge ? colour.r : 0);
        }
    m = (struct mark){ { -9, -9, 90, 90 }, 0.5, -1 };
    lbk__marks_draw(&c, &how, &(struct marks){ 1, &m });
    m = (struct mark){ { 3, 3, 3, 9 }, 0.5, 0 };
    lbk__marks_draw(&c, &how, &(struct marks){ 1, &m });
    free(c.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, record_teardown)
        T(images_become_colours),
        T(a_truth_has_gaps),
        T(maps_are_spread_over_a_picture),
        T(outliers_do_not_set_the_scale),
        T(maps_are_painted),
        T(classes_by_area),
        T(classes_have_names),
        T(tasks_name_what_is_seen),
        T(boxes_become_marks),
        T(boxes_are_painted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
