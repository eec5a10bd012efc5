/* SPDX-License-Identifier: MIT */
/* No index has any pairs yet. */
KERNEL(sort_clear)(OUT(int, first), const int n)
{
    OPEN_OUT(int, first)
    const int i = (int) get_global_id(0);
    if (i < n)
        first[i] = -1;
}
