/* SPDX-License-Identifier: MIT */
/* Bilinear with half-pixel centres; when it shrinks, the triangle grows with the factor, as Pillow
 * has it. */
#include <math.h>
#include <stdlib.h>
#include <limbeck/ctx.h>
#include "move.h"

struct resize {
    int64_t h, w;
    int fit;
};
enum { FIT_STRETCH, FIT_SHORT, FIT_INSIDE };
static const char *const fits[] = { "stretch", "short", "inside", NULL };
static const struct lbk_opt resize_opts[] = {
    LBK_INT(resize, h, 32, 1, 16384, "height in pixels"),
    LBK_INT(resize, w, 0, 0, 16384, "width; 0 = the height"),
    LBK_ENUM(resize, fit, "stretch", fits,
             "stretch: to that size; short: the shorter side becomes the height, shape kept; "
             "inside: as large as fits into the size, shape kept"),
    LBK_OPTS_END
};

/* Place i of n takes weight[i * most + k] of source first[i] + k, for k < count[i]. */
struct taps {
    int64_t most;
    int32_t *first, *count;
    float *weight;
};

static bool make_taps(struct taps *t, int64_t from, int64_t to, bool antialias)
{
    const double scale = (double) from / (double) to, wide = antialias && scale > 1 ? scale : 1;
    t->most = 2 * (int64_t) ceil(wide) + 1;
    t->first = malloc((size_t) to * sizeof *t->first);
    t->count = malloc((size_t) to * sizeof *t->count);
    t->weight = malloc((size_t) (to * t->most) * sizeof *t->weight);
    if (!t->first || !t->count || !t->weight)
        return false;
    for (int64_t i = 0; i < to; i++) {
        const double centre = ((double) i + 0.5) * scale;
        const int64_t lo = centre > wide ? (int64_t) (centre - wide + 0.5) : 0;
        const int64_t end = (int64_t) (centre + wide + 0.5), hi = end < from ? end : from;
        float *w = t->weight + i * t->most;
        double sum = 0;
        for (int64_t j = lo; j < hi; j++) {
            const double far = fabs((double) j + 0.5 - centre) / wide, v = far < 1 ? 1 - far : 0;
            w[j - lo] = (float) v;
            sum += v;
        }
        for (int64_t j = lo; j < hi; j++)
            w[j - lo] = (float) ((double) w[j - lo] / sum);
        t->first[i] = (int32_t) lo, t->count[i] = (int32_t) (hi - lo);
    }
    return true;
}

