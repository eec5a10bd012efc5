/* SPDX-License-Identifier: MIT */
/* Images and labels in IDX files, plain or gzipped. Format: "THE IDX FILE FORMAT" of the MNIST
 * database. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <limbeck/ctx.h>
#include "dataset.h"
#include "record.h"
#include "source.h"

struct idx {
    const char *root, *images, *labels, *val_images, *val_labels, *test_images, *test_labels;
    int64_t classes;
    int split;
};
static const struct lbk_opt opts[] = {
    LBK_STRING(idx, root, "", "folder of the files"),
    LBK_STRING(idx, images, "", "file of the training images, plain or .gz"),
    LBK_STRING(idx, labels, "", "file of their labels; none = images alone"),
    LBK_STRING(idx, val_images, "", "file of the validation images"),
    LBK_STRING(idx, val_labels, "", "file of their labels"),
    LBK_STRING(idx, test_images, "", "file of the test images"),
    LBK_STRING(idx, test_labels, "", "file of their labels"),
    LBK_INT(idx, classes, 10, 1, 256, "labels are 0 .. classes - 1"),
    LBK_ENUM(idx, split, "train", lbk__split_names, "part that is opened"),
    LBK_OPTS_END
};

struct file {
    char *path;
    int rank;
    int64_t dim[4];
    unsigned char *data;
};
struct lbk_dataset {
    lbk_ctx *ctx;
    struct file images, labels;
    struct lbk_field fields[3];
    float scale[256]; /* grey level -> 0..1 */
};

/* A stream of the bytes in the file, unpacked. */
struct in {
    lbk_ctx *ctx;
    const char *path;
    gzFile gz;
    uint64_t most;
};

static lbk_status wrong(const struct in *in, const char *expected, const char *found)
{
    return lbk_fail(in->ctx, LBK_EFORMAT, "%s: expected %s, found %s", in->path, expected, found);
}

static lbk_status open_in(lbk_ctx *ctx, const char *path, struct in *in)
{
    struct stat s = { 0 };
    unsigned char head[2] = { 0 };
    *in = (struct in){ .ctx = ctx, .path = path };
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return lbk_fail(ctx, errno == ENOENT ? LBK_ENOENT : LBK_EIO, "%s: cannot open: %s", path,
                        strerror(errno));
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        close(fd);
        return wrong(in, "a file", S_ISDIR(s.st_mode) ? "a folder" : "something else");
    }
    /* Deflate makes at most 1032 bytes of one. */
    const bool packed = pread(fd, head, 2, 0) == 2 && head[0] == 0x1f && head[1] == 0x8b;
    in->most = (uint64_t) s.st_size * (packed ? 1032 : 1);
    in->gz = gzdopen(fd, "rb");
    if (in->gz) {
        gzbuffer(in->gz, 1 << 17);
        return LBK_OK;
    }
    close(fd);
    return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
}

/* How many of n bytes there were; errors of the packing show when the file is closed. */
static uint64_t take(struct in *in, void *to, uint64_t n)
{
    uint64_t at = 0;
    while (at < n) {
        const unsigned step = n - at > (1u << 24) ? 1u << 24 : (unsigned) (n - at);
        const int got = gzread(in->gz, (unsigned char *) to + at, step);
        if (got <= 0)
            break;
        at += (uint64_t) got;
    }
    return at;
}

static lbk_status short_of(const struct in *in, uint64_t expected, uint64_t found)
{
    char a[64], b[96];
    int code = 0;
    const char *why = gzerror(in->gz, &code);
    snprintf(a, sizeof a, "%" PRIu64 " bytes", expected);
    snprintf(b, sizeof b, "%" PRIu64 "%s%.40s", found, code && code != Z_ERRNO ? ": " : "",
             code && code != Z_ERRNO ? why : "");
    return wrong(in, a, b);
}

