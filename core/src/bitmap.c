/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include "pen.h"

enum { SCALE = 2, MOST_EDGES = 1024 }; /* of two lines of 512 points */

static struct rgb colour(enum ink ink)
{
    const uint32_t c = lbk__ink_colour(ink, false);
    return RGB((uint8_t) (c >> 16), (uint8_t) (c >> 8), (uint8_t) c);
}

static void begin(void *ud, double width, double height)
{
    struct bitmap *b = ud;
    b->status = lbk__canvas_create(b->ctx, llround(SCALE * width), llround(SCALE * height),
                                   colour(INK_PAPER), &b->canvas);
}

static void stroke(struct bitmap *b, enum ink ink, double width, struct point from, struct point to)
{
    const struct stroke s = { SCALE * from.x, SCALE * from.y, SCALE * to.x, SCALE * to.y,
                              SCALE * width };
    if (!b->status)
        lbk__canvas_line(&b->canvas, s, colour(ink));
}

static struct point between(struct point a, struct point b, double share)
{
    return (struct point){ a.x + share * (b.x - a.x), a.y + share * (b.y - a.y) };
}

static void dashes(struct bitmap *b, enum ink ink, double width, const struct point at[2])
{
    const double on = 4, period = 7, length = hypot(at[1].x - at[0].x, at[1].y - at[0].y);
    for (double k = 0; k < length; k += period)
        stroke(b, ink, width, between(at[0], at[1], k / length),
               between(at[0], at[1], fmin(k + on, length) / length));
}

static void line(void *ud, enum ink ink, double width, bool dashed, int n, const struct point at[])
{
    for (int i = 1; i < n; i++) {
        if (dashed)
            dashes(ud, ink, width, &at[i - 1]);
        else
            stroke(ud, ink, width, at[i - 1], at[i]);
    }
}

/* Where the edges of a polygon cross a row, rising. */
static int crossings(double y, int n, const struct point at[], double x[MOST_EDGES])
{
    int found = 0;
    for (int i = 0; i < n && found < MOST_EDGES; i++) {
        const struct point a = at[i], b = at[i + 1 < n ? i + 1 : 0];
        if ((a.y <= y) == (b.y <= y))
            continue;
        const double v = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
        int k = found++;
        for (; k > 0 && x[k - 1] > v; k--)
            x[k] = x[k - 1];
        x[k] = v;
    }
    return found;
}

static void area(void *ud, enum ink ink, int n, const struct point at[])
{
    struct bitmap *b = ud;
    double x[MOST_EDGES];
    for (int64_t row = 0; !b->status && row < b->canvas.h; row++) {
        const int found = crossings(((double) row + 0.5) / SCALE, n, at, x);
        for (int i = 0; i + 1 < found; i += 2) {
            const int64_t from = llround(SCALE * x[i]), to = llround(SCALE * x[i + 1]);
            lbk__canvas_tint(&b->canvas, (struct area){ from, row, to - from, 1 }, colour(ink),
                             0.22);
        }
    }
}

static void dot(void *ud, enum ink ink, double radius, struct point at)
{
    stroke(ud, ink, 2 * radius, at, at);
}

static void text(void *ud, enum ink ink, double size, bool bold, enum anchor anchor,
                 struct point at, const char *s)
{
    struct bitmap *b = ud;
    const int dots = size < 15 ? 2 : 3; /* wide and high is one of the font */
    const int64_t width = lbk__text_width(dots, s);
    const int64_t x = llround(SCALE * at.x) - (anchor == ANCHOR_START    ? 0
                                               : anchor == ANCHOR_MIDDLE ? width / 2
                                                                         : width);
    const int64_t y =
        llround(SCALE * at.y) - 8 * (int64_t) dots; /* of a capital letter, and the gap above */
    for (int i = 0; !b->status && i <= bold; i++)
        lbk__canvas_text(&b->canvas, x + i, y, dots, colour(ink), s);
}

static void end(void *ud) { (void) ud; }

struct pen lbk__bitmap_pen(struct bitmap *b)
{
    return (struct pen){
        .ud = b, .begin = begin, .line = line, .area = area, .dot = dot, .text = text, .end = end
    };
}
