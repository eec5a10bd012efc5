/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "small_data.h"
#include "image.h"
#include "record.h"

#ifdef LBK_HAVE_IMAGE
# include <png.h>
# include <turbojpeg.h>
# include <zlib.h>

struct fixture {
    struct heard heard;
    lbk_ctx *ctx;
    char *folder;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ctx = quiet_ctx(&f->heard);
    f->folder = enter_folder();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lbk_ctx_destroy(&f->ctx);
    leave_folder(f->folder);
    free(f);
    return 0;
}

static size_t slurp(const char *name, unsigned char *to, size_t cap)
{
    FILE *in = fopen(name, "rb");
    assert_non_null(in);
    const size_t n = fread(to, 1, cap, in);
    fclose(in);
    assert_true(n < cap);
    return n;
}

static void there_and_back(struct fixture *f, int64_t h, int64_t w, int channels, int bits,
                           enum image_kind kind)
{
    const size_t n = (size_t) (h * w * channels * bits / 8);
    struct image m = { h, w, channels, bits, malloc(n) }, back;
    for (size_t i = 0; i < n; i++)
        ((unsigned char *) m.data)[i] = (unsigned char) (31 * i + 7);
    assert_ok(&f->heard, lbk__image_write_png(f->ctx, "a.png", &m, NULL));
    assert_ok(&f->heard, lbk__image_read(f->ctx, "a.png", kind, &back));
    assert_true(back.h == h && back.w == w && back.channels == channels && back.bits == bits);
    assert_memory_equal(back.data, m.data, n);
    free(back.data);
    free(m.data);
}

static void png_there_and_back(void **state)
{
    struct fixture *f = *state;
    there_and_back(f, 5, 7, 3, 8, IMAGE_COLOUR);
    there_and_back(f, 5, 7, 1, 8, IMAGE_COLOUR);
    there_and_back(f, 3, 1, 1, 8, IMAGE_VALUES);
    there_and_back(f, 4, 6, 1, 16, IMAGE_VALUES);
}

/* 4 bits a pixel: indices 0 .. 11 stay indices, or become colours. */
static void write_palette(const char *name)
{
    FILE *out = fopen(name, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color colours[12];
    for (int i = 0; i < 12; i++)
        colours[i] = (png_color){ (png_byte) (20 * i), (png_byte) i, 255 };
    png_init_io(png, out);
    png_set_IHDR(png, info, 4, 3, 4, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, 0, 0);
    png_set_PLTE(png, info, colours, 12);
    png_write_info(png, info);
    for (int y = 0; y < 3; y++)
        png_write_row(png, (png_byte[]){ (png_byte) (y * 4 << 4 | (y * 4 + 1)),
                                         (png_byte) ((y * 4 + 2) << 4 | (y * 4 + 3)) });
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(out);
}

static void palettes(void **state)
{
    struct fixture *f = *state;
    struct image m;
    write_palette("p.png");
    assert_ok(&f->heard, lbk__image_read(f->ctx, "p.png", IMAGE_VALUES, &m));
    assert_true(m.channels == 1 && m.h == 3 && m.w == 4);
    for (int i = 0; i < 12; i++)
        assert_int_equal(((unsigned char *) m.data)[i], i);
    free(m.data);
    assert_ok(&f->heard, lbk__image_read(f->ctx, "p.png", IMAGE_COLOUR, &m));
    assert_int_equal(m.channels, 3);
    for (int i = 0; i < 12; i++)
        assert_int_equal(((unsigned char *) m.data)[3 * i], 20 * i);
    free(m.data);
}

static void write_jpeg(const char *name, int w, int h)
{
    unsigned char *rgb = malloc((size_t) (3 * w * h)), *out = NULL;
    unsigned long n = 0;
    for (int i = 0; i < 3 * w * h; i++)
        rgb[i] = (unsigned char) (i % 3 == 0 ? 200 : i / 3 % w * 255 / w);
    tjhandle t = tjInitCompress();
    assert_int_equal(tjCompress2(t, rgb, w, 0, h, TJPF_RGB, &out, &n, TJSAMP_444, 95, 0), 0);
    write_bytes(name, out, n);
    tjFree(out);
    tjDestroy(t);
    free(rgb);
}

static void jpegs(void **state)
{
    struct fixture *f = *state;
    struct image m;
    write_jpeg("a.jpg", 16, 9);
    assert_ok(&f->heard, lbk__image_read(f->ctx, "a.jpg", IMAGE_COLOUR, &m));
    assert_true(m.h == 9 && m.w == 16 && m.channels == 3);
    for (int i = 0; i < 9 * 16; i++)
        assert_in_range(((unsigned char *) m.data)[3 * i], 190, 210);
    free(m.data);
    assert_refused(&f->heard, lbk__image_read(f->ctx, "a.jpg", IMAGE_VALUES, &m), LBK_EFORMAT,
                   "expected a PNG file of labels");
}

/* Cut anywhere: refused with one line. */
static void cut_files(void **state)
{
    struct fixture *f = *state;
    static unsigned char all[20000];
    struct image m;
    there_and_back(f, 9, 13, 3, 8, IMAGE_COLOUR);
    write_jpeg("a.jpg", 24, 17);
    for (int k = 0; k < 2; k++) {
        const size_t n = slurp(k ? "a.jpg" : "a.png", all, sizeof all);
        for (size_t at = 0; at < n; at += k ? 3 : 1) {
            write_bytes("cut", all, at);
            assert_refused(&f->heard, lbk__image_read(f->ctx, "cut", IMAGE_COLOUR, &m), LBK_EFORMAT,
                           "cut: expected ");
            assert_null(m.data);
        }
    }
}

/* Every byte of a PNG file is under a checksum. */
static void bent_files(void **state)
{
    struct fixture *f = *state;
    static unsigned char all[20000];
    struct image m;
    there_and_back(f, 4, 5, 1, 8, IMAGE_COLOUR);
    const size_t n = slurp("a.png", all, sizeof all);
    for (size_t at = 0; at < n; at++) {
        all[at] ^= 0x55;
        write_bytes("bent", all, n);
        assert_refused(&f->heard, lbk__image_read(f->ctx, "bent", IMAGE_COLOUR, &m), LBK_EFORMAT,
                       "bent: expected ");
        all[at] ^= 0x55;
    }
}

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char) (v >> (24 - 8 * i));
}

