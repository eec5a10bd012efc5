/* SPDX-License-Identifier: MIT */
/* Row r of `each` and row k of `other`, times outer; elements V of a row, its lanes of type T.
 * MODE 0: y[r] = x[index[r]], or zeros; 1: y[r] = the sum of the x at the places sorted with index
 * r, the first of which is sorted[first[r]]; 2: y[index] = x of the last place sorted with it. */
#if BLOCK == 16
#define LOAD(i) vload16(i, x)
#define STORE(v, i) vstore16(v, i, y)
#else
#define LOAD(i) x[i]
#define STORE(v, i) y[i] = v
#endif
KERNEL(rows)(
#if MODE == 0
    IN(int, index),
#elif MODE == 1
    IN(int, first),
#endif
#if MODE
    IN(int2, sorted),
#endif
    IN(T, x), OUT(T, y), const int outer, DIVISOR(each), DIVISOR(inner), const int other)
{
#if MODE == 0
    OPEN_IN(int, index)
#elif MODE == 1
    OPEN_IN(int, first)
#endif
#if MODE
    OPEN_IN(int2, sorted)
#endif
    OPEN_IN(T, x)
    OPEN_OUT(T, y)
    const int at = (int) get_global_id(0), line = QUOTIENT(at, inner), i = at - line * inner;
    const int o = QUOTIENT(line, each), r = line - o * each;
    if (o >= outer)
        return;
#if MODE == 0
    const int k = index[r];
    V v = 0;
    if (k >= 0 && k < other)
        v = LOAD((o * other + k) * inner + i);
    STORE(v, at);
#elif MODE == 1
    V v = 0;
    int p = first[r];
    for (; p >= 0 && p < other && sorted[p].x == r; p++)
        v += LOAD((o * other + sorted[p].y) * inner + i);
    STORE(v, at);
#else
    const int2 p = sorted[r];
    if (p.x < other && (r == each - 1 || sorted[r + 1].x != p.x))
        STORE(LOAD((o * each + p.y) * inner + i), (o * other + p.x) * inner + i);
#endif
}
#undef LOAD
#undef STORE
