/* SPDX-License-Identifier: MIT */
/* The same as pick for a processor: a work-item makes `each` rows of the result. */
#if BLOCK == 16
#define V uint16
#define LOAD(i) vload16(i, x)
#define STORE(v, i) vstore16(v, i, y)
#else
#define V BITS
#define LOAD(i) x[i]
#define STORE(v, i) y[i] = v
#endif
KERNEL(pick_wide)(IN(BITS, x), OUT(BITS, y), TABLE(int, row), TABLE(int, column), const int xh,
                  const int xw, DIVISOR(h), DIVISOR(w), const int rows, const int each)
{
    OPEN_IN(BITS, x)
    OPEN_OUT(BITS, y)
    const int first = (int) get_group_id(0) * each;
    for (int r = first; r < min(first + each, rows); r++) {
        const int plane = QUOTIENT(r, h), i = row[r - plane * h], from = (plane * xh + i) * xw;
        for (int q = 0; q < w; q++) {
            V v = 0;
            if (i >= 0 && column[q] >= 0)
                v = LOAD(from + column[q]);
            STORE(v, r * w + q);
        }
    }
}
#undef V
#undef LOAD
#undef STORE
