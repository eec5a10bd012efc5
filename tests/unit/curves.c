/* SPDX-License-Identifier: MIT */
/* Rows of metrics, thinned and drawn. */
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "axis.h"
#include "figure.h"

static void feed(struct history *h, const char *fmt, ...) LBK_PRINTF(2, 3);
static void feed(struct history *h, const char *fmt, ...)
{
    char line[200];
    va_list v;
    va_start(v, fmt);
    vsnprintf(line, sizeof line, fmt, v);
    va_end(v);
    assert_true(lbk__history_line(h, line));
}

static char *drawn(const struct history *h)
{
    struct text out = { 0 };
    struct svg svg = { &out, true };
    const struct pen pen = lbk__svg_pen(&svg);
    lbk__figure_draw(&(struct figure){ "a <title> & more", "below", 1, &h }, &pen);
    assert_false(out.failed);
    assert_null(strstr(out.at, "nan"));
    assert_null(strstr(out.at, "inf"));
    assert_non_null(strstr(out.at, "a &lt;title&gt; &amp; more"));
    return out.at;
}

static void assert_ticks(const struct axis *a, const char *want)
{
    char all[400] = "";
    for (int i = 0; i < a->n; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", a->label[i]);
    assert_string_equal(all, want);
    for (int i = 0; i < a->n; i++)
        assert_true(lbk__axis_at(a, a->tick[i]) > -1e-5 && lbk__axis_at(a, a->tick[i]) < 1 + 1e-5);
}

static void ticks_stand_at_1_2_5(void **state)
{
    static const struct {
        double least, most;
        int ticks;
        const char *want;
    } all[] = {
        { 0, 12, 6, "0 2 4 6 8 10 12" },
        { 0.1, 0.83, 5, "0.2 0.4 0.6 0.8" },
        { -1.5, 1.5, 5, "-1 0 1" },
        { 0, 46800, 6, "0 10k 20k 30k 40k" },
        { 0, 2.5e6, 5, "0 500k 1M 1.5M 2M 2.5M" },
        { 3e-7, 9e-7, 5, "4e-7 6e-7 8e-7" },
        { 7, 7, 4, "6.5 7 7.5" },
        { 0, 0, 4, "-0.5 0 0.5" },
        { 0.99991, 0.99999, 4, "0.99992 0.99994 0.99996 0.99998" },
        { 0.01, 2, 5, "0.01 0.1 1" },
        { 1e-12, 1, 5, "1e-12 1e-9 1e-6 0.001 1" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct axis a;
        lbk__axis_choose(all[i].least, all[i].most, all[i].ticks, true, &a);
        assert_ticks(&a, all[i].want);
        assert_int_equal(a.log, i > 8);
    }
}

static void numbers_have_four_digits(void **state)
{
    static const struct {
        double v;
        const char *want;
    } all[] = { { 0, "0" },
                { 0.912345, "0.9123" },
                { -12345.6, "-12.35k" },
                { 1, "1" },
                { 99999, "100k" },
                { 0.0001506, "1.506e-4" },
                { NAN, "nan" },
                { -INFINITY, "-inf" },
                { 1.7e308, "1.7e308" },
                { 5e-324, "4.941e-324" } };
    char buf[24];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(lbk__axis_number(all[i].v, buf), all[i].want);
}

static void one_step_is_drawn(void **state)
{
    struct history h = { 0 };
    free(drawn(&h));
    feed(&h, "student,train,1,0,loss,0.5,\n");
    char *text = drawn(&h);
    assert_non_null(strstr(text, "<circle"));
    assert_null(strstr(text, ">epoch<"));
    assert_int_equal(lbk__history_steps(&h), 1);
    free(text);
    lbk__history_free(&h);
}

static void what_is_not_finite_leaves_a_gap(void **state)
{
    struct history h = { 0 };
    static const char *const value[] = { "1", "2", "nan", "3", "-nan", "-inf", "inf", "4" };
    for (int i = 0; i < 8; i++)
        feed(&h, "student,train,%d,0,loss,%s,\n", i + 1, value[i]);
    const struct series *s = lbk__history_find(&h, "train", "loss");
    assert_int_equal(s->n, 8);
    assert_int_equal(s->bin[2].bad, 1);
    assert_int_equal(s->bin[2].n, 0);
    char *text = drawn(&h);
    assert_non_null(strstr(text, "not finite"));
    free(text);
    lbk__history_free(&h);
}

/* A stage of 30000 steps and one of 10000, with an evaluation of the second every 1000. */
static void long_run(struct history *h, FILE *f)
{
    static const char begins[] = "b,stage,0,0,epoch,1000,\n";
    for (int i = 1; i <= 40000; i++) {
        char line[100];
        if (i == 30001)
            feed(h, "%s", begins), fputs(begins, f);
        const int step = i <= 30000 ? i : i - 30000;
        const double v = i == 12345 ? -7 : sin(0.001 * i) + (i % 2 ? 1 : -1);
        snprintf(line, sizeof line, "%s,train,%d,%d,loss,%.9g,\n", i <= 30000 ? "a" : "b", step,
                 (step - 1) / 1000, v);
        feed(h, "%s", line);
        fputs(line, f);
        if (i <= 30000 || step % 1000)
            continue;
        snprintf(line, sizeof line, "b,val,%d,%d,accuracy,%.9g,higher\n", step, step / 1000,
                 1e-4 * step);
        feed(h, "%s", line);
        fputs(line, f);
    }
}

static void long_runs_are_thinned(void **state)
{
    struct history h = { 0 }, again = { 0 };
    char path[] = "/tmp/limbeck-curves-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    long_run(&h, f);
    fputs("b,train,10001,10,lo", f); /* killed while it wrote */
    fclose(f);
    const struct series *s = lbk__history_find(&h, "train", "loss");
    int64_t rows = 0;
    float least = 0;
    assert_in_range(s->n, HISTORY_BINS / 4, HISTORY_BINS);
    for (int i = 0; i < s->n; i++) {
        rows += s->bin[i].n;
        least = fminf(least, s->bin[i].least);
        assert_true(s->bin[i].first <= s->bin[i].last);
        assert_true(s->bin[i].stage == (s->bin[i].last > 30000));
    }
    assert_int_equal(rows, 40000);
    assert_true(least == -7);
    assert_int_equal(lbk__history_steps(&h), 40000);
    assert_int_equal(h.stage[1].epoch, 1000);
    assert_int_equal(lbk__history_epoch(&h), 0); /* that of the first stage is not known */

    assert_int_equal(lbk__history_read(unit_ctx(state), path, -1, &again), LBK_OK);
    char *a = drawn(&h), *b = drawn(&again);
    assert_string_equal(a, b);
    assert_true(strlen(a) < 60000);
    free(a), free(b);
    lbk__history_free(&h), lbk__history_free(&again);
    unlink(path);
}

static void bad_rows_are_refused(void **state)
{
    static const char *const bad[] = { "a,train,1,0,loss",
                                       "a,train,1,0,loss,1,2",
                                       "a,train,x,0,loss,1,",
                                       "a,train,-1,0,loss,1,",
                                       "a,train,1,0,loss,0x1,",
                                       "a,train,9e9,0,loss,1,",
                                       "",
                                       "a,train,9223372036854775807,0,l,1," };
    struct history h = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(lbk__history_line(&h, bad[i]));
    assert_int_equal(h.n, 0);
    assert_int_equal(lbk__history_read(unit_ctx(state), "/nowhere/metrics.csv", -1, &h),
                     LBK_ENOENT);
    assert_unit_error(state, "/nowhere/metrics.csv: No such file or directory");
}

/* Whatever the names: markup is text, and what is no UTF-8 is replaced. */
static void text_is_escaped(void **state)
{
    struct text t = { 0 };
    lbk__text_escaped(&t, "<a href=\"x\">&'\x01\xff\xc3\xa9\xef\xbf\xbf\n");
    assert_string_equal(
        t.at,
        "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\n");
    lbk__text_free(&t);
    lbk__text_base64(&t, "any carnal pleas", 16);
    lbk__text_base64(&t, "any carnal pleasu", 17);
    lbk__text_base64(&t, "any carnal pleasur", 18);
    assert_string_equal(t.at,
                        "YW55IGNhcm5hbCBwbGVhcw==YW55IGNhcm5hbCBwbGVhc3U=YW55IGNhcm5hbCBwbGVhc3Vy");
    lbk__text_free(&t);
}

static struct rgb pixel(const struct bitmap *b, int64_t x, int64_t y)
{
    const uint8_t *p = b->canvas.data + 3 * (y * b->canvas.w + x);
    return RGB(p[0], p[1], p[2]);
}

static bool is_ink(struct rgb c, enum ink ink)
{
    return ((uint32_t) c.r << 16 | (uint32_t) c.g << 8 | c.b) == lbk__ink_colour(ink, false);
}

static bool is_paper(struct rgb c) { return is_ink(c, INK_PAPER); }

/* Two pixels to one; a polygon lets 78 % of the paper through; a dash is of 4 and its gap of 3. */
static void a_bitmap_is_drawn(void **state)
{
    struct bitmap b = { .ctx = unit_ctx(state) };
    const struct pen pen = lbk__bitmap_pen(&b);
    const struct point bow[] = { { 10, 10 }, { 30, 10 }, { 30, 30 }, { 20, 12 }, { 10, 30 } },
                       ends[] = { { 5, 40 }, { 45, 40 } };
    pen.begin(pen.ud, 50, 60);
    assert_int_equal(b.status, LBK_OK);
    assert_true(b.canvas.w == 100 && b.canvas.h == 120);
    pen.area(pen.ud, INK_TEXT, 5, bow);
    pen.line(pen.ud, INK_BAD, 2, true, 2, ends);
    pen.dot(pen.ud, INK_SERIES, 3, (struct point){ 25, 50 });
    pen.end(pen.ud);
    const struct rgb tint = pixel(&b, 24, 50);
    assert_true(fabs(tint.r - (255 - 0.22 * (255 - 0x1c))) <= 1);
    assert_true(is_paper(pixel(&b, 40, 50)) && is_paper(pixel(&b, 16, 50)));
    assert_true(is_ink(pixel(&b, 12, 80), INK_BAD) && is_ink(pixel(&b, 26, 80), INK_BAD));
    assert_true(is_paper(pixel(&b, 21, 80)));
    assert_true(is_ink(pixel(&b, 50, 100), INK_SERIES) && is_ink(pixel(&b, 54, 100), INK_SERIES));
    assert_true(is_paper(pixel(&b, 58, 100)));
    free(b.canvas.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_stand_at_1_2_5),  cmocka_unit_test(numbers_have_four_digits),
        cmocka_unit_test(one_step_is_drawn),     cmocka_unit_test(what_is_not_finite_leaves_a_gap),
        cmocka_unit_test(long_runs_are_thinned), cmocka_unit_test(bad_rows_are_refused),
        cmocka_unit_test(text_is_escaped),       cmocka_unit_test(a_bitmap_is_drawn),
    };
    return cmocka_run_group_tests_name("curves", tests, unit_start, unit_stop);
}
