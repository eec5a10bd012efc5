/* SPDX-License-Identifier: MIT */
/* What the processor can do at best, for kernels to be compared with. */
#ifndef LBK_CPU_RATES_H
#define LBK_CPU_RATES_H
#include <stdint.h>

struct rate_loops {
    /* n times a fused multiply-add on each of so many independent vectors; returns what came of it. */
    float (*chains)(int64_t n);
    int64_t flops; /* of one time */
    /* y[i] = s * x[i] */
    void (*scale)(float *y, const float *x, float s, int64_t n);
};

#endif
