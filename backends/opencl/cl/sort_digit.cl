/* SPDX-License-Identifier: MIT */
/* A work-item walks through a part of the pairs (index, place) in their order. PLACE 0: counts them
 * by the digit of BITS bits from `shift` on, to table[digit][part]. 1: that table holds where the
 * first pair of each goes; the others follow it. At shift 0 the pairs are made from the indices. */
#define DIGITS (1 << BITS)
KERNEL(sort_digit)(IN(int, index), IN(int2, from), OUT(int, table),
#if PLACE
                   OUT(int2, to),
#endif
                   const int count, const int n, const int each, const int parts, const int shift)
{
    OPEN_IN(int, index)
    OPEN_IN(int2, from)
    OPEN_OUT(int, table)
#if PLACE
    OPEN_OUT(int2, to)
#endif
    const int part = (int) get_global_id(0), begin = part * each;
    int bin[DIGITS];
    if (part >= parts)
        return;
    for (int i = 0; i < DIGITS; i++)
        bin[i] = PLACE ? table[i * parts + part] : 0;
    for (int i = begin, end = begin + min(each, count - begin); i < end; i++) {
        const int2 pair = shift ? from[i] : (int2) ((int) min((uint) index[i], (uint) n), i);
        const int digit = pair.x >> shift & (DIGITS - 1);
#if PLACE
        to[bin[digit]] = pair;
#endif
        bin[digit]++;
    }
#if !PLACE
    for (int i = 0; i < DIGITS; i++)
        table[i * parts + part] = bin[i];
#endif
}
#undef DIGITS
