/* SPDX-License-Identifier: MIT */
/* The numbers of random for a processor: a work-item makes `each` blocks of four, 16 side by side.
 * What is in the high halves of c1 and c3 does not matter. */
#define LOW(c) ((c) & (ulong16) 0xffffffffu)
#define UNIT(c) (convert_float16(convert_uint16(LOW(c)) >> 8) * (1.0f / 16777216.0f))
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
        float16 u[4] = { UNIT(c0), UNIT(c1), UNIT(c2), UNIT(c3) };
        if (4 * i + 64 > n) {
            for (int k = 0; 4 * i + k < n; k++)
                y[4 * i + k] = ((float *) u)[(k & 3) * 16 + (k >> 2)];
            return;
        }
        for (int upper = 0; upper < 2; upper++) {
            float16 p, q, v;
            p.even = upper ? u[0].hi : u[0].lo, p.odd = upper ? u[2].hi : u[2].lo;
            q.even = upper ? u[1].hi : u[1].lo, q.odd = upper ? u[3].hi : u[3].lo;
            v.even = p.lo, v.odd = q.lo;
            vstore16(v, 0, y + 4 * i + 32 * upper);
            v.even = p.hi, v.odd = q.hi;
            vstore16(v, 1, y + 4 * i + 32 * upper);
        }
    }
}
#undef LOW
#undef UNIT
