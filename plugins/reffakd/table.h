/* SPDX-License-Identifier: MIT */
/* How alike classes are: mean cosines between the embeddings of their samples. */
#ifndef REFFAKD_TABLE_H
#define REFFAKD_TABLE_H
#include <stdbool.h>
#include <stdint.h>

/* Of k classes, the sums of their samples' unit vectors. */
struct sums {
    int64_t k, d, *n;
    double *sum;
};

/* False: out of memory. k, d >= 1. */
bool sums_init(struct sums *s, int64_t k, int64_t d);
void sums_finish(struct sums *s);
void sums_add(struct sums *s, int64_t y, const float *z);

/* a: k x k. With m the mean unit vector of a class and n its samples: a_ij = m_i . m_j, the mean
 * over all pairs of one sample of each; a_ii = (n^2 |m_i|^2 - n) / (n (n - 1)), the mean over pairs
 * of different samples, 1 if n is 1. */
void sums_table(const struct sums *s, double *a);
/* The smallest addition to the diagonal after which no class is nearer to another than to itself.
 */
double table_delta(const double *a, int64_t k);

#endif