static void free_taps(struct taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

/* Rows to their new width. */
static void across(const struct taps *t, const float *from, int64_t rows, int64_t w, float *to,
                   int64_t to_w)
{
    for (int64_t y = 0; y < rows; y++, from += w, to += to_w)
        for (int64_t x = 0; x < to_w; x++) {
            const float *p = from + t->first[x], *k = t->weight + x * t->most;
            float sum = 0;
            for (int32_t i = 0; i < t->count[x]; i++)
                sum += k[i] * p[i];
            to[x] = sum;
        }
}

/* Columns to their new height. */
static void down(const struct taps *t, const float *from, int64_t w, float *to, int64_t to_h)
{
    for (int64_t y = 0; y < to_h; y++, to += w) {
        const float *p = from + t->first[y] * w, *k = t->weight + y * t->most;
        for (int64_t x = 0; x < w; x++)
            to[x] = k[0] * p[x];
        for (int32_t i = 1; i < t->count[y]; i++)
            for (int64_t x = 0; x < w; x++)
                to[x] += k[i] * p[i * w + x];
    }
}

static void nearest(const struct move *m, const uint32_t *from, uint32_t *to)
{
    for (int64_t y = 0; y < m->to_h; y++) {
        const uint32_t *row = from + (2 * y + 1) * m->h / (2 * m->to_h) * m->w;
        for (int64_t x = 0; x < m->to_w; x++)
            *to++ = row[(2 * x + 1) * m->w / (2 * m->to_w)];
    }
}

/* What the planes of one sample share: they are of one size more often than not. */
struct resizing {
    bool antialias;
    int64_t h, w;
    struct taps x, y;
    float *half;
};

static lbk_status prepare(lbk_record *r, const struct move *m, struct resizing *z)
{
    if (z->h == m->h && z->w == m->w)
        return LBK_OK;
    free_taps(&z->x);
    free_taps(&z->y);
    free(z->half);
    *z = (struct resizing){ .antialias = z->antialias,
                            .h = m->h,
                            .w = m->w,
                            .half = malloc((size_t) (m->h * m->to_w) * sizeof(float)) };
    const bool ok = z->half && make_taps(&z->x, m->w, m->to_w, z->antialias) &&
                    make_taps(&z->y, m->h, m->to_h, z->antialias);
    return ok ? LBK_OK : lbk_fail(r->ctx, LBK_ENOMEM, "resize: out of memory");
}

static lbk_status resize_plane(lbk_record *r, const struct move *m, const void *from, void *to)
{
    struct resizing *z = (struct resizing *) m->how;
    if (!m->smooth) {
        nearest(m, from, to);
        return LBK_OK;
    }
    const lbk_status st = prepare(r, m, z);
    if (st)
        return st;
    across(&z->x, from, m->h, m->w, z->half, m->to_w);
    down(&z->y, z->half, m->to_w, to, m->to_h);
    return LBK_OK;
}

static lbk_status resize_to(lbk_record *r, int64_t h, int64_t w, int64_t to_h, int64_t to_w,
                            bool antialias)
{
    struct resizing z = { .antialias = antialias };
    if (h == to_h && w == to_w)
        return LBK_OK;
    const float a[6] = { (float) to_w / (float) w, 0, 0, 0, (float) to_h / (float) h, 0 };
    const lbk_status st = lbk__move(r, to_h, to_w, resize_plane, &z, a);
    free_taps(&z.x);
    free_taps(&z.y);
    free(z.half);
    return st;
}

static int64_t times(int64_t n, double factor)
{
    return (int64_t) fmin(fmax(1, llround((double) n * factor)), 16384);
}

static lbk_status resize(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct resize *c = cfg;
    int64_t h, w;
    const lbk_status st = lbk__image_size(r, &h, &w);
    if (st)
        return st;
    const int64_t to_w = c->w ? c->w : c->h;
    const double inside = fmin((double) c->h / (double) h, (double) to_w / (double) w),
                 factor = c->fit == FIT_INSIDE ? inside : (double) c->h / (double) (h < w ? h : w);
    if (c->fit == FIT_STRETCH)
        return resize_to(r, h, w, c->h, to_w, true);
    return resize_to(r, h, w, times(h, factor), times(w, factor), true);
}

const struct lbk_transform lbk__resize_data = {
    .size = sizeof(struct lbk_transform),
    .name = "resize",
    .doc = "to a size: images bilinear, maps nearest",
    .opts = resize_opts,
    .cfg_size = sizeof(struct resize),
    .apply = resize,
    .fixed = true,
};

struct scale {
    double lo, hi;
    int64_t steps;
    bool antialias;
};
static const struct lbk_opt scale_opts[] = {
    LBK_FLOAT(scale, lo, 0.5, 0.05, 20, "least factor"),
    LBK_FLOAT(scale, hi, 2.0, 0.05, 20, "greatest factor"),
    LBK_INT(scale, steps, 0, 0, 1000000,
            "how many factors there are, evenly spaced; 0 = any number"),
    LBK_BOOL(scale, antialias, true, "shrunken images are smoothed first"), LBK_OPTS_END
};

static lbk_status scale(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct scale *c = cfg;
    int64_t h, w;
    const lbk_status st = lbk__image_size(r, &h, &w);
    if (st)
        return st;
    const uint32_t bits = lbk_philox(rng, 0, 0).v[0];
    const double at = c->steps ? (double) lbk__pick(bits, c->steps) / fmax((double) c->steps - 1, 1)
                               : (double) lbk_unit(bits);
    const double factor = c->lo + (c->hi - c->lo) * at;
    return resize_to(r, h, w, times(h, factor), times(w, factor), c->antialias);
}

const struct lbk_transform lbk__scale_data = {
    .size = sizeof(struct lbk_transform),
    .name = "scale",
    .doc = "by a random factor, both sides alike",
    .opts = scale_opts,
    .cfg_size = sizeof(struct scale),
    .apply = scale,
};
