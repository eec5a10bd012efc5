/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "file.h"
#include "image.h"
#ifdef LBK_HAVE_IMAGE
# include <inttypes.h>
# include <png.h>
# include <setjmp.h>
# include <stdio.h>
# include <turbojpeg.h>
# include "source.h"

enum { FILE_MAX = 512 << 20, JPEG_PIXELS_MAX = 64 << 20, WHY = 128 };

/* Everything that a jump out of a library must not lose. */
struct job {
    lbk_ctx *ctx;
    const char *path;
    const unsigned char *bytes; /* of the file */
    size_t n, at;
    enum image_kind kind;
    struct image out;
    png_structp png;
    png_infop info;
    png_bytep *rows;
    char why[WHY];
};

static lbk_status wrong(struct job *j, const char *expected, const char *found)
{
    return lbk_fail(j->ctx, LBK_EFORMAT, "%s: expected %s, found %s", j->path, expected, found);
}

static lbk_status check_size(struct job *j, uint64_t w, uint64_t h, uint64_t most)
{
    char text[64];
    if (w && h && w <= SOURCE_SIDE_MAX && h <= SOURCE_SIDE_MAX && w * h <= most)
        return LBK_OK;
    snprintf(text, sizeof text, "%" PRIu64 " x %" PRIu64, w, h);
    return wrong(j, "an image of at most 16384 a side and 2^27 pixels (JPEG: 2^26)", text);
}

static lbk_status make_room(struct job *j, uint64_t h, uint64_t w, int channels, int bits)
{
    j->out = (struct image){ (int64_t) h, (int64_t) w, channels, bits, NULL };
    j->out.data = malloc(h * w * (uint64_t) channels * (uint64_t) (bits / 8));
    return j->out.data ? LBK_OK
                       : lbk_fail(j->ctx, LBK_ENOMEM,
                                  "%s: out of memory for %" PRIu64 " x %" PRIu64, j->path, w, h);
}

/* ---- PNG ---- */

static void on_error(png_structp png, png_const_charp text)
{
    struct job *j = png_get_error_ptr(png);
    snprintf(j->why, sizeof j->why, "%s", text);
    png_longjmp(png, 1);
}
static void on_warning(png_structp png, png_const_charp text) { (void) png, (void) text; }

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct job *j = png_get_io_ptr(png);
    if (n > j->n - j->at)
        png_error(png, "the file ends too early");
    memcpy(to, j->bytes + j->at, n);
    j->at += n;
}

/* What libpng is to make of the pixels; returns the channels, 0 = it is no map. */
static int set_up_png(struct job *j, int *bits)
{
    const int colour = png_get_color_type(j->png, j->info),
              depth = png_get_bit_depth(j->png, j->info);
    *bits = 8;
    if (j->kind == IMAGE_VALUES) {
        if (colour != PNG_COLOR_TYPE_GRAY && colour != PNG_COLOR_TYPE_PALETTE)
            return 0;
        png_set_packing(j->png);
        *bits = depth == 16 ? 16 : 8;
        const uint16_t one = 1;
        if (depth == 16 && *(const unsigned char *) &one)
            png_set_swap(j->png);
        return 1;
    }
    png_set_expand(j->png);
    png_set_scale_16(j->png);
    png_set_strip_alpha(j->png);
    return colour & PNG_COLOR_MASK_COLOR ? 3 : 1;
}

/* Between setjmp and here nothing but the job changes. */
static lbk_status decode_png(struct job *j)
{
    int bits;
    png_read_info(j->png, j->info);
    const uint64_t w = png_get_image_width(j->png, j->info),
                   h = png_get_image_height(j->png, j->info);
    lbk_status st = check_size(j, w, h, (uint64_t) SOURCE_PIXELS_MAX);
    if (st)
        return st;
    if (w * h > (16u << 20) && w * h / 1000 > j->n)
        return wrong(j, "at most a thousand pixels in a byte of a file", "more");
    const int channels = set_up_png(j, &bits);
    if (!channels)
        return wrong(j, "one channel of values or palette indices", "colours");
    png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    const size_t row = (size_t) w * (size_t) channels * (size_t) (bits / 8);
    if (png_get_rowbytes(j->png, j->info) != row)
        return wrong(j, "pixels of 8 or 16 bits", "others");
    st = make_room(j, h, w, channels, bits);
    j->rows = st ? NULL : malloc(h * sizeof *j->rows);
    if (!j->rows)
        return st ? st : lbk_fail(j->ctx, LBK_ENOMEM, "%s: out of memory", j->path);
    for (uint64_t y = 0; y < h; y++)
        j->rows[y] = (png_bytep) j->out.data + y * row;
    png_read_image(j->png, j->rows);
    png_read_end(j->png, NULL);
    return LBK_OK;
}

