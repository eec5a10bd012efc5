/* SPDX-License-Identifier: MIT */
/* Pictures whose boxes are in a JSON file in the form of the COCO data set: "images",
 * "annotations", "categories". */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <limbeck/ctx.h>
#include "boxes.h"
#include "dataset.h"
#include "file.h"

enum { FILE_MAX = 0x7fffffff, CLASSES_MAX = 1 << 16 };

struct coco {
    const char *root, *images, *labels, *val_images, *val_labels, *test_images, *test_labels;
    int64_t channels;
    bool empty;
    int split;
};
static const struct lbk_opt opts[] = {
    LBK_STRING(coco, root, "", "folder of the others"),
    LBK_STRING(coco, images, "images", "folder of the training images, PNG or JPEG"),
    LBK_STRING(coco, labels, "instances_train.json", "JSON file of their boxes"),
    LBK_STRING(coco, val_images, "", "folder of the validation images; empty = images"),
    LBK_STRING(coco, val_labels, "instances_val.json", "JSON file of their boxes"),
    LBK_STRING(coco, test_images, "", "folder of the test images; empty = images"),
    LBK_STRING(coco, test_labels, "instances_test.json", "JSON file of their boxes"),
    LBK_INT(coco, channels, 3, 1, 3, "of the image: 1 = grey, 3 = RGB"),
    LBK_BOOL(coco, empty, true, "pictures without boxes are trained on, too"),
    LBK_ENUM(coco, split, "train", lbk__split_names, "part that is opened"),
    LBK_OPTS_END
};

/* The place of what has that id in its list. */
struct known {
    int64_t id, at;
};
struct reading {
    lbk_dataset *d;
    const char *folder; /* of the images */
    struct known *image, *category;
    int64_t n_image, n_category;
};

/* ---- values ---- */

static lbk_status odd(const struct reading *c, const char *list, size_t i, const char *key,
                      const char *expected, const json_t *found)
{
    char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);
    const lbk_status st =
        lbk_fail(c->d->ctx, LBK_EFORMAT, "%s: %s[%zu].%s: expected %s, found %.60s", c->d->from,
                 list, i, key, expected, text ? text : "nothing");
    free(text);
    return st;
}

static bool whole(const json_t *v, int64_t *out)
{
    const double x = json_number_value(v);
    if (json_is_integer(v))
        *out = json_integer_value(v);
    else if (json_is_real(v) && x == floor(x) && fabs(x) < 9e15)
        *out = (int64_t) x;
    else
        return false;
    return true;
}

static lbk_status get_whole(const struct reading *c, const char *list, size_t i, const json_t *o,
                            const char *key, int64_t *out)
{
    const json_t *v = json_object_get(o, key);
    return whole(v, out) ? LBK_OK : odd(c, list, i, key, "a whole number", v);
}

static lbk_status get_text(const struct reading *c, const char *list, size_t i, const json_t *o,
                           const char *key, const char **out)
{
    const json_t *v = json_object_get(o, key);
    const char *s = json_string_value(v);
    *out = s && *s ? lbk__arena_str(&c->d->arena, "%s", s) : NULL;
    if (s && *s && !*out)
        return lbk_fail(c->d->ctx, LBK_ENOMEM, "%s: out of memory", c->d->from);
    return *out ? LBK_OK : odd(c, list, i, key, "a name", v);
}

/* ---- ids ---- */

static int by_id(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id ? 1 : x->at < y->at ? -1 : x->at > y->at;
}