/* A PNG header that is sound but for its claim. */
static void claims(struct fixture *f, uint32_t w, uint32_t h, const char *words)
{
    static unsigned char all[20000];
    struct image m;
    const size_t n = slurp("a.png", all, sizeof all);
    put32(all + 16, w);
    put32(all + 20, h);
    put32(all + 29, (uint32_t) crc32(crc32(0, NULL, 0), all + 12, 17));
    write_bytes("lie", all, n);
    assert_refused(&f->heard, lbk__image_read(f->ctx, "lie", IMAGE_COLOUR, &m), LBK_EFORMAT, words);
}

static void lies(void **state)
{
    struct fixture *f = *state;
    struct image m;
    static unsigned char all[20000];
    there_and_back(f, 4, 5, 1, 8, IMAGE_COLOUR);
    claims(f, 16385, 1, "lie: expected ");
    claims(f, 30000, 30000, "lie: expected ");
    claims(f, 16384, 16384, "found 16384 x 16384");
    claims(f, 8192, 8192, "at most a thousand pixels in a byte");
    claims(f, 0, 4, "lie: expected ");
    claims(f, 5, 400, "lie: expected ");
    write_jpeg("a.jpg", 16, 9);
    const size_t n = slurp("a.jpg", all, sizeof all);
    for (size_t i = 0; i + 9 < n; i++)
        if (all[i] == 0xff && all[i + 1] == 0xc0)
            memcpy(all + i + 5, (unsigned char[]){ 0xff, 0xff, 0xff, 0xff }, 4);
    write_bytes("lie.jpg", all, n);
    assert_refused(&f->heard, lbk__image_read(f->ctx, "lie.jpg", IMAGE_COLOUR, &m), LBK_EFORMAT,
                   "lie.jpg: expected ");
    write_bytes("text.png", "hello", 5);
    assert_refused(&f->heard, lbk__image_read(f->ctx, "text.png", IMAGE_COLOUR, &m), LBK_EFORMAT,
                   "a PNG or JPEG file");
    assert_refused(&f->heard, lbk__image_read(f->ctx, "none.png", IMAGE_COLOUR, &m), LBK_ENOENT,
                   "none.png");
}

/* ---- the source of pairs ---- */

