/* SPDX-License-Identifier: MIT */
#ifndef LBK_CPU_RANDOM_H
#define LBK_CPU_RANDOM_H
#include <stdint.h>

enum { RANDOM_LANES = 16 };
/* lbk_random_at of elements 4 block .. 4 (block + RANDOM_LANES) - 1. */
struct random_loops {
    void (*fill)(float *y, uint64_t key, uint64_t step, uint64_t block);
};

#endif
