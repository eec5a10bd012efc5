/* SPDX-License-Identifier: MIT */
/* Each place with an index of 0 .. n - 1 hangs itself behind the last one before it that has the
 * same index, or, HEADS, becomes the first of it. */
KERNEL(chain)(IN(int, index), OUT(int, next),
#if HEADS
              OUT(int, first),
#endif
              const int count, const int n)
{
    OPEN_IN(int, index)
    OPEN_OUT(int, next)
#if HEADS
    OPEN_OUT(int, first)
#endif
    const int r = (int) get_global_id(0);
    if (r >= count || index[r] < 0 || index[r] >= n)
        return;
    const int k = index[r];
    int before = r - 1;
    while (before >= 15 && !any(vload16(0, index + before - 15) == k))
        before -= 16;
    while (before >= 0 && index[before] != k)
        before--;
    if (before >= 0)
        next[before] = r;
#if HEADS
    else
        first[k] = r;
#endif
}
