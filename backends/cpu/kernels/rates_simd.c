/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/rates.h"

enum { CHAINS = 12 }; /* more than latency times ports, and no more than registers */

static float chains(int64_t n)
{
    vf acc[CHAINS];
    const vf half = vset(0.5f), one = vset(1.0f);
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        acc[i] = vset((float) i);
    for (int64_t k = 0; k < n; k++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++)
            acc[i] = vfma(acc[i], half, one);
    }
    vf sum = acc[0];
    UNROLL
    for (int i = 1; i < CHAINS; i++)
        sum += acc[i];
    float y = 0;
    for (int i = 0; i < VL; i++)
        y += sum[i];
    return y;
}

static void scale(float *y, const float *x, float s, int64_t n)
{
    const vf by = vset(s);
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        vstore(y + i, by * vload(x + i));
    for (; i < n; i++)
        y[i] = s * x[i];
}

const struct rate_loops CPU_TABLE(rate_loops) = { chains, 2 * CHAINS * VL, scale };
