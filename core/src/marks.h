/* SPDX-License-Identifier: MIT */
/* Boxes on pictures: what is found, and what is true. [any thread, a record each] */
#ifndef LBK_SRC_MARKS_H
#define LBK_SRC_MARKS_H
#include "picture.h"

struct mark {
    double at[4];  /* x0 y0 x1 y1 */
    double score;  /* NAN: it is true */
    int64_t label; /* -1: a region of many objects */
};
struct marks {
    int64_t n;
    struct mark *at;
};
/* An array of n x 6 (x0 y0 x1 y1 score class), without scores below `least`, best first; or of n x 5 (x0 y0 x1 y1 class), in its
 * order. What is not finite is left out. free(out->at). */
lbk_status lbk__marks_of(const lbk_record *r, const char *array, double least, struct marks *out);
/* From pixels of a picture of h x w to those of another, in which it lies so; cut to that, and left out where nothing
 * remains. */
void lbk__marks_place(struct marks *m, int64_t h, int64_t w, const struct frame *f, const struct canvas *in);

/* A picture shown on an area of a canvas. names: NULL: scores alone, small. */
struct marked {
    int64_t h, w; /* of the picture */
    struct area area;
    const struct lbk_field *classes;
    bool names;
    int size; /* of text */
};
/* Edges of the classes' colours, the best on top; truth without words but for its class by `names`. */
void lbk__marks_draw(struct canvas *c, const struct marked *how, const struct marks *m);
/* How many have that label; of NULL none. */
int64_t lbk__marks_count(const struct marks *m, int64_t label);
/* How many of the truth, regions of many left out, overlap by half with an answer of their class, each answer used once, the best
 * first; extra: answers that are left, but for those that lie in such regions by half. */
int64_t lbk__marks_right(const struct marks *answer, const struct marks *truth, int64_t *of, int64_t *extra);

/* The picture with the answer; where the truth is known (truth NULL: it is not), that at its left. Below, the classes with how many
 * there are. */
lbk_status lbk__answer_boxes(lbk_ctx *ctx, const char *path, const char *title, const struct canvas *picture,
                             const struct marks *answer, const struct marks *truth, const struct lbk_field *classes);
/* {"picture": title, "boxes": [{"bbox": [x, y, width, height], "score": s, "label": 0, "class": "name"}, ..]}, best first. */
lbk_status lbk__answer_boxes_json(lbk_ctx *ctx, const char *path, const char *title, const struct marks *m,
                                  const struct lbk_field *classes);

#endif
