/* SPDX-License-Identifier: MIT */
/* Counts the elements of a part that have the bits found so far, by the 11 bits from `shift` on. A
 * group of ITEMS, in local memory; or one work-item, in its bins. */
#define BINS 2048
KERNEL(kth_count)(IN(uint, found), OUT(int, bins), const int shift, const int mask, IN(float, x),
                  const int n, const int parts)
{
    OPEN_IN(uint, found)
    OPEN_OUT(int, bins)
    OPEN_IN(float, x)
    const int part = (int) get_group_id(0), item = (int) get_local_id(0);
    const int each = (n + parts - 1) / parts, end = min(part * each + each, n);
    const uint prefix = mask ? found[0] : 0;
#if ITEMS > 1
    __local int bin[BINS];
#else
    __global int *bin = bins + part * BINS;
#endif
    for (int i = item; i < BINS; i += ITEMS)
        bin[i] = 0;
#if ITEMS > 1
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    for (int i = part * each + item; i < end; i += ITEMS) {
        const uint u = as_uint(x[i]), key = u >> 31 ? ~u : u | 0x80000000u;
        if ((key & (uint) mask) != prefix)
            continue;
#if ITEMS > 1
        atomic_inc(&bin[key >> shift & (BINS - 1)]);
#else
        bin[key >> shift & (BINS - 1)]++;
#endif
    }
#if ITEMS > 1
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < BINS; i += ITEMS)
        bins[part * BINS + i] = bin[i];
#endif
}
#undef BINS
