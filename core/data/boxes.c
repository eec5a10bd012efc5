/* SPDX-License-Identifier: MIT */
#include "boxes.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "files.h"
#include "record.h"

/* Coordinates are rounded, so that many boxes reach a little over the edge. */
static const double slack = 0.5;

static lbk_status no_memory(const lbk_dataset *d)
{
    return lbk_fail(d->ctx, LBK_ENOMEM, "%s: out of memory", d->from);
}

lbk_status lbk__boxes_open(lbk_ctx *ctx, int64_t channels,
                           lbk_status (*fill)(lbk_dataset *d, const void *cfg), const void *cfg,
                           lbk_dataset **out)
{
    lbk_dataset *d = *out = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "data set: out of memory");
    d->ctx = ctx, d->channels = channels;
    lbk__sha256_init(&d->annotations);
    const lbk_status st = fill(d, cfg);
    if (st) {
        lbk__boxes_close(d);
        *out = NULL;
    }
    return st;
}

lbk_status lbk__boxes_path(lbk_dataset *d, const char *root, const char *name, const char **out)
{
    char *path;
    const lbk_status st = lbk__source_path(d->ctx, root, name, &path);
    *out = st ? NULL : lbk__arena_str(&d->arena, "%s", path);
    free(path);
    return st || *out ? st : lbk_fail(d->ctx, LBK_ENOMEM, "%s: out of memory", name);
}

lbk_status lbk__boxes_image(lbk_dataset *d, const char *path, const char *name, int64_t h,
                            int64_t w)
{
    if (!path || !name || !lbk__grow(&d->image, d->n_image, &d->cap_image, sizeof *d->image))
        return no_memory(d);
    const size_t n = lbk__files_stem(name);
    const char *stem = lbk__arena_str(&d->arena, "%.*s", (int) (n ? n : strlen(name)), name);
    if (!stem)
        return no_memory(d);
    d->image[d->n_image++] = (struct box_image){ path, name, lbk__source_id(stem), h, w, 0, 0 };
    return LBK_OK;
}

/* ---- boxes ---- */

static void count(lbk_dataset *d, int what, int64_t image)
{
    enum { FIRST = 3 };
    struct box_tally *t = &d->tally[what];
    const size_t n = strlen(t->names);
    if (t->n++ < FIRST)
        snprintf(t->names + n, sizeof t->names - n, "%s%s", n ? ", " : "", d->image[image].name);
}

/* false: nothing of it is in the picture. */
static bool cut(const double in[4], const struct box_image *m, double out[4], bool *reaches_over)
{
    *reaches_over = false;
    for (int i = 0; i < 4; i++) {
        const double side = (double) (i & 1 ? m->h : m->w);
        out[i] = fmin(fmax(in[i], 0), side);
        *reaches_over = *reaches_over || fabs(out[i] - in[i]) > slack;
    }
    return out[2] > out[0] && out[3] > out[1];
}

lbk_status lbk__boxes_add(lbk_dataset *d, const double at[4], double area, const struct box *b)
{
    double in[4];
    bool reaches_over;
    if (!(at[2] > at[0] && at[3] > at[1])) {
        count(d, BOX_FLAT, b->image);
        return LBK_OK;
    }
    if (!cut(at, &d->image[b->image], in, &reaches_over)) {
        count(d, BOX_OUTSIDE, b->image);
        return LBK_OK;
    }
    if (reaches_over)
        count(d, BOX_CUT, b->image);
    if (!lbk__grow(&d->box, d->n_box, &d->cap_box, sizeof *d->box))
        return no_memory(d);
    struct box *to = &d->box[d->n_box++];
    *to = *b;
    for (int i = 0; i < 4; i++)
        to->at[i] = (float) in[i];
    to->area = (float) (area >= 0 ? area : (in[2] - in[0]) * (in[3] - in[1]));
    return LBK_OK;
}

/* ---- the end ---- */

/* In the order of the images, and within one as they came. */
static lbk_status sort(lbk_dataset *d)
{
    struct box *sorted = calloc((size_t) d->n_box + 1, sizeof *sorted);
    if (!sorted)
        return no_memory(d);
    for (int64_t i = 0; i < d->n_box; i++)
        d->image[d->box[i].image].n++;
    for (int64_t i = 1; i < d->n_image; i++)
        d->image[i].first = d->image[i - 1].first + d->image[i - 1].n;
    for (int64_t i = 0; i < d->n_image; i++)
        d->image[i].n = 0;
    for (int64_t i = 0; i < d->n_box; i++) {
        struct box_image *m = &d->image[d->box[i].image];
        sorted[m->first + m->n++] = d->box[i];
    }
    free(d->box);
    d->box = sorted, d->cap_box = d->n_box;
    return LBK_OK;
}

static void tell(const lbk_dataset *d, int what, const char *words)
{
    const struct box_tally *t = &d->tally[what];
    if (t->n)
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "%s: %" PRId64 " box%s %s: %s%s", d->from, t->n,
                    t->n == 1 ? "" : "es", words, t->names, t->n > 3 ? ", .." : "");
}

