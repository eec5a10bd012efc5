/* SPDX-License-Identifier: MIT */
#include <limbeck/rng.h>
#include "simd.h"
#include "kernels/random.h"

#if defined(__SSE2__) && !defined(__AVX2__)
# include <emmintrin.h>
#endif

typedef uint64_t vu __attribute__((vector_size(VL * 4)));
enum { N = RANDOM_LANES, LANES = VL / 2, V = N / LANES };

/* Products of the low halves; what is in the high halves does not matter. */
INL vu mul32(vu a, uint32_t b)
{
#if defined(__AVX512F__)
    return (vu) _mm512_mul_epu32((__m512i) a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
    return (vu) _mm256_mul_epu32((__m256i) a, _mm256_set1_epi64x(b));
#elif defined(__SSE2__)
    return (vu) _mm_mul_epu32((__m128i) a, _mm_set1_epi64x(b));
#else
    return (a & 0xffffffffu) * (uint64_t) b;
#endif
}

static void fill(float *y, uint64_t key, uint64_t step, uint64_t block)
{
    vu c[V][4];
    uint32_t k0 = (uint32_t) key, k1 = (uint32_t) (key >> 32);
    UNROLL
    for (int v = 0; v < V; v++) {
        for (int i = 0; i < LANES; i++)
            c[v][0][i] = block + (uint64_t) (v * LANES + i);
        c[v][1] = c[v][0] >> 32;
        c[v][2] = step - (vu){ 0 };
        c[v][3] = c[v][2] >> 32;
    }
    for (int r = 0; r < 10; r++) {
        UNROLL
        for (int v = 0; v < V; v++) {
            const vu a = mul32(c[v][0], 0xD2511F53u), b = mul32(c[v][2], 0xCD9E8D57u);
            c[v][0] = (b >> 32) ^ c[v][1] ^ k0, c[v][1] = b;
            c[v][2] = (a >> 32) ^ c[v][3] ^ k1, c[v][3] = a;
        }
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    for (int v = 0; v < V; v++)
        for (int i = 0; i < LANES; i++)
            for (int k = 0; k < 4; k++)
                y[4 * (v * LANES + i) + k] = lbk_unit((uint32_t) c[v][k][i]);
}

const struct random_loops CPU_TABLE(random_loops) = { fill };
