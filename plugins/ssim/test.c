/* SPDX-License-Identifier: MIT */
/* The loss in double on the host against sums written out here, window by window; tests/goldens has
 * it in single precision on a device, against PyTorch. And what the method does with levels,
 * adapters and a weight of 0. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <limbeck/file.h>
#include <limbeck/rng.h>
#include <limbeck/train.h>
#include "loose.h"
#include "opdef.h"
#include "registry.h"
#include "safetensors.h"
#include "testing.h"

static lbk_ctx *ctx;
static char folder[] = "/tmp/limbeck-ssim-XXXXXX";

/* ---- the closed form ---- */

enum { N_MOST = 4 * 17 * 13 * 13 };
struct maps {
    int64_t n, c, h, w, window; /* the window that is left of the one asked for */
    bool stop;
    double student[N_MOST], teacher[N_MOST];
};

static int64_t mirrored(int64_t k, int64_t n) { return k < 0 ? -k : k < n ? k : 2 * n - 2 - k; }

static double gauss(int64_t d, int64_t window)
{
    double sum = 0;
    for (int64_t i = -(window / 2); i <= window / 2; i++)
        sum += exp(-(double) (i * i) / 4.5);
    return exp(-(double) (d * d) / 4.5) / sum;
}

/* Values of the pixel (y, x), or what it spreads (to): f(dy, dx) over its window. */
#define EACH_IN_WINDOW(m, y, x)                                                                    \
 for (int64_t a = -((m)->window / 2); a <= (m)->window / 2; a++)                                   \
  for (int64_t b = -((m)->window / 2), at;                                                         \
       b <= (m)->window / 2 &&                                                                     \
       (at = mirrored((y) + a, (m)->h) * (m)->w + mirrored((x) + b, (m)->w), true);                \
       b++)

struct scaled {
    double u[N_MOST], factor;
    int lows, highs;
};

static void scale(struct scaled *s, const double *v, int64_t n)
{
    double lo = INFINITY, hi = -INFINITY;
    s->lows = s->highs = 0;
    for (int64_t i = 0; i < n; i++)
        lo = fmin(lo, v[i]), hi = fmax(hi, v[i]);
    for (int64_t i = 0; i < n; i++)
        s->lows += v[i] == lo, s->highs += v[i] == hi;
    s->factor = 1 / (hi - lo + 1e-6);
    for (int64_t i = 0; i < n; i++)
        s->u[i] = (v[i] - lo) * s->factor;
}

/* One plane: the sum of its (1 - S) / 2, and the gradient of that to x. */
static double plane(const struct maps *m, const double *x, const double *y, double *dx)
{
    static double g[3][N_MOST];
    const double c1 = 1e-4, c2 = 9e-4;
    double sum = 0;
    memset(g, 0, sizeof g);
    for (int64_t p = 0; p < m->h * m->w; p++) {
        double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
        EACH_IN_WINDOW(m, p / m->w, p % m->w)
        {
            const double k = gauss(a, m->window) * gauss(b, m->window);
            mx += k * x[at], my += k * y[at];
            xx += k * x[at] * x[at], yy += k * y[at] * y[at], xy += k * x[at] * y[at];
        }
        const double a1 = 2 * mx * my + c1, a2 = 2 * (xy - mx * my) + c2,
                     b1 = mx * mx + my * my + c1, b2 = xx - mx * mx + yy - my * my + c2;
        const double all = b1 * b2 + 1e-12, s = a1 * a2 / all, d = -0.5;
        const double to_square = -s * b1 / all, to_product = 2 * a1 / all,
                     to_mean = 2 * my * a2 / all - 2 * mx * s * b2 / all - 2 * mx * to_square -
                               my * to_product;
        sum += (1 - s) / 2;
        EACH_IN_WINDOW(m, p / m->w, p % m->w)
        {
            const double k = d * gauss(a, m->window) * gauss(b, m->window);
            g[0][at] += k * to_mean, g[1][at] += k * to_square, g[2][at] += k * to_product;
        }
    }
    for (int64_t p = 0; p < m->h * m->w; p++)
        dx[p] = g[0][p] + 2 * x[p] * g[1][p] + y[p] * g[2][p];
    return sum;
}

