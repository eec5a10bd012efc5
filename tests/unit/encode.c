/* SPDX-License-Identifier: MIT */
/* Tasks that make arrays of one shape out of boxes: by the loader's threads, for one network or
 * several. */
#include "heard.h"
#include <limbeck/train.h>
#include "registry.h"

/* ---- a task: each cell of a grid has the class of the last box over its middle, or is background
 * ---- */

enum { CLASSES = 4, ROOM = CLASSES + 1 };

static lbk_status encode(lbk_record *r, lbk_shape (*shape)(void *ud, const char *tap), void *ud,
                         const void *cfg)
{
    struct lbk_array image, boxes;
    const lbk_shape s = shape(ud, "cells");
    if (lbk_record_get(r, "image", LBK_F32, &image) || lbk_record_get(r, "boxes", LBK_F32, &boxes))
        return LBK_EINVAL;
    assert_int_equal(shape(ud, "no such tap").n, 0);
    assert_int_equal(s.d[0], 1);
    const int64_t h = s.d[2], w = s.d[3];
    int32_t *to = lbk_record_put(r, "cell_class", LBK_I32, LBK_SHAPE(h, w));
    for (int64_t i = 0; to && i < h * w; i++) {
        const float x = ((float) (i % w) + 0.5f) * (float) image.shape.d[2] / (float) w,
                    y = ((float) (i / w) + 0.5f) * (float) image.shape.d[1] / (float) h;
        to[i] = CLASSES;
        for (int64_t k = 0; k < boxes.shape.d[0]; k++) {
            const float *b = (const float *) boxes.data + 5 * k;
            if (x >= b[0] && x < b[2] && y >= b[1] && y < b[3])
                to[i] = (int32_t) b[4];
        }
    }
    return to ? LBK_OK : LBK_ENOMEM;
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    lbk_val *label = lbk_pass_field(p, "cell_class");
    if (lbk_pass_spec(p, "boxes")->classes != CLASSES)
        lbk_graph_fail(lbk_pass_graph(p), LBK_EINVAL, "no spec");
    out[0] = (struct lbk_term){ .name = "cells", .coef = 1 };
    out[0].loss = lbk_cross_entropy(lbk_pass_graph(p), lbk_pass_tap(p, "cells"), label,
                                    (struct lbk_labels){ 1, -1 });
    return 1;
}

static void predict(lbk_pass *p, const void *cfg)
{
    lbk_pass_read(p, "cell",
                  lbk_argmax(lbk_pass_graph(p), lbk_pass_tap(p, "cells"), (struct lbk_axis){ 1 }));
}

struct counts {
    int64_t n, right;
};
static lbk_status add(lbk_ctx *c, const void *cfg, void *state, const lbk_record *r)
{
    struct counts *k = state;
    struct lbk_array got, want;
    if (lbk_record_get(r, "cell", LBK_I32, &got) || lbk_record_get(r, "cell_class", LBK_I32, &want))
        return LBK_EINVAL;
    for (int64_t i = 0; i < lbk_shape_count(got.shape); i++)
        k->n++, k->right += ((int32_t *) got.data)[i] == ((int32_t *) want.data)[i];
    return LBK_OK;
}
static lbk_status end(lbk_ctx *c, const void *cfg, void *state, lbk_scores *out)
{
    const struct counts *k = state;
    if (out)
        lbk_scores_put(out, "right", LBK_HIGHER, (double) k->right / (double) k->n);
    return LBK_OK;
}

/* ---- models: a grid of so many pixels to a cell ---- */

static lbk_val *grid(lbk_scope *s, lbk_val *x, int64_t cell)
{
    x = lbk_nn_conv2d(s, x, lbk_conv(.out = ROOM, .kernel = cell, .stride = cell, .bias = true));
    lbk_tap(s, "cells", x);
    return x;
}
static lbk_val *grid4(lbk_scope *s, lbk_val *x, const void *cfg) { return grid(s, x, 4); }
static lbk_val *grid8(lbk_scope *s, lbk_val *x, const void *cfg) { return grid(s, x, 8); }

