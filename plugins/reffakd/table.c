/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include "table.h"

bool sums_init(struct sums *s, int64_t k, int64_t d)
{
    *s = (struct sums){ .k = k, .d = d };
    s->n = calloc((size_t) k, sizeof *s->n);
    if (d <= INT64_MAX / k)
        s->sum = calloc((size_t) (k * d), sizeof *s->sum);
    return s->n && s->sum;
}

void sums_finish(struct sums *s)
{
    free(s->n);
    free(s->sum);
    *s = (struct sums){ 0 };
}

void sums_add(struct sums *s, int64_t y, const float *z)
{
    double norm = 0;
    for (int64_t i = 0; i < s->d; i++)
        norm += (double) z[i] * z[i];
    norm = fmax(sqrt(norm), 1e-8);
    for (int64_t i = 0; i < s->d; i++)
        s->sum[y * s->d + i] += z[i] / norm;
    s->n[y]++;
}

static double cosine(const struct sums *s, int64_t i, int64_t j)
{
    const double n = (double) s->n[i], m = (double) s->n[j];
    const double *a = s->sum + i * s->d, *b = s->sum + j * s->d;
    double dot = 0;
    for (int64_t x = 0; x < s->d; x++)
        dot += a[x] * b[x];
    if (i == j)
        return n > 1 ? (dot - n) / (n * (n - 1)) : 1;
    return n * m > 0 ? dot / (n * m) : 0;
}

void sums_table(const struct sums *s, double *a)
{
    for (int64_t i = 0; i < s->k; i++)
        for (int64_t j = 0; j <= i; j++)
            a[i * s->k + j] = a[j * s->k + i] = cosine(s, i, j);
}

double table_delta(const double *a, int64_t k)
{
    double delta = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++)
            if (j != i)
                delta = fmax(delta, a[i * k + j] - a[i * k + i]);
    return delta > 0 ? delta * (1 + 1e-6) + 1e-6 : 0;
}
