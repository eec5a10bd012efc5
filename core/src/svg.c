/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include "pen.h"

static void rules(struct text *out, bool dark)
{
    for (int i = 0; i < INK_COUNT; i++)
        lbk__text_add(out, ".l%d{stroke:#%06x}.f%d{fill:#%06x}", i, lbk__ink_colour(i, dark), i,
                      lbk__ink_colour(i, dark));
}

void lbk__svg_style(struct text *out)
{
    lbk__text_word(out,
                   ".ln{fill:none;stroke-linejoin:round;stroke-linecap:round}.ar{opacity:.22}"
                   ".tx{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}"
                   ".bo{font-weight:600}");
    rules(out, false);
    lbk__text_word(out, "@media(prefers-color-scheme:dark){");
    rules(out, true);
    lbk__text_word(out, "}\n");
}

/* Tenths of a pixel, without the locale's point. */
static void number(struct text *out, const char *before, double v)
{
    const long long t = llround(fmin(fmax(v, -1e6), 1e6) * 10);
    const char *sign = t < 0 ? "-" : "";
    const long long u = t < 0 ? -t : t;
    if (u % 10)
        lbk__text_add(out, "%s%s%lld.%lld", before, sign, u / 10, u % 10);
    else
        lbk__text_add(out, "%s%s%lld", before, sign, u / 10);
}

static void points(struct text *out, int n, const struct point at[])
{
    lbk__text_word(out, "\" points=\"");
    for (int i = 0; i < n; i++) {
        number(out, i ? " " : "", at[i].x);
        number(out, ",", at[i].y);
    }
    lbk__text_word(out, "\"/>\n");
}

static void begin(void *ud, double width, double height)
{
    struct svg *s = ud;
    lbk__text_add(s->out, "<svg %sviewBox=\"0 0 %d %d\" role=\"img\">\n",
                  s->whole ? "xmlns=\"http://www.w3.org/2000/svg\" " : "", (int) width,
                  (int) height);
    if (s->whole) {
        lbk__text_word(s->out, "<style>");
        lbk__svg_style(s->out);
        lbk__text_word(s->out, "</style>\n");
        lbk__text_add(s->out, "<rect class=\"f%d\" width=\"%d\" height=\"%d\"/>\n", INK_PAPER,
                      (int) width, (int) height);
    }
}

static void line(void *ud, enum ink ink, double width, bool dashed, int n, const struct point at[])
{
    struct svg *s = ud;
    lbk__text_add(s->out, "<polyline class=\"ln l%d", ink);
    number(s->out, "\" stroke-width=\"", width);
    if (dashed)
        lbk__text_word(s->out, "\" stroke-dasharray=\"4 3");
    points(s->out, n, at);
}

static void area(void *ud, enum ink ink, int n, const struct point at[])
{
    struct svg *s = ud;
    lbk__text_add(s->out, "<polygon class=\"ar f%d", ink);
    points(s->out, n, at);
}

static void dot(void *ud, enum ink ink, double radius, struct point at)
{
    struct svg *s = ud;
    lbk__text_add(s->out, "<circle class=\"f%d", ink);
    number(s->out, "\" cx=\"", at.x);
    number(s->out, "\" cy=\"", at.y);
    number(s->out, "\" r=\"", radius);
    lbk__text_word(s->out, "\"/>\n");
}

static void text(void *ud, enum ink ink, double size, bool bold, enum anchor anchor,
                 struct point at, const char *words)
{
    static const char *const anchors[] = { "start", "middle", "end" };
    struct svg *s = ud;
    lbk__text_add(s->out, "<text class=\"tx%s f%d", bold ? " bo" : "", ink);
    number(s->out, "\" x=\"", at.x);
    number(s->out, "\" y=\"", at.y);
    number(s->out, "\" font-size=\"", size);
    if (anchor != ANCHOR_START)
        lbk__text_add(s->out, "\" text-anchor=\"%s", anchors[anchor]);
    lbk__text_word(s->out, "\">");
    lbk__text_escaped(s->out, words);
    lbk__text_word(s->out, "</text>\n");
}

static void end(void *ud)
{
    struct svg *s = ud;
    lbk__text_word(s->out, "</svg>\n");
}

struct pen lbk__svg_pen(struct svg *s)
{
    return (struct pen){
        .ud = s, .begin = begin, .line = line, .area = area, .dot = dot, .text = text, .end = end
    };
}
