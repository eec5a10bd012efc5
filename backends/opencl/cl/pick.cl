/* SPDX-License-Identifier: MIT */
/* Pixels that are each a pixel of the operand, or zero; bits are moved. BLOCK channels each. */
#if BLOCK == 16
#define V uint16
#define LOAD(i) vload16(i, x)
#define STORE(v, i) vstore16(v, i, y)
#else
#define V BITS
#define LOAD(i) x[i]
#define STORE(v, i) y[i] = v
#endif
KERNEL(pick)(IN(BITS, x), OUT(BITS, y), TABLE(int, row), TABLE(int, column), const int xh,
             const int xw, DIVISOR(h), DIVISOR(w), const int pixels)
{
    OPEN_IN(BITS, x)
    OPEN_OUT(BITS, y)
    const int at = (int) get_global_id(0);
    if (at >= pixels)
        return;
    const int r = QUOTIENT(at, w), plane = QUOTIENT(r, h);
    const int i = row[r - plane * h], j = column[at - r * w];
    V v = 0;
    if (i >= 0 && j >= 0)
        v = LOAD((plane * xh + i) * xw + j);
    STORE(v, at);
}
#undef V
#undef LOAD
#undef STORE
