/* SPDX-License-Identifier: MIT */
/* A run being carried out: where it stands, what it has seen, what it writes. [owner thread] */
#ifndef LBK_SRC_TRAINER_H
#define LBK_SRC_TRAINER_H
#include <stdio.h>
#include "evaluate.h"
#include "events.h"
#include "json.h"
#include "history.h"
#include "teacher.h"

enum { MAX_STAGES = 16 };

/* What a run spends its time on, beside training. */
enum phase { PHASE_PREPARE, PHASE_JUDGE, PHASE_EVALUATE, PHASE_SAVE, PHASE_DRAW, PHASE_TEST, PHASE_FINISH, PHASES };
/* All that a checkpoint holds beside the store. */
struct position {
    int64_t stage, step; /* the next one to do */
    int64_t best_epoch, images, fallbacks;
    double best, last; /* scores on validation */
    bool has_best;
    double seconds[MAX_STAGES];
    int64_t jsonl, csv, events; /* bytes of the metric files */
    double phase[PHASES];       /* seconds; all but the first two and the last are in those of stages */
};
/* Of a role that does the task of what is delivered. */
struct sized {
    const struct role *role;
    struct net_size size;
    struct sized *next;
};
struct trainer {
    struct run *run;
    lbk_ctx *ctx;
    const char *dir; /* NULL: rehearsal */
    struct position at;
    FILE *jsonl, *csv;
    char latest[64], before[64]; /* names of the two checkpoints that are kept */
    double begun, saved;         /* seconds of the clock: of this stage, of the last checkpoint */
    struct sized *nets;            /* sizes, in the end; in the arena of the run */
    struct lbk_scores last_test; /* with the weights of the last step */
    struct lbk_scores val_best, val_last; /* of the stage: where the best score was, and of its last evaluation */
    struct teacher_counts cached; /* since the run began or was taken up again */
    struct judged *judged;        /* teachers with their scores */
    double student_before;        /* score of the weights the student was given; NAN: none were */
    struct history history;
    struct events *events;        /* NULL: not asked for */
    double drawn, drawing;        /* the curves: when last, and the seconds it took */
    void (*put)(void *ud, const char *line); /* rehearsal: what is planned, or NULL */
    void *ud;
    double seconds; /* rehearsal: what all stages may take */
};

double lbk__now(void);
/* Adds the time since `since` to a phase; returns st. */
lbk_status lbk__spent(struct trainer *t, enum phase phase, double since, lbk_status st);
/* Steps of a stage, of the clock it belongs to, and where on it the stage begins. */
struct length {
    int64_t steps, clock, begin, epoch;
};
lbk_status lbk__stage_length(struct run *r, int64_t stage, struct length *out);

/* The streams of a stage with their loaders, its objective finished and compiled. It may not be moved. */
struct stage_parts {
    int n;
    struct loader *loader[OBJ_STREAMS];
    struct teacher_stream stream[OBJ_STREAMS];
    struct teacher *teacher; /* NULL: frozen roles are part of the engine's plan */
    struct engine *engine;
};
lbk_status lbk__stage_open(struct run *r, const struct stage *s, const char *optim,
                           struct stage_parts *out);
/* cached: what was counted is added to it; may be NULL. */
void lbk__stage_close(struct stage_parts *p, struct teacher_counts *cached);
/* Every network of its roles that are not trained, until one of them gives a failure. */
lbk_status lbk__stage_teachers(struct run *r, const struct stage *s, lbk_status (*each)(void *ud, struct role *x), void *ud);
lbk_status lbk__stage_train(struct trainer *t);
lbk_status lbk__stage_sweep(struct trainer *t);

/* ---- before the first step ---- */

/* The folder of a run can be written to and has that many bytes left; unless it is to go on, it holds no run. What it makes to
 * try, it removes. */
