/* SPDX-License-Identifier: MIT */
/* A folder of images, and what belongs to each: a PNG file of the same name in another folder, or
 * its own folder's class. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "arena.h"
#include "dataset.h"
#include "files.h"
#include "image.h"
#include "record.h"
#include "source.h"

enum kind { CLASS, MASK, DEPTH, NONE };
struct pairs {
    const char *root, *images, *labels, *list, *val_images, *val_labels, *val_list, *test_images,
        *test_labels, *test_list;
    int64_t classes, ignore, channels;
    double scale, offset;
    int kind, split;
};
static const char *const kinds[] = { "class", "mask", "depth", "none", NULL };
static const struct lbk_opt opts[] = {
    LBK_STRING(pairs, root, "", "folder of the folders"),
    LBK_STRING(
        pairs, images, "",
        "folder of the training images, PNG or JPEG; of class: with a folder for each class"),
    LBK_STRING(pairs, labels, "", "folder of their masks or depths, PNG, named as the images"),
    LBK_STRING(pairs, list, "",
               "file that names the images to use, one a line, the ending left off"),
    LBK_STRING(pairs, val_images, "", "folder of the validation images"),
    LBK_STRING(pairs, val_labels, "", "folder of their masks or depths"),
    LBK_STRING(pairs, val_list, "", "file that names them, in 'images' unless val_images is set"),
    LBK_STRING(pairs, test_images, "", "folder of the test images"),
    LBK_STRING(pairs, test_labels, "", "folder of their masks or depths"),
    LBK_STRING(pairs, test_list, "", "file that names them, in 'images' unless test_images is set"),
    LBK_INT(pairs, classes, 0, 0, 1 << 16, "number of labels; 0 = as many as there are folders"),
    LBK_INT(pairs, ignore, 255, -1, 65535, "label of pixels that do not count; -1 = none"),
    LBK_INT(pairs, channels, 3, 1, 3, "of the image: 1 = grey, 3 = RGB"),
    LBK_FLOAT(pairs, scale, 0.001, 1e-9, 1e6,
              "metres in one step of a depth file, in which 0 is no measurement"),
    LBK_FLOAT(pairs, offset, 0, -1e6, 1e6, "metres added then"),
    LBK_ENUM(pairs, kind, "class", kinds, "what belongs to an image"),
    LBK_ENUM(pairs, split, "train", lbk__split_names, "part that is opened"),
    LBK_OPTS_END
};

struct sample {
    const char *image, *label;
    int64_t class_;
    uint64_t id;
};
struct lbk_dataset {
    lbk_ctx *ctx;
    struct pairs c;
    struct arena arena;
    const char *images, *labels, *list; /* paths of this part */
    struct sample *at;
    int64_t n, cap;
    struct lbk_field fields[3];
    const char **names; /* of folders that are classes */
};

static lbk_status no_memory(const lbk_dataset *d)
{
    return lbk_fail(d->ctx, LBK_ENOMEM, "pairs: out of memory");
}

/* below: what the image's name is below the folder of all of them, its ending left off. */
static lbk_status add(lbk_dataset *d, const char *image, const char *label, int64_t class_,
                      const char *below)
{
    if (!image || !below || !lbk__grow(&d->at, d->n, &d->cap, sizeof *d->at))
        return no_memory(d);
    d->at[d->n++] = (struct sample){ image, label, class_, lbk__source_id(below) };
    return LBK_OK;
}

static lbk_status add_classes(lbk_dataset *d)
{
    struct files folders, files;
    lbk_status st = lbk__files_list(d->ctx, &d->arena, d->images, FILES_FOLDERS, &folders);
    if (!st && d->c.classes && folders.n != d->c.classes)
        st = lbk_fail(d->ctx, LBK_EFORMAT,
                      "%s: expected %" PRId64 " folders, one for each class, found %" PRId64,
                      d->images, d->c.classes, folders.n);
    d->c.classes = st ? 0 : folders.n;
    if (!st)
        d->names = lbk__arena_get(&d->arena, ((size_t) folders.n + 1) * sizeof *d->names);
    if (!st && !d->names)
        st = no_memory(d);
    for (int64_t k = 0; k < d->c.classes && !st; k++)
        d->names[k] = folders.at[k].name;
    for (int64_t k = 0; k < d->c.classes && !st; k++) {
        const char *folder = lbk__arena_str(&d->arena, "%s/%s", d->images, folders.at[k].name);
        st = folder ? lbk__files_list(d->ctx, &d->arena, folder, FILES_IMAGES, &files)
                    : no_memory(d);
        for (int64_t i = 0; !st && i < files.n; i++)
            st = add(d, lbk__arena_str(&d->arena, "%s/%s", folder, files.at[i].name), NULL, k,
                     lbk__arena_str(&d->arena, "%s/%s", folders.at[k].name, files.at[i].stem));
    }
    return st;
}