/* Nothing can be learnt of a class that no box has. */
static lbk_status tell_classes(const lbk_dataset *d)
{
    char names[160] = "";
    int64_t n = 0, *seen = calloc((size_t) d->classes + 1, sizeof *seen);
    if (!seen)
        return no_memory(d);
    for (int64_t i = 0; i < d->n_box; i++)
        seen[d->box[i].label] += !d->box[i].crowd;
    for (int64_t k = 0; k < d->classes; k++) {
        const size_t at = strlen(names);
        if (!seen[k] && n++ < 5)
            snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", d->names[k]);
    }
    free(seen);
    if (n)
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "%s: no box of %" PRId64 " of %" PRId64 " classes: %s%s",
                    d->from, n, d->classes, names, n > 5 ? ", .." : "");
    return LBK_OK;
}

static void leave_out_empty(lbk_dataset *d)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_image; i++)
        if (d->image[i].n)
            d->image[n++] = d->image[i];
    d->n_image = n;
}

lbk_status lbk__boxes_end(lbk_dataset *d, bool empty)
{
    const struct lbk_field fields[] = {
        { "image", LBK_IMAGE, LBK_F32, 0, 0 },
        { "boxes", LBK_BOXES, LBK_F32, d->classes, -1, d->names },
        { "boxes_area", LBK_OF_BOXES, LBK_F32, 0, 0 },
        { "boxes_crowd", LBK_OF_BOXES, LBK_I32, 0, 0 },
        { "to_original", LBK_PLACE, LBK_F32, 0, 0 },
    };
    lbk_status st = sort(d);
    if (!st && !empty)
        leave_out_empty(d);
    if (!st && !d->n_image)
        st = lbk_fail(d->ctx, LBK_EFORMAT, "%s: expected at least one picture%s, found none",
                      d->from, empty ? "" : " with a box");
    if (st)
        return st;
    memcpy(d->fields, fields, sizeof fields);
    tell(d, BOX_FLAT, "without an area left out");
    tell(d, BOX_OUTSIDE, "outside of the picture left out");
    tell(d, BOX_CUT, "cut to the picture");
    return tell_classes(d);
}

/* ---- the source ---- */

void lbk__boxes_close(lbk_dataset *d)
{
    lbk__arena_finish(&d->arena);
    free(d->image);
    free(d->box);
    free(d);
}

int64_t lbk__boxes_count(const lbk_dataset *d) { return d->n_image; }
const struct lbk_field *lbk__boxes_fields(const lbk_dataset *d) { return d->fields; }

uint64_t lbk__boxes_id(const lbk_dataset *d, int64_t i) { return d->image[i].id; }

const char *lbk__boxes_origin(const lbk_dataset *d, int64_t i) { return d->image[i].path; }

static lbk_status put_boxes(const lbk_dataset *d, const struct box_image *m, lbk_record *r)
{
    float *boxes = lbk__record_room(r, "boxes", LBK_F32, LBK_SHAPE(m->n, 5));
    float *area = lbk__record_room(r, "boxes_area", LBK_F32, LBK_SHAPE(m->n));
    int32_t *crowd = lbk__record_room(r, "boxes_crowd", LBK_I32, LBK_SHAPE(m->n));
    float *place = lbk__record_room(r, "to_original", LBK_F32, LBK_SHAPE(6));
    if (!boxes || !area || !crowd || !place)
        return LBK_ENOMEM;
    for (int64_t i = 0; i < m->n; i++, boxes += 5) {
        const struct box *b = &d->box[m->first + i];
        memcpy(boxes, b->at, sizeof b->at);
        boxes[4] = (float) b->label, area[i] = b->area, crowd[i] = b->crowd;
    }
    place[0] = place[1] = 1, place[2] = place[3] = 0;
    place[4] = (float) m->w, place[5] = (float) m->h;
    return LBK_OK;
}

lbk_status lbk__boxes_read(const lbk_dataset *d, int64_t i, lbk_record *r)
{
    const struct box_image *m = &d->image[i];
    struct image x;
    lbk_status st = lbk__image_read(r->ctx, m->path, IMAGE_COLOUR, &x);
    if (!st && (x.h != m->h || x.w != m->w))
        st = lbk_fail(r->ctx, LBK_EFORMAT,
                      "%s: expected %" PRId64 " x %" PRId64 " as its annotations have it, found "
                      "%" PRId64 " x %" PRId64,
                      m->path, m->w, m->h, x.w, x.h);
    if (!st)
        st = lbk__source_image(r, &x, d->channels);
    free(x.data);
    return st ? st : put_boxes(d, m, r);
}

lbk_status lbk__boxes_hash(const lbk_dataset *d, char out[65])
{
    struct sha256 s = d->annotations;
    lbk_status st = LBK_OK;
    for (int64_t i = 0; i < d->n_image && !st; i++)
        st = lbk__source_hash_file(d->ctx, d->image[i].path, &s);
    lbk__sha256_hex(&s, out);
    return st;
}
