/* SPDX-License-Identifier: MIT */
/* Row r of `each` and row k of `other`, times outer; elements V of a row, its lanes of type T.
 * MODE 0: y[r] = x[index[r]], or zeros; 1: y[r] = the sum of the x in the chain that begins at
 * index[r]; 2: y[index[r]] = x[r] of the last r in its chain. */
#if BLOCK == 16
#define LOAD(i) vload16(i, x)
#define STORE(v, i) vstore16(v, i, y)
#else
#define LOAD(i) x[i]
#define STORE(v, i) y[i] = v
#endif
KERNEL(rows)(IN(int, index),
#if MODE
             IN(int, next),
#endif
             IN(T, x), OUT(T, y), const int outer, DIVISOR(each), DIVISOR(inner), const int other)
{
    OPEN_IN(int, index)
#if MODE
    OPEN_IN(int, next)
#endif
    OPEN_IN(T, x)
    OPEN_OUT(T, y)
    const int at = (int) get_global_id(0), line = QUOTIENT(at, inner), i = at - line * inner;
    const int o = QUOTIENT(line, each), r = line - o * each;
    if (o >= outer)
        return;
    int k = index[r];
#if MODE == 0
    V v = 0;
    if (k >= 0 && k < other)
        v = LOAD((o * other + k) * inner + i);
    STORE(v, at);
#elif MODE == 1
    V v = 0;
    for (; k >= 0; k = next[k])
        v += LOAD((o * other + k) * inner + i);
    STORE(v, at);
#else
    if (k >= 0 && k < other && next[r] < 0)
        STORE(LOAD(at), (o * other + k) * inner + i);
#endif
}
#undef LOAD
#undef STORE
