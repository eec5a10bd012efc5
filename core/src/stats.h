/* SPDX-License-Identifier: MIT */
/* What few numbers say: means, spreads, and intervals of differences. [any thread] */
#ifndef LBK_SRC_STATS_H
#define LBK_SRC_STATS_H
#include <limbeck/report.h>

/* Of Student's t with `freedom` > 0, not always whole, degrees: P(T <= result) = p, 0 < p < 1. By the incomplete beta function
 * (DLMF 8.17.22, evaluated after Lentz) and bisection, to 1e-10 relative. */
double lbk__t_quantile(double p, double freedom);
void lbk__spread(int n, const double v[], struct lbk_spread *out);
/* Mean of b minus that of a, with the 95 % interval: by Welch's t (The generalization of Student's problem when several different
 * population variances are involved, 1947), or by the differences b[i] - a[i]. Not finite where a number alone says nothing. */
struct lbk_difference lbk__welch(int n, const double a[], int m, const double b[]);
struct lbk_difference lbk__paired(int n, const double a[], const double b[]);

#endif
