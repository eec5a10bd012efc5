/* SPDX-License-Identifier: MIT */
/* Pixels as weighted sums, or maxima, of the pixels in some rows and columns of the operand. BLOCK
 * channels each. */
#if BLOCK == 16
#define V float16
#define LOAD(i) vload16(i, x)
#define STORE(v, i) vstore16(v, i, y)
#else
#define V float
#define LOAD(i) x[i]
#define STORE(v, i) y[i] = v
#endif
KERNEL(plane)(IN(float, x), OUT(float, y), TABLE(int, row), TABLE(int, column), const int xh,
              const int xw, DIVISOR(h), DIVISOR(w), const int pixels)
{
    OPEN_IN(float, x)
    OPEN_OUT(float, y)
    const int at = (int) get_global_id(0);
    if (at >= pixels)
        return;
    const int r = QUOTIENT(at, w), q = at - r * w, plane = QUOTIENT(r, h), p = r - plane * h;
    const int row_end = row[p + 1], first = column[q], end = column[q + 1];
    V v = LARGEST ? -INFINITY : 0.0f;
    for (int i = row[p]; i < row_end; i += 2) {
        const int line = (plane * xh + row[i]) * xw;
#if LARGEST
        for (int j = first; j < end; j += 2) {
            const V a = LOAD(line + column[j]);
            v = a > v ? a : v;
        }
#else
        V sum = 0.0f;
        for (int j = first; j < end; j += 2)
            sum = fma(LOAD(line + column[j]), (V) as_float(column[j + 1]), sum);
        v = fma(sum, (V) as_float(row[i + 1]), v);
#endif
    }
    STORE(v, at);
}
#undef V
#undef LOAD
#undef STORE
