/* SPDX-License-Identifier: MIT */
/* Pictures with an XML file each that has their boxes, in the form of Pascal VOC. */
#include <expat.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "boxes.h"
#include "ctx.h"
#include "dataset.h"
#include "file.h"
#include "files.h"
#include "str.h"

enum { FILE_MAX = 16 << 20, PATH_MAX_ = 160, WORD_MAX = 128, DEPTH_MAX = 16 };
enum difficult { DIFFICULT_CROWD, DIFFICULT_KEEP, DIFFICULT_DROP };
enum corners { CORNERS_EDGES, CORNERS_PIXELS };

struct voc {
    const char *root, *images, *labels, *list, *val_list, *test_list;
    const char *const *classes;
    int64_t channels;
    int difficult, corners, split;
    bool empty;
};
static const char *const difficults[] = { "crowd", "keep", "drop", NULL };
static const char *const corner_kinds[] = { "edges", "pixels", NULL };
static const struct lbk_opt opts[] = {
    LBK_STRING(voc, root, "", "folder of the others"),
    LBK_STRING(voc, images, "JPEGImages", "folder of the images, PNG or JPEG"),
    LBK_STRING(voc, labels, "Annotations", "folder of their XML files, named as the images"),
    LBK_STRING(voc, list, "ImageSets/Main/train.txt",
               "file that names the training images, one a line, the ending left off"),
    LBK_STRING(voc, val_list, "ImageSets/Main/val.txt", "file that names the validation images"),
    LBK_STRING(voc, test_list, "ImageSets/Main/test.txt", "file that names the test images"),
    LBK_LIST(voc, classes, "", "names of the classes in their order, as in [cat,dog]"),
    LBK_INT(voc, channels, 3, 1, 3, "of the image: 1 = grey, 3 = RGB"),
    LBK_ENUM(voc, difficult, "crowd", difficults,
             "boxes marked so: crowd: neither learnt nor to be found; keep: as others; drop"),
    LBK_ENUM(voc, corners, "edges", corner_kinds,
             "what xmax - xmin is: edges: the width; pixels: one less, of pixels counted from 1, "
             "as Pascal VOC has it"),
    LBK_BOOL(voc, empty, true, "pictures without boxes are trained on, too"),
    LBK_ENUM(voc, split, "train", lbk__split_names, "part that is opened"),
    LBK_OPTS_END
};

struct object {
    char name[WORD_MAX];
    double at[4];
    unsigned have; /* bits of at */
    bool difficult;
    int64_t line;
};
/* One file. What was wrong first is kept, and ends the reading. */
struct page {
    const struct voc *c;
    lbk_dataset *d;
    const char *path;
    XML_Parser xml;
    lbk_status status;
    char where[PATH_MAX_], word[WORD_MAX]; /* "annotation/object/name", and its text */
    size_t n_word;
    int depth;
    double w, h;
    struct object *object;
    int64_t n, cap;
};

/* ---- while a file is read ---- */

static int64_t line_of(const struct page *p) { return (int64_t) XML_GetCurrentLineNumber(p->xml); }

static void wrong(struct page *p, int64_t line, const char *expected, const char *found)
{
    if (!p->status)
        p->status =
            lbk_fail(p->d->ctx, LBK_EFORMAT, "%s: line %" PRId64 ": expected %s, found '%.60s'",
                     p->path, line, expected, found);
    XML_StopParser(p->xml, XML_FALSE);
}

static void no_memory(struct page *p)
{
    if (!p->status)
        p->status = lbk_fail(p->d->ctx, LBK_ENOMEM, "%s: out of memory", p->path);
    XML_StopParser(p->xml, XML_FALSE);
}

static void on_doctype(void *ud, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal)
{
    (void) system, (void) public, (void) internal;
    wrong(ud, line_of(ud), "no document type", name);
}

static void on_start(void *ud, const XML_Char *name, const XML_Char **attributes)
{
    struct page *p = ud;
    (void) attributes;
    const size_t n = strlen(p->where);
    p->n_word = 0;
    if (++p->depth > DEPTH_MAX || n + strlen(name) + 2 > sizeof p->where) {
        wrong(p, line_of(p), "elements of Pascal VOC", name);
        return;
    }
    snprintf(p->where + n, sizeof p->where - n, "%s%s", n ? "/" : "", name);
    if (p->depth == 1 && strcmp(name, "annotation"))
        wrong(p, line_of(p), "an element 'annotation'", name);
    if (strcmp(p->where, "annotation/object"))
        return;
    if (lbk__grow(&p->object, p->n, &p->cap, sizeof *p->object))
        p->object[p->n++] = (struct object){ .line = line_of(p) };
    else
        no_memory(p);
}

static void on_text(void *ud, const XML_Char *s, int n)
{
    struct page *p = ud;
    for (int i = 0; i < n && p->n_word + 1 < sizeof p->word; i++)
        p->word[p->n_word++] = s[i];
}

static bool is_at(const struct page *p, const char *where) { return !strcmp(p->where, where); }

