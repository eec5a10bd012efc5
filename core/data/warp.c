/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include "move.h"

struct flip {
    double p;
    bool vertical;
};
static const struct lbk_opt flip_opts[] = {
    LBK_FLOAT(flip, p, 0.5, 0, 1, "probability"),
    LBK_BOOL(flip, vertical, false, "above and below are exchanged instead"), LBK_OPTS_END
};

static lbk_status mirror(lbk_record *r, const struct move *m, const void *src, void *dst)
{
    const uint32_t *from = src;
    uint32_t *to = dst;
    for (int64_t y = 0; y < m->h; y++, from += m->w, to += m->w)
        for (int64_t x = 0; x < m->w; x++)
            to[x] = from[m->w - 1 - x];
    return LBK_OK;
}

static lbk_status turn_over(lbk_record *r, const struct move *m, const void *src, void *dst)
{
    const uint32_t *from = src;
    uint32_t *to = dst;
    for (int64_t y = 0; y < m->h; y++)
        memcpy(to + y * m->w, from + (m->h - 1 - y) * m->w, (size_t) m->w * sizeof *to);
    return LBK_OK;
}

static lbk_status flip(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct flip *c = cfg;
    int64_t h, w;
    const lbk_status st = lbk__image_size(r, &h, &w);
    if (st || lbk_unit(lbk_philox(rng, 0, 0).v[0]) >= c->p)
        return st;
    if (c->vertical)
        return lbk__move(r, h, w, turn_over, NULL, (const float[]){ 1, 0, 0, 0, -1, (float) h });
    return lbk__move(r, h, w, mirror, NULL, (const float[]){ -1, 0, (float) w, 0, 1, 0 });
}

const struct lbk_transform lbk__flip = {
    .size = sizeof(struct lbk_transform),
    .name = "flip",
    .doc = "left and right exchanged, or above and below",
    .opts = flip_opts,
    .cfg_size = sizeof(struct flip),
    .apply = flip,
};

struct rotate {
    double degrees;
    bool smooth;
};
static const struct lbk_opt rotate_opts[] = {
    LBK_FLOAT(rotate, degrees, 15, 0, 180, "most, either way"),
    LBK_BOOL(rotate, smooth, false, "images bilinear; maps stay nearest"), LBK_OPTS_END
};

/* Source of the pixel (x, y): a[0] x + a[1] y + a[2], a[3] x + a[4] y + a[5], in pixels from the
 * corner. */
struct turn {
    float a[6];
    bool smooth;
};

/* At a place in pixels from the corner; beyond the middles of the outermost pixels they go on. */
static float between(const float *p, int64_t h, int64_t w, float x, float y)
{
    const float fx = fminf(fmaxf(x - 0.5f, 0), (float) (w - 1)),
                fy = fminf(fmaxf(y - 0.5f, 0), (float) (h - 1));
    const int64_t x0 = (int64_t) fx, y0 = (int64_t) fy, right = x0 + 1 < w, below = y0 + 1 < h;
    const float u = fx - (float) x0, v = fy - (float) y0;
    const float *row = p + y0 * w + x0, *next = row + below * w;
    return (1 - v) * ((1 - u) * row[0] + u * row[right]) +
           v * ((1 - u) * next[0] + u * next[right]);
}

static lbk_status turn(lbk_record *r, const struct move *m, const void *src, void *dst)
{
    const struct turn *t = m->how;
    const float *a = t->a, h = (float) m->h, w = (float) m->w;
    const uint32_t *from = src;
    const float *image = t->smooth && m->smooth ? src : NULL;
    uint32_t *to = dst;
    for (int64_t y = 0; y < m->h; y++) {
        const float bx = a[1] * ((float) y + 0.5f) + a[2], by = a[4] * ((float) y + 0.5f) + a[5];
        for (int64_t x = 0; x < m->w; x++) {
            const float sx = a[0] * ((float) x + 0.5f) + bx, sy = a[3] * ((float) x + 0.5f) + by;
            const bool inside = sx >= 0 && sx < w && sy >= 0 && sy < h;
            *to = inside ? from[(int64_t) (int32_t) sy * m->w + (int32_t) sx] : m->fill;
            if (inside && image)
                *(float *) (void *) to = between(image, m->h, m->w, sx, sy);
            to++;
        }
    }
    return LBK_OK;
}

/* About the centre, positive is counter-clockwise as one looks at it. */
static lbk_status rotate(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct rotate *k = cfg;
    const double degrees = k->degrees;
    int64_t h, w;
    const lbk_status st = lbk__image_size(r, &h, &w);
    if (st || !(degrees > 0))
        return st;
    const double t =
        (2 * (double) lbk_unit(lbk_philox(rng, 0, 0).v[0]) - 1) * degrees * 0.017453292519943295;
    const float c = (float) cos(t), s = (float) sin(t), cx = (float) w / 2, cy = (float) h / 2;
    const struct turn back = { { c, -s, cx - c * cx + s * cy, s, c, cy - s * cx - c * cy },
                               k->smooth };
    const float there[6] = { c, s, cx - c * cx - s * cy, -s, c, cy + s * cx - c * cy };
    return lbk__move(r, h, w, turn, &back, there);
}

const struct lbk_transform lbk__rotate = {
    .size = sizeof(struct lbk_transform),
    .name = "rotate",
    .doc = "by a random angle about the centre, zeros outside",
    .opts = rotate_opts,
    .cfg_size = sizeof(struct rotate),
    .apply = rotate,
};