/* ---- a method: the student learns what the teacher's loss says, too ---- */

static void both(lbk_objective *o, const void *cfg)
{
    lbk_pass *teacher = lbk_obj_pass(o, "teacher", NULL);
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(lbk_obj_pass(o, "student", NULL)));
    lbk_obj_watch(o, "teacher", lbk_pass_loss(teacher));
    lbk_obj_term(o, "mse", LBK_CONST(1), "mse",
                 LBK_WIRES({ "student", lbk_pass_out(lbk_obj_pass(o, "student", NULL)) },
                           { "teacher", lbk_pass_out(teacher) }),
                 NULL);
}

static lbk_status schedule(lbk_ctx *c, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = { { "teacher", NULL, LBK_FROZEN, 0 },
                                             { "student", NULL, LBK_TRAINED, 0 },
                                             { 0 } };
    return lbk_schedule_add(out,
                            LBK_DESC(lbk_stage, .name = "both", .roles = roles, .objective = both));
}

static lbk_status setup(lbk_registrar *r)
{
    static const struct lbk_field fields[] = { { "boxes", LBK_BOXES, LBK_F32 }, { NULL } };
    static const char *const metrics[] = { "unit_cells", NULL };
    lbk_register_metric(r, LBK_DESC(lbk_metric, .name = "unit_cells",
                                    .state_size = sizeof(struct counts), .add = add, .end = end));
    lbk_register_task(r,
                      LBK_DESC(lbk_task, .name = "unit_cells", .fields = fields, .metrics = metrics,
                               .encode = encode, .terms = terms, .predict = predict));
    lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "unit_grid4", .task = "unit_cells", .build = grid4));
    lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "unit_grid8", .task = "unit_cells", .build = grid8));
    return lbk_register_method(r, LBK_DESC(lbk_method, .name = "unit_both", .schedule = schedule));
}

static int start(void **state)
{
    return open_folder_all(state) ? -1 : lbk__register(unit.ctx, NULL, setup);
}

/* ---- runs ---- */

/* more: settings up to a name of NULL. */
static lbk_status run(const char *name, const char *method, const struct lbk_setting more[])
{
    struct lbk_setting list[16] = {
        { "data", "synth,of=detect,count=48,eval_count=16,classes=4" },
        { "augment", "flip" },
        { "model", "unit_grid4" },
        { "batch", "16" },
        { "epochs", "3" },
        { "lr", "0.1" },
    };
    int n = 6;
    for (; more && more->name; more++)
        list[n++] = *more;
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = method,
                                        .device = "cpu,threads=2",
                                        .out_dir = in_folder(name),
                                        .settings = list,
                                        .n_settings = n };
    unit.errors = 0;
    return lbk_train(unit.ctx, &p);
}

static const char *weights(const char *name)
{
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s/student.safetensors", folder, name);
    return path[turn];
}

static void assert_same_weights(const char *a, const char *b)
{
    unsigned char *x, *y;
    size_t n, m;
    assert_int_equal(lbk_file_slurp(weights(a), 1 << 20, &x, &n), 0);
    assert_int_equal(lbk_file_slurp(weights(b), 1 << 20, &y, &m), 0);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    static const char *const threads[] = { "0", "1", "3" };
    for (int i = 0; i < 3; i++) {
        const struct lbk_setting more[] = { { "loaders", threads[i] }, { NULL, NULL } };
        assert_int_equal(run(threads[i], "none", more), LBK_OK);
        assert_int_equal(unit.errors, 0);
        assert_same_weights("0", threads[i]);
    }
}

