/* SPDX-License-Identifier: MIT */
/* y[sum i to] = x[sum i from] over AXES axes, the first innermost: ids x and y are the first two
 * and z the others together, or, FLAT, x is all of them. ZEROS: there is no x. */
#define AXIS(k) , DIVISOR(n##k), const int to##k, const int from##k
#define TAKE(k) \
    above = QUOTIENT(rest, n##k), p += (rest - above * n##k) * to##k, \
    q += (rest - above * n##k) * from##k, rest = above;
KERNEL(strided)(
#if !ZEROS
    IN(BITS, x),
#endif
    OUT(BITS, y), const int from, const int to, const int most AXIS(0) AXIS(1)
#if AXES > 2
    AXIS(2) AXIS(3)
#endif
#if AXES > 4
    AXIS(4) AXIS(5)
#endif
#if AXES > 6
    AXIS(6) AXIS(7)
#endif
)
{
#if !ZEROS
    OPEN_IN(BITS, x)
#endif
    OPEN_OUT(BITS, y)
    int p = to, q = from, above;
#if FLAT
    int rest = (int) get_global_id(0);
    if (rest >= most)
        return;
    TAKE(0)
    TAKE(1)
#else
    const int i0 = (int) get_global_id(0), i1 = (int) get_global_id(1);
    int rest = (int) get_global_id(2);
    if (i0 >= n0 || i1 >= n1 || rest >= most)
        return;
    p += i1 * to1 + i0 * TO0;
    q += i1 * from1 + i0 * FROM0;
#endif
#if AXES > 2
    TAKE(2)
    TAKE(3)
#endif
#if AXES > 4
    TAKE(4)
    TAKE(5)
#endif
#if AXES > 6
    TAKE(6)
    TAKE(7)
#endif
#if ZEROS
    y[p] = 0;
#else
    y[p] = x[q];
#endif
}
#undef AXIS
#undef TAKE
