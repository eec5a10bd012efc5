/* SPDX-License-Identifier: MIT */
/* The numbers of random for a processor: a work-item makes `each` blocks of four, 16 side by side.
 * What is in the high halves of c1 and c3 does not matter. */
#define LOW(c) ((c) & (ulong16) 0xffffffffu)
#define UNIT(v) (convert_float16(as_uint16(v) >> 8) * (1.0f / 16777216.0f))
/* Of the 64 numbers the 16 in lanes a to d of p and q, in turn. */
#define PUT(a, b, c, d) \
    { \
        const ulong8 v = shuffle2(p, q, (ulong8)(a, 16 + a, b, 16 + b, c, 16 + c, d, 16 + d)); \
        ocl_store(y + 4 * (i + a), UNIT(v), min(n - 4 * (i + a), 16)); \
    }
KERNEL(random_wide)(IN(int, step), OUT(float, y), const ulong key, const int n, const int each)
{
    OPEN_IN(int, step)
    OPEN_OUT(float, y)
    const int first = (int) get_group_id(0) * each;
    const ulong16 lane = (ulong16) (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int i = first; i < first + each && 4 * i < n; i += 16) {
        ulong16 c0 = lane + (ulong) i, c1 = c0 >> 32, c2 = (ulong) (long) step[0], c3 = c2 >> 32;
        uint k0 = (uint) key, k1 = (uint) (key >> 32);
        for (int r = 0; r < 10; r++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
            const ulong16 a = LOW(c0) * (ulong16) 0xD2511F53u, b = LOW(c2) * (ulong16) 0xCD9E8D57u;
            c0 = (b >> 32) ^ c1 ^ (ulong) k0, c1 = b;
            c2 = (a >> 32) ^ c3 ^ (ulong) k1, c3 = a;
        }
        /* As the memory of a little-endian processor has them: two numbers to a lane. */
        const ulong16 p = LOW(c0) | c1 << 32, q = LOW(c2) | c3 << 32;
        PUT(0, 1, 2, 3)
        PUT(4, 5, 6, 7)
        PUT(8, 9, 10, 11)
        PUT(12, 13, 14, 15)
    }
}
#undef PUT
#undef LOW
#undef UNIT