/* Through minimum and maximum, whose ties share alike. */
static void unscale(const struct maps *m, const struct scaled *s, const double *v, double *d,
                    int64_t n)
{
    double sum = 0, weighed = 0;
    for (int64_t i = 0; i < n; i++)
        sum += d[i], weighed += d[i] * s->u[i];
    double lo = INFINITY, hi = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        lo = fmin(lo, v[i]), hi = fmax(hi, v[i]);
    for (int64_t i = 0; i < n; i++) {
        d[i] *= s->factor;
        if (!m->stop && v[i] == lo)
            d[i] -= (sum - weighed) * s->factor / s->lows;
        if (!m->stop && v[i] == hi)
            d[i] -= weighed * s->factor / s->highs;
    }
}

static double closed_form(const struct maps *m, double *dx)
{
    static struct scaled x, y;
    const int64_t n = m->h * m->w, all = m->n * m->c * n;
    double sum = 0;
    for (int64_t k = 0; k < m->n * m->c; k++) {
        scale(&x, m->student + k * n, n);
        scale(&y, m->teacher + k * n, n);
        sum += plane(m, x.u, y.u, dx + k * n);
        unscale(m, &x, m->student + k * n, dx + k * n, n);
    }
    for (int64_t i = 0; i < all; i++)
        dx[i] /= (double) all;
    return sum / (double) all;
}

/* ---- the loss as it is built ---- */

static const void *leaf(void *ud, const lbk_node *n)
{
    const struct maps *m = ud;
    return *n->name == 's' ? m->student : m->teacher;
}

static double built(const struct maps *m, const char *options, double *dx)
{
    lbk_objective *o = calloc(1, sizeof *o);
    lbk_val *grad = NULL;
    void **v;
    assert_non_null(o);
    assert_int_equal(lbk_graph_create(ctx, &o->g), LBK_OK);
    o->ctx = ctx;
    const lbk_shape shape = LBK_SHAPE(m->n, m->c, m->h, m->w);
    lbk_val *student = lbk_input(o->g, "student", LBK_F32, shape),
            *teacher = lbk_input(o->g, "teacher", LBK_F32, shape);
    lbk_val *y =
        lbk__loss_build(lbk__objective_scope(o, "loss/"), "ssim.ssim",
                        LBK_WIRES({ "student", student }, { "teacher", teacher }), options);
    assert_non_null(y);
    assert_int_equal(lbk_grad(o->g, y, 1, &student, &grad), LBK_OK);
    const struct eval e = { .f64 = true, .leaf = leaf, .ud = (void *) (uintptr_t) m };
    assert_int_equal(lbk__eval(o->g, &e, 2, (lbk_node *[]){ node_of(y), node_of(grad) }, &v),
                     LBK_OK);
    const double value = *(const double *) v[node_of(y)->id];
    memcpy(dx, v[node_of(grad)->id], (size_t) lbk_shape_count(shape) * sizeof *dx);
    lbk__eval_free(o->g, v);
    lbk__objective_destroy(&o);
    return value;
}

static void compare(struct maps *m, double steps, const char *options)
{
    static double want[N_MOST], got[N_MOST];
    const int64_t n = m->n * m->c * m->h * m->w;
    double most = 0, worst = 0;
    assert_true(n <= N_MOST);
    for (int64_t i = 0; i < n; i++) {
        m->student[i] = lbk_random_at(1, 0, (uint64_t) i) * 5 - 2;
        m->teacher[i] = 0.5 * m->student[i] + lbk_random_at(2, 0, (uint64_t) i);
        if (steps > 0)
            m->student[i] = round(m->student[i] * steps) / steps;
    }
    const double value = closed_form(m, want), is = built(m, options, got);
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs(want[i]));
        worst = fmax(worst, isfinite(got[i]) ? fabs(want[i] - got[i]) : INFINITY);
    }
    if (!(fabs(value - is) <= 1e-6 * value && worst <= 1e-6 * most))
        fail_msg("%lld x %lld x %lld x %lld %s: %.12g, expected %.12g; gradients differ by %.2g",
                 (long long) m->n, (long long) m->c, (long long) m->h, (long long) m->w, options,
                 is, value, worst / most);
}

