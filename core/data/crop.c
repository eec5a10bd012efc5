/* SPDX-License-Identifier: MIT */
#include <limbeck/ctx.h>
#include <string.h>
#include "move.h"

/* Where the new picture begins in the old one; may be negative. fill: of the image outside of it,
 * one number or one per channel; NULL = 0. */
struct window {
    int64_t y, x;
    const struct lbk_numbers *fill;
};

static uint32_t outside(const struct move *m, const struct window *o)
{
    uint32_t bits = m->fill;
    if (m->smooth && o->fill && o->fill->n) {
        const float v = (float) o->fill->v[o->fill->n > 1 ? m->plane : 0];
        memcpy(&bits, &v, sizeof bits);
    }
    return bits;
}

static lbk_status cut_plane(lbk_record *r, const struct move *m, const void *src, void *dst)
{
    const struct window *o = m->how;
    const uint32_t *from = src;
    uint32_t *to = dst;
    const uint32_t fill = outside(m, o);
    const int64_t x0 = o->x < 0 ? -o->x : 0, x1 = m->w - o->x < m->to_w ? m->w - o->x : m->to_w;
    for (int64_t y = 0; y < m->to_h; y++, to += m->to_w) {
        const bool inside = y + o->y >= 0 && y + o->y < m->h && x1 > x0;
        const int64_t a = inside ? x0 : m->to_w, b = inside ? x1 : m->to_w;
        for (int64_t x = 0; x < a; x++)
            to[x] = fill;
        if (inside)
            memcpy(to + a, from + (y + o->y) * m->w + a + o->x, (size_t) (b - a) * sizeof *to);
        for (int64_t x = b; x < m->to_w; x++)
            to[x] = fill;
    }
    return LBK_OK;
}

static lbk_status cut(lbk_record *r, struct window o, int64_t h, int64_t w)
{
    const float a[6] = { 1, 0, (float) -o.x, 0, 1, (float) -o.y };
    return lbk__move(r, h, w, cut_plane, &o, a);
}

struct crop {
    int64_t h, pad, w;
};
static const struct lbk_opt crop_opts[] = {
    LBK_INT(crop, h, 32, 1, 16384, "height in pixels"),
    LBK_INT(crop, pad, 0, 0, 4096, "zeros put around the picture first"),
    LBK_INT(crop, w, 0, 0, 16384, "width; 0 = the height"), LBK_OPTS_END
};

/* Anywhere in the padded picture; a picture that is smaller lies anywhere in the window. */
static int64_t start(uint32_t bits, int64_t size, int64_t pad, int64_t want)
{
    const int64_t room = size + 2 * pad - want;
    return room >= 0 ? lbk__pick(bits, room + 1) - pad : -lbk__pick(bits, -room + 1) - pad;
}

static lbk_status crop(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct crop *c = cfg;
    const int64_t to_w = c->w ? c->w : c->h;
    const struct lbk_philox v = lbk_philox(rng, 0, 0);
    int64_t h, w;
    const lbk_status st = lbk__image_size(r, &h, &w);
    if (st)
        return st;
    return cut(
        r, (struct window){ start(v.v[0], h, c->pad, c->h), start(v.v[1], w, c->pad, to_w), NULL },
        c->h, to_w);
}

const struct lbk_transform lbk__crop = {
    .size = sizeof(struct lbk_transform),
    .name = "crop",
    .doc = "a random window of the picture with zeros around it",
    .opts = crop_opts,
    .cfg_size = sizeof(struct crop),
    .apply = crop,
};

struct pad {
    int64_t h, w, multiple;
    struct lbk_numbers fill;
};
static const struct lbk_opt pad_opts[] = {
    LBK_INT(pad, h, 32, 1, 16384, "least height in pixels"),
    LBK_INT(pad, w, 0, 0, 16384, "least width; 0 = the height"),
    LBK_NUMBERS(pad, fill, "0", "what is put there, one number or one per channel"),
    LBK_INT(pad, multiple, 1, 1, 4096, "both sides become multiples of it"), LBK_OPTS_END
};

static int64_t padded(int64_t side, int64_t least, int64_t multiple)
{
    const int64_t n = side > least ? side : least;
    return (n + multiple - 1) / multiple * multiple;
}

static lbk_status pad(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct pad *c = cfg;
    struct lbk_array image;
    int64_t h, w;
    lbk_status st = lbk__image_size(r, &h, &w);
    if (!st)
        st = lbk_record_get(r, "image", LBK_F32, &image);
    if (!st && c->fill.n > 1 && c->fill.n != image.shape.d[0])
        st = lbk_fail(r->ctx, LBK_EINVAL, "pad.fill: expected 1 or %lld numbers, got %lld",
                      (long long) image.shape.d[0], (long long) c->fill.n);
    const int64_t to_h = st ? 0 : padded(h, c->h, c->multiple),
                  to_w = st ? 0 : padded(w, c->w ? c->w : c->h, c->multiple);
    if (st || (h == to_h && w == to_w))
        return st;
    return cut(r, (struct window){ 0, 0, &c->fill }, to_h, to_w);
}

const struct lbk_transform lbk__pad_data = {
    .size = sizeof(struct lbk_transform),
    .name = "pad",
    .doc = "rows below and columns on the right, up to a size or a multiple",
    .opts = pad_opts,
    .cfg_size = sizeof(struct pad),
    .apply = pad,
    .fixed = true,
};

struct center {
    int64_t h, w;
};
static const struct lbk_opt center_opts[] = {
    LBK_INT(center, h, 224, 1, 16384, "height in pixels"),
    LBK_INT(center, w, 0, 0, 16384, "width; 0 = the height"), LBK_OPTS_END
};

static int64_t halve(int64_t n) { return n >= 0 ? n / 2 : -(-n / 2); }

static lbk_status center(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct center *c = cfg;
    const int64_t to_w = c->w ? c->w : c->h;
    int64_t h, w;
    const lbk_status st = lbk__image_size(r, &h, &w);
    return st ? st : cut(r, (struct window){ halve(h - c->h), halve(w - to_w), NULL }, c->h, to_w);
}

const struct lbk_transform lbk__center_crop = {
    .size = sizeof(struct lbk_transform),
    .name = "center_crop",
    .doc = "the middle of the picture, zeros where it ends",
    .opts = center_opts,
    .cfg_size = sizeof(struct center),
    .apply = center,
    .fixed = true,
};