lbk_status lbk__out_check(lbk_ctx *ctx, const char *dir, bool resume, uint64_t bytes);
/* What checkpoints and weights of the store may take on disk at once. */
uint64_t lbk__out_bytes(const lbk_store *s);
/* A stage on its first batch. */
struct rehearsed {
    const struct stage *s;
    const struct stage_parts *parts;
    const struct evaluator *val; /* or NULL */
    struct length n;             /* steps 0: a sweep */
    struct lbk_ramp lr;
    const char *optim;
    const float *values;         /* of the first batch: the loss and its terms; or NULL */
    double load, step, judge;    /* seconds to read a batch, of a step, of a batch of validation; 0 = not known */
};
/* There is memory for what is planned. */
lbk_status lbk__rehearsed_fits(const struct trainer *t, const struct rehearsed *r);
/* Operator by operator, to the log. */
void lbk__rehearsed_log(struct trainer *t, const struct rehearsed *r);
void lbk__rehearsed_end(const struct trainer *t); /* the line that says that all is well */
/* Tells of it in lines, to t->put; adds to t->seconds. */
void lbk__rehearsed_tell(struct trainer *t, const struct rehearsed *r);

/* ---- saving ---- */

lbk_status lbk__save_begin(struct trainer *t);   /* folder, config.yaml, env.json, metric files */
lbk_status lbk__save_restore(struct trainer *t); /* from the latest checkpoint, if there is one */
lbk_status lbk__save_checkpoint(struct trainer *t);
lbk_status lbk__save_end(struct trainer *t);
/* Reads config.yaml of a run; free with lbk__arena_finish. */
lbk_status lbk__save_settings(lbk_ctx *ctx, const char *dir, struct arena *a, int *n,
                              struct lbk_setting **out);
lbk_status lbk__save_result(struct trainer *t, const struct lbk_scores *test);
/* As a stage begins: steps of an epoch. */
void lbk__log_stage(struct trainer *t, int64_t epoch);
void lbk__log_values(struct trainer *t, int64_t step, int64_t epoch, int n,
                     const char *const label[], const float v[], double lr);
void lbk__log_scores(struct trainer *t, const char *part, int64_t step, int64_t epoch,
                     const struct lbk_scores *s);

/* Scores the frozen roles that have weights of their own and do the task of what is delivered, on the part that picks its
 * weights, and tells. A run that goes on reads what it knew. A rehearsal looks at one batch. */
lbk_status lbk__judged_begin(struct trainer *t);
/* The score of what is delivered on that part, NAN if there is none; warns of roles that are no better. */
double lbk__judged_end(const struct trainer *t, const struct lbk_scores *test);
/* "teacher": {"part", "metric", "better", "student_before", "student", "roles": [{"role", "model", "scores"}]}, or null. */
void lbk__judged_put(const struct trainer *t, struct json *j, double student);
/* Every score of theirs, if it is on validation data. */
void lbk__judged_each(const struct trainer *t, void (*put)(void *ud, const char *role, const char *score, double v), void *ud);
/* A file in the folder of the run. Frees j. */
lbk_status lbk__save_json(const struct trainer *t, struct json *j, const char *name);
/* curves.svg of all that has been logged. last false: unless that would take more than a hundredth of the time. */
lbk_status lbk__curves_draw(struct trainer *t, bool last);

/* Copies of the trained states of a role, under "best/". */
lbk_status lbk__best_keep(lbk_store *s, const char *path);
lbk_status lbk__best_use(lbk_store *s); /* back, and forgotten */
void lbk__store_drop(lbk_store *s, bool (*which)(const char *name));
bool lbk__is_best(const char *name);
bool lbk__is_optim(const char *name);

/* ---- runs that are over ---- */

/* The settings of the run in p->resume, under those of p; the arena holds them. */
lbk_status lbk__run_settings(lbk_ctx *ctx, const struct lbk_train_params *p, struct arena *a, struct lbk_train_params *q);
/* What the run delivers, with that file's weights; file NULL: those in the run's folder. NULL: failed, r->failed. */
struct role *lbk__run_delivered(struct run *r, const char *dir, const char *file);
lbk_status lbk__scores_tell(lbk_ctx *ctx, const struct lbk_scores *s, double seconds, struct lbk_progress *out);

#endif