static lbk_status read_png(struct job *j)
{
    lbk_status st;
    j->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, j, on_error, on_warning);
    j->info = j->png ? png_create_info_struct(j->png) : NULL;
    if (!j->info) {
        st = lbk_fail(j->ctx, LBK_ENOMEM, "%s: out of memory", j->path);
    } else if (setjmp(png_jmpbuf(j->png))) {
        st = wrong(j, "a whole PNG file", j->why);
    } else {
        png_set_user_limits(j->png, SOURCE_SIDE_MAX, SOURCE_SIDE_MAX);
        png_set_chunk_cache_max(j->png, 128);
        png_set_chunk_malloc_max(j->png, 8 << 20);
        png_set_crc_action(j->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
        png_set_read_fn(j->png, j, on_read);
        st = decode_png(j);
    }
    png_destroy_read_struct(&j->png, &j->info, NULL);
    free(j->rows);
    return st;
}

/* ---- JPEG ---- */

static lbk_status decode_jpeg(struct job *j, tjhandle t)
{
    int w = 0, h = 0, sampling = 0, space = 0;
    const unsigned long n = (unsigned long) j->n;
    if (tjDecompressHeader3(t, j->bytes, n, &w, &h, &sampling, &space))
        return wrong(j, "a JPEG file", tjGetErrorStr2(t));
    lbk_status st = check_size(j, (uint64_t) w, (uint64_t) h, JPEG_PIXELS_MAX);
    if (st)
        return st;
    if ((uint64_t) w * (uint64_t) h > (16u << 20) && (uint64_t) w * (uint64_t) h / 1000 > j->n)
        return wrong(j, "at most a thousand pixels in a byte of a file", "more");
    if (space == TJCS_CMYK || space == TJCS_YCCK)
        return wrong(j, "grey or colour", "four channels");
    const bool grey = space == TJCS_GRAY;
    st = make_room(j, (uint64_t) h, (uint64_t) w, grey ? 1 : 3, 8);
    if (st)
        return st;
    if (tjDecompress2(t, j->bytes, n, j->out.data, w, 0, h, grey ? TJPF_GRAY : TJPF_RGB,
                      TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS))
        return wrong(j, "a whole JPEG file", tjGetErrorStr2(t));
    return LBK_OK;
}

static lbk_status read_jpeg(struct job *j)
{
    if (j->kind == IMAGE_VALUES)
        return wrong(j, "a PNG file of labels or values", "a JPEG file, which keeps neither");
    tjhandle t = tjInitDecompress();
    if (!t)
        return lbk_fail(j->ctx, LBK_ENOMEM, "%s: out of memory", j->path);
    const lbk_status st = decode_jpeg(j, t);
    tjDestroy(t);
    return st;
}

lbk_status lbk__image_read(lbk_ctx *ctx, const char *path, enum image_kind kind, struct image *out)
{
    unsigned char *bytes;
    struct job j = { .ctx = ctx, .path = path, .kind = kind };
    *out = j.out;
    lbk_status st = lbk__file_read(ctx, path, FILE_MAX, &bytes, &j.n);
    if (st)
        return st;
    j.bytes = bytes;
    if (j.n > 8 && !png_sig_cmp(bytes, 0, 8))
        st = read_png(&j);
    else if (j.n > 3 && bytes[0] == 0xff && bytes[1] == 0xd8)
        st = read_jpeg(&j);
    else
        st = wrong(&j, "a PNG or JPEG file", j.n ? "another" : "nothing");
    free(bytes);
    if (st)
        free(j.out.data), j.out.data = NULL;
    *out = j.out;
    return st;
}

