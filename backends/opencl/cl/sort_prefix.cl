/* SPDX-License-Identifier: MIT */
/* Each element becomes the sum of those before it. One group of ITEMS, each with a stretch of v. */
KERNEL(sort_prefix)(OUT(int, v), const int n)
{
    OPEN_OUT(int, v)
    const int item = (int) get_local_id(0), each = (n + ITEMS - 1) / ITEMS;
    const int begin = min(item * each, n), end = min(begin + each, n);
    int sum = 0;
#if ITEMS > 1
    __local int sums[ITEMS];
    for (int i = begin; i < end; i++)
        sum += v[i];
    sums[item] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    sum = 0;
    for (int i = 0; i < item; i++)
        sum += sums[i];
#endif
    for (int i = begin; i < end; i++) {
        const int here = v[i];
        v[i] = sum;
        sum += here;
    }
}
