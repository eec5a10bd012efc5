/* SPDX-License-Identifier: MIT */
/* What charts are drawn with. Points are in pixels from the upper left corner. */
#ifndef LBK_SRC_PEN_H
#define LBK_SRC_PEN_H
#include "canvas.h"
#include "text.h"

enum ink {
    INK_PAPER,
    INK_FRAME,
    INK_GRID,
    INK_TEXT,
    INK_FAINT,  /* lesser text */
    INK_BAD,    /* what is not finite */
    INK_SERIES, /* and those after it: colours that can be told apart */
    INK_COUNT = INK_SERIES + 8
};
enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };
struct point {
    double x, y;
};
struct pen {
    void *ud;
    void (*begin)(void *ud, double width, double height); /* on paper */
    void (*line)(void *ud, enum ink ink, double width, bool dashed, int n, const struct point at[]);
    void (*area)(void *ud, enum ink ink, int n, const struct point at[]); /* a polygon, see-through */
    void (*dot)(void *ud, enum ink ink, double radius, struct point at);
    void (*text)(void *ud, enum ink ink, double size, bool bold, enum anchor anchor,
                 struct point at, const char *s); /* its base line */
    void (*end)(void *ud);
};
/* 0xrrggbb, on white or on dark: for those who see all colours and those who do not (after Okabe and Ito). */
uint32_t lbk__ink_colour(enum ink ink, bool dark);
/* About as wide as text comes out. */
double lbk__pen_width(const char *s, double size);

/* Writes SVG 1.1. whole: a file of its own, with the styles that lbk__svg_style gives; else an element for a page that has
 * them. */
struct svg {
    struct text *out;
    bool whole;
};
struct pen lbk__svg_pen(struct svg *s);
/* Rules of CSS for light and dark. */
void lbk__svg_style(struct text *out);

/* Draws a picture, two pixels to one. Begin it once; then, or when that failed, which status tells, free(canvas.data). */
struct bitmap {
    lbk_ctx *ctx;
    lbk_status status;
    struct canvas canvas;
};
struct pen lbk__bitmap_pen(struct bitmap *b);

#endif
