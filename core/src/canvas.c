/* SPDX-License-Identifier: MIT */
#include "canvas.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "font.h"
#include "source.h"

lbk_status lbk__canvas_create(lbk_ctx *ctx, int64_t w, int64_t h, struct rgb paper,
                              struct canvas *out)
{
    *out = (struct canvas){ 0 };
    if (w < 1 || h < 1 || w > SOURCE_SIDE_MAX || h > SOURCE_SIDE_MAX || w * h > SOURCE_PIXELS_MAX)
        return lbk_fail(ctx, LBK_EINVAL,
                        "picture: expected at most 16384 a side and 2^27 pixels, got %" PRId64
                        " x %" PRId64,
                        w, h);
    *out = (struct canvas){ w, h, malloc((size_t) (w * h * 3)) };
    if (!out->data)
        return lbk_fail(ctx, LBK_ENOMEM, "picture: out of memory for %" PRId64 " x %" PRId64, w, h);
    lbk__canvas_fill(out, (struct area){ 0, 0, w, h }, paper);
    return LBK_OK;
}

lbk_status lbk__canvas_save(lbk_ctx *ctx, const char *path, const struct canvas *c,
                            const struct image_text *text)
{
    const struct image m = { c->h, c->w, 3, 8, c->data };
    return lbk__image_write_png(ctx, path, &m, text);
}

/* ---- shapes ---- */

static uint8_t *at(const struct canvas *c, int64_t x, int64_t y)
{
    return c->data + 3 * (y * c->w + x);
}

static void put(uint8_t *to, struct rgb colour)
{
    to[0] = colour.r, to[1] = colour.g, to[2] = colour.b;
}

static struct area cut(const struct canvas *c, struct area a)
{
    const int64_t x = a.x > 0 ? a.x : 0, y = a.y > 0 ? a.y : 0;
    const int64_t x1 = a.x + a.w < c->w ? a.x + a.w : c->w,
                  y1 = a.y + a.h < c->h ? a.y + a.h : c->h;
    return (struct area){ x, y, x1 - x, y1 - y };
}

void lbk__canvas_dot(struct canvas *c, int64_t x, int64_t y, struct rgb colour)
{
    if (x >= 0 && y >= 0 && x < c->w && y < c->h)
        put(at(c, x, y), colour);
}

void lbk__canvas_fill(struct canvas *c, struct area a, struct rgb colour)
{
    a = cut(c, a);
    for (int64_t y = 0; y < a.h; y++)
        for (int64_t x = 0; x < a.w; x++)
            put(at(c, a.x + x, a.y + y), colour);
}

void lbk__canvas_frame(struct canvas *c, struct area a, int64_t wide, struct rgb colour)
{
    lbk__canvas_fill(c, (struct area){ a.x, a.y, a.w, wide }, colour);
    lbk__canvas_fill(c, (struct area){ a.x, a.y + a.h - wide, a.w, wide }, colour);
    lbk__canvas_fill(c, (struct area){ a.x, a.y, wide, a.h }, colour);
    lbk__canvas_fill(c, (struct area){ a.x + a.w - wide, a.y, wide, a.h }, colour);
}

static double far_from(const struct stroke *s, double x, double y)
{
    const double dx = s->x1 - s->x0, dy = s->y1 - s->y0, n = dx * dx + dy * dy;
    const double t = n > 0 ? ((x - s->x0) * dx + (y - s->y0) * dy) / n : 0, k = t < 0   ? 0
                                                                                : t > 1 ? 1
                                                                                        : t;
    const double ex = x - s->x0 - k * dx, ey = y - s->y0 - k * dy;
    return sqrt(ex * ex + ey * ey);
}

static void mix(uint8_t *to, struct rgb colour, double share)
{
    const uint8_t from[] = { colour.r, colour.g, colour.b };
    for (int k = 0; k < 3; k++)
        to[k] = (uint8_t) (to[k] + (from[k] - to[k]) * share + 0.5);
}

void lbk__canvas_tint(struct canvas *c, struct area a, struct rgb colour, double share)
{
    a = cut(c, a);
    for (int64_t y = 0; y < a.h; y++)
        for (int64_t x = 0; x < a.w; x++)
            mix(at(c, a.x + x, a.y + y), colour, share);
}

/* As far as a whole number of pixels on the canvas goes. */
static int64_t clamp(double v, int64_t most)
{
    return v < 0 ? 0 : v > (double) most ? most : (int64_t) v;
}