static void windows(void **state)
{
    static struct maps m;
    static const struct {
        int64_t n, c, h, w, window;
        const char *options;
    } all[] = {
        { 2, 3, 13, 11, 11, "" },         { 1, 17, 8, 10, 7, "" },
        { 2, 2, 9, 13, 7, "window=7" },   { 1, 4, 6, 5, 5, "window=5" },
        { 3, 1, 5, 7, 5, "window=11" },   { 2, 2, 2, 3, 1, "window=11" },
        { 1, 2, 12, 12, 11, "stop=yes" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        m = (struct maps){ .n = all[i].n,
                           .c = all[i].c,
                           .h = all[i].h,
                           .w = all[i].w,
                           .window = all[i].window,
                           .stop = strstr(all[i].options, "stop") != NULL };
        compare(&m, 0, all[i].options);
        compare(&m, 1, all[i].options); /* a few values: many smallest and largest ones */
    }
}

/* Of maps that are the same nothing is left, and nothing flows back. */
static void no_difference(void **state)
{
    static struct maps m = { .n = 1, .c = 2, .h = 9, .w = 7 };
    double dx[2 * 9 * 7];
    for (int i = 0; i < 2 * 9 * 7; i++)
        m.student[i] = m.teacher[i] = lbk_random_at(5, 0, (uint64_t) i);
    assert_true(fabs(built(&m, "", dx)) < 1e-5);
    for (int i = 0; i < 2 * 9 * 7; i++)
        assert_true(fabs(dx[i]) < 1e-4);
}

/* ---- a network of two levels ---- */

struct levels {
    int64_t channels, levels, stride, classes;
};
static const struct lbk_opt levels_opts[] = {
    LBK_INT(levels, channels, 4, 1, 64, "of each level"),
    LBK_INT(levels, levels, 2, 0, 20, "of them"),
    LBK_INT(levels, stride, 2, 1, 8, "of the first"),
    LBK_INT(levels, classes, 0, 0, 1000, "0 = as many as the data has"),
    LBK_OPTS_END,
};

static lbk_val *levels(lbk_scope *s, lbk_val *x, const void *cfg)
{
    const struct levels *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *v =
        lbk_nn_conv2d(lbk_scope_sub(s, "stem"), x,
                      lbk_conv(.out = c->channels, .kernel = 3, .pad = 1, .stride = c->stride));
    for (int64_t i = 0; i < c->levels; i++) {
        v = lbk_nn_conv2d(lbk_scope_sub(s, "level%lld", (long long) i), lbk_relu(g, v),
                          lbk_conv(.out = c->channels, .kernel = 3, .pad = 1,
                                   .stride = i == 1 ? 2 : 1, .bias = true));
        lbk_tap(lbk_scope_sub(s, "neck/%lld", (long long) i), "", v);
    }
    return lbk_nn_linear(lbk_scope_sub(s, "head"),
                         lbk_mean(g, v, (struct lbk_reduce){ 1u << 2 | 1u << 3, false }),
                         c->classes, true);
}

static lbk_status setup(lbk_registrar *r)
{
    return lbk_register_model(r, LBK_DESC(lbk_model, .name = "ssim_levels", .task = "classify",
                                          .opts = levels_opts, .cfg_size = sizeof(struct levels),
                                          .build = levels));
}

/* At which step a run is stopped, 0 = never. */
static int64_t stop_at, steps;

static bool progress(void *ud, const struct lbk_progress *p) { return ++steps != stop_at; }

/* settings: "name=value ..."; out: the folder of the run. */
static lbk_status train(const char *method, const char *settings, char out[256])
{
    static int runs;
    char words[512];
    struct lbk_setting s[32] = { { "data", "synth,count=16,eval_count=4,classes=3" },
                                 { "model", "ssim_levels" },
                                 { "batch", "4" },
                                 { "epochs", "2" },
                                 { "loaders", "0" },
                                 { "lr", "0.1" },
                                 { "log_every", "1" },
                                 { "teacher", "ssim_levels" } };
    int n = strcmp(method, "none") ? 8 : 7;
    snprintf(words, sizeof words, "%s", settings);
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
        char *equals = strchr(w, '=');
        *equals = 0;
        s[n++] = (struct lbk_setting){ w, equals + 1 };
    }
    snprintf(out, 256, "%s/%d", folder, runs++);
    const struct lbk_train_params p = { .size = sizeof p,
                                        .method = method,
                                        .device = "cpu,threads=1",
                                        .out_dir = out,
                                        .settings = s,
                                        .n_settings = n,
                                        .progress = progress };
    steps = 0;
    return lbk_train(ctx, &p);
}

static lbk_status resume(const char *out)
{
    const struct lbk_train_params p = {
        .size = sizeof p, .device = "cpu,threads=1", .out_dir = out, .resume = out
    };
    return lbk_train(ctx, &p);
}

static unsigned char *student_of(const char *out, size_t *n)
{
    char path[300];
    unsigned char *bytes;
    snprintf(path, sizeof path, "%s/student.safetensors", out);
    assert_int_equal(lbk_file_slurp(path, 1 << 20, &bytes, n), 0);
    return bytes;
}

