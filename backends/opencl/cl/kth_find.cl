/* SPDX-License-Identifier: MIT */
/* The bin in which element number k of what was counted lies; k becomes its number there. found:
 * the bits so far, and k; at the first pass k is the rank, at most `last`, which is -1 later. One group
 * of ITEMS. */
#define BINS 2048
KERNEL(kth_find)(OUT(int, found), IN(int, bins), const int shift, const int parts, const int last,
                 IN(int, rank), OUT(float, y))
{
    OPEN_OUT(int, found)
    OPEN_IN(int, bins)
    OPEN_IN(int, rank)
    OPEN_OUT(float, y)
    __local int all[BINS];
    const int item = (int) get_local_id(0);
    for (int i = item; i < BINS; i += ITEMS) {
        int sum = 0;
        for (int p = 0; p < parts; p++)
            sum += bins[p * BINS + i];
        all[i] = sum;
    }
#if ITEMS > 1
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    if (item > 0)
        return;
    int k = last >= 0 ? clamp(rank[0], 0, last) : found[1], b = 0;
    for (; b < BINS - 1 && k >= all[b]; b++)
        k -= all[b];
    const uint key = (last >= 0 ? 0 : (uint) found[0]) | (uint) b << shift;
    found[0] = (int) key;
    found[1] = k;
    if (shift == 0)
        y[0] = as_float(key >> 31 ? key & 0x7fffffffu : ~key);
}
#undef BINS
