/* SPDX-License-Identifier: MIT */
#include "palette.h"
#include <math.h>
#include <stdio.h>

enum { COLOURS = 40, TICKS = 8 };

static const struct rgb classes[COLOURS] = {
    { 30, 120, 210 },  { 135, 210, 0 },   { 195, 0, 45 },    { 255, 90, 225 },  { 105, 210, 150 },
    { 240, 165, 105 }, { 75, 75, 225 },   { 135, 60, 135 },  { 255, 225, 0 },   { 240, 165, 210 },
    { 30, 105, 60 },   { 150, 150, 15 },  { 195, 105, 105 }, { 195, 135, 255 }, { 60, 240, 255 },
    { 0, 255, 150 },   { 0, 135, 180 },   { 240, 225, 120 }, { 255, 105, 165 }, { 30, 180, 75 },
    { 15, 165, 165 },  { 180, 75, 15 },   { 180, 0, 120 },   { 165, 15, 180 },  { 0, 255, 210 },
    { 180, 210, 75 },  { 255, 105, 120 }, { 45, 120, 255 },  { 135, 75, 45 },   { 105, 195, 255 },
    { 150, 60, 90 },   { 255, 90, 75 },   { 255, 180, 0 },   { 75, 90, 150 },   { 240, 105, 0 },
    { 150, 120, 180 }, { 180, 240, 135 }, { 210, 15, 105 },  { 90, 150, 75 },   { 255, 135, 225 },
};

static double unit(double t) { return t > 0 ? (t < 1 ? t : 1) : 0; }
static uint8_t byte(double v) { return (uint8_t) (255 * unit(v) + 0.5); }

/* Degree 5, in each channel. */
struct rgb lbk__turbo(double t)
{
    static const double k[3][6] = {
        { 0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943 },
        { 0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604 },
        { 0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973 },
    };
    double v[3] = { 0 };
    t = 0.04 + 0.96 * unit(t);
    for (int i = 0; i < 3; i++)
        for (int j = 5; j >= 0; j--)
            v[i] = v[i] * t + k[i][j];
    return RGB(byte(v[0]), byte(v[1]), byte(v[2]));
}

struct rgb lbk__heat(double t)
{
    t = 3 * unit(t);
    return RGB(byte(t), byte(t - 1), byte(t - 2));
}

struct rgb lbk__grey(double t) { return RGB(byte(t), byte(t), byte(t)); }

struct rgb lbk__class_colour(int64_t label)
{
    if (label < 0)
        return NOTHING;
    struct rgb c = classes[label % COLOURS];
    for (int64_t dim = label / COLOURS % 4; dim > 0; dim--)
        c = RGB((uint8_t) (c.r * 2 / 3), (uint8_t) (c.g * 2 / 3), (uint8_t) (c.b * 2 / 3));
    return c;
}

double lbk__nice_step(double span, int most)
{
    static const double of[] = { 1, 2, 5, 10 };
    if (!(span > 0) || !isfinite(span) || most < 1)
        return 0;
    const double least = span / most, power = pow(10, floor(log10(least)));
    for (int i = 0; i < 4; i++)
        if (of[i] * power >= least * (1 - 1e-9))
            return of[i] * power;
    return 10 * power;
}

/* ---- scale ---- */

static int64_t gap(int size) { return 4 * (int64_t) size; }
static int64_t bar_width(int size) { return 12 * (int64_t) size; }
static int64_t head_height(int size) { return lbk__text_height(size) + size; }

/* Digits that the step needs. */
static const char *tick_text(double v, double step, char *buf, size_t n)
{
    const int digits = step > 0 && step < 1 ? (int) ceil(-log10(step) - 1e-9) : 0;
    snprintf(buf, n, "%.*f", digits, v);
    return buf;
}

/* Numbers are a line apart at least. */
static double scale_step(const struct scale *s, int64_t high, int size)
{
    const int64_t room = high / lbk__text_height(size) - 1;
    return lbk__nice_step(s->hi - s->lo, room < 1 ? 1 : room > TICKS ? TICKS : (int) room);
}

