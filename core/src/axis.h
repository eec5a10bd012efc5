/* SPDX-License-Identifier: MIT */
/* The scale of an axis: where ticks are, and what they say. The same text in every locale. */
#ifndef LBK_SRC_AXIS_H
#define LBK_SRC_AXIS_H
#include <limbeck/base.h>

enum { AXIS_TICKS = 16 };
struct axis {
    double from, to; /* from < to */
    bool log;
    int n;
    double tick[AXIS_TICKS]; /* inside, rising */
    char label[AXIS_TICKS][24];
};
/* A scale that holds least .. most, finite, with at most `ticks` + 2 ticks, which stand at 1, 2 or 5 times a power of ten.
 * may_log: a logarithmic one where most is more than 100 times least, and least is positive. */
void lbk__axis_choose(double least, double most, int ticks, bool may_log, struct axis *out);
/* 0 at from, 1 at to. */
double lbk__axis_at(const struct axis *a, double v);
/* Four digits: "0.9123", "12.3k", "1.5e-7"; "nan". */
char *lbk__axis_number(double v, char buf[24]);

#endif