static double number(struct page *p, const char *s, size_t n)
{
    double v = 0;
    if (!lbk__parse_number(s, n, &v))
        wrong(p, line_of(p), "a number", p->word);
    return v;
}

static void take_object(struct page *p, const char *s, size_t n)
{
    static const char *const corner[] = { "xmin", "ymin", "xmax", "ymax" };
    struct object *o = p->n ? &p->object[p->n - 1] : NULL;
    char path[64];
    for (int k = 0; o && k < 4; k++) {
        snprintf(path, sizeof path, "annotation/object/bndbox/%s", corner[k]);
        if (is_at(p, path))
            o->at[k] = number(p, s, n), o->have |= 1u << k;
    }
    if (o && is_at(p, "annotation/object/name"))
        snprintf(o->name, sizeof o->name, "%.*s", (int) n, s);
    if (o && is_at(p, "annotation/object/difficult"))
        o->difficult = number(p, s, n) != 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void on_end(void *ud, const XML_Char *name)
{
    struct page *p = ud;
    const char *s = p->word;
    size_t n = p->n_word;
    (void) name;
    for (; n && is_blank(s[n - 1]); n--)
        ;
    p->word[n] = 0;
    for (; n && is_blank(*s); s++, n--)
        ;
    if (is_at(p, "annotation/size/width"))
        p->w = number(p, s, n);
    else if (is_at(p, "annotation/size/height"))
        p->h = number(p, s, n);
    else
        take_object(p, s, n);
    char *slash = strrchr(p->where, '/');
    *(slash ? slash : p->where) = 0;
    p->depth--, p->n_word = 0;
}

/* ---- what it says ---- */

static int label_of(const struct page *p, const char *name)
{
    for (int k = 0; p->c->classes[k]; k++)
        if (!strcmp(p->c->classes[k], name))
            return k;
    return -1;
}

static void unknown(struct page *p, const struct object *o)
{
    const char *near = lbk__nearest(o->name, p->c->classes);
    p->status = lbk_fail(p->d->ctx, LBK_EFORMAT,
                         "%s: line %" PRId64 ": class '%s' is not among data.classes%s%s%s",
                         p->path, o->line, o->name, near ? "; did you mean '" : "",
                         near ? near : "", near ? "'?" : "");
}

static void add_object(struct page *p, const struct object *o)
{
    struct box b = { .image = p->d->n_image - 1, .label = label_of(p, o->name) };
    double at[4];
    memcpy(at, o->at, sizeof at);
    if (p->c->corners == CORNERS_PIXELS)
        at[0] -= 1, at[1] -= 1;
    if (o->have != 0xf || !*o->name)
        wrong(p, o->line, "an object with a name and a bndbox of xmin, ymin, xmax, ymax",
              *o->name ? o->name : "no name");
    else if (b.label < 0)
        unknown(p, o);
    else if (!o->difficult || p->c->difficult != DIFFICULT_DROP) {
        b.crowd = o->difficult && p->c->difficult == DIFFICULT_CROWD;
        p->status = lbk__boxes_add(p->d, at, -1, &b);
    }
}

static bool is_side(double v)
{
    return v >= 1 && v <= SOURCE_SIDE_MAX && v == (double) (int64_t) v;
}

static void add_page(struct page *p, const char *image, const char *stem)
{
    if (!is_side(p->w) || !is_side(p->h)) {
        p->status = lbk_fail(p->d->ctx, LBK_EFORMAT,
                             "%s: expected a size of 1..%d in width and height, found %g x %g",
                             p->path, SOURCE_SIDE_MAX, p->w, p->h);
        return;
    }
    p->status = lbk__boxes_image(p->d, image, stem, (int64_t) p->h, (int64_t) p->w);
    for (int64_t i = 0; !p->status && i < p->n; i++)
        add_object(p, &p->object[i]);
}

static void parse(struct page *p, const unsigned char *text, size_t n)
{
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    if (!XML_Parse(p->xml, (const char *) text, (int) n, XML_TRUE) && !p->status)
        p->status = lbk_fail(p->d->ctx, LBK_EFORMAT, "%s: line %" PRId64 ": %s", p->path,
                             line_of(p), XML_ErrorString(XML_GetErrorCode(p->xml)));
}

/* Names that are there, for the message that asks for them. */
struct found {
    char text[400];
};

static void take_names(struct found *f, const struct page *p)
{
    char item[WORD_MAX + 2];
    for (int64_t i = 0; i < p->n; i++) {
        const size_t n = strlen(f->text);
        snprintf(item, sizeof item, "%s,", p->object[i].name);
        const char *at = strstr(f->text, item);
        if ((at && (at == f->text || at[-1] == ',')) || n + strlen(item) >= sizeof f->text)
            continue;
        memcpy(f->text + n, item, strlen(item) + 1);
    }
}

/* found NULL: its boxes are added. */
static lbk_status read_page(const struct voc *c, lbk_dataset *d, const char *path,
                            const char *image, const char *stem, struct found *found)
{
    unsigned char *text;
    size_t n;
    struct page p = { .c = c, .d = d, .path = path };
    p.status = lbk__file_read(d->ctx, path, FILE_MAX, &text, &n);
    if (p.status)
        return p.status;
    lbk__sha256_add(&d->annotations, text, n);
    p.xml = XML_ParserCreate(NULL);
    if (p.xml)
        parse(&p, text, n);
    else
        p.status = lbk_fail(d->ctx, LBK_ENOMEM, "%s: out of memory", path);
    if (!p.status && found)
        take_names(found, &p);
    else if (!p.status)
        add_page(&p, image, stem);
    if (p.xml)
        XML_ParserFree(p.xml);
    free(p.object);
    free(text);
    return p.status;
}

/* ---- opening ---- */

struct part {
    const struct voc *c;
    lbk_dataset *d;
    const char *images, *labels;
    struct files there, chosen;
};

static lbk_status add_file(const struct part *x, const struct file_name *f, struct found *found)
{
    lbk_dataset *d = x->d;
    const char *image = lbk__arena_str(&d->arena, "%s/%s", x->images, f->name),
               *label = lbk__arena_str(&d->arena, "%s/%s.xml", x->labels, f->stem);
    if (!image || !label)
        return lbk_fail(d->ctx, LBK_ENOMEM, "voc: out of memory");
    return read_page(x->c, d, label, image, f->stem, found);
}

static lbk_status each_file(const struct part *x, struct found *found)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < x->chosen.n; i++) {
        const struct file_name *f = lbk__files_find(&x->there, x->chosen.at[i].stem);
        st = f ? add_file(x, f, found)
               : lbk_fail(x->d->ctx, LBK_EFORMAT,
                          "%s: expected the name of an image in %s, found '%.80s'", x->d->from,
                          x->images, x->chosen.at[i].stem);
    }
    return st;
}

