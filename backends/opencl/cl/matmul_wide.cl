/* SPDX-License-Identifier: MIT */
/* Matrix product on a processor: b as panels of 16 columns, [k][16] each, times tiles of ROWS rows and PANELS panels. */
#if PACK
/* A work-item does some terms of one panel of one matrix. */
KERNEL(matmul_wide)(IN(float, b), OUT(float, packed), const int k, const int n, const int step_k, const int step_n,
                    const int panels)
{
    OPEN_IN(float, b)
    OPEN_OUT(float, packed)
    const int first = (int) get_group_id(0) * TERMS, panel = (int) get_group_id(1), batch = (int) get_group_id(2);
    const int valid = clamp(n - panel * 16, 0, 16);
    __global const float *from = b + batch * k * n + panel * 16 * step_n;
    __global float *to = packed + (batch * panels + panel) * k * 16;
    for (int i = first; i < min(first + TERMS, k); i++) {
        if (valid == 16 && step_n == 1)
            vstore16(vload16(0, from + i * step_k), i, to);
        else
            for (int j = 0; j < 16; j++)
                to[i * 16 + j] = j < valid ? from[i * step_k + j * step_n] : 0.0f;
    }
}
#else
# if DIRECT
#  define TO __global
# else
#  define TO TMP
# endif
# if LOCAL
#  define TMP __local
#  define TMP_PARAM __local float *tmp
#  define TMP_OPEN
# else
#  define TMP __global
#  define TMP_PARAM OUT(float, tmp), const int tmp_size
#  define TMP_OPEN OPEN_OUT(float, tmp) \
    tmp += (int) ((get_group_id(2) * get_num_groups(1) + get_group_id(1)) * get_num_groups(0) + get_group_id(0)) * tmp_size;
# endif

/* y[row][panel * 16] (+)= a[row][k] * b[panel][k][16], of whose rows `valid` count. */
INL void FN(tile)(__global const float *a, const int a_row, const int a_k, __global const float *b, const int b_panel,
                     const int k, const int valid, const int add, TO float *y, const int y_row)
{
    float16 acc[ROWS * PANELS];
    int o[ROWS];
# pragma unroll
    for (int i = 0; i < ROWS; i++)
        o[i] = min(i, valid - 1);
# pragma unroll
    for (int i = 0; i < ROWS * PANELS; i++)
        acc[i] = add ? vload16(i % PANELS, y + o[i / PANELS] * y_row) : (float16)(0.0f);
# pragma unroll
    for (int i = 0; i < ROWS; i++)
        o[i] *= a_row;
    for (int q = 0; q < k; q++, a += a_k, b += 16) {
        float16 w[PANELS];
# pragma unroll
        for (int v = 0; v < PANELS; v++)
            w[v] = vload16(0, b + v * b_panel);
# pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const float16 x = (float16)(a[o[i]]);
# pragma unroll
            for (int v = 0; v < PANELS; v++)
                acc[i * PANELS + v] = fma(x, w[v], acc[i * PANELS + v]);
        }
    }
# pragma unroll
    for (int i = 0; i < ROWS * PANELS; i++)
        if (i / PANELS < valid)
            vstore16(acc[i], i % PANELS, y + i / PANELS * y_row);
}

/* A work-item does `high` rows of `per` panels. */
KERNEL(matmul_wide)(IN(float, a), IN(float, packed), TMP_PARAM, const int m, const int n, const int k, const int a_row,
                    const int a_k, const int a_batch, const int b_batch, const int panels, const int per, const int high EPI_PARAMS)
{
    OPEN_IN(float, a)
    OPEN_IN(float, packed)
    TMP_OPEN
    EPI_OPEN
    const int panel = (int) get_group_id(0) * per, row = (int) get_group_id(1) * high, batch = (int) get_group_id(2);
    const int some = min(per, panels - panel), rows = min(high, m - row);
    const int at = (batch * m + row) * n + panel * 16;
    __global const float *from = a + (a_batch ? batch * m * k : 0) + row * a_row;
    __global const float *b = packed + ((b_batch ? batch * panels : 0) + panel) * k * 16;
# if DIRECT
    __global float *y = out0 + at;
    const int y_row = n;
# else
    TMP float *y = tmp;
    const int y_row = per * 16;
# endif
    for (int q = 0; q == 0 || q < k; q += TERMS)
        for (int v = 0; v < some; v += PANELS)
            for (int i = 0; i < rows; i += ROWS)
                FN(tile)(from + i * a_row + q * a_k, a_row, a_k, b + (v * k + q) * 16, k * 16, min(TERMS, k - q),
                         min(ROWS, rows - i), q > 0, y + i * y_row + v * 16, y_row);
# if !DIRECT
    for (int i = 0; i < rows; i++)
#  pragma clang loop vectorize(assume_safety)
        for (int j = 0; j < min(some * 16, n - panel * 16); j++) {
            const int p = at + i * n + j, c = panel * 16 + j;
            EPI(y[i * y_row + j])
        }
# endif
}
# undef TO
# undef TMP
# undef TMP_PARAM
# undef TMP_OPEN
#endif
