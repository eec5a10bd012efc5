/* SPDX-License-Identifier: MIT */
/* The rounds of SHA-256 by instructions for them, several times as fast: data sets are hashed at
 * the start of every run, and plugins as they are loaded. */
#include <stdbool.h>
#include "sha256.h"

#if (defined __x86_64__ || defined __i386__) && (defined __GNUC__ || defined __clang__)
# include <cpuid.h>
# include <immintrin.h>

# define OWN __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds; the words that they add. Two rounds make of both halves the new first one, and the
 * old first one is the new second. */
OWN static inline void four(__m128i *abef, __m128i *cdgh, __m128i add)
{
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, add);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(add, 0x0e));
}

/* The next four words after w[0] .. w[3] of four each. */
OWN static inline __m128i more(const __m128i w[4])
{
    const __m128i back = _mm_alignr_epi8(w[3], w[2], 4);
    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]), back), w[3]);
}

OWN static inline __m128i constants(int i)
{
    return _mm_loadu_si128((const __m128i *) (lbk__sha256_k + 4 * i));
}

OWN static void compress(__m128i h[2], const unsigned char *block)
{
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i w[4], abef = h[0], cdgh = h[1];
    for (int i = 0; i < 4; i++) {
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) block + i), swap);
        four(&abef, &cdgh, _mm_add_epi32(w[i], constants(i)));
    }
    for (int i = 4; i < 16; i++) {
        const __m128i next = more(w);
        w[0] = w[1], w[1] = w[2], w[2] = w[3], w[3] = next;
        four(&abef, &cdgh, _mm_add_epi32(next, constants(i)));
    }
    h[0] = _mm_add_epi32(h[0], abef), h[1] = _mm_add_epi32(h[1], cdgh);
}

OWN static void blocks(uint32_t h[8], const unsigned char *block, size_t n)
{
    __m128i v[2] = {
        _mm_set_epi32((int) h[0], (int) h[1], (int) h[4], (int) h[5]),
        _mm_set_epi32((int) h[2], (int) h[3], (int) h[6], (int) h[7]),
    };
    uint32_t out[8];
    for (; n; n--, block += 64)
        compress(v, block);
    _mm_storeu_si128((__m128i *) out, v[0]), _mm_storeu_si128((__m128i *) out + 1, v[1]);
    h[0] = out[3], h[1] = out[2], h[4] = out[1], h[5] = out[0];
    h[2] = out[7], h[3] = out[6], h[6] = out[5], h[7] = out[4];
}

sha256_blocks *lbk__sha256_own(void)
{
    unsigned a, b, c, d;
    const bool sse = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);
    return sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) ? blocks : NULL;
}

#else

sha256_blocks *lbk__sha256_own(void) { return NULL; }

#endif
