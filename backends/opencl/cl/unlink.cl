/* SPDX-License-Identifier: MIT */
/* Chains with nothing in them. */
KERNEL(unlink)(OUT(int, v), const int n)
{
    OPEN_OUT(int, v)
    const int i = (int) get_global_id(0);
    if (i < n)
        v[i] = -1;
}
