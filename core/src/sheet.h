/* SPDX-License-Identifier: MIT */
/* Samples with what was given, wanted and answered, side by side on one picture. [any thread] */
#ifndef LBK_SRC_SHEET_H
#define LBK_SRC_SHEET_H
#include "marks.h"

enum { SHEET_NETWORKS = 4, SHEET_ACROSS = 6 };
/* One network's answer: a map, of VIEW_BOXES marks, or of VIEW_SCORES the class with its share. */
struct sheet_answer {
    struct map map;
    struct marks marks;
    int64_t label;
    double share;
};
struct sheet_sample {
    char name[32];
    struct canvas picture;
    struct map truth; /* of the picture's size, as are the answers' */
    struct marks boxes; /* of VIEW_BOXES, the truth; at NULL: not known */
    int64_t label;    /* of VIEW_SCORES; -1 = not known */
    struct sheet_answer answer[SHEET_NETWORKS];
};
struct sheet {
    const char *title;
    enum view_kind kind;
    const struct lbk_field *classes;
    int n_networks; /* 1 at least; errors are those of the last */
    const char *network[SHEET_NETWORKS];
    int n;
    struct sheet_sample *sample;
};
/* Maps: a row for each sample with its picture, truth, the networks' maps and the last one's error. Metres share one scale from the
 * truth's least to its greatest, errors one from 0 to half of that range. Boxes: the same without
 * an error, the answers' marks with their scores. Classes: SHEET_ACROSS pictures to a row, with what is
 * true and what is answered below, in red where it is wrong. free(out->data). */
lbk_status lbk__sheet_draw(lbk_ctx *ctx, const struct sheet *s, struct canvas *out);
void lbk__sheet_clear(struct sheet_sample *s); /* frees what it holds */

/* What is true where there is a truth: mean distance in metres, or share of right labels; NAN: no truth. */
double lbk__sheet_score(enum view_kind kind, const struct map *answer, const struct map *truth);

#endif
