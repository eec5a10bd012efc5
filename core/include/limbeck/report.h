/* SPDX-License-Identifier: MIT */
/* Runs, looked at and set against each other. */
#ifndef LBK_REPORT_H
#define LBK_REPORT_H
#include <limbeck/base.h>
LBK_BEGIN

/* Of a score over runs. What is not known is NAN: all without a number, the deviation (of a sample) of one alone. */
struct lbk_spread { int n; double mean, deviation, least, most; };
/* Of two means, with a 95 % interval by Student's t; NAN where there are too few runs. */
struct lbk_difference {
    bool paired;                       /* by seed; else Welch's */
    double mean, low, high, freedom;
};
enum lbk_verdict { LBK_BASELINE, LBK_HELPED, LBK_NO_HELP, LBK_HURT, LBK_CANNOT_TELL };
/* "baseline", "helped", "did not help", "hurt", "cannot tell" */
LBK_API const char *lbk_verdict_name(enum lbk_verdict v);

/* Runs that were told the same, but for seed, folder, and what changes no bit of the result (threads, loaders, caches, how often
 * things are written). */
struct lbk_run_group {
    uint32_t size;
    const char *label;                 /* what sets it apart: "method=kd kd.T=4" */
    int n;                             /* runs */
    const char *const *runs;
    const int64_t *seeds;
    struct lbk_spread test, validation; /* of the weights that were delivered */
    double seconds, images_per_second; /* means */
    struct lbk_difference difference;  /* on test data, to the baseline; all 0 of itself */
    enum lbk_verdict verdict;
    const char *reason;                /* in words, with numbers */
};
struct lbk_comparison {
    uint32_t size;
    /* given */
    const char *score;                 /* NULL: the metric of the runs */
    const char *baseline;              /* one of the runs, its group; NULL: the plain group, or the first */
    const char *ignore;                /* settings that may differ inside a group too, "a,b"; NULL: none */
    /* given back; texts live as long as the context */
    const char *metric, *better;       /* "higher", "lower"; "" when the runs do not say */
    int n;
    const struct lbk_run_group *groups;    /* in the order in which they came, the baseline first */
};
/* Reads result.json of each run. A verdict needs three seeds on both sides: helped or hurt where the interval leaves 0 out, did not
 * help where it holds 0 and its better end is less than one deviation of the baseline, cannot tell otherwise. No correction is made
 * for how many groups there are. LBK_ENOENT, LBK_EFORMAT: a file; LBK_EINVAL: runs of another metric, or without the score. */
LBK_API lbk_status lbk_compare(lbk_ctx *ctx, int n, const char *const runs[], struct lbk_comparison *io);

/* A page of HTML that reads nothing else, to be looked at in a browser: what came out, scores, curves, the pictures in samples/,
 * networks, warnings, time, settings, machine, and how to repeat it; of several runs also the comparison, with the curves over
 * each other. path NULL: report.html in the folder of the one run, or where the program was called. Runs that have not ended are
 * shown as far as they are. Errors as of lbk_compare. */
LBK_API lbk_status lbk_report(lbk_ctx *ctx, int n, const char *const runs[], const char *path);

LBK_END
#endif
