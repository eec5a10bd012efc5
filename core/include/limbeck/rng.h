/* SPDX-License-Identifier: MIT */
/* Counter-based random numbers, the same on every backend: Philox4x32-10 (Salmon et al., SC 2011, section 3).
 * A draw is a function of (seed, key, counter); there is no state to save. Valid C and OpenCL C. [any thread] */
#ifndef LBK_RNG_H
#define LBK_RNG_H
#include <stdint.h>

struct lbk_philox { uint32_t v[4]; };

static inline struct lbk_philox lbk_philox(uint64_t key, uint64_t hi, uint64_t lo)
{
    uint32_t k0 = (uint32_t) key, k1 = (uint32_t) (key >> 32);
    uint32_t c[4] = { (uint32_t) lo, (uint32_t) (lo >> 32), (uint32_t) hi, (uint32_t) (hi >> 32) };
    for (int i = 0; i < 10; i++) {
        const uint64_t a = (uint64_t) 0xD2511F53u * c[0], b = (uint64_t) 0xCD9E8D57u * c[2];
        const uint32_t n0 = (uint32_t) (b >> 32) ^ c[1] ^ k0, n2 = (uint32_t) (a >> 32) ^ c[3] ^ k1;
        c[0] = n0, c[1] = (uint32_t) b, c[2] = n2, c[3] = (uint32_t) a;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return (struct lbk_philox) { { c[0], c[1], c[2], c[3] } };
}

/* 24 random bits as a float in [0, 1), exact. */
static inline float lbk_unit(uint32_t bits) { return (float) (bits >> 8) * (1.0f / 16777216.0f); }

/* Finalizer of SplitMix64 (Steele et al., OOPSLA 2014): spreads keys that differ in few bits. */
static inline uint64_t lbk_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + 0x9E3779B97F4A7C15u * (b + 1);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Element i of the operator random: key = lbk_mix(seed, params.key), one Philox block for four
 * elements. */
static inline float lbk_random_at(uint64_t key, uint64_t step, uint64_t i)
{
    return lbk_unit(lbk_philox(key, step, i >> 2).v[i & 3]);
}

#endif
