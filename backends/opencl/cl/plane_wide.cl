/* SPDX-License-Identifier: MIT */
/* The same as plane for a processor: a work-item makes `each` rows of the result, every one first
 * from rows of the operand, in `line`, then from the columns of that. */
#if BLOCK == 16
#define V float16
#define LOAD(i) vload16(i, line)
#define STORE(v, i) vstore16(v, i, y)
#else
#define V float
#define LOAD(i) line[i]
#define STORE(v, i) y[i] = v
#endif
#if LARGEST
#define START -INFINITY
#define JOIN(v, a, w) v = a > v ? a : v
#else
#define START 0.0f
#define JOIN(v, a, w) v += a * as_float(w)
#endif
KERNEL(plane_wide)(IN(float, x), OUT(float, y), TABLE(int, row), TABLE(int, column), const int xh,
                   const int xw, DIVISOR(h), DIVISOR(w), const int rows, const int each,
                   __local float *line)
{
    OPEN_IN(float, x)
    OPEN_OUT(float, y)
    const int first = (int) get_group_id(0) * each, width = xw * BLOCK;
    for (int r = first; r < min(first + each, rows); r++) {
        const int plane = QUOTIENT(r, h), p = r - plane * h, begin = row[p], end = row[p + 1];
        __global const float *from = x + plane * xh * width;
        int k = 0;
        for (; k + 16 <= width; k += 16) {
            float16 v = START;
            for (int i = begin; i < end; i += 2) {
                const float16 a = vload16(0, from + row[i] * width + k);
                JOIN(v, a, row[i + 1]);
            }
            vstore16(v, 0, line + k);
        }
        for (; k < width; k++) {
            float v = START;
            for (int i = begin; i < end; i += 2) {
                const float a = from[row[i] * width + k];
                JOIN(v, a, row[i + 1]);
            }
            line[k] = v;
        }
        for (int q = 0, j = column[0]; q < w; q++) {
            const int stop = column[q + 1];
            V v = START;
            for (; j < stop; j += 2) {
                const V a = LOAD(column[j]);
                JOIN(v, a, column[j + 1]);
            }
            STORE(v, r * w + q);
        }
    }
}
#undef V
#undef LOAD
#undef STORE
#undef START
#undef JOIN
