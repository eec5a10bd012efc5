/* SPDX-License-Identifier: MIT */
/* What the benchmarks of a step and of an operator share. [owner thread] */
#ifndef LBK_SRC_BENCH_H
#define LBK_SRC_BENCH_H
#include <limbeck/graph.h>
#include <limbeck/train.h>

struct peaks {
    double gflops, gbs; /* as the device reports them; 0 = unknown */
};
/* Measured now: nothing else is to run meanwhile. spec: LBK_DEVICE_SPEC bytes, gets what `device` stands for. */
lbk_status lbk__peaks(lbk_ctx *ctx, const char *device, char *spec, struct peaks *out);
/* Sorts v; n > 0. */
double lbk__median(int n, double v[]);

/* What each operator of x, which was compiled with profile and has run, takes of a run: a row each, the longest first. out
 * gets the figures of a profile. LBK_ENOMEM is logged. */
lbk_status lbk__profile(const lbk_exec *x, struct peaks peak, void (*each)(void *ud, const struct lbk_bench_row *row), void *ud,
                        struct lbk_bench *out);

/* Of this process, as the system counts; 0 = unknown. */
uint64_t lbk__resident_bytes(void); /* its high water mark */
double lbk__process_seconds(void);  /* since it began */

#endif
