/* SPDX-License-Identifier: MIT */
/* How well a role does its task on a part of the data. [owner thread] */
#ifndef LBK_SRC_EVALUATE_H
#define LBK_SRC_EVALUATE_H
#include "engine.h"

enum { MAX_SCORES = 64, MAX_TABLES = 8 };
struct score {
    char name[96];
    enum lbk_sense better;
    double v;
};
struct lbk_scores {
    int n;
    struct score at[MAX_SCORES];
    const char *metric;
    struct arena *keep; /* as the evaluator's */
    int n_table;
    struct lbk_table table[MAX_TABLES];
};

/* The score of that name ("val/miou", "miou"), or the first one for NULL; NULL: there is none. */
const struct score *lbk__scores_pick(const struct lbk_scores *s, const char *name);
/* Is it better than v, in its own sense? */
bool lbk__score_beats(const struct score *s, double v);

struct evaluator {
    struct run *run;
    struct role *role;
    struct engine *engine;
    struct loader *loader;
    struct source *source;
    const struct encoder *encoder; /* of the source, or NULL */
    struct arena *keep; /* where tables go, set by the caller; NULL: there are none */
};

/* NULL engine in *out when the role has no task. */
lbk_status lbk__evaluator_create(struct run *r, struct role *role, enum data_split split,
                                 struct evaluator **out);
void lbk__evaluator_destroy(struct evaluator **e);
/* Of a network, and the multiply-adds that convolutions and products of matrices take for its answer to one sample. */
struct net_size {
    int64_t parameters, buffers; /* numbers that are trained, and that are not */
    int64_t bytes;               /* of both */
    double macs;
};
/* Of a role with the task of the evaluator's. */
lbk_status lbk__evaluator_size(const struct evaluator *e, struct role *x, struct net_size *out);
/* Scores are named "accuracy"; those of a metric after the first "metric.score". */
lbk_status lbk__evaluator_run(struct evaluator *e, struct lbk_scores *out);
/* The same, each record given to look() after the task's post(); may be NULL. */
lbk_status lbk__evaluator_look(struct evaluator *e, struct lbk_scores *out,
                               lbk_status (*look)(void *ud, const lbk_record *r), void *ud);

/* All of the above for one look at a part; no scores when the role has no task. keep: as the evaluator's. */
lbk_status lbk__role_scores(struct run *r, struct role *role, enum data_split split, struct arena *keep, struct lbk_scores *out);

/* What the role's task wants to read of one stream, compiled; the role's weights are loaded. */
lbk_status lbk__answers_create(struct run *r, struct role *role, const struct obj_stream *stream, struct engine **out);

/* The metrics of a role's task, fed record by record, in the order of the data. */
enum { MAX_METRICS = 8 };
struct scoring {
    struct run *run;
    struct role *role;
    int n;
    const struct lbk_metric *metric[MAX_METRICS];
    lbk_opts *opts[MAX_METRICS];
    void *state[MAX_METRICS];
};
/* Whatever it gives, lbk__scoring_end must be called, with the first failure: it gives that or its own, and scores if none. */
lbk_status lbk__scoring_begin(struct run *r, struct role *role, struct scoring *out);
lbk_status lbk__scoring_add(struct scoring *c, const lbk_record *r);
lbk_status lbk__scoring_end(struct scoring *c, lbk_status st, struct lbk_scores *out);
/* The task's post(), if it has one. */
lbk_status lbk__answer_post(const struct role *role, lbk_record *r);

#endif
