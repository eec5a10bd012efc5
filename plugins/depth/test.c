/* SPDX-License-Identifier: MIT */
/* The losses in double on the host, where differences of slopes can be exactly 0: a worked example,
 * and what masks do; tests/goldens has them in single precision on a device. And what each row of
 * the method learns from. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <limbeck/train.h>
#include "file.h"
#include "loose.h"
#include "opdef.h"
#include "testing.h"

static lbk_ctx *ctx;

static int start(void **state)
{
    ctx = testing_ctx();
    return ctx ? 0 : -1;
}

static int stop(void **state)
{
    lbk_ctx_destroy(&ctx);
    return 0;
}

struct maps {
    lbk_shape shape;
    const double *student, *target, *mask; /* mask NULL: not wired */
};

static const void *leaf(void *ud, const lbk_node *n)
{
    const struct maps *m = ud;
    return *n->name == 's' ? m->student : *n->name == 't' ? m->target : m->mask;
}

/* Its value; grad, unless NULL, is of the student. */
static double loss(const char *name, const char *options, struct maps m, double *grad)
{
    lbk_objective *o = calloc(1, sizeof *o);
    lbk_val *dx = NULL;
    void **v;
    assert_non_null(o);
    assert_int_equal(lbk_graph_create(ctx, &o->g), LBK_OK);
    o->ctx = ctx;
    lbk_val *student = lbk_input(o->g, "student", LBK_F32, m.shape);
    const struct lbk_wire wires[] = {
        { "student", student },
        { "target", lbk_input(o->g, "target", LBK_F32, m.shape) },
        { "mask", m.mask ? lbk_input(o->g, "mask", LBK_F32, m.shape) : NULL },
        { NULL, NULL },
    };
    lbk_val *y = lbk__loss_build(lbk__objective_scope(o, "loss/"), name, wires, options);
    assert_non_null(y);
    assert_int_equal(lbk_grad(o->g, y, 1, &student, &dx), LBK_OK);
    const struct eval e = { .f64 = true, .leaf = leaf, .ud = &m };
    assert_int_equal(lbk__eval(o->g, &e, 2, (lbk_node *[]){ node_of(y), node_of(dx) }, &v), LBK_OK);
    const double value = *(const double *) v[node_of(y)->id];
    if (grad)
        memcpy(grad, v[node_of(dx)->id], (size_t) lbk_shape_count(m.shape) * sizeof *grad);
    lbk__eval_free(o->g, v);
    lbk__objective_destroy(&o);
    return value;
}

static void near(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("%.12g, expected %.12g", got, want);
}

static const double p[9] = { 1.00, 1.25, 1.50, 1.10, 1.30, 1.47, 1.03, 1.01, 2.00 },
                    g[9] = { 1.02, 1.00, 1.53, 1.00, 1.50, 1.55, 1.20, 1.04, 1.80 };

/* Three differences of slopes are 0: nothing flows back through those. */
static void worked_example(void **state)
{
    static const double want[9] = { 0.43736672,  0.56569272,  -0.73391127, -0.01638127, -1.59271656,
                                    -1.01587107, -0.71269445, -1.30835825, 0.57881286 };
    const struct maps m = { LBK_SHAPE(1, 1, 3, 3), p, g, NULL };
    double dx[9];
    near(loss("depth.log", NULL, m, NULL), -0.4867494820, 1e-10);
    near(loss("depth.gradient", NULL, m, NULL), -0.3064487747 - 0.2525012256, 1e-9);
    near(loss("depth.normal", NULL, m, NULL), 0.0041744693, 1e-10);
    near(loss("depth.hu3", NULL, m, dx), -1.0415250130, 1e-9);
    for (int i = 0; i < 9; i++)
        near(dx[i], want[i], 1e-7);
    near(loss("depth.hu3", "w_log=0,w_grad=2,w_normal=3", m, NULL),
         2 * (-0.3064487747 - 0.2525012256) + 3 * 0.0041744693, 1e-9);
    near(loss("depth.l1", NULL, m, dx), 1.08 / 9, 1e-12);
    near(dx[1], 1.0 / 9, 1e-8);
}

static void no_difference(void **state)
{
    const struct maps m = { LBK_SHAPE(1, 1, 3, 3), g, g, NULL };
    double dx[9];
    near(loss("depth.hu3", NULL, m, dx), 3 * log(0.5), 1e-12);
    for (int i = 0; i < 9; i++)
        near(dx[i], 0, 1e-12);
}

/* A mask of ones is none, the border included; one of zeros leaves nothing. */
static void whole_masks(void **state)
{
    static const double ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, zeros[9] = { 0 };
    struct maps m = { LBK_SHAPE(1, 1, 3, 3), p, g, ones };
    double dx[9];
    near(loss("depth.hu3", NULL, m, NULL), -1.0415250130, 1e-9);
    m.mask = zeros;
    near(loss("depth.hu3", NULL, m, dx), 0, 0);
    for (int i = 0; i < 9; i++)
        near(dx[i], 0, 0);
}

