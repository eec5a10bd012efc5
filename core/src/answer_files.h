/* SPDX-License-Identifier: MIT */
/* An answer as a picture for people, and as one for programs. */
#ifndef LBK_SRC_ANSWER_FILES_H
#define LBK_SRC_ANSWER_FILES_H
#include "picture.h"

/* Whole pixels for one, so that a small picture can be seen; size of text that suits a picture that high. */
int64_t lbk__zoom(int64_t h, int64_t w);
int lbk__text_size(int64_t high);

/* Metres as turbo, zoomed, at the left; beside them a bar that goes from the one-hundredth of the least to that of the greatest. */
lbk_status lbk__answer_metres(lbk_ctx *ctx, const char *path, const char *title, const struct map *m);
/* 16 bits of grey, millimetres: 0 where there is no answer, 65535 from 65.535 m on. */
lbk_status lbk__answer_millimetres(lbk_ctx *ctx, const char *path, const char *title, const struct map *m);
/* The classes' colours over the picture, zoomed; below, the names of those that are seen with their share of the area. */
lbk_status lbk__answer_overlay(lbk_ctx *ctx, const char *path, const char *title, const struct canvas *picture,
                               const struct map *m, const struct lbk_field *classes);
/* The labels themselves, of 8 bits, or of 16 where one is above 254; the greatest is no answer. */
lbk_status lbk__answer_labels(lbk_ctx *ctx, const char *path, const char *title, const struct map *m,
                              const struct lbk_field *classes);

/* A class and its share of what has one. */
struct share {
    int64_t label;
    double share;
};
/* The `most` classes with the most pixels, the largest first; returns how many. */
int lbk__map_shares(const struct map *m, int most, struct share out[]);
/* The `most` likeliest of n classes by the softmax of their scores, of equals the lower one first; returns how many. */
int lbk__score_shares(const float *z, int64_t n, int most, struct share out[]);

#endif
