/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "canvas.h"
#include "file.h"
#include "palette.h"
#include "small_data.h"

struct fixture {
    struct heard heard;
    lbk_ctx *ctx;
    char *folder;
    struct canvas c; /* 40 x 20, white */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ctx = quiet_ctx(&f->heard);
    f->folder = enter_folder();
    *state = f;
    return lbk__canvas_create(f->ctx, 40, 20, PAPER, &f->c);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->c.data);
    lbk_ctx_destroy(&f->ctx);
    leave_folder(f->folder);
    free(f);
    return 0;
}

static struct rgb dot(const struct canvas *c, int64_t x, int64_t y)
{
    const uint8_t *p = c->data + 3 * (y * c->w + x);
    return RGB(p[0], p[1], p[2]);
}

static bool same(struct rgb a, struct rgb b) { return a.r == b.r && a.g == b.g && a.b == b.b; }

/* Pixels that are not paper. */
static int64_t inked(const struct canvas *c)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->w * c->h; i++)
        n += !same(dot(c, i % c->w, i / c->w), PAPER);
    return n;
}

static void assert_hash(const struct canvas *c, const char *expected)
{
    char hash[65];
    lbk_sha256(c->data, (size_t) (3 * c->w * c->h), hash);
    assert_string_equal(hash, expected);
}

static void sizes_have_limits(void **state)
{
    struct fixture *f = *state;
    struct canvas c;
    assert_int_equal(lbk__canvas_create(f->ctx, 0, 4, PAPER, &c), LBK_EINVAL);
    assert_int_equal(lbk__canvas_create(f->ctx, 4, 16385, PAPER, &c), LBK_EINVAL);
    assert_int_equal(lbk__canvas_create(f->ctx, 16384, 16384, PAPER, &c), LBK_EINVAL);
    assert_null(c.data);
}

static void rectangles_are_cut_off(void **state)
{
    struct canvas *c = &((struct fixture *) *state)->c;
    lbk__canvas_fill(c, (struct area){ -5, -5, 8, 7 }, INK);
    assert_int_equal(inked(c), 3 * 2);
    assert_true(same(dot(c, 2, 1), INK) && same(dot(c, 3, 1), PAPER) && same(dot(c, 2, 2), PAPER));
    lbk__canvas_fill(c, (struct area){ 38, 19, 100, 100 }, INK);
    lbk__canvas_fill(c, (struct area){ 60, 60, 5, 5 }, INK);
    lbk__canvas_fill(c, (struct area){ 10, 10, -3, 4 }, INK);
    lbk__canvas_dot(c, -1, 3, INK);
    lbk__canvas_dot(c, 3, 20, INK);
    assert_int_equal(inked(c), 3 * 2 + 2);
}

static void a_frame_is_hollow(void **state)
{
    struct canvas *c = &((struct fixture *) *state)->c;
    lbk__canvas_frame(c, (struct area){ 4, 3, 10, 8 }, 2, INK);
    assert_int_equal(inked(c), 10 * 8 - 6 * 4);
    assert_true(same(dot(c, 13, 10), INK) && same(dot(c, 6, 5), PAPER));
}

static void lines_have_a_width_and_smooth_edges(void **state)
{
    struct canvas *c = &((struct fixture *) *state)->c;
    lbk__canvas_line(c, (struct stroke){ 5, 10, 30, 10, 2 }, RGB(0, 0, 0));
    assert_true(same(dot(c, 20, 9), RGB(0, 0, 0)) && same(dot(c, 20, 10), RGB(0, 0, 0)));
    assert_true(same(dot(c, 20, 8), PAPER) && same(dot(c, 20, 11), PAPER));
    assert_true(same(dot(c, 33, 10), PAPER));
    lbk__canvas_line(c, (struct stroke){ 2.5, 15.5, 9.5, 15.5, 1.5 }, RGB(0, 0, 0));
    assert_true(same(dot(c, 6, 15), RGB(0, 0, 0)));
    assert_true(same(dot(c, 6, 14), RGB(191, 191, 191)) && same(dot(c, 6, 16), dot(c, 6, 14)));
    const int64_t before = inked(c);
    lbk__canvas_line(c, (struct stroke){ 0, 0, INFINITY, 4, 1 }, INK);
    lbk__canvas_line(c, (struct stroke){ -9e9, -50, 9e9, -50, 3 }, INK);
    assert_int_equal(inked(c), before);
    lbk__canvas_line(c, (struct stroke){ -9e9, 1, 9e9, 1, 2 }, INK);
    assert_true(same(dot(c, 0, 0), INK) && same(dot(c, 39, 1), INK));
}

