/* SPDX-License-Identifier: MIT */
KERNEL(cast)(IN(FROM, x), OUT(TO, y), const int n)
{
    OPEN_IN(FROM, x)
    OPEN_OUT(TO, y)
    const int i = (int) get_global_id(0);
    if (i >= n)
        return;
    const FROM v = x[i];
    y[i] = (TO) (CAST(v));
}
