/* SPDX-License-Identifier: MIT */
/* The place of an index among all: how many are smaller, or equal and before it. */
KERNEL(sort_few)(IN(int, index), OUT(int2, to), const int count, const int n)
{
    OPEN_IN(int, index)
    OPEN_OUT(int2, to)
    const int r = (int) get_global_id(0);
    if (r >= count)
        return;
    const uint k = min((uint) index[r], (uint) n);
    int place = 0;
    for (int i = 0; i < count; i++) {
        const uint other = min((uint) index[i], (uint) n);
        place += (other < k) | ((other == k) & (i < r));
    }
    to[place] = (int2) ((int) k, r);
}
