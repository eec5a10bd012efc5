/* SPDX-License-Identifier: MIT */
/* Colours of numbers and of classes, and what explains them beside a picture. [any thread] */
#ifndef LBK_SRC_PALETTE_H
#define LBK_SRC_PALETTE_H
#include "canvas.h"

/* Where there is no number or no label. */
#define NOTHING RGB(128, 128, 128)

/* Of 0 .. 1; what is beyond takes the end's colour. Turbo from blue to red by a polynomial (Mikhailov, "Turbo, an improved rainbow
 * colormap for visualization", 2019), without its first 4 %, which are nearly black; heat from black by red and yellow to white;
 * grey from black to white. NOTHING is in none of them but grey, nor among the classes. */
struct rgb lbk__turbo(double t);
struct rgb lbk__heat(double t);
struct rgb lbk__grey(double t);
/* Forty that are told apart well, the first best (tests/ref/palette.py); then they come again, darker. Below 0 NOTHING. */
struct rgb lbk__class_colour(int64_t label);

/* 1, 2 or 5 times a power of ten, the least by which `span` has at most `most` steps; 0 if span is not positive and finite. */
double lbk__nice_step(double span, int most);

/* A bar from the least value below to the greatest above, with a tick and its number at each nice step, and the unit over it. */
struct scale {
    double lo, hi; /* hi > lo */
    const char *unit;
    struct rgb (*colour)(double t);
};
/* Width of the bar with its numbers, at that height of all. */
int64_t lbk__scale_width(const struct scale *s, int64_t high, int size);
void lbk__canvas_scale(struct canvas *c, struct area a, const struct scale *s, int size);

/* Squares of colour with names, in columns as wide as the widest. */
struct legend_entry {
    struct rgb colour;
    const char *name;
};
struct legend {
    int n;
    const struct legend_entry *at;
};
int64_t lbk__legend_height(const struct legend *l, int64_t width, int size);
void lbk__canvas_legend(struct canvas *c, struct area a, const struct legend *l, int size);

#endif