static lbk_status add_pair(lbk_dataset *d, const struct file_name *image,
                           const struct files *labels)
{
    const struct file_name *label = labels ? lbk__files_find(labels, image->stem) : NULL;
    const char *path = lbk__arena_str(&d->arena, "%s/%s", d->images, image->name);
    if (labels && !label)
        return lbk_fail(d->ctx, LBK_EFORMAT, "%s: expected a partner %s.png in %s, found none",
                        path ? path : image->name, image->stem, d->labels);
    const char *partner = label ? lbk__arena_str(&d->arena, "%s/%s", d->labels, label->name) : NULL;
    return label && !partner ? no_memory(d) : add(d, path, partner, 0, image->stem);
}

/* A number stands for the image whose name is that number with zeros in front. */
static const struct file_name *listed(const struct files *images, const char *stem)
{
    char name[64] = { 0 };
    const size_t n = strlen(stem), wide = images->n ? strlen(images->at[0].stem) : 0;
    const struct file_name *f = lbk__files_find(images, stem);
    if (f || n >= wide || wide >= sizeof name || strspn(stem, "0123456789") < n)
        return f;
    memset(name, '0', wide - n);
    memcpy(name + wide - n, stem, n);
    return lbk__files_find(images, name);
}

static lbk_status add_pairs(lbk_dataset *d)
{
    struct files images, labels, chosen;
    const bool partners = d->c.kind != NONE;
    lbk_status st = lbk__files_list(d->ctx, &d->arena, d->images, FILES_IMAGES, &images);
    if (!st && partners)
        st = lbk__files_list(d->ctx, &d->arena, d->labels, FILES_IMAGES, &labels);
    if (!st && d->list)
        st = lbk__files_lines(d->ctx, &d->arena, d->list, &chosen);
    const int64_t n = st ? 0 : d->list ? chosen.n : images.n;
    for (int64_t i = 0; i < n && !st; i++) {
        const struct file_name *f = d->list ? listed(&images, chosen.at[i].stem) : &images.at[i];
        if (f)
            st = add_pair(d, f, partners ? &labels : NULL);
        else
            st = lbk_fail(d->ctx, LBK_EFORMAT,
                          "%s: expected the name of an image in %s, found '%.80s'", d->list,
                          d->images, chosen.at[i].stem);
    }
    return st;
}

/* Names of one part, made paths; a part of its own list lies in the training folders. */
static lbk_status set_paths(lbk_dataset *d)
{
    const struct pairs *c = &d->c;
    const char *const images[] = { c->images, c->val_images, c->test_images };
    const char *const labels[] = { c->labels, c->val_labels, c->test_labels };
    const char *const lists[] = { c->list, c->val_list, c->test_list };
    const int s = c->split, from = *images[s] ? s : 0;
    const bool partners = c->kind == MASK || c->kind == DEPTH;
    if (!*images[s] && (!s || !*lists[s]))
        return lbk_fail(d->ctx, LBK_ENOENT, "pairs: no folder of %s images: set data.%s%simages%s",
                        lbk__split_names[s], s ? lbk__split_names[s] : "", s ? "_" : "",
                        s ? ", or how many to hold out of training" : "");
    if (partners && !*labels[from])
        return lbk_fail(d->ctx, LBK_ENOENT, "pairs: no folder of %ss: set data.%s%slabels",
                        kinds[c->kind], from ? lbk__split_names[from] : "", from ? "_" : "");
    char *path[3] = { 0 };
    lbk_status st = lbk__source_path(d->ctx, c->root, images[from], &path[0]);
    if (!st && partners)
        st = lbk__source_path(d->ctx, c->root, labels[from], &path[1]);
    if (!st && *lists[s])
        st = lbk__source_path(d->ctx, c->root, lists[s], &path[2]);
    const char **const to[] = { &d->images, &d->labels, &d->list };
    for (int i = 0; i < 3; i++) {
        *to[i] = path[i] ? lbk__arena_str(&d->arena, "%s", path[i]) : NULL;
        if (path[i] && !*to[i] && !st)
            st = no_memory(d);
        free(path[i]);
    }
    return st;
}

static lbk_status fill(lbk_dataset *d)
{
    lbk_status st = set_paths(d);
    if (!st && d->c.channels == 2)
        st = lbk_fail(d->ctx, LBK_EINVAL, "pairs: expected 1 or 3 channels, got 2");
    if (!st && d->c.kind == MASK && !d->c.classes)
        st = lbk_fail(d->ctx, LBK_EINVAL,
                      "pairs: expected data.classes, the number of labels in a mask");
    if (!st)
        st = d->c.kind == CLASS ? add_classes(d) : add_pairs(d);
    if (!st && !d->n)
        st = lbk_fail(d->ctx, LBK_EFORMAT, "%s: expected PNG or JPEG files, found none", d->images);
    d->fields[0] = (struct lbk_field){ "image", LBK_IMAGE, LBK_F32, 0, 0 };
    if (d->c.kind == CLASS)
        d->fields[1] =
            (struct lbk_field){ "label", LBK_CLASS, LBK_I32, d->c.classes, -1, d->names };
    if (d->c.kind == MASK)
        d->fields[1] =
            (struct lbk_field){ "label", LBK_MAP, LBK_I32, d->c.classes, d->c.ignore, NULL };
    if (d->c.kind == DEPTH)
        d->fields[1] = (struct lbk_field){ "depth", LBK_MAP, LBK_F32, 0, 0 };
    return st;
}