static lbk_status read_header(struct in *in, int rank, struct file *f, uint64_t *bytes)
{
    unsigned char h[20];
    char found[64];
    const uint64_t size = 4 + 4 * (uint64_t) rank, got = take(in, h, size);
    if (got < 4)
        return short_of(in, size, got);
    if (h[0] || h[1] || h[2] != 8 || h[3] != rank) {
        snprintf(found, sizeof found, "%02x %02x %02x %02x", h[0], h[1], h[2], h[3]);
        return wrong(in,
                     rank == 3 ? "an IDX file of images (00 00 08 03)"
                               : "an IDX file of labels (00 00 08 01)",
                     found);
    }
    if (got < size)
        return short_of(in, size, got);
    f->rank = rank;
    *bytes = 1;
    for (int i = 0; i < rank; i++) {
        const unsigned char *p = h + 4 + 4 * i;
        const uint32_t d =
            (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
        f->dim[i] = d;
        snprintf(found, sizeof found, "%" PRIu32, d);
        if (!d || (i && d > SOURCE_SIDE_MAX))
            return wrong(in, i ? "an image side of 1 .. 16384" : "at least one item", found);
        if (__builtin_mul_overflow(*bytes, (uint64_t) d, bytes))
            return wrong(in, "a size that fits in memory", "more");
    }
    return *bytes + size <= in->most ? LBK_OK : short_of(in, *bytes + size, in->most);
}

static lbk_status read_body(struct in *in, struct file *f, uint64_t bytes)
{
    unsigned char extra;
    f->data = malloc(bytes);
    if (!f->data)
        return lbk_fail(in->ctx, LBK_ENOMEM, "%s: out of memory for %" PRIu64 " bytes", in->path,
                        bytes);
    const uint64_t got = take(in, f->data, bytes);
    if (got < bytes)
        return short_of(in, bytes, got);
    if (take(in, &extra, 1)) {
        char text[64];
        snprintf(text, sizeof text, "%" PRIu64 " bytes of data", bytes);
        return wrong(in, text, "more");
    }
    int code = 0;
    const char *why = gzerror(in->gz, &code);
    return code && code != Z_STREAM_END ? wrong(in, "a whole gzip file", why) : LBK_OK;
}

/* The file is one array of bytes; nothing of a size that it names is allocated before its length
 * bears it out. */
static lbk_status load(lbk_ctx *ctx, const char *root, const char *name, int rank, struct file *f)
{
    struct in in;
    uint64_t bytes = 0;
    lbk_status st = lbk__source_path(ctx, root, name, &f->path);
    if (!st)
        st = open_in(ctx, f->path, &in);
    if (st)
        return st;
    st = read_header(&in, rank, f, &bytes);
    if (!st)
        st = read_body(&in, f, bytes);
    const int code = gzclose_r(in.gz);
    if (!st && code != Z_OK)
        st = wrong(&in, "a whole gzip file", "a cut or damaged one");
    return st;
}

static lbk_status check_labels(const struct lbk_dataset *d, int64_t classes)
{
    const struct file *l = &d->labels;
    if (l->dim[0] != d->images.dim[0])
        return lbk_fail(d->ctx, LBK_EFORMAT,
                        "%s: expected %" PRId64 " labels, one per image, found %" PRId64, l->path,
                        d->images.dim[0], l->dim[0]);
    for (int64_t i = 0; i < l->dim[0]; i++)
        if (l->data[i] >= classes)
            return lbk_fail(d->ctx, LBK_EFORMAT,
                            "%s: expected labels 0..%" PRId64 ", found %d at %" PRId64, l->path,
                            classes - 1, l->data[i], i);
    return LBK_OK;
}

static lbk_status fill(struct lbk_dataset *d, const struct idx *c)
{
    const char *const images[] = { c->images, c->val_images, c->test_images };
    const char *const labels[] = { c->labels, c->val_labels, c->test_labels };
    const char *const name = lbk__split_names[c->split];
    if (!*images[c->split])
        return lbk_fail(d->ctx, LBK_ENOENT, "idx: no file of %s images: set data.%s%simages%s",
                        name, c->split ? name : "", c->split ? "_" : "",
                        c->split ? ", or how many to hold out of training" : "");
    d->fields[0] = (struct lbk_field){ "image", LBK_IMAGE, LBK_F32, 0, 0 };
    for (int i = 0; i < 256; i++)
        d->scale[i] = (float) i / 255.0f;
    lbk_status st = load(d->ctx, c->root, images[c->split], 3, &d->images);
    if (st || !*labels[c->split])
        return st;
    d->fields[1] = (struct lbk_field){ "label", LBK_CLASS, LBK_I32, c->classes, -1 };
    st = load(d->ctx, c->root, labels[c->split], 1, &d->labels);
    return st ? st : check_labels(d, c->classes);
}

static void close_idx(lbk_dataset *d)
{
    free(d->images.data);
    free(d->images.path);
    free(d->labels.data);
    free(d->labels.path);
    free(d);
}

static lbk_status open_idx(lbk_ctx *ctx, const void *cfg, lbk_dataset **out)
{
    lbk_dataset *d = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "idx: out of memory");
    d->ctx = ctx;
    const lbk_status st = fill(d, cfg);
    if (st)
        close_idx(d), d = NULL;
    *out = d;
    return st;
}

static int64_t count(const lbk_dataset *d) { return d->images.dim[0]; }
static const struct lbk_field *fields(const lbk_dataset *d) { return d->fields; }

static lbk_status read_sample(const lbk_dataset *d, int64_t i, lbk_record *r)
{
    const int64_t h = d->images.dim[1], w = d->images.dim[2];
    const unsigned char *from = d->images.data + i * h * w;
    float *to = lbk__record_room(r, "image", LBK_F32, LBK_SHAPE(1, h, w));
    if (!to)
        return LBK_ENOMEM;
    for (int64_t k = 0; k < h * w; k++)
        to[k] = d->scale[from[k]];
    if (!d->labels.data)
        return LBK_OK;
    int32_t *label = lbk__record_room(r, "label", LBK_I32, (lbk_shape){ 0 });
    if (!label)
        return LBK_ENOMEM;
    *label = d->labels.data[i];
    return LBK_OK;
}

static lbk_status hash(const lbk_dataset *d, char out[65])
{
    struct sha256 s;
    lbk__sha256_init(&s);
    lbk_status st = lbk__source_hash_file(d->ctx, d->images.path, &s);
    if (!st && d->labels.path)
        st = lbk__source_hash_file(d->ctx, d->labels.path, &s);
    lbk__sha256_hex(&s, out);
    return st;
}

const struct lbk_source lbk__idx = {
    .size = sizeof(struct lbk_source),
    .name = "idx",
    .doc = "images and labels in IDX files, as MNIST has them",
    .opts = opts,
    .cfg_size = sizeof(struct idx),
    .open = open_idx,
    .close = close_idx,
    .count = count,
    .fields = fields,
    .read = read_sample,
    .hash = hash,
};
