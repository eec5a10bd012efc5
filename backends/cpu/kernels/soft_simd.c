/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/soft.h"
#include "kernels/vmath.h"

enum { LANES = 16 };

static int64_t label_of(const struct soft_job *j, int k)
{
    const int64_t v = j->label ? j->label[k] : 0;
    return v < 0 || v >= j->n || (j->label && v == j->ignore) ? -1 : v;
}

static float row_max(const float *x, int64_t n)
{
    float lane[LANES], m;
    for (int i = 0; i < LANES; i++)
        lane[i] = -INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (int k = 0; i + k < n; k++)
        lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    m = lane[0];
    for (int k = 1; k < LANES; k++)
        m = lane[k] > m ? lane[k] : m;
    return m;
}

static float row_sum(const float *x, int64_t n, float max)
{
    float lane[LANES] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += vm_exp(x[i + k] - max);
    for (int k = 0; i + k < n; k++)
        lane[k] += vm_exp(x[i + k] - max);
    for (int k = LANES / 2; k; k /= 2)
        for (int q = 0; q < k; q++)
            lane[q] += lane[q + k];
    return lane[0];
}

static void row(const struct soft_job *j)
{
    const float *x = j->x;
    float *y = j->y;
    const float max = row_max(x, j->n), sum = row_sum(x, j->n, max);
    const int64_t label = label_of(j, 0);
    if (j->kind == SOFT_LOSS) {
        y[0] = label < 0 ? 0.0f : vm_log(sum) - (x[label] - max);
        return;
    }
    const float log_sum = vm_log(sum), g = j->kind == SOFT_LOSS_DX ? j->dy[0] : 0,
                here = label < 0 ? 0 : x[label];
    if (j->kind == SOFT_LOG)
        for (int64_t i = 0; i < j->n; i++)
            y[i] = (x[i] - max) - log_sum;
    else if (j->kind == SOFT_MAX)
        for (int64_t i = 0; i < j->n; i++)
            y[i] = vm_exp(x[i] - max) / sum;
    else if (label < 0)
        memset(y, 0, sizeof *y * (size_t) j->n);
    else {
        for (int64_t i = 0; i < j->n; i++)
            y[i] = vm_exp(x[i] - max) / sum * g;
        y[label] = (vm_exp(here - max) / sum - 1.0f) * g;
    }
}

/* Strips side by side: first what all kinds need. */
static void tile_sums(const struct soft_job *j, float max[SOFT_TILE], float sum[SOFT_TILE])
{
    const int w = j->width;
    for (int i = 0; i < w; i++)
        max[i] = -INFINITY, sum[i] = 0;
    for (int64_t k = 0; k < j->n; k++) {
        const float *x = j->x + k * j->step;
        for (int i = 0; i < w; i++)
            max[i] = x[i] > max[i] ? x[i] : max[i];
    }
    for (int64_t k = 0; k < j->n; k++) {
        const float *x = j->x + k * j->step;
        for (int i = 0; i < w; i++)
            sum[i] += vm_exp(x[i] - max[i]);
    }
}

static void tile(const struct soft_job *j)
{
    float max[SOFT_TILE], sum[SOFT_TILE], log_sum[SOFT_TILE], keep[SOFT_TILE];
    const int w = j->width;
    tile_sums(j, max, sum);
    for (int i = 0; i < w; i++) {
        log_sum[i] = vm_log(sum[i]);
        keep[i] = 1;
    }
    for (int i = 0; i < w && j->kind == SOFT_LOSS; i++) {
        const int64_t k = label_of(j, i);
        j->y[i] = k < 0 ? 0.0f : log_sum[i] - (j->x[k * j->step + i] - max[i]);
    }
    if (j->kind == SOFT_LOSS)
        return;
    for (int i = 0; i < w && j->kind == SOFT_LOSS_DX; i++) {
        const int64_t k = label_of(j, i);
        keep[i] = k < 0 ? -1.0f : j->x[k * j->step + i];
    }
    for (int64_t k = 0; k < j->n; k++) {
        const float *x = j->x + k * j->step;
        float *y = j->y + k * j->step;
        if (j->kind == SOFT_LOG)
            for (int i = 0; i < w; i++)
                y[i] = (x[i] - max[i]) - log_sum[i];
        else if (j->kind == SOFT_MAX)
            for (int i = 0; i < w; i++)
                y[i] = vm_exp(x[i] - max[i]) / sum[i];
        else
            for (int i = 0; i < w; i++)
                y[i] = vm_exp(x[i] - max[i]) / sum[i] * j->dy[i];
    }
    for (int i = 0; i < w && j->kind == SOFT_LOSS_DX; i++) {
        const int64_t k = label_of(j, i);
        for (int64_t q = 0; q < j->n && k < 0; q++)
            j->y[q * j->step + i] = 0;
        if (k >= 0)
            j->y[k * j->step + i] = (vm_exp(keep[i] - max[i]) / sum[i] - 1.0f) * j->dy[i];
    }
}

static void run(const struct soft_job *j)
{
    if (j->step == 1)
        row(j);
    else
        tile(j);
}

const struct soft_loops CPU_TABLE(soft_loops) = { run };