static void close_pairs(lbk_dataset *d)
{
    lbk__arena_finish(&d->arena);
    free(d->at);
    free(d);
}

static lbk_status open_pairs(lbk_ctx *ctx, const void *cfg, lbk_dataset **out)
{
    lbk_dataset *d = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "pairs: out of memory");
    d->ctx = ctx, d->c = *(const struct pairs *) cfg;
    const lbk_status st = fill(d);
    if (st)
        close_pairs(d), d = NULL;
    *out = d;
    return st;
}

static int64_t count(const lbk_dataset *d) { return d->n; }
static const struct lbk_field *fields(const lbk_dataset *d) { return d->fields; }
static uint64_t id(const lbk_dataset *d, int64_t i) { return d->at[i].id; }

static const char *origin(const lbk_dataset *d, int64_t i) { return d->at[i].image; }

/* ---- reading ---- */

static int32_t value(const struct image *m, int64_t i)
{
    return m->bits == 16 ? ((const uint16_t *) m->data)[i] : ((const unsigned char *) m->data)[i];
}

static lbk_status put_mask(const lbk_dataset *d, const struct sample *s, const struct image *m,
                           lbk_record *r)
{
    int32_t *to = lbk__record_room(r, "label", LBK_I32, LBK_SHAPE(m->h, m->w));
    if (!to)
        return LBK_ENOMEM;
    for (int64_t i = 0; i < m->h * m->w; i++) {
        to[i] = value(m, i);
        if (to[i] >= d->c.classes && to[i] != d->c.ignore)
            return lbk_fail(r->ctx, LBK_EFORMAT,
                            "%s: expected labels 0..%" PRId64 " or %" PRId64
                            ", found %d in row %" PRId64 ", column %" PRId64,
                            s->label, d->c.classes - 1, d->c.ignore, to[i], i / m->w, i % m->w);
    }
    return LBK_OK;
}

static lbk_status put_depth(const lbk_dataset *d, const struct image *m, lbk_record *r)
{
    float *to = lbk__record_room(r, "depth", LBK_F32, LBK_SHAPE(1, m->h, m->w));
    for (int64_t i = 0; to && i < m->h * m->w; i++) {
        const int32_t v = value(m, i);
        to[i] = v ? (float) (v * d->c.scale + d->c.offset) : 0;
    }
    return to ? LBK_OK : LBK_ENOMEM;
}

static lbk_status read_label(const lbk_dataset *d, const struct sample *s, const struct image *of,
                             lbk_record *r)
{
    struct image m;
    lbk_status st = lbk__image_read(r->ctx, s->label, IMAGE_VALUES, &m);
    if (!st && (m.h != of->h || m.w != of->w))
        st = lbk_fail(r->ctx, LBK_EFORMAT,
                      "%s: expected %" PRId64 " x %" PRId64 " as its image, found %" PRId64
                      " x %" PRId64,
                      s->label, of->w, of->h, m.w, m.h);
    if (!st)
        st = d->c.kind == MASK ? put_mask(d, s, &m, r) : put_depth(d, &m, r);
    free(m.data);
    return st;
}

static lbk_status read_pair(const lbk_dataset *d, int64_t i, lbk_record *r)
{
    const struct sample *s = &d->at[i];
    struct image m;
    lbk_status st = lbk__image_read(r->ctx, s->image, IMAGE_COLOUR, &m);
    if (!st)
        st = lbk__source_image(r, &m, d->c.channels);
    if (!st && s->label)
        st = read_label(d, s, &m, r);
    free(m.data);
    if (st || d->c.kind != CLASS)
        return st;
    int32_t *label = lbk__record_room(r, "label", LBK_I32, (lbk_shape){ 0 });
    if (label)
        *label = (int32_t) s->class_;
    return label ? LBK_OK : LBK_ENOMEM;
}

static lbk_status hash(const lbk_dataset *d, char out[65])
{
    struct sha256 s;
    lbk_status st = LBK_OK;
    lbk__sha256_init(&s);
    for (int64_t i = 0; i < d->n && !st; i++) {
        st = lbk__source_hash_file(d->ctx, d->at[i].image, &s);
        if (!st && d->at[i].label)
            st = lbk__source_hash_file(d->ctx, d->at[i].label, &s);
        lbk__sha256_add(&s, &d->at[i].class_, sizeof d->at[i].class_);
    }
    lbk__sha256_hex(&s, out);
    return st;
}

const struct lbk_source lbk__pairs = {
    .size = sizeof(struct lbk_source),
    .name = "pairs",
    .doc = "folders of images with classes, masks or depths",
    .opts = opts,
    .cfg_size = sizeof(struct pairs),
    .open = open_pairs,
    .close = close_pairs,
    .count = count,
    .fields = fields,
    .id = id,
    .read = read_pair,
    .hash = hash,
    .origin = origin,
};