/* Whatever stands in a hole, neither error nor slopes nor normals around it see it. */
static void holes(void **state)
{
    double target[25], student[25], mask[25], first[25], second[25];
    for (int i = 0; i < 25; i++)
        target[i] = 1 + 0.37 * (i * 7 % 11), student[i] = 1 + 0.29 * (i * 5 % 13), mask[i] = i != 6;
    const struct maps m = { LBK_SHAPE(1, 1, 5, 5), student, target, mask };
    static const char *const names[] = { "depth.log", "depth.gradient", "depth.normal", "depth.hu3",
                                         "depth.l1" };
    for (int k = 0; k < 5; k++) {
        target[6] = 0;
        const double before = loss(names[k], NULL, m, first);
        target[6] = 50;
        near(loss(names[k], NULL, m, second), before, 0);
        for (int i = 0; i < 25; i++)
            near(second[i], first[i], 0);
        near(first[6], 0, 0);
    }
}

/* A student's smaller map is enlarged to the target's. */
static void maps_only(void **state)
{
    lbk_graph *graph;
    assert_int_equal(lbk_graph_create(ctx, &graph), LBK_OK);
    lbk_objective o = { .ctx = ctx, .g = graph };
    lbk_val *wide = lbk_input(graph, "a", LBK_F32, LBK_SHAPE(2, 3, 8, 8)),
            *small = lbk_input(graph, "b", LBK_F32, LBK_SHAPE(2, 1, 4, 4)),
            *map = lbk_input(graph, "c", LBK_F32, LBK_SHAPE(2, 1, 8, 8));
    lbk_scope *s = lbk__objective_scope(&o, "loss/");
    assert_non_null(
        lbk_loss_call(s, "depth.hu3", LBK_WIRES({ "student", small }, { "target", map }), NULL));
    assert_null(
        lbk_loss_call(s, "depth.hu3", LBK_WIRES({ "student", wide }, { "target", map }), NULL));
    char message[256];
    lbk_last_error(ctx, message, sizeof message);
    assert_non_null(strstr(message, "expected a map N x 1 x H x W"));
    lbk_graph_destroy(&graph);
}

/* ---- rows: a student of two steps, byte for byte ---- */

static char folder[] = "/tmp/limbeck-depth-XXXXXX";
struct bytes_of {
    unsigned char *p;
    size_t n;
};

static struct bytes_of student(int n, const struct lbk_setting own[], const char *out)
{
    struct lbk_setting s[32] = {
        { "data", "synth,of=depth,count=16,eval_count=4" },
        { "unlabelled", "synth,of=depth,count=12,seed=7" },
        { "model", "depth_mobilenet_v2" },
        { "model.width", "0.125" },
        { "teacher", "depth_mobilenet_v2" },
        { "teacher.width", "0.125" },
        { "batch", "4" },
        { "steps", "2" },
        { "loaders", "0" },
    };
    struct bytes_of b = { NULL, 0 };
    char path[128], file[160];
    memcpy(s + 9, own, (size_t) n * sizeof *s);
    snprintf(path, sizeof path, "%s/%s", folder, out);
    snprintf(file, sizeof file, "%s/student.safetensors", path);
    const struct lbk_train_params q = { .size = sizeof q,
                                        .method = "depth",
                                        .device = "cpu,threads=1",
                                        .out_dir = path,
                                        .settings = s,
                                        .n_settings = 9 + n };
    assert_int_equal(lbk_train(ctx, &q), LBK_OK);
    assert_int_equal(lbk_file_slurp(file, 1 << 24, &b.p, &b.n), LBK_OK);
    return b;
}

/* Trained by both settings, is it the same? */
static bool alike(struct lbk_setting a, struct lbk_setting b, struct lbk_setting more)
{
    static int run;
    char teacher[160], name[2][32];
    snprintf(teacher, sizeof teacher, "%s/teacher/student.safetensors", folder);
    for (int i = 0; i < 2; i++)
        snprintf(name[i], sizeof name[i], "run%d", run++);
    const struct lbk_setting first[] = { { "teacher.weights", teacher }, a, more },
                             second[] = { { "teacher.weights", teacher }, b, more };
    struct bytes_of x = student(3, first, name[0]), y = student(3, second, name[1]);
    const bool same = x.n == y.n && !memcmp(x.p, y.p, x.n);
    free(x.p);
    free(y.p);
    return same;
}

static void rows(void **state)
{
    const struct lbk_setting none = { "depth.unlabelled", "0" }, alone = { "depth.labelled", "0" },
                             plain = { "plain", "yes" }, off = { "depth.kd", "0" },
                             half = { "depth.kd", "0.5" }, most = { "depth.kd", "0.9" };
    assert_non_null(mkdtemp(folder));
    free(student(1, &plain, "teacher").p);
    assert_true(alike(most, half, alone)); /* U only: no weight of X counts */
    assert_false(alike(most, half, none)); /* X */
    assert_true(alike(plain, off, none));  /* truth alone */
    assert_false(alike(none, alone, most));
    assert_true(alike((struct lbk_setting){ "depth.labelled", "3" },
                      (struct lbk_setting){ "depth.labelled", "0" }, none));
    assert_false(alike((struct lbk_setting){ "depth.ratio", "0.5" },
                       (struct lbk_setting){ "depth.ratio", "1" }, most));
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example), cmocka_unit_test(no_difference),
        cmocka_unit_test(whole_masks),    cmocka_unit_test(holes),
        cmocka_unit_test(maps_only),      cmocka_unit_test(rows),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