static const struct known *find(const struct known *k, int64_t n, int64_t id)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (k[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && k[lo].id == id ? &k[lo] : NULL;
}

static lbk_status sort(const struct reading *c, const char *list, struct known *k, int64_t n)
{
    if (n)
        qsort(k, (size_t) n, sizeof *k, by_id);
    for (int64_t i = 1; i < n; i++)
        if (k[i].id == k[i - 1].id)
            return lbk_fail(c->d->ctx, LBK_EFORMAT,
                            "%s: %s[%" PRId64 "].id: expected an id of its own, found %" PRId64
                            " as in %s[%" PRId64 "]",
                            c->d->from, list, k[i].at, k[i].id, list, k[i - 1].at);
    return LBK_OK;
}

/* ---- the three lists ---- */

static lbk_status get_list(const struct reading *c, const json_t *root, const char *name,
                           const json_t **out)
{
    size_t i;
    const json_t *one;
    *out = json_object_get(root, name);
    if (!json_is_array(*out))
        return lbk_fail(c->d->ctx, LBK_EFORMAT, "%s: expected a list '%s', found %s", c->d->from,
                        name, *out ? "something else" : "none");
    json_array_foreach(*out, i, one)
    {
        if (!json_is_object(one))
            return lbk_fail(c->d->ctx, LBK_EFORMAT, "%s: %s[%zu]: expected an object", c->d->from,
                            name, i);
    }
    return LBK_OK;
}

static lbk_status make_known(const struct reading *c, const char *name, const json_t *list,
                             struct known **out, int64_t *n)
{
    size_t i;
    const json_t *one;
    lbk_status st = LBK_OK;
    *out = lbk__arena_get(&c->d->arena, (json_array_size(list) + 1) * sizeof **out);
    if (!*out)
        return lbk_fail(c->d->ctx, LBK_ENOMEM, "%s: out of memory", c->d->from);
    json_array_foreach(list, i, one)
    {
        if (!st)
            st = get_whole(c, name, i, one, "id", &(*out)[i].id);
        (*out)[i].at = (int64_t) i;
    }
    *n = (int64_t) json_array_size(list);
    return st ? st : sort(c, name, *out, *n);
}

/* Classes are in the order of the ids. */
static lbk_status add_categories(struct reading *c, const json_t *list)
{
    lbk_dataset *d = c->d;
    lbk_status st = make_known(c, "categories", list, &c->category, &c->n_category);
    if (!st && (c->n_category < 1 || c->n_category > CLASSES_MAX))
        st = lbk_fail(d->ctx, LBK_EFORMAT, "%s: expected 1..%d categories, found %" PRId64, d->from,
                      CLASSES_MAX, c->n_category);
    if (st)
        return st;
    d->classes = c->n_category;
    d->names = lbk__arena_get(&d->arena, ((size_t) d->classes + 1) * sizeof *d->names);
    if (!d->names)
        return lbk_fail(d->ctx, LBK_ENOMEM, "%s: out of memory", d->from);
    for (int64_t k = 0; !st && k < d->classes; k++) {
        const size_t i = (size_t) c->category[k].at;
        st = get_text(c, "categories", i, json_array_get(list, i), "name", &d->names[k]);
        for (int64_t j = 0; !st && j < k; j++)
            if (!strcmp(d->names[j], d->names[k]))
                st = lbk_fail(d->ctx, LBK_EFORMAT,
                              "%s: categories[%zu].name: expected a name of its own, found '%s' "
                              "again",
                              d->from, i, d->names[k]);
    }
    return st;
}

/* Annotations may not reach out of the folder. */
static bool is_below(const char *name)
{
    if (*name == '/')
        return false;
    for (const char *p = name; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
            return false;
    }
    return true;
}

static lbk_status add_image(const struct reading *c, size_t i, const json_t *o)
{
    lbk_dataset *d = c->d;
    const char *name = NULL;
    int64_t h = 0, w = 0;
    lbk_status st = get_text(c, "images", i, o, "file_name", &name);
    if (!st && !is_below(name))
        st = odd(c, "images", i, "file_name", "a file in the folder of images",
                 json_object_get(o, "file_name"));
    if (!st)
        st = get_whole(c, "images", i, o, "width", &w);
    if (!st)
        st = get_whole(c, "images", i, o, "height", &h);
    if (!st && (w < 1 || w > SOURCE_SIDE_MAX || h < 1 || h > SOURCE_SIDE_MAX))
        st = odd(c, "images", i, w < 1 || w > SOURCE_SIDE_MAX ? "width" : "height", "1..16384",
                 json_object_get(o, w < 1 || w > SOURCE_SIDE_MAX ? "width" : "height"));
    return st ? st
              : lbk__boxes_image(d, lbk__arena_str(&d->arena, "%s/%s", c->folder, name), name, h,
                                 w);
}

static lbk_status check_files(const struct reading *c)
{
    const struct lbk_dataset *d = c->d;
    const char *first = NULL;
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_image; i++)
        if (access(d->image[i].path, R_OK) && !n++)
            first = d->image[i].path;
    return !n ? LBK_OK
              : lbk_fail(d->ctx, LBK_ENOENT,
                         "%s: cannot read %" PRId64 " of its %" PRId64 " images, the first is %s",
                         d->from, n, d->n_image, first);
}

static lbk_status add_images(struct reading *c, const json_t *list)
{
    size_t i;
    const json_t *one;
    lbk_status st = make_known(c, "images", list, &c->image, &c->n_image);
    json_array_foreach(list, i, one) st = st ? st : add_image(c, i, one);
    return st ? st : check_files(c);
}

/* x y w h -> x0 y0 x1 y1 */
static lbk_status get_box(const struct reading *c, size_t i, const json_t *o, double at[4])
{
    const json_t *v = json_object_get(o, "bbox");
    bool ok = json_array_size(v) == 4;
    for (size_t k = 0; ok && k < 4; k++) {
        at[k] = json_number_value(json_array_get(v, k));
        ok = json_is_number(json_array_get(v, k));
    }
    at[2] += at[0], at[3] += at[1];
    return ok && isfinite(at[2]) && isfinite(at[3])
               ? LBK_OK
               : odd(c, "annotations", i, "bbox", "four numbers: x, y, width, height", v);
}

