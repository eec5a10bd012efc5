/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <limbeck/ctx.h>
#include <limbeck/task.h>
#include "palette.h"
#include "record.h"

static struct rgb pixel(const struct lbk_array *a, int64_t i, double lo, double hi)
{
    if (a->dtype == LBK_I32)
        return lbk__class_colour(((const int32_t *) a->data)[i]);
    const double v = (double) ((const float *) a->data)[i];
    if (!(v > 0) || !isfinite(v))
        return RGB(0, 0, 0); /* no measurement */
    return lbk__turbo(hi > lo ? (v - lo) / (hi - lo) : 0);
}

static void range(const struct lbk_array *a, int64_t n, double *lo, double *hi)
{
    *lo = INFINITY, *hi = -INFINITY;
    for (int64_t i = 0; a->dtype == LBK_F32 && i < n; i++) {
        const double v = (double) ((const float *) a->data)[i];
        if (v > 0 && isfinite(v))
            *lo = fmin(*lo, v), *hi = fmax(*hi, v);
    }
}

static lbk_status get_picture(const lbk_record *r, struct lbk_array *p)
{
    const lbk_status st = lbk_record_get(r, "picture", LBK_U8, p);
    if (!st && (p->shape.n != 3 || p->shape.d[2] != 3))
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "draw: expected 'picture' to be height x width x 3, found %d axes",
                        p->shape.n);
    return st;
}

/* The picture grows to the right by one image's width. */
static void append(lbk_record *r, const struct lbk_array *a, const struct lbk_array *old)
{
    const int64_t n = lbk_shape_count(a->shape), h = old->shape.d[0], w = old->shape.d[1];
    const int64_t mw = a->shape.d[a->shape.n - 1], mh = a->shape.d[a->shape.n - 2];
    double lo, hi;
    uint8_t *to = lbk__record_room(r, "picture", LBK_U8, LBK_SHAPE(h, w + mw * h / mh, 3));
    if (!to)
        return;
    const int64_t wide = mw * h / mh;
    range(a, n, &lo, &hi);
    for (int64_t y = 0; y < h; y++) {
        memcpy(to, (const uint8_t *) old->data + 3 * w * y, (size_t) (3 * w));
        to += 3 * w;
        for (int64_t x = 0; x < wide; x++, to += 3) {
            const struct rgb c = pixel(a, y * mh / h * mw + x * mw / wide, lo, hi);
            to[0] = c.r, to[1] = c.g, to[2] = c.b;
        }
    }
}

void lbk_draw_map(lbk_record *r, const char *array, const char *palette)
{
    const bool classes = !strcmp(palette, "classes");
    struct lbk_array a, picture;
    if (!classes && strcmp(palette, "turbo")) {
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected the palette classes or turbo, got '%s'",
                 palette);
        return;
    }
    if (lbk_record_get(r, array, classes ? LBK_I32 : LBK_F32, &a) || get_picture(r, &picture))
        return;
    const int64_t h = a.shape.n < 2 ? 0 : a.shape.d[a.shape.n - 2],
                  w = a.shape.n < 2 ? 0 : a.shape.d[a.shape.n - 1];
    if (h < 1 || w < 1 || lbk_shape_count(a.shape) != h * w)
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected '%s' to be one map, found %d axes", array,
                 a.shape.n);
    else
        append(r, &a, &picture);
}

void lbk_draw_box(lbk_record *r, const float box[4], int colour)
{
    struct lbk_array p;
    if (get_picture(r, &p))
        return;
    const struct rgb c = lbk__class_colour(colour);
    const float h = (float) p.shape.d[0] - 1, w = (float) p.shape.d[1] - 1;
    const int64_t x0 = (int64_t) fminf(fmaxf(box[0], 0), w),
                  y0 = (int64_t) fminf(fmaxf(box[1], 0), h);
    const int64_t x1 = (int64_t) fminf(fmaxf(box[2] - 1, 0), w),
                  y1 = (int64_t) fminf(fmaxf(box[3] - 1, 0), h);
    for (int64_t y = y0; y <= y1; y++)
        for (int64_t x = x0; x <= x1;
             x += y == y0 || y == y1 || x == x1 || x1 == x0 ? 1 : x1 - x0) {
            uint8_t *to = (uint8_t *) p.data + 3 * (y * p.shape.d[1] + x);
            to[0] = c.r, to[1] = c.g, to[2] = c.b;
        }
}