static lbk_status no_classes(const struct part *x)
{
    struct found found = { "" };
    const lbk_status st = each_file(x, &found);
    const size_t n = strlen(found.text);
    if (n)
        found.text[n - 1] = 0;
    return st ? st
              : lbk_fail(x->d->ctx, LBK_EINVAL,
                         "voc: expected the names of the classes in their order: set "
                         "data.classes=[..]; the files have %s",
                         n ? found.text : "no object");
}

static lbk_status take_classes(const struct voc *c, lbk_dataset *d)
{
    while (c->classes[d->classes])
        d->classes++;
    d->names = lbk__arena_get(&d->arena, ((size_t) d->classes + 1) * sizeof *d->names);
    for (int64_t k = 0; d->names && k < d->classes; k++)
        if (!(d->names[k] = lbk__arena_str(&d->arena, "%s", c->classes[k])))
            d->names = NULL;
    return d->names ? LBK_OK : lbk_fail(d->ctx, LBK_ENOMEM, "voc: out of memory");
}

static lbk_status find_files(struct part *x)
{
    const struct voc *c = x->c;
    lbk_dataset *d = x->d;
    const char *const lists[] = { c->list, c->val_list, c->test_list };
    const char *list = lists[c->split];
    if (!*list && c->split)
        return lbk_fail(d->ctx, LBK_ENOENT,
                        "voc: no list of %s images: set data.%s_list, or how many to hold out of "
                        "training",
                        lbk__split_names[c->split], lbk__split_names[c->split]);
    lbk_status st = lbk__boxes_path(d, c->root, c->images, &x->images);
    if (!st)
        st = lbk__boxes_path(d, c->root, c->labels, &x->labels);
    if (!st)
        st = lbk__boxes_path(d, c->root, *list ? list : c->labels, &d->from);
    if (!st)
        st = lbk__files_list(d->ctx, &d->arena, x->images, FILES_IMAGES, &x->there);
    if (!st && *list)
        st = lbk__files_lines(d->ctx, &d->arena, d->from, &x->chosen);
    else if (!st)
        x->chosen = x->there;
    return st;
}

static lbk_status fill(lbk_dataset *d, const void *cfg)
{
    const struct voc *c = cfg;
    struct part x = { .c = c, .d = d };
    if (c->channels == 2)
        return lbk_fail(d->ctx, LBK_EINVAL, "voc: expected 1 or 3 channels, got 2");
    lbk_status st = find_files(&x);
    if (!st && !c->classes[0])
        return no_classes(&x);
    if (!st)
        st = take_classes(c, d);
    if (!st)
        st = each_file(&x, NULL);
    return st ? st : lbk__boxes_end(d, c->empty || c->split);
}

static lbk_status open_voc(lbk_ctx *ctx, const void *cfg, lbk_dataset **out)
{
    return lbk__boxes_open(ctx, ((const struct voc *) cfg)->channels, fill, cfg, out);
}

const struct lbk_source lbk__voc = {
    .size = sizeof(struct lbk_source),
    .name = "voc",
    .doc = "images with boxes, in XML files as Pascal VOC has them",
    .opts = opts,
    .cfg_size = sizeof(struct voc),
    .open = open_voc,
    BOXES_FUNCTIONS,
};