static lbk_status get_rest(const struct reading *c, size_t i, const json_t *o, double *area,
                           int32_t *crowd)
{
    const json_t *a = json_object_get(o, "area"), *k = json_object_get(o, "iscrowd");
    int64_t n = 0;
    *area = a ? json_number_value(a) : -1;
    if (a && (!json_is_number(a) || !(*area >= 0)))
        return odd(c, "annotations", i, "area", "a number, 0 or more", a);
    if (k && !json_is_boolean(k) && (!whole(k, &n) || n < 0 || n > 1))
        return odd(c, "annotations", i, "iscrowd", "0 or 1", k);
    *crowd = json_is_true(k) || n == 1;
    return LBK_OK;
}

static lbk_status add_box(const struct reading *c, size_t i, const json_t *o)
{
    int64_t image = 0, category = 0;
    struct box b = { 0 };
    double at[4] = { 0 }, area;
    lbk_status st = get_whole(c, "annotations", i, o, "image_id", &image);
    if (!st)
        st = get_whole(c, "annotations", i, o, "category_id", &category);
    const struct known *m = st ? NULL : find(c->image, c->n_image, image),
                       *k = st ? NULL : find(c->category, c->n_category, category);
    if (!st && !m)
        st = odd(c, "annotations", i, "image_id", "the id of an image",
                 json_object_get(o, "image_id"));
    if (!st && !k)
        st = odd(c, "annotations", i, "category_id", "the id of a category",
                 json_object_get(o, "category_id"));
    if (!st)
        st = get_box(c, i, o, at);
    if (!st)
        st = get_rest(c, i, o, &area, &b.crowd);
    if (st)
        return st;
    b.image = m->at, b.label = (int32_t) (k - c->category);
    return lbk__boxes_add(c->d, at, area, &b);
}

static lbk_status add_all(struct reading *c, const json_t *root)
{
    const json_t *images, *boxes, *categories, *one;
    size_t i;
    lbk_status st = get_list(c, root, "images", &images);
    if (!st)
        st = get_list(c, root, "annotations", &boxes);
    if (!st)
        st = get_list(c, root, "categories", &categories);
    if (!st)
        st = add_categories(c, categories);
    if (!st)
        st = add_images(c, images);
    if (st)
        return st;
    json_array_foreach(boxes, i, one) st = st ? st : add_box(c, i, one);
    return st;
}

/* ---- opening ---- */

static lbk_status read_file(struct reading *c)
{
    unsigned char *text;
    size_t n;
    json_error_t e;
    lbk_status st = lbk__file_read(c->d->ctx, c->d->from, FILE_MAX, &text, &n);
    if (st)
        return st;
    lbk__sha256_add(&c->d->annotations, text, n);
    json_t *root = json_loadb((const char *) text, n, JSON_REJECT_DUPLICATES, &e);
    free(text);
    if (!root)
        return lbk_fail(c->d->ctx, LBK_EFORMAT, "%s: line %d: %s", c->d->from, e.line, e.text);
    st = add_all(c, root);
    json_decref(root);
    return st;
}

static lbk_status fill(lbk_dataset *d, const void *cfg)
{
    const struct coco *c = cfg;
    const char *const images[] = { c->images, c->val_images, c->test_images };
    const char *const labels[] = { c->labels, c->val_labels, c->test_labels };
    struct reading r = { .d = d };
    if (c->channels == 2)
        return lbk_fail(d->ctx, LBK_EINVAL, "coco: expected 1 or 3 channels, got 2");
    if (!*labels[c->split])
        return lbk_fail(d->ctx, LBK_ENOENT, "coco: no file of %s boxes: set data.%s%slabels%s",
                        lbk__split_names[c->split], c->split ? lbk__split_names[c->split] : "",
                        c->split ? "_" : "",
                        c->split ? ", or how many to hold out of training" : "");
    lbk_status st = lbk__boxes_path(d, c->root, labels[c->split], &d->from);
    if (!st)
        st = lbk__boxes_path(d, c->root, *images[c->split] ? images[c->split] : c->images,
                             &r.folder);
    if (!st)
        st = read_file(&r);
    return st ? st : lbk__boxes_end(d, c->empty || c->split);
}

static lbk_status open_coco(lbk_ctx *ctx, const void *cfg, lbk_dataset **out)
{
    return lbk__boxes_open(ctx, ((const struct coco *) cfg)->channels, fill, cfg, out);
}

const struct lbk_source lbk__coco = {
    .size = sizeof(struct lbk_source),
    .name = "coco",
    .doc = "images with boxes, in a JSON file as COCO has it",
    .opts = opts,
    .cfg_size = sizeof(struct coco),
    .open = open_coco,
    BOXES_FUNCTIONS,
};
