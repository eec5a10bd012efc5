/* SPDX-License-Identifier: MIT */
/* first[k]: where the pairs of index k begin. Others are left as they are. */
KERNEL(sort_heads)(IN(int2, sorted), OUT(int, first), const int count, const int n)
{
    OPEN_IN(int2, sorted)
    OPEN_OUT(int, first)
    const int i = (int) get_global_id(0);
    if (i >= count)
        return;
    const int k = sorted[i].x;
    if (k < n && (i == 0 || sorted[i - 1].x != k))
        first[k] = i;
}
