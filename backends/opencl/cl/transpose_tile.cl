/* SPDX-License-Identifier: MIT */
/* y[a + b * to] = x[b + a * from] for a GPU: a group of 32 x 8 has 32 x 32 of them; id z is two
 * more axes. */
KERNEL(transpose_tile)(IN(BITS, x), OUT(BITS, y), const int x_first, const int y_first,
                       const int na, const int from, const int nb, const int to, DIVISOR(nc),
                       const int c_to, const int c_from, const int d_to, const int d_from)
{
    OPEN_IN(BITS, x)
    OPEN_OUT(BITS, y)
    __local BITS tile[32][33];
    const int rest = (int) get_group_id(2), d = QUOTIENT(rest, nc), c = rest - d * nc;
    const int i = (int) get_local_id(0), j = (int) get_local_id(1);
    const int a0 = (int) get_group_id(1) * 32, b0 = (int) get_group_id(0) * 32;
    x += x_first + c * c_from + d * d_from;
    y += y_first + c * c_to + d * d_to;
    for (int k = j; k < 32; k += 8)
        if (a0 + k < na && b0 + i < nb)
            tile[k][i] = x[b0 + i + (a0 + k) * from];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = j; k < 32; k += 8)
        if (a0 + i < na && b0 + k < nb)
            y[a0 + i + (b0 + k) * to] = tile[i][k];
}
