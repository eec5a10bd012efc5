/* SPDX-License-Identifier: MIT */
/* The first largest of the n along an axis. */
KERNEL(argmax)(IN(float, x), OUT(int, y), const int outer, const int n, DIVISOR(inner))
{
    OPEN_IN(float, x)
    OPEN_OUT(int, y)
    const int i = (int) get_global_id(0), o = QUOTIENT(i, inner);
    const int first = o * n * inner + i - o * inner;
    if (o >= outer)
        return;
    float best = x[first];
    int at = 0;
    for (int k = 1; k < n; k++) {
        const float v = x[first + k * inner];
        at = v > best ? k : at;
        best = v > best ? v : best;
    }
    y[i] = at;
}
