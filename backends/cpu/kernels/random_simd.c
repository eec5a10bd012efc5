/* SPDX-License-Identifier: MIT */
#include <limbeck/rng.h>
#include "simd.h"
#include "kernels/random.h"

enum { N = RANDOM_LANES };

static void fill(float *y, uint64_t key, uint64_t step, uint64_t block)
{
    uint32_t c0[N], c1[N], c2[N], c3[N], k0 = (uint32_t) key, k1 = (uint32_t) (key >> 32);
    for (int i = 0; i < N; i++) {
        const uint64_t b = block + (uint64_t) i;
        c0[i] = (uint32_t) b, c1[i] = (uint32_t) (b >> 32), c2[i] = (uint32_t) step, c3[i] = (uint32_t) (step >> 32);
    }
    for (int r = 0; r < 10; r++) {
        for (int i = 0; i < N; i++) {
            const uint64_t a = (uint64_t) 0xD2511F53u * c0[i], b = (uint64_t) 0xCD9E8D57u * c2[i];
            const uint32_t n0 = (uint32_t) (b >> 32) ^ c1[i] ^ k0, n2 = (uint32_t) (a >> 32) ^ c3[i] ^ k1;
            c0[i] = n0, c1[i] = (uint32_t) b, c2[i] = n2, c3[i] = (uint32_t) a;
        }
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < N; i++) {
        y[4 * i] = lbk_unit(c0[i]);
        y[4 * i + 1] = lbk_unit(c1[i]);
        y[4 * i + 2] = lbk_unit(c2[i]);
        y[4 * i + 3] = lbk_unit(c3[i]);
    }
}

const struct random_loops CPU_TABLE(random_loops) = { fill };