int64_t lbk__scale_width(const struct scale *s, int64_t high, int size)
{
    char text[64];
    const double step = scale_step(s, high, size);
    const double last = step > 0 ? floor(s->hi / step) * step : s->hi,
                 first = step > 0 ? ceil(s->lo / step) * step : s->lo;
    int64_t w = lbk__text_width(size, tick_text(last, step, text, sizeof text));
    const int64_t low = lbk__text_width(size, tick_text(first, step, text, sizeof text)),
                  name = lbk__text_width(size, s->unit) - bar_width(size) - gap(size);
    w = low > w ? low : w;
    return bar_width(size) + 2 * gap(size) + (name > w ? name : w);
}

static void put_ticks(struct canvas *c, struct area bar, const struct scale *s, int size)
{
    char text[64];
    const double step = scale_step(s, bar.h + head_height(size), size);
    for (double k = ceil(s->lo / step - 1e-9); step > 0 && k * step <= s->hi + step * 1e-9; k++) {
        const double v = k * step + 0.0 /* not -0 */, t = (v - s->lo) / (s->hi - s->lo);
        const int64_t y = bar.y + bar.h - 1 - llround(t * (double) (bar.h - 1));
        lbk__canvas_fill(c, (struct area){ bar.x + bar.w, y, 2 * (int64_t) size, size }, INK);
        /* The first and last stay beside the bar. */
        const int64_t high = 7 * (int64_t) size, top = y - high / 2, low = bar.y + bar.h - high;
        lbk__canvas_text(c, bar.x + bar.w + gap(size),
                         (top < bar.y ? bar.y
                          : top > low ? low
                                      : top) -
                             size,
                         size, INK, tick_text(v, step, text, sizeof text));
    }
}

void lbk__canvas_scale(struct canvas *c, struct area a, const struct scale *s, int size)
{
    const int64_t head = head_height(size);
    const struct area bar = { a.x, a.y + head, bar_width(size), a.h - head };
    lbk__canvas_text(c, a.x, a.y, size, INK, s->unit);
    for (int64_t y = 0; y < bar.h; y++) {
        const double t = bar.h > 1 ? 1 - (double) y / (double) (bar.h - 1) : 0;
        lbk__canvas_fill(c, (struct area){ bar.x, bar.y + y, bar.w, 1 }, s->colour(t));
    }
    lbk__canvas_frame(c, bar, 1, INK);
    put_ticks(c, bar, s, size);
}

/* ---- legend ---- */

static int64_t entry_width(const struct legend *l, int size)
{
    int64_t w = 0;
    for (int i = 0; i < l->n; i++) {
        const int64_t one = lbk__text_width(size, l->at[i].name);
        w = one > w ? one : w;
    }
    return w + bar_width(size) + 3 * gap(size);
}

static int64_t columns(const struct legend *l, int64_t width, int size)
{
    const int64_t n = width / entry_width(l, size);
    return n < 1 ? 1 : n > l->n ? l->n : n;
}

static int64_t row_height(int size) { return lbk__text_height(size) + 3 * (int64_t) size; }

int64_t lbk__legend_height(const struct legend *l, int64_t width, int size)
{
    if (l->n < 1)
        return 0;
    const int64_t across = columns(l, width, size);
    return (l->n + across - 1) / across * row_height(size);
}

void lbk__canvas_legend(struct canvas *c, struct area a, const struct legend *l, int size)
{
    const int64_t across = l->n > 0 ? columns(l, a.w, size) : 1, wide = entry_width(l, size),
                  high = row_height(size), box = bar_width(size);
    for (int i = 0; i < l->n; i++) {
        const int64_t x = a.x + i % across * wide, y = a.y + i / across * high;
        const struct area square = { x, y + (high - box) / 2, box, box };
        const struct area rest = { x + box + gap(size), y, a.x + a.w - x - box - gap(size), high };
        lbk__canvas_fill(c, square, l->at[i].colour);
        lbk__canvas_frame(c, square, 1, INK);
        lbk__canvas_label(c, rest, &(struct label){ l->at[i].name, size, TEXT_LEFT, INK });
    }
}