static bool alike(const char *a, const char *b)
{
    size_t n[2];
    unsigned char *x = student_of(a, &n[0]), *y = student_of(b, &n[1]);
    const bool same = n[0] == n[1] && !memcmp(x, y, n[0]);
    free(x), free(y);
    return same;
}

static void refused(const char *settings, const char *why)
{
    char out[256], said[512];
    if (train("ssim", settings, out) == LBK_OK)
        fail_msg("'%s' trains", settings);
    lbk_last_error(ctx, said, sizeof said);
    if (!strstr(said, why))
        fail_msg("'%s': expected '%s', found '%s'", settings, why, said);
}

static void what_is_wrong_is_named(void **state)
{
    refused("teacher.levels=3",
            "ssim: 'neck/*' is 2 taps of the student (neck/0, neck/1) and 3 of the "
            "teacher (neck/0, neck/1, neck/2), expected as many of both");
    refused("teacher.stride=4", "loss/ssim/neck/0: loss 'ssim.ssim': expected one H");
    refused("teacher.stride=4 ssim.loss=mse",
            "method: loss/ssim/neck/0: expected maps of one size, found the student's "
            "4x4x16x16 and the teacher's 4x4x8x8");
    refused("teacher.channels=6 ssim.adapter=off", "expected maps of one size");
    refused("ssim.taps=nick/*", "has no tap 'nick/*', did you mean");
    refused("ssim.with=window=4", "a window of 4, expected an odd number");
    refused("ssim.with=contrast=no,luminance=no,structure=no", "expected one of them");
    refused("ssim.loss=kl", "kl.adapter: no such option");
    refused("ssim.loss=mse ssim.taps=out", "normalise=channel is for N x C x H x W, found 4x3");
    refused("ssim.with=windw=7", "did you mean 'window'");
}

static bool has(const char *path, const char *part)
{
    struct st_file f;
    bool found = false;
    assert_int_equal(lbk__st_open(ctx, path, &f), LBK_OK);
    for (int64_t i = 0; i < f.n; i++)
        found |= strstr(f.at[i].name, part) != NULL;
    lbk__st_close(&f);
    return found;
}

/* Where channels differ, or where one is asked for. */
static void adapters_are_trained_and_stay_behind(void **state)
{
    static const struct {
        const char *settings;
        bool adapter;
    } all[] = { { "", false }, { "ssim.adapter=on", true }, { "teacher.channels=6", true } };
    char out[256], path[300];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(train("ssim", all[i].settings, out), LBK_OK);
        snprintf(path, sizeof path, "%s/student.safetensors", out);
        assert_false(has(path, "adapter") || has(path, "teacher"));
        snprintf(path, sizeof path, "%s/checkpoints/1-000000004.safetensors", out);
        assert_int_equal(has(path, "loss/ssim/neck/0/adapter/weight"), all[i].adapter);
        assert_int_equal(has(path, "loss/ssim/neck/1/adapter/bias"), all[i].adapter);
    }
}

static void with_adapters_it_resumes_bit_for_bit(void **state)
{
    char whole[256], parts[256];
    assert_int_equal(train("ssim", "teacher.channels=6", whole), LBK_OK);
    stop_at = steps - 1;
    assert_int_equal(train("ssim", "teacher.channels=6", parts), LBK_ECANCELLED);
    stop_at = 0;
    assert_int_equal(resume(parts), LBK_OK);
    assert_true(alike(parts, whole));
}

static void without_weight_it_is_plain_training(void **state)
{
    static const char *const settings[] = { "ssim.weight=0", "ssim.weight=0 ssim.adapter=on",
                                            "ssim.weight=1" };
    char plain[256], out[256];
    assert_int_equal(train("none", "", plain), LBK_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(train("ssim", settings[i], out), LBK_OK);
        assert_int_equal(alike(plain, out), i < 2);
    }
}

/* ---- */

static int start(void **state)
{
    ctx = testing_ctx();
    return !ctx || !mkdtemp(folder) || lbk__register(ctx, NULL, setup) ? -1 : 0;
}

static int stop(void **state)
{
    lbk_ctx_destroy(&ctx);
    return testing_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(no_difference),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(adapters_are_trained_and_stay_behind),
        cmocka_unit_test(with_adapters_it_resumes_bit_for_bit),
        cmocka_unit_test(without_weight_it_is_plain_training),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