static void put_png(struct fixture *f, const char *name, int channels, int bits, int value)
{
    unsigned char p[2 * 3 * 3 * 2] = { 0 };
    const struct image m = { 2, 3, channels, bits, p };
    for (int i = 0; i < 6 * channels; i++)
        if (bits == 16)
            ((uint16_t *) (void *) p)[i] = (uint16_t) value;
        else
            p[i] = (unsigned char) value;
    assert_ok(&f->heard, lbk__image_write_png(f->ctx, name, &m, NULL));
}

static void masks(void **state)
{
    struct fixture *f = *state;
    const char *const text = "pairs,images=i,labels=l,kind=mask,classes=4,ignore=9";
    struct data *d;
    lbk_record *r;
    struct lbk_array a;
    mkdir("i", 0700), mkdir("l", 0700);
    put_png(f, "i/b.png", 3, 8, 51), put_png(f, "l/b.png", 1, 8, 3);
    put_png(f, "i/a.png", 1, 8, 255), put_png(f, "l/a.png", 1, 8, 9);
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &d));
    assert_int_equal(d->n, 2);
    for (int i = 0; i < 2; i++) {
        assert_ok(&f->heard, lbk__data_read(d, i, r));
        assert_ok(&f->heard, lbk_record_get(r, "image", LBK_F32, &a));
        assert_int_equal(lbk_shape_count(a.shape), 18);
        assert_true(((float *) a.data)[17] == (i ? 0.2f : 1));
        assert_ok(&f->heard, lbk_record_get(r, "label", LBK_I32, &a));
        assert_int_equal(((int32_t *) a.data)[5], i ? 3 : 9);
    }
    put_png(f, "l/a.png", 1, 8, 4);
    assert_refused(&f->heard, lbk__data_read(d, 0, r), LBK_EFORMAT,
                   "l/a.png: expected labels 0..3 or 9, found 4 in row 0");
    unlink("l/a.png");
    assert_refused(&f->heard, lbk__data_read(d, 0, r), LBK_ENOENT, "l/a.png");
    lbk__data_close(&d);
    assert_refused(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &d), LBK_EFORMAT,
                   "i/a.png: expected a partner a.png in l, found none");
    write_bytes("list", "b x\n# c\nz\n", 10);
    const struct lbk_setting list = { "list", "list" };
    assert_refused(&f->heard, lbk__data_open(f->ctx, text, 1, &list, DATA_TRAIN, &d), LBK_EFORMAT,
                   "list: expected the name");
    write_bytes("list", "b x\n", 4);
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 1, &list, DATA_TRAIN, &d));
    assert_int_equal(d->n, 1);
    lbk__data_close(&d);
    lbk__record_destroy(&r);
}

static void depths_and_classes(void **state)
{
    struct fixture *f = *state;
    struct data *d;
    lbk_record *r;
    struct lbk_array a;
    mkdir("i", 0700), mkdir("i/cat", 0700), mkdir("i/ant", 0700), mkdir("l", 0700);
    put_png(f, "i/a.png", 3, 8, 51), put_png(f, "l/a.png", 1, 16, 2500);
    put_png(f, "i/cat/x.png", 3, 8, 0), put_png(f, "i/ant/x.png", 1, 8, 0);
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_open(f->ctx, "pairs,images=i,labels=l,kind=depth", 0, NULL,
                                        DATA_TRAIN, &d));
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_ok(&f->heard, lbk_record_get(r, "depth", LBK_F32, &a));
    assert_true(a.shape.n == 3 && ((float *) a.data)[0] == 2.5f);
    lbk__data_close(&d);
    static const int steps[] = { 0, 1, 40000, 65535 };
    for (int i = 0; i < 4; i++) {
        put_png(f, "l/a.png", 1, 16, steps[i]);
        assert_ok(&f->heard,
                  lbk__data_open(f->ctx,
                                 "pairs,images=i,labels=l,kind=depth,scale=0.0002,offset=0.5", 0,
                                 NULL, DATA_TRAIN, &d));
        assert_ok(&f->heard, lbk__data_read(d, 0, r));
        assert_ok(&f->heard, lbk_record_get(r, "depth", LBK_F32, &a));
        for (int64_t k = 0; k < lbk_shape_count(a.shape); k++)
            assert_true(((float *) a.data)[k] ==
                        (steps[i] ? (float) (steps[i] * 0.0002 + 0.5) : 0));
        lbk__data_close(&d);
    }
    assert_ok(&f->heard, lbk__data_open(f->ctx, "pairs,images=i", 0, NULL, DATA_TRAIN, &d));
    assert_true(d->n == 2 && d->fields[1].classes == 2 && lbk__data_id(d, 0) != lbk__data_id(d, 1));
    for (int i = 0; i < 2; i++) {
        assert_ok(&f->heard, lbk__data_read(d, i, r));
        assert_ok(&f->heard, lbk_record_get(r, "label", LBK_I32, &a));
        assert_int_equal(*(int32_t *) a.data, i);
    }
    lbk__data_close(&d);
    assert_refused(&f->heard,
                   lbk__data_open(f->ctx, "pairs,images=i,classes=3", 0, NULL, DATA_TRAIN, &d),
                   LBK_EFORMAT, "i: expected 3 folders, one for each class, found 2");
    assert_refused(&f->heard, lbk__data_open(f->ctx, "pairs,images=j", 0, NULL, DATA_TRAIN, &d),
                   LBK_ENOENT, "j: cannot open");
    assert_refused(
        &f->heard,
        lbk__data_open(f->ctx, "pairs,images=l,kind=mask,labels=l", 0, NULL, DATA_TRAIN, &d),
        LBK_EINVAL, "data.classes");
    lbk__record_destroy(&r);
}