static void pictures_are_stretched(void **state)
{
    struct fixture *f = *state;
    struct canvas *c = &f->c, small;
    assert_ok(&f->heard, lbk__canvas_create(f->ctx, 2, 2, RGB(0, 0, 0), &small));
    lbk__canvas_dot(&small, 1, 0, RGB(200, 100, 0));
    lbk__canvas_blit(c, (struct area){ 0, 0, 8, 8 }, &small, CANVAS_NEAREST);
    assert_true(same(dot(c, 4, 3), RGB(200, 100, 0)) && same(dot(c, 3, 3), RGB(0, 0, 0)));
    lbk__canvas_blit(c, (struct area){ 10, 10, 1, 1 }, &small, CANVAS_MEAN);
    assert_true(same(dot(c, 10, 10), RGB(50, 25, 0)));
    lbk__canvas_blit(c, (struct area){ -1, 18, 2, 2 }, &small, CANVAS_MEAN);
    assert_true(same(dot(c, 0, 18), RGB(200, 100, 0)) && same(dot(c, 0, 19), RGB(0, 0, 0)));
    free(small.data);
}

static void letters_are_what_they_look_like(void **state)
{
    struct canvas *c = &((struct fixture *) *state)->c;
    lbk__canvas_text(c, 0, 0, 1, INK, "L");
    assert_int_equal(inked(c), 7 + 4);
    for (int64_t i = 0; i < 7; i++)
        assert_true(same(dot(c, 0, 1 + i), INK));
    for (int64_t i = 0; i < 5; i++)
        assert_true(same(dot(c, i, 7), INK));
    lbk__canvas_text(c, 8, 0, 2, INK, ".");
    assert_int_equal(inked(c), 7 + 4 + 4 * 4);
    assert_true(same(dot(c, 12, 12), INK) && same(dot(c, 15, 15), INK));
}

static void every_character_has_a_shape_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct canvas c[95];
    for (int i = 0; i < 95; i++) {
        const char text[] = { (char) (32 + i), 0 };
        assert_ok(&f->heard, lbk__canvas_create(f->ctx, 6, 11, PAPER, &c[i]));
        lbk__canvas_text(&c[i], 0, 0, 1, INK, text);
        assert_true(i == 0 ? inked(&c[i]) == 0 : inked(&c[i]) > 1);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(c[i].data, c[k].data, 3 * 6 * 11);
    }
    for (int i = 0; i < 95; i++)
        free(c[i].data);
}

static void text_beyond_ascii_is_boxes(void **state)
{
    struct canvas *c = &((struct fixture *) *state)->c;
    assert_int_equal(lbk__text_width(1, ""), 0);
    assert_int_equal(lbk__text_width(1, "ab"), 11);
    assert_int_equal(lbk__text_width(3, "\xc3\xa4x"), 33);
    lbk__canvas_text(c, 0, 0, 1, INK, "\xc3\xa4");
    assert_int_equal(inked(c), 2 * 5 + 2 * 5);
}

static void labels_have_a_place_and_are_cut(void **state)
{
    struct canvas *c = &((struct fixture *) *state)->c;
    const struct area a = { 0, 0, 40, 20 };
    lbk__canvas_label(c, a, &(struct label){ "I", 1, TEXT_RIGHT, INK });
    assert_true(same(dot(c, 37, 6), INK) && same(dot(c, 37, 12), INK));
    assert_int_equal(inked(c), 7 + 2 + 2);
    lbk__canvas_fill(c, a, PAPER);
    lbk__canvas_label(c, a, &(struct label){ "llllllllllll", 1, TEXT_LEFT, INK });
    /* four letters and two dots are 35 wide */
    assert_int_equal(inked(c), 4 * (7 + 3) + 2 * 4);
}

