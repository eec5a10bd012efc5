/* SPDX-License-Identifier: MIT */
#ifndef LBK_CPU_MATMUL_H
#define LBK_CPU_MATMUL_H
#include <stdbool.h>
#include <stdint.h>

struct matmul_block { /* y[m][panels * 16] (+)= a[m][k] * b[panel][k][16] */
    const float *a;
    int64_t a_row, a_k; /* floats between rows and between terms; one of them is 1 */
    const float *b;
    int64_t b_panel;
    float *y;
    int64_t y_row;
    int64_t m, k, panels;
    bool add; /* to what is in y */
};
struct matmul_loops {
    void (*block)(const struct matmul_block *b);
    /* n <= 16 columns of k terms as [k][16], the others zero: term i of column j lies at i * step_k
     * + j * step_n. */
    void (*pack)(const float *b, int64_t step_k, int64_t step_n, int64_t k, int64_t n, float *to);
};

#endif