static int64_t open_part(struct fixture *f, const char *text, enum data_split part, uint64_t *ids)
{
    struct data *d;
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, part, &d));
    const int64_t n = d->n;
    assert_true(n <= 800);
    for (int64_t i = 0; i < n; i++)
        ids[i] = lbk__data_id(d, i);
    lbk__data_close(&d);
    return n;
}

/* The official split, 80 of it held out; in metres; what is left of a share has no labels. */
static void rooms(void **state)
{
    struct fixture *f = *state;
    static uint64_t ids[3][800];
    struct data *d;
    lbk_record *r;
    struct lbk_array a;
    const char *root = getenv("LIMBECK_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/nyu-v2/train.txt", root ? root : "");
    if (access(path, R_OK)) {
        print_message("SKIPPED: LIMBECK_DATA has no nyu-v2\n");
        skip();
    }
    const int64_t n[] = { open_part(f, "nyu_v2", DATA_TRAIN, ids[0]),
                          open_part(f, "nyu_v2", DATA_VAL, ids[1]),
                          open_part(f, "nyu_v2", DATA_TEST, ids[2]) };
    assert_true(n[0] == 715 && n[1] == 80 && n[2] == 654);
    for (int64_t i = 0; i < n[1]; i++)
        for (int k = 0; k < 3; k += 2)
            for (int64_t j = 0; j < n[k]; j++)
                assert_true(ids[1][i] != ids[k][j]);
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_open(f->ctx, "nyu_v2", 0, NULL, DATA_TEST, &d));
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_ok(&f->heard, lbk_record_get(r, "depth", LBK_F32, &a));
    assert_true(a.shape.n == 3 && a.shape.d[1] == 240 && a.shape.d[2] == 320);
    for (int64_t i = 0; i < 240 * 320; i++) {
        const double v = (double) ((float *) a.data)[i] * 255 / 9.99547 - 0.5;
        assert_true(v >= 17.99 && v <= 255.01 && fabs(v - round(v)) < 1e-3);
    }
    lbk__data_close(&d);
    assert_ok(&f->heard,
              lbk__data_open(f->ctx, "join,of=['nyu_v2,kind=none,skip=0.28','indoor_unlabelled']",
                             0, NULL, DATA_TRAIN, &d));
    assert_int_equal(d->n, 515 + 535);
    assert_null(d->fields[1].name);
    assert_ok(&f->heard, lbk__data_read(d, 1049, r));
    assert_ok(&f->heard, lbk_record_get(r, "image", LBK_F32, &a));
    lbk__data_close(&d);
    lbk__record_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(png_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(palettes, setup, teardown),
        cmocka_unit_test_setup_teardown(jpegs, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_files, setup, teardown),
        cmocka_unit_test_setup_teardown(bent_files, setup, teardown),
        cmocka_unit_test_setup_teardown(lies, setup, teardown),
        cmocka_unit_test_setup_teardown(masks, setup, teardown),
        cmocka_unit_test_setup_teardown(depths_and_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(rooms, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void says_so(void **state)
{
    struct heard h;
    lbk_ctx *ctx = quiet_ctx(&h);
    struct image m;
    (void) state;
    assert_refused(&h, lbk__image_read(ctx, "a.png", IMAGE_COLOUR, &m), LBK_EUNSUPPORTED,
                   "-Dimage=disabled");
    lbk_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(says_so) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
