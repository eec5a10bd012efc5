/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "device.h"
#include "move.h"

lbk_status lbk__image_size(const lbk_record *r, int64_t *h, int64_t *w)
{
    struct lbk_array a;
    const lbk_status st = lbk_record_get(r, "image", LBK_F32, &a);
    if (st)
        return st;
    if (a.shape.n != 3)
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "%s: expected an image of channels x height x width, found %d axes",
                        LBK_CALLED(r), a.shape.n);
    *h = a.shape.d[1], *w = a.shape.d[2];
    return LBK_OK;
}

static uint32_t fill_of(const lbk_record *r, const struct slot *s)
{
    const struct lbk_field *f = lbk_record_field(r, s->name);
    if (!f || f->kind != LBK_MAP || !f->classes)
        return 0;
    const int32_t label = (int32_t) f->ignore;
    const float number = (float) f->ignore;
    uint32_t bits;
    memcpy(&bits, s->array.dtype == LBK_I32 ? (const void *) &label : (const void *) &number,
           sizeof bits);
    return bits;
}

static lbk_status move_slot(lbk_record *r, int64_t k, struct move m, move_plane plane)
{
    const struct lbk_array old = r->at[k].array;
    lbk_shape shape = old.shape;
    if (shape.n < 2 || lbk__dtype_size(old.dtype) != 4)
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "%s: expected array '%s' to be planes of f32 or i32, found %d axes of %s",
                        LBK_CALLED(r), r->at[k].name, shape.n, lbk__dtype_name(old.dtype));
    m.h = shape.d[shape.n - 2], m.w = shape.d[shape.n - 1];
    shape.d[shape.n - 2] = m.to_h, shape.d[shape.n - 1] = m.to_w;
    m.smooth = lbk__record_kind(r, &r->at[k]) == LBK_IMAGE;
    m.fill = fill_of(r, &r->at[k]);
    uint32_t *to = lbk__record_room(r, r->at[k].name, old.dtype, shape);
    if (!to)
        return LBK_ENOMEM;
    const uint32_t *from = old.data;
    int64_t planes = 1;
    for (int i = 0; i < shape.n - 2; i++)
        planes *= shape.d[i];
    for (int64_t i = 0; i < planes; i++) {
        m.plane = i;
        const lbk_status st = plane(r, &m, from + i * m.h * m.w, to + i * m.to_h * m.to_w);
        if (st)
            return st;
    }
    return LBK_OK;
}

static float clip(float v, float hi) { return v < 0 ? 0 : v > hi ? hi : v; }

/* Bounds of the box's four moved corners, cut to the picture; false: too little is left of it. */
static bool move_box(const float a[6], float h, float w, const float in[5], float out[5])
{
    float lo[2] = { INFINITY, INFINITY }, hi[2] = { -INFINITY, -INFINITY };
    for (int c = 0; c < 4; c++) {
        const float x = in[c & 1 ? 2 : 0], y = in[c & 2 ? 3 : 1];
        const float p[2] = { a[0] * x + a[1] * y + a[2], a[3] * x + a[4] * y + a[5] };
        for (int i = 0; i < 2; i++)
            lo[i] = fminf(lo[i], p[i]), hi[i] = fmaxf(hi[i], p[i]);
    }
    const float area = (hi[0] - lo[0]) * (hi[1] - lo[1]);
    out[0] = clip(lo[0], w), out[1] = clip(lo[1], h), out[2] = clip(hi[0], w),
    out[3] = clip(hi[1], h), out[4] = in[4];
    const float left = (out[2] - out[0]) * (out[3] - out[1]);
    return left > 0 && left >= 0.1f * area;
}

/* Rows of boxes that are kept move up; they are as many as the boxes were. */
static lbk_status keep_rows(lbk_record *r, struct slot *s, const bool *kept, int64_t n)
{
    const lbk_shape shape = s->array.shape;
    const int64_t all = lbk_shape_count(shape);
    if (shape.n < 1 || shape.d[0] != n)
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "%s: expected '%s' to have a row for each of %" PRId64 " boxes",
                        LBK_CALLED(r), s->name, n);
    const size_t row = n ? (size_t) (all / n) * lbk__dtype_size(s->array.dtype) : 0;
    char *at = s->array.data, *to = at;
    for (int64_t i = 0; i < n; i++, at += row) {
        if (kept[i] && to != at)
            memcpy(to, at, row);
        to += kept[i] ? row : 0;
    }
    return LBK_OK;
}

static lbk_status move_rows(lbk_record *r, const bool *kept, int64_t n, int64_t left)
{
    lbk_status st = LBK_OK;
    for (int64_t k = 0; !st && k < r->n; k++) {
        struct slot *s = &r->at[k];
        if (!s->used || lbk__record_kind(r, s) != LBK_OF_BOXES)
            continue;
        st = keep_rows(r, s, kept, n);
        if (!st)
            s->array.shape.d[0] = left;
    }
    return st;
}

static lbk_status move_boxes(lbk_record *r, int64_t k, float h, float w, const float a[6])
{
    const struct lbk_array old = r->at[k].array;
    if (old.dtype != LBK_F32 || old.shape.n != 2 || old.shape.d[1] != 5)
        return lbk_fail(r->ctx, LBK_EINVAL, "%s: expected '%s' to be n x 5 of f32", LBK_CALLED(r),
                        r->at[k].name);
    const int64_t n = old.shape.d[0];
    float *to = lbk__record_room(r, r->at[k].name, LBK_F32, old.shape);
    bool *kept = to ? malloc((size_t) n + 1) : NULL;
    int64_t left = 0;
    if (!kept)
        return LBK_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        kept[i] = move_box(a, h, w, (const float *) old.data + 5 * i, to + 5 * left);
        left += kept[i];
    }
    r->at[k].array.shape.d[0] = left;
    const lbk_status st = move_rows(r, kept, n, left);
    free(kept);
    return st;
}

static lbk_status move_place(lbk_record *r, int64_t k, const float a[6])
{
    const struct lbk_array *x = &r->at[k].array;
    if (x->dtype != LBK_F32 || lbk_shape_count(x->shape) != 6)
        return lbk_fail(r->ctx, LBK_EINVAL, "%s: expected '%s' to be 6 of f32", LBK_CALLED(r),
                        r->at[k].name);
    if (a[1] != 0 || a[3] != 0)
        return lbk_fail(r->ctx, LBK_EUNSUPPORTED,
                        "%s: expected transforms that keep the sides of boxes "
                        "upright, as '%s' needs, found one that turns the picture",
                        LBK_CALLED(r), r->at[k].name);
    float *p = x->data;
    for (int i = 0; i < 2; i++) {
        p[i] /= a[4 * i];
        p[i + 2] -= p[i] * a[3 * i + 2];
    }
    return LBK_OK;
}

lbk_status lbk__move(lbk_record *r, int64_t h, int64_t w, move_plane plane, const void *how,
                     const float a[6])
{
    const struct move m = { .to_h = h, .to_w = w, .how = how };
    lbk_status st = LBK_OK;
    for (int64_t k = 0; k < r->n && !st; k++) {
        const enum lbk_kind kind = r->at[k].used ? lbk__record_kind(r, &r->at[k]) : LBK_PLAIN;
        if (kind == LBK_IMAGE || kind == LBK_MAP)
            st = move_slot(r, k, m, plane);
        else if (kind == LBK_BOXES)
            st = move_boxes(r, k, (float) h, (float) w, a);
        else if (kind == LBK_PLACE)
            st = move_place(r, k, a);
    }
    return st;
}