void lbk__canvas_line(struct canvas *c, struct stroke s, struct rgb colour)
{
    const double half = s.wide / 2, edge = half + 1;
    if (!isfinite(s.x0 + s.x1 + s.y0 + s.y1 + s.wide))
        return;
    const int64_t x0 = clamp(fmin(s.x0, s.x1) - edge, c->w),
                  x1 = clamp(fmax(s.x0, s.x1) + edge + 1, c->w);
    const int64_t y0 = clamp(fmin(s.y0, s.y1) - edge, c->h),
                  y1 = clamp(fmax(s.y0, s.y1) + edge + 1, c->h);
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++) {
            const double share = half + 0.5 - far_from(&s, (double) x + 0.5, (double) y + 0.5);
            if (share > 0)
                mix(at(c, x, y), colour, share < 1 ? share : 1);
        }
}

/* ---- pictures ---- */

/* Source pixels that pixel i of n covers; at least one. */
static void covered(int64_t i, int64_t n, int64_t from, int64_t *lo, int64_t *hi)
{
    *lo = i * from / n;
    *hi = (i + 1) * from / n;
    *hi = *hi > *lo ? *hi : *lo + 1;
}

static struct rgb mean(const struct canvas *from, int64_t x0, int64_t x1, int64_t y0, int64_t y1)
{
    int64_t sum[3] = { 0 };
    const int64_t n = (x1 - x0) * (y1 - y0);
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
            for (int k = 0; k < 3; k++)
                sum[k] += at(from, x, y)[k];
    return RGB((uint8_t) ((sum[0] + n / 2) / n), (uint8_t) ((sum[1] + n / 2) / n),
               (uint8_t) ((sum[2] + n / 2) / n));
}

void lbk__canvas_blit(struct canvas *c, struct area to, const struct canvas *from,
                      enum canvas_fit fit)
{
    const struct area a = cut(c, to);
    int64_t x0, x1, y0, y1;
    for (int64_t y = a.y; y < a.y + a.h; y++)
        for (int64_t x = a.x; x < a.x + a.w; x++) {
            if (fit == CANVAS_MEAN) {
                covered(x - to.x, to.w, from->w, &x0, &x1);
                covered(y - to.y, to.h, from->h, &y0, &y1);
            } else {
                x0 = (2 * (x - to.x) + 1) * from->w / (2 * to.w), x1 = x0 + 1;
                y0 = (2 * (y - to.y) + 1) * from->h / (2 * to.h), y1 = y0 + 1;
            }
            put(at(c, x, y), mean(from, x0, x1, y0, y1));
        }
}

/* ---- text ---- */

/* A byte that goes on with a character of UTF-8 takes no room. */
static bool starts(char c) { return ((unsigned char) c & 0xc0) != 0x80; }

int64_t lbk__text_width(int size, const char *text)
{
    int64_t n = 0;
    for (; *text; text++)
        n += starts(*text);
    return n ? (n * FONT_ADVANCE - (FONT_ADVANCE - FONT_COLUMNS)) * size : 0;
}

int64_t lbk__text_height(int size) { return (int64_t) FONT_LINE * size; }

static void put_glyph(struct canvas *c, int64_t x, int64_t y, int size, struct rgb colour, char ch)
{
    for (int row = 0; row < FONT_ROWS; row++)
        for (int col = 0; col < FONT_COLUMNS; col++)
            if (lbk__font_ink((unsigned char) ch, col, row))
                lbk__canvas_fill(c, (struct area){ x + col * size, y + row * size, size, size },
                                 colour);
}

void lbk__canvas_text(struct canvas *c, int64_t x, int64_t y, int size, struct rgb colour,
                      const char *text)
{
    for (; *text; text++)
        if (starts(*text)) {
            put_glyph(c, x, y + size, size, colour, *text);
            x += (int64_t) FONT_ADVANCE * size;
        }
}

/* What of the text has room, in a copy of at most n bytes. */
static void shorten(const struct label *l, int64_t room, char *to, size_t n)
{
    const size_t length = strlen(l->text);
    size_t keep = length < n - 3 ? length : n - 3;
    memcpy(to, l->text, keep);
    to[keep] = 0;
    if (keep == length && lbk__text_width(l->size, to) <= room)
        return;
    for (; keep > 0 && (!starts(l->text[keep]) ||
                        lbk__text_width(l->size, to) + 2 * (int64_t) FONT_ADVANCE * l->size > room);
         to[--keep] = 0)
        ;
    memcpy(to + keep, "..", 3);
}

void lbk__canvas_label(struct canvas *c, struct area a, const struct label *l)
{
    char text[256];
    shorten(l, a.w, text, sizeof text);
    const int64_t room = a.w - lbk__text_width(l->size, text);
    const int64_t x = l->align == TEXT_LEFT ? 0 : l->align == TEXT_CENTRE ? room / 2 : room;
    /* By the middle of a capital letter. */
    const int64_t y = (a.h - 7 * (int64_t) l->size) / 2 - l->size;
    lbk__canvas_text(c, a.x + x, a.y + y, l->size, l->colour, text);
}
