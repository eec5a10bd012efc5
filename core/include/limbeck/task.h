/* SPDX-License-Identifier: MIT */
#ifndef LBK_TASK_H
#define LBK_TASK_H
#include <limbeck/data.h>
#include <limbeck/nn.h>
LBK_BEGIN

/* One role run on one stream. Asking twice gives the same pass: one forward, however many losses look at it.
 * Several passes of a trained role update its running statistics one after the other, in the order of the streams. */
typedef struct lbk_pass lbk_pass;
LBK_API lbk_graph *lbk_pass_graph(const lbk_pass *p);
/* must exist: else latches, with the nearest names */
LBK_API lbk_val   *lbk_pass_tap(lbk_pass *p, const char *name);
/* NULL = the model has none */
LBK_API lbk_val   *lbk_pass_find(lbk_pass *p, const char *name);
/* "neck*", in the model's order; returns how many match */
LBK_API int        lbk_pass_taps(lbk_pass *p, const char *pattern, int max, lbk_val *out[]);
/* of its stream, or what a task made of those (lbk_task.encode); also "index", 0 .. count - 1. Arrays with a row for each box
 * stay on the host. */
LBK_API lbk_val   *lbk_pass_field(lbk_pass *p, const char *field);
/* never NULL: absent latches, and reads as no label */
LBK_API const struct lbk_field *lbk_pass_spec(lbk_pass *p, const char *field);
/* rows of v reach the host as array `name` of each record */
LBK_API void       lbk_pass_read(lbk_pass *p, const char *name, lbk_val *v);
#define lbk_pass_out(p) lbk_pass_tap(p, "out")

/* The task loss before reduction. Plain training is the sum over terms of coef * sum(loss *
 * weight) / norm. */
struct lbk_term {
    const char *name;                 /* "main", "aux", "box" */
    double coef;
    /* one number per pixel, anchor or sample; 0 where there is no truth */
    lbk_val *loss;
    lbk_val *weight;                  /* shaped like loss, 0 = does not count; NULL = all ones */
    lbk_val *norm;                    /* scalar; NULL = sum(weight), or 1 if that is 0 */
};
LBK_API lbk_val *lbk_terms_reduce(lbk_graph *g, int n, const struct lbk_term t[]);
/* of any role, the teacher's too */
LBK_API int      lbk_pass_terms(lbk_pass *p, int max, struct lbk_term out[]);
/* those, reduced as above */
LBK_API lbk_val *lbk_pass_loss(lbk_pass *p);

/* What heads mean: the fields they learn from, their loss, their answer, its scores and
 * pictures. */
struct lbk_task {
    uint32_t size;
    const char *name, *doc;
    const struct lbk_opt *opts;
    size_t cfg_size;
    /* a labelled stream has these, of that kind; a table ends at a name of NULL, and NULL is an empty one. Of labels:
     * classes 0 = as many as the data has, ignore as the task's data usually has it */
    const struct lbk_field *fields;
    /* evaluated unless told otherwise; the first one's first score picks checkpoints */
    const char *const *metrics;
    /* [any thread] optional: turns fields into arrays of one shape for all samples, which are fields of the stream from then on
     * (boxes -> "anchor_class", "anchor_box"). Called after the transforms for every sample that has all of `fields`: in
     * training, evaluation, sweeps and pre-flight, and by predict where there is truth; so post() cannot count on what it puts. It
     * must depend on nothing but the sample, the shapes and cfg. shape(): of a tap of the role, batch of 1; absent = rank 0.
     * A stream is encoded for the first trained role (else the first role) whose task encodes; other roles on it may read what
     * it put if their task is the same and the taps asked for have the same shapes. */
    lbk_status (*encode)(lbk_record *r, lbk_shape (*shape)(void *ud, const char *tap), void *ud, const void *cfg);
    int        (*terms)(lbk_pass *p, const void *cfg, int max, struct lbk_term out[]);
    /* evaluation: lbk_pass_read() what post, metrics and draw want */
    void       (*predict)(lbk_pass *p, const void *cfg);
    /* [any thread] optional: host part of the answer, as NMS */
    lbk_status (*post)(lbk_record *r, const void *cfg);
    /* [any thread] optional, after post: names what there is to see of an answer, by the functions below. Core makes the
     * pictures, truth and other networks beside it. */
    lbk_status (*draw)(lbk_record *r, const void *cfg);
};

/* An array of the record as a map of its own: "classes", LBK_I32 H x W; "turbo", metres, LBK_F32 H x W or 1 x H x W. Its truth
 * is the LBK_MAP of that type among the task's fields. */
LBK_API void lbk_draw_map(lbk_record *r, const char *array, const char *palette);
/* LBK_F32, one for each class, before softmax; the truth is the LBK_CLASS among the task's fields. */
LBK_API void lbk_draw_scores(lbk_record *r, const char *array);
/* LBK_F32 n x 6, x0 y0 x1 y1 score class, in pixels of the network's picture; those with a score below `least` are not shown. The
 * truth is the LBK_BOXES among the task's fields. */
LBK_API void lbk_draw_boxes(lbk_record *r, const char *array, double least);

typedef struct lbk_scores lbk_scores;
enum lbk_sense { LBK_HIGHER, LBK_LOWER };                                     /* what is better */
/* "ap50"; shown as "val/coco.ap50" */
LBK_API void lbk_scores_put(lbk_scores *s, const char *name, enum lbk_sense better, double v);
/* What is more than one number: "confusion". Row by row; names of rows and columns, or NULL: they are numbered. */
struct lbk_table {
    const char *name;
    int64_t rows, columns;
    const char *const *row, *const *column;
    const double *v;
};
/* Copied; kept of the last evaluation, on test data. */
LBK_API void lbk_scores_table(lbk_scores *s, const struct lbk_table *t);

struct lbk_metric {
    uint32_t size;
    const char *name, *doc;
    const struct lbk_opt *opts;
    size_t cfg_size;
    /* zeroed at the start, freed at the end, by the host */
    size_t state_size;
    /* in the order of the data set */
    lbk_status (*add)(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r);
    /* always called; out NULL: only tidy up */
    lbk_status (*end)(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out);
};

LBK_END
#endif
