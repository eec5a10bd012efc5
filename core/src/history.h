/* SPDX-License-Identifier: MIT */
/* What a run has logged, as series over its steps, thinned so that millions of rows take little room. What it holds depends on
 * the rows and their order alone: the same while a run is on, after it was taken up again, and from its metrics.csv. [one thread
 * at a time] */
#ifndef LBK_SRC_HISTORY_H
#define LBK_SRC_HISTORY_H
#include <limbeck/base.h>

enum { HISTORY_BINS = 512, HISTORY_STAGES = 64 };

/* Rows of one stage that lie close together. Values are floats, exactly as the file has them. */
struct bin {
    int stage;
    int64_t first, last; /* steps since the run began */
    int64_t n, bad;      /* finite values; those that are not */
    double sum;
    float least, most;
};
struct series {
    char part[24], name[96]; /* "train", "val", "test"; "task" */
    const char *better;      /* "higher", "lower", "" */
    int64_t width;           /* steps of a bin */
    int64_t rows;
    int n;                   /* at most HISTORY_BINS; in the order of steps */
    struct bin *bin;
    double latest; /* value of the last row */
};
struct history_stage {
    char name[64];
    int64_t begin, steps; /* so far */
    int64_t epoch;        /* steps of one; 0 = not known */
};
struct history {
    int64_t n, cap; /* series, in the order in which they came */
    struct series *at;
    int n_stage; /* those with rows */
    struct history_stage stage[HISTORY_STAGES];
    bool failed; /* out of memory: what came since is missing */
};

/* A row of metrics.csv: "stage,part,step,epoch,name,value,better", the last "higher", "lower" or "". Of the part "stage": steps of
 * its epochs. false: it is none. */
bool lbk__history_line(struct history *h, const char *line);
/* The first `most` bytes of that file; most < 0: all. A last row that is cut short is left out. LBK_ENOENT, LBK_EIO, LBK_EFORMAT
 * naming the row. */
lbk_status lbk__history_read(lbk_ctx *ctx, const char *path, int64_t most, struct history *h);
void lbk__history_free(struct history *h);
struct series *lbk__history_find(const struct history *h, const char *part, const char *name);
/* A step of the stage that is on, counted from where the run began. */
int64_t lbk__history_step(const struct history *h, int64_t step);
int64_t lbk__history_steps(const struct history *h);
/* Steps of an epoch, if all stages have the same; else 0. */
int64_t lbk__history_epoch(const struct history *h);

#endif
