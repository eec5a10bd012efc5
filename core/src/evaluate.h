/* SPDX-License-Identifier: MIT */
/* How well a role does its task on a part of the data. [owner thread] */
#ifndef LBK_SRC_EVALUATE_H
#define LBK_SRC_EVALUATE_H
#include "engine.h"

enum { MAX_SCORES = 64 };
struct score {
    char name[96];
    enum lbk_sense better;
    double v;
};
struct lbk_scores {
    int n;
    struct score at[MAX_SCORES];
    const char *metric;
};

/* The score of that name ("val/miou", "miou"), or the first one for NULL; NULL: there is none. */
const struct score *lbk__scores_pick(const struct lbk_scores *s, const char *name);

struct evaluator {
    struct run *run;
    struct role *role;
    struct engine *engine;
    struct loader *loader;
    struct source *source;
};

/* NULL engine in *out when the role has no task. */
lbk_status lbk__evaluator_create(struct run *r, struct role *role, enum data_split split,
                                 struct evaluator **out);
void lbk__evaluator_destroy(struct evaluator **e);
/* Scores are named "accuracy"; those of a metric after the first "metric.score". */
lbk_status lbk__evaluator_run(struct evaluator *e, struct lbk_scores *out);
/* The same, each record given to look() after the task's post(); may be NULL. */
lbk_status lbk__evaluator_look(struct evaluator *e, struct lbk_scores *out,
                               lbk_status (*look)(void *ud, const lbk_record *r), void *ud);

#endif
