/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <limbeck/ctx.h>
#include <limbeck/task.h>
#include "record.h"

struct rgb {
    uint8_t r, g, b;
};

/* Bit k of the label's three lowest bits goes to bit 7 - k of the three colours, and so on: the
 * palette of PASCAL VOC. */
static struct rgb class_colour(int32_t label)
{
    uint8_t c[3] = { 0 };
    for (int bit = 7; label > 0 && bit >= 0; bit--, label >>= 3)
        for (int k = 0; k < 3; k++)
            c[k] |= (uint8_t) ((label >> k & 1) << bit);
    return (struct rgb){ c[0], c[1], c[2] };
}

/* Polynomial fit of the colour map "Turbo" (Mikhailov, 2019), degree 5. */
static struct rgb turbo(double t)
{
    static const double k[3][6] = {
        { 0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943 },
        { 0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604 },
        { 0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973 },
    };
    uint8_t c[3];
    for (int i = 0; i < 3; i++) {
        double v = 0;
        for (int j = 5; j >= 0; j--)
            v = v * t + k[i][j];
        c[i] = (uint8_t) (255 * fmin(fmax(v, 0), 1) + 0.5);
    }
    return (struct rgb){ c[0], c[1], c[2] };
}

static struct rgb pixel(const struct lbk_array *a, int64_t i, double lo, double hi)
{
    if (a->dtype == LBK_I32)
        return class_colour(((const int32_t *) a->data)[i]);
    const double v = (double) ((const float *) a->data)[i];
    if (!(v > 0) || !isfinite(v))
        return (struct rgb){ 0, 0, 0 }; /* no measurement */
    return turbo(hi > lo ? fmin(fmax((v - lo) / (hi - lo), 0), 1) : 0);
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
    const struct rgb c = class_colour(colour + 1);
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