#ifdef LBK_HAVE_IMAGE
static void a_saved_picture_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct image m;
    unsigned char *file;
    size_t n;
    const struct image_text text[] = { { "Title", "what it shows" }, { NULL, NULL } };
    lbk__canvas_fill(&f->c, (struct area){ 3, 4, 5, 6 }, RGB(1, 2, 3));
    assert_ok(&f->heard, lbk__canvas_save(f->ctx, "a.png", &f->c, text));
    assert_ok(&f->heard, lbk__image_read(f->ctx, "a.png", IMAGE_COLOUR, &m));
    assert_true(m.w == 40 && m.h == 20 && m.channels == 3);
    assert_memory_equal(m.data, f->c.data, 40 * 20 * 3);
    free(m.data);
    assert_ok(&f->heard, lbk__file_read(f->ctx, "a.png", 1 << 20, &file, &n));
    assert_non_null(memmem(file, n, "tEXtTitle\0what it shows", 23));
    free(file);
    assert_int_equal(lbk__canvas_save(f->ctx, "no/such/folder.png", &f->c, NULL), LBK_EIO);
}
#endif

/* ---- colours ---- */

static void turbo_goes_from_blue_by_green_to_red(void **state)
{
    const struct rgb a = lbk__turbo(0.12), b = lbk__turbo(0.5), c = lbk__turbo(0.9);
    assert_true(a.b > a.r + 60 && b.g > b.r + 60 && b.g > b.b + 60 && c.r > c.b + 120);
    /* the polynomial as Python evaluates it */
    assert_true(same(lbk__turbo(64 / 255.0), RGB(37, 206, 207)));
    assert_true(same(lbk__turbo(128 / 255.0), RGB(167, 246, 72)));
    assert_true(same(lbk__turbo(192 / 255.0), RGB(255, 119, 28)));
    assert_true(same(lbk__turbo(-3), lbk__turbo(0)) && same(lbk__turbo(9), lbk__turbo(1)));
}

static void heat_and_grey_grow_brighter(void **state)
{
    for (int i = 1; i <= 100; i++) {
        const struct rgb a = lbk__heat((i - 1) / 100.0), b = lbk__heat(i / 100.0);
        assert_true(b.r + b.g + b.b > a.r + a.g + a.b);
        assert_true(lbk__grey(i / 100.0).g > lbk__grey((i - 1) / 100.0).g);
    }
    assert_true(same(lbk__heat(0), RGB(0, 0, 0)) && same(lbk__heat(1), RGB(255, 255, 255)));
    assert_true(same(lbk__heat(NAN), RGB(0, 0, 0)));
}

static int apart(struct rgb a, struct rgb b)
{
    return abs(a.r - b.r) + abs(a.g - b.g) + abs(a.b - b.b);
}

static void classes_are_told_apart(void **state)
{
    for (int i = 0; i < 40; i++)
        for (int k = 0; k < i; k++)
            assert_true(apart(lbk__class_colour(i), lbk__class_colour(k)) >= (i < 12 ? 90 : 45));
    assert_true(same(lbk__class_colour(-1), NOTHING));
    assert_true(apart(lbk__class_colour(40), lbk__class_colour(0)) > 60);
    assert_true(same(lbk__class_colour(200), lbk__class_colour(40)));
}

static void steps_are_nice(void **state)
{
    assert_true(lbk__nice_step(10, 5) == 2 && lbk__nice_step(10, 4) == 5);
    assert_true(fabs(lbk__nice_step(0.93, 5) - 0.2) < 1e-15 && lbk__nice_step(7.9, 8) == 1);
    assert_true(lbk__nice_step(1e6, 1) == 1e6 && lbk__nice_step(1.01e6, 1) == 2e6);
    assert_true(lbk__nice_step(0, 4) == 0 && lbk__nice_step(INFINITY, 4) == 0);
}

