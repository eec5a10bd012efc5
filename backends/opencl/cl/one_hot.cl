/* SPDX-License-Identifier: MIT */
KERNEL(one_hot)(IN(int, x), OUT(float, y), const int n, DIVISOR(classes))
{
    OPEN_IN(int, x)
    OPEN_OUT(float, y)
    const int i = (int) get_global_id(0), row = QUOTIENT(i, classes);
    if (i < n)
        y[i] = x[row] == i - row * classes ? 1.0f : 0.0f;
}
