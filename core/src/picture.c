/* SPDX-License-Identifier: MIT */
#include "picture.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <limbeck/ctx.h>

static uint8_t byte(float v) { return (uint8_t) (v > 0 ? (v < 1 ? 255 * v + 0.5f : 255) : 0); }

lbk_status lbk__picture_of(const lbk_record *r, struct canvas *out)
{
    struct lbk_array a;
    *out = (struct canvas){ 0 };
    lbk_status st = lbk_record_get(r, "image", LBK_F32, &a);
    if (st)
        return st;
    if (a.shape.n != 3 || (a.shape.d[0] != 1 && a.shape.d[0] != 3))
        return lbk_fail(r->ctx, LBK_EINVAL, "%s: expected an image of 1 or 3 channels to show",
                        LBK_CALLED(r));
    const int64_t n = a.shape.d[1] * a.shape.d[2], other = a.shape.d[0] == 3 ? n : 0;
    const float *p = a.data;
    st = lbk__canvas_create(r->ctx, a.shape.d[2], a.shape.d[1], PAPER, out);
    for (int64_t i = 0; !st && i < n; i++)
        for (int k = 0; k < 3; k++)
            out->data[3 * i + k] = byte(p[i + k * other]);
    return st;
}

static lbk_status create(lbk_ctx *ctx, int64_t h, int64_t w, struct map *out)
{
    *out = (struct map){ h, w, malloc((size_t) (h * w) * sizeof *out->v + 1) };
    return out->v ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "picture: out of memory");
}

static float label_of(int32_t v, const struct lbk_field *f)
{
    const bool none =
        v < 0 || (f && f->ignore > 0 && v == f->ignore) || (f && f->classes > 0 && v >= f->classes);
    return none ? MAP_NONE : (float) v;
}

static float metres_of(float v, const struct lbk_field *f)
{
    return !isfinite(v) || (f && !(v > 0)) ? MAP_NONE : v > 0 ? v : 0;
}

lbk_status lbk__map_of(const lbk_record *r, const char *array, enum view_kind kind, struct map *out)
{
    struct lbk_array a;
    const struct lbk_field *f = lbk_record_field(r, array);
    *out = (struct map){ 0 };
    lbk_status st = lbk_record_get(r, array, kind == VIEW_LABELS ? LBK_I32 : LBK_F32, &a);
    if (st)
        return st;
    const int64_t n = lbk_shape_count(a.shape), h = a.shape.n < 2 ? 0 : a.shape.d[a.shape.n - 2],
                  w = a.shape.n < 2 ? 0 : a.shape.d[a.shape.n - 1];
    if (n < 1 || n != h * w)
        return lbk_fail(r->ctx, LBK_EINVAL, "%s: expected '%s' to be one map", LBK_CALLED(r),
                        array);
    st = create(r->ctx, h, w, out);
    for (int64_t i = 0; !st && i < n; i++) {
        out->v[i] = kind == VIEW_LABELS ? label_of(((const int32_t *) a.data)[i], f)
                                        : metres_of(((const float *) a.data)[i], f);
    }
    return st;
}

/* ---- placing ---- */

/* Between the two pixels that x lies between, where both have a value. */
static float between(float a, float b, float t)
{
    if (a < 0 || b < 0)
        return t < 0.5f ? a : b;
    return a + (b - a) * t;
}

static float smooth(const struct map *m, double x, double y)
{
    const double px = fmin(fmax(x - 0.5, 0), (double) (m->w - 1)),
                 py = fmin(fmax(y - 0.5, 0), (double) (m->h - 1));
    const int64_t x0 = (int64_t) px, y0 = (int64_t) py, x1 = x0 + (x0 < m->w - 1),
                  y1 = y0 + (y0 < m->h - 1);
    const float tx = (float) (px - (double) x0), ty = (float) (py - (double) y0);
    return between(between(m->v[y0 * m->w + x0], m->v[y0 * m->w + x1], tx),
                   between(m->v[y1 * m->w + x0], m->v[y1 * m->w + x1], tx), ty);
}

static float nearest(const struct map *m, double x, double y)
{
    const int64_t i = (int64_t) x, k = (int64_t) y;
    return m->v[(k < m->h ? k : m->h - 1) * m->w + (i < m->w ? i : m->w - 1)];
}

lbk_status lbk__map_place(lbk_ctx *ctx, const struct map *m, enum view_kind kind,
                          const struct frame *f, struct map *out)
{
    const int64_t h = out->h, w = out->w;
    const lbk_status st = create(ctx, h, w, out);
    for (int64_t i = 0; !st && i < h * w; i++) {
        const double x = ((double) (i % w) + 0.5 - f->x0) / (f->x1 - f->x0) * (double) m->w,
                     y = ((double) (i / w) + 0.5 - f->y0) / (f->y1 - f->y0) * (double) m->h;
        const bool inside = x >= 0 && y >= 0 && x < (double) m->w && y < (double) m->h;
        out->v[i] = !inside ? MAP_NONE : (kind == VIEW_METRES ? smooth : nearest)(m, x, y);
    }
    return st;
}

/* ---- looking ---- */

void lbk__map_range(const struct map *m, double *lo, double *hi)
{
    *lo = INFINITY, *hi = -INFINITY;
    for (int64_t i = 0; i < m->h * m->w; i++)
        if (m->v[i] >= 0)
            *lo = fmin(*lo, (double) m->v[i]), *hi = fmax(*hi, (double) m->v[i]);
}

/* By a histogram: its steps are finer than the colours. */
void lbk__map_spread(const struct map *m, double low, double *lo, double *hi)
{
    enum { BINS = 1024 };
    int64_t count[BINS] = { 0 }, n = 0, sum = 0;
    double a, b;
    lbk__map_range(m, &a, &b);
    *lo = a, *hi = b;
    if (!(b > a))
        return;
    const double step = (b - a) / BINS;
    for (int64_t i = 0; i < m->h * m->w; i++)
        if (m->v[i] >= 0) {
            const int64_t k = (int64_t) (((double) m->v[i] - a) / step);
            count[k < BINS ? k : BINS - 1]++, n++;
        }
    const int64_t skip = (int64_t) (low * (double) n);
    for (int k = 0; k < BINS && sum <= skip; sum += count[k++])
        *lo = a + step * k;
    sum = 0;
    for (int k = BINS - 1; k >= 0 && sum <= skip; sum += count[k--])
        *hi = a + step * (k + 1);
}

lbk_status lbk__map_paint(lbk_ctx *ctx, const struct map *m, const struct scale *s,
                          struct canvas *out)
{
    const lbk_status st = lbk__canvas_create(ctx, m->w, m->h, NOTHING, out);
    for (int64_t i = 0; !st && i < m->h * m->w; i++) {
        const double v = (double) m->v[i];
        if (v >= 0)
            lbk__canvas_dot(out, i % m->w, i / m->w,
                            s ? s->colour((v - s->lo) / (s->hi - s->lo))
                              : lbk__class_colour((int64_t) v));
    }
    return st;
}

const char *lbk__class_name(const struct lbk_field *f, int64_t label, char buf[32])
{
    if (f && f->names && label >= 0 && label < f->classes)
        return f->names[label];
    snprintf(buf, 32, "class %" PRId64, label);
    return buf;
}