/* ---- writing ---- */

static void on_write(png_structp png, png_bytep from, size_t n)
{
    struct bytes *b = png_get_io_ptr(png);
    if (n > b->cap - b->n) {
        const size_t cap = 2 * b->cap + n + 4096;
        unsigned char *data = realloc(b->data, cap);
        if (!data)
            png_error(png, "out of memory");
        b->data = data, b->cap = cap;
    }
    memcpy(b->data + b->n, from, n);
    b->n += n;
}
static void on_flush(png_structp png) { (void) png; }

static void put_text(png_structp png, png_infop info, const struct image_text *text)
{
    for (; text && text->key; text++) {
        png_text t = { .compression = PNG_TEXT_COMPRESSION_NONE,
                       .key = (char *) (uintptr_t) text->key,
                       .text = (char *) (uintptr_t) text->value };
        png_set_text(png, info, &t, 1);
    }
}

static void encode_png(png_structp png, png_infop info, const struct image *m,
                       const struct image_text *text)
{
    const size_t row = (size_t) m->w * (size_t) m->channels * (size_t) (m->bits / 8);
    const uint16_t one = 1;
    png_set_IHDR(png, info, (png_uint_32) m->w, (png_uint_32) m->h, m->bits,
                 m->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    put_text(png, info, text);
    png_write_info(png, info);
    if (m->bits == 16 && *(const unsigned char *) &one)
        png_set_swap(png);
    for (int64_t y = 0; y < m->h; y++)
        png_write_row(png, (png_const_bytep) m->data + (size_t) y * row);
    png_write_end(png, NULL);
}

static lbk_status write_png(struct job *j, const struct image *m, const struct image_text *text,
                            struct bytes *out)
{
    lbk_status st;
    j->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, j, on_error, on_warning);
    j->info = j->png ? png_create_info_struct(j->png) : NULL;
    if (!j->info) {
        st = lbk_fail(j->ctx, LBK_ENOMEM, "%s: out of memory", j->path);
    } else if (setjmp(png_jmpbuf(j->png))) {
        st = lbk_fail(j->ctx, LBK_EINVAL, "%s: cannot be made a PNG file: %s", j->path, j->why);
    } else {
        png_set_write_fn(j->png, out, on_write, on_flush);
        encode_png(j->png, j->info, m, text);
        st = LBK_OK;
    }
    png_destroy_write_struct(&j->png, &j->info);
    return st;
}

lbk_status lbk__image_encode_png(lbk_ctx *ctx, const char *name, const struct image *m,
                                 const struct image_text *text, struct bytes *out)
{
    struct job j = { .ctx = ctx, .path = name };
    *out = (struct bytes){ 0 };
    lbk_status st = check_size(&j, (uint64_t) m->w, (uint64_t) m->h, (uint64_t) SOURCE_PIXELS_MAX);
    if (!st)
        st = write_png(&j, m, text, out);
    if (st)
        free(out->data), *out = (struct bytes){ 0 };
    return st;
}

#else

lbk_status lbk__image_read(lbk_ctx *ctx, const char *path, enum image_kind kind, struct image *out)
{
    *out = (struct image){ 0 };
    return lbk_fail(ctx, LBK_EUNSUPPORTED,
                    "%s: expected a build with PNG and JPEG, found one made with -Dimage=disabled",
                    path);
}

lbk_status lbk__image_encode_png(lbk_ctx *ctx, const char *name, const struct image *image,
                                 const struct image_text *text, struct bytes *out)
{
    *out = (struct bytes){ 0 };
    return lbk_fail(ctx, LBK_EUNSUPPORTED,
                    "%s: expected a build with PNG and JPEG, found one made with -Dimage=disabled",
                    name);
}

#endif

lbk_status lbk__image_write_png(lbk_ctx *ctx, const char *path, const struct image *m,
                                const struct image_text *text)
{
    struct bytes b;
    lbk_status st = lbk__image_encode_png(ctx, path, m, text, &b);
    if (!st)
        st = lbk__file_write(ctx, path, b.data, b.n);
    free(b.data);
    return st;
}

bool lbk__image_able(void)
{
#ifdef LBK_HAVE_IMAGE
    return true;
#else
    return false;
#endif
}
