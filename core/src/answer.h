/* SPDX-License-Identifier: MIT */
/* A network that answers for one sample at a time, each of its own size. [owner thread] */
#ifndef LBK_SRC_ANSWER_H
#define LBK_SRC_ANSWER_H
#include "evaluate.h"
#include "marks.h"

struct answerer {
    struct run *run;
    struct role *role;
    struct source *source;    /* whose pipeline prepares the image */
    struct lbk_field *fields; /* the source's, and two that tell where a pixel came from */
    lbk_record *ready;        /* the last answer: after post() and draw() */
    struct frame frame;       /* where it lies in the picture as it was read */
    struct engine *engine;    /* for fields of those shapes */
    struct encoder *encoder;  /* for the same, or NULL */
    struct batch_field fed[2]; /* the image, and what else the model reads */
    struct batch batch;       /* of one */
};
/* It may not be moved. The role has a task that predicts. Nothing is built before the first sample. */
lbk_status lbk__answerer_init(struct run *r, struct role *role, struct source *source, struct answerer *out);
void lbk__answerer_finish(struct answerer *a);
/* raw: a sample as its source gives it, or with an image alone; it stays as it is. */
lbk_status lbk__answerer_run(struct answerer *a, const lbk_record *raw);
/* A map of the answer, of the size of the raw picture. free(out->v). */
lbk_status lbk__answerer_map(const struct answerer *a, const struct view *v, const struct canvas *picture, struct map *out);
/* Boxes of the answer, in pixels of the raw picture. free(out->at). */
lbk_status lbk__answerer_marks(const struct answerer *a, const struct view *v, const struct canvas *picture, struct marks *out);

#endif
