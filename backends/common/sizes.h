/* SPDX-License-Identifier: MIT */
/* Arithmetic of sizes and places. */
#ifndef LBK_SIZES_H
#define LBK_SIZES_H
#include <stdint.h>

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t up_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Of the n places at, at + step, ... those in [0, end) are [*lo, *hi). */
static inline void inside(int64_t at, int64_t step, int64_t end, int64_t n, int64_t *lo, int64_t *hi)
{
    *lo = least(n, at < 0 ? up_div(-at, step) : 0);
    *hi = most(*lo, least(n, at < end ? up_div(end - at, step) : 0));
}

#endif
