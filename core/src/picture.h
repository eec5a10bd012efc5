/* SPDX-License-Identifier: MIT */
/* From the arrays of records to something that can be looked at. [any thread, a record each] */
#ifndef LBK_SRC_PICTURE_H
#define LBK_SRC_PICTURE_H
#include "palette.h"
#include "record.h"

/* The record's "image", 0 .. 1, of 1 or 3 channels, as colours. free(out->data). */
lbk_status lbk__picture_of(const lbk_record *r, struct canvas *out);

/* Metres, or labels as whole numbers, for each pixel; a place without one is MAP_NONE. */
#define MAP_NONE (-1.0f)
struct map {
    int64_t h, w;
    float *v;
};
/* A copy of an array whose last two axes are h x w. There is none where a field's metres are not positive, or its label is "ignore"
 * or no class; an answer's metres below 0 are 0. free(out->v). */
lbk_status lbk__map_of(const lbk_record *r, const char *array, enum view_kind kind, struct map *out);

/* Where the rows and columns of an array lie in a picture: its left, upper, right and lower edge, in pixels of the picture. */
struct frame {
    double x0, y0, x1, y1;
};
/* Spread over out->h x out->w pixels: labels nearest, metres bilinear by the centres of pixels; none outside of the frame. */
lbk_status lbk__map_place(lbk_ctx *ctx, const struct map *m, enum view_kind kind, const struct frame *f, struct map *out);

/* Least and greatest of what is there; lo > hi: nothing. */
void lbk__map_range(const struct map *m, double *lo, double *hi);
/* What lies between the shares `low` and 1 - `low` of all values. */
void lbk__map_spread(const struct map *m, double low, double *lo, double *hi);

/* Colours of a map, NOTHING where there is none; s: of metres, else the colours are those of classes. */
lbk_status lbk__map_paint(lbk_ctx *ctx, const struct map *m, const struct scale *s, struct canvas *out);

/* Name of a class, or "class 7" in buf. */
const char *lbk__class_name(const struct lbk_field *f, int64_t label, char buf[32]);

#endif