static void roles_of_the_same_shapes_share(void **state)
{
    static const char *const cache[] = { "off", "memory" };
    for (int i = 0; i < 2; i++) {
        const struct lbk_setting more[] = { { "teacher", "unit_grid4" },
                                            { "teacher.weights", weights("0") },
                                            { "train.views", "2" },
                                            { "teacher_cache", cache[i] },
                                            { NULL, NULL } };
        assert_int_equal(run(cache[i], "unit_both", more), LBK_OK);
        assert_int_equal(unit.errors, 0);
        assert_same_weights("off", cache[i]);
    }
}

static void roles_of_other_shapes_are_both_named(void **state)
{
    const struct lbk_setting coarse[] = { { "model", "unit_grid8" }, { NULL, NULL } };
    const struct lbk_setting more[] = { { "teacher", "unit_grid8" },
                                        { "teacher.weights", weights("coarse") },
                                        { NULL, NULL } };
    char text[1024];
    assert_int_equal(run("coarse", "none", coarse), LBK_OK);
    assert_int_equal(run("differs", "unit_both", more), LBK_EINVAL);
    assert_int_equal(unit.errors, 1);
    lbk_last_error(unit.ctx, text, sizeof text);
    if (!strstr(text, "'cell_class' of stream 'train' is for role 'student', whose tap 'cells' is "
                      "1x5x8x8 of a batch of 1; that of role 'teacher' is 16x5x4x4 of its batch"))
        fail_msg("%s", text);
}

static void other_data_is_refused(void **state)
{
    const struct lbk_setting more[] = { { "data", "synth,of=classify" }, { NULL, NULL } };
    char text[1024];
    assert_int_equal(run("no_boxes", "none", more), LBK_ENOENT);
    assert_int_equal(unit.errors, 1);
    lbk_last_error(unit.ctx, text, sizeof text);
    if (!strstr(text, "stream 'train' has no field 'boxes', it has image, label"))
        fail_msg("%s", text);
}

static void samples_of_other_sizes_are_refused(void **state)
{
    const struct lbk_setting more[] = { { "data.prepare", "scale(lo=0.5,hi=2)" }, { NULL, NULL } };
    char text[1024];
    assert_int_equal(run("sizes", "none", more), LBK_EINVAL);
    lbk_last_error(unit.ctx, text, sizeof text);
    if (!strstr(text, "expected 'image' to be f32 3x"))
        fail_msg("%s", text);
}

static void predicts_where_there_is_truth(void **state)
{
    const struct lbk_train_params p = { .size = sizeof p,
                                        .device = "cpu,threads=2",
                                        .out_dir = in_folder("predicted") };
    const struct lbk_predict_params what = { .size = sizeof what, .from = in_folder("0") };
    unsigned char *text;
    size_t n;
    assert_int_equal(lbk_predict(unit.ctx, &p, &what, NULL), LBK_OK);
    assert_int_equal(lbk_file_slurp(in_folder("predicted/predictions.jsonl"), 1 << 20, &text, &n),
                     0);
    assert_non_null(strstr((char *) text, "\"cell\": ["));
    assert_null(strstr((char *) text, "cell_class"));
    free(text);
}

static void made_up_boxes_are_encoded_for_benchmarks(void **state)
{
    const struct lbk_setting set[] = {
        { "model", "unit_grid4" }, { "classes", "4" }, { "batch", "8" }, { "seconds", "0" }
    };
    struct lbk_bench b = { .size = sizeof b };
    assert_int_equal(lbk_bench_train(unit.ctx, "cpu", 4, set, NULL, NULL, &b), LBK_OK);
    assert_true(b.median_ms > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(roles_of_the_same_shapes_share),
        cmocka_unit_test(roles_of_other_shapes_are_both_named),
        cmocka_unit_test(other_data_is_refused),
        cmocka_unit_test(samples_of_other_sizes_are_refused),
        cmocka_unit_test(predicts_where_there_is_truth),
        cmocka_unit_test(made_up_boxes_are_encoded_for_benchmarks),
    };
    return cmocka_run_group_tests(tests, start, close_folder);
}