static void a_scale_reads_upwards(void **state)
{
    struct fixture *f = *state;
    const struct scale s = { 0.5, 4, "m", lbk__turbo };
    struct canvas c;
    assert_ok(&f->heard, lbk__canvas_create(f->ctx, 60, 112, PAPER, &c));
    lbk__canvas_scale(&c, (struct area){ 0, 0, 60, 112 }, &s, 1);
    assert_true(same(dot(&c, 5, 13), lbk__turbo(1 - 1 / 99.0)));
    assert_true(same(dot(&c, 5, 110), lbk__turbo(1 / 99.0)));
    /* ticks of 0.5, 1, .. 4 m: the bar's rows 99, .. 0 */
    int ticks = 0;
    for (int64_t y = 12; y < 112; y++)
        ticks += same(dot(&c, 12, y), INK) && same(dot(&c, 13, y), INK);
    assert_int_equal(ticks, 8);
    assert_true(same(dot(&c, 13, 12), INK) && same(dot(&c, 13, 111), INK));
    assert_int_equal(lbk__scale_width(&s, 112, 1), 12 + 4 + 4 + 17);
    free(c.data);
}

static void a_legend_fills_columns(void **state)
{
    struct fixture *f = *state;
    const struct legend_entry at[] = { { lbk__class_colour(0), "sky" },
                                       { lbk__class_colour(1), "road" },
                                       { lbk__class_colour(2), "car" } };
    const struct legend l = { 3, at };
    struct canvas c;
    assert_ok(&f->heard, lbk__canvas_create(f->ctx, 100, 28, PAPER, &c));
    assert_int_equal(lbk__legend_height(&l, 100, 1), 28);
    assert_int_equal(lbk__legend_height(&l, 50, 1), 3 * 14);
    lbk__canvas_legend(&c, (struct area){ 0, 0, 100, 28 }, &l, 1);
    for (int i = 0; i < 3; i++)
        assert_true(same(dot(&c, 6 + i % 2 * 47, 7 + i / 2 * 14), at[i].colour));
    free(c.data);
}

static void all_of_it_is_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    const struct legend_entry at[] = { { lbk__class_colour(3), "one" },
                                       { lbk__class_colour(41), "other" } };
    struct canvas c;
    assert_ok(&f->heard, lbk__canvas_create(f->ctx, 160, 120, PAPER, &c));
    lbk__canvas_scale(&c, (struct area){ 110, 4, 50, 100 },
                      &(struct scale){ 0.3, 9.7, "m", lbk__heat }, 1);
    lbk__canvas_legend(&c, (struct area){ 2, 100, 100, 20 }, &(struct legend){ 2, at }, 1);
    for (int i = 0; i < 12; i++)
        lbk__canvas_line(&c, (struct stroke){ 50, 40, 50 + 4 * i, 90 - 7 * i, 0.5 + 0.2 * i },
                         lbk__class_colour(i));
    lbk__canvas_label(&c, (struct area){ 2, 2, 100, 16 },
                      &(struct label){ "Aq {1.5 m}", 2, TEXT_CENTRE, INK });
    lbk__canvas_blit(&c, (struct area){ 2, 20, 25, 33 }, &f->c, CANVAS_MEAN);
    assert_hash(&c, "69afcd320ba561a6f93f0f409dc53769c65c8aa5b945947f2da1d35aa668400f");
    free(c.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(sizes_have_limits),
        T(rectangles_are_cut_off),
        T(a_frame_is_hollow),
        T(lines_have_a_width_and_smooth_edges),
        T(pictures_are_stretched),
        T(letters_are_what_they_look_like),
        T(every_character_has_a_shape_of_its_own),
        T(text_beyond_ascii_is_boxes),
        T(labels_have_a_place_and_are_cut),
#ifdef LBK_HAVE_IMAGE
        T(a_saved_picture_is_read_back),
#endif
        T(turbo_goes_from_blue_by_green_to_red),
        T(heat_and_grey_grow_brighter),
        T(classes_are_told_apart),
        T(steps_are_nice),
        T(a_scale_reads_upwards),
        T(a_legend_fills_columns),
        T(all_of_it_is_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
