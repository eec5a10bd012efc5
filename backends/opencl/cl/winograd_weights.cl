/* SPDX-License-Identifier: MIT */
/* Weights of Winograd convolution, transformed: G w G^T. A work-item does one block of input channels for one of output
 * channels: u[block of out][frequency][channel of in][16]. R: taps on a side. */
INL void FN(line)(const float16 *a, float16 *y)
{
    float16 even = a[0] + a[2], odd = a[1], even2 = fma((float16)(4.0f), a[2], a[0]), odd2 = a[1] * 2.0f;
#if R == 5
    even += a[4], odd += a[3];
    even2 = fma((float16)(16.0f), a[4], even2), odd2 = fma((float16)(8.0f), a[3], odd2);
#endif
    y[0] = a[0] * 0.25f;
    y[1] = (even + odd) * (-1.0f / 6);
    y[2] = (even - odd) * (-1.0f / 6);
    y[3] = (even2 + odd2) * (1.0f / 24);
    y[4] = (even2 - odd2) * (1.0f / 24);
    y[5] = a[R - 1];
}

KERNEL(winograd_weights)(IN(float, w), OUT(float, u), TABLE(int, at), const int ic, const int oc, const int w_ic,
                         const int w_oc, const int c_blocks)
{
    OPEN_IN(float, w)
    OPEN_OUT(float, u)
    const int cb = (int) get_group_id(0), kb = (int) get_group_id(1), step = c_blocks * 256;
    __global float *to = u + kb * 36 * step + cb * 256;
    for (int c = cb * 16; c < cb * 16 + 16; c++, to += 16) {
        float16 mid[6 * R];
        for (int row = 0; row < R; row++) {
            float16 a[R], y[6];
            for (int col = 0; col < R; col++) {
                float lane[16];
                for (int i = 0; i < 16; i++) {
                    const bool is = kb * 16 + i < oc && c < ic;
                    lane[i] = is ? w[(kb * 16 + i) * w_oc + c * w_ic + at[row * R + col]] : 0.0f;
                }
                a[col] = vload16(0, lane);
            }
            FN(line)(a, y);
            for (int f = 0; f < 6; f++)
                mid[f * R + row] = y[f];
        }
        for (int f = 0; f < 6; f++) {
            float16 y[6];
            FN(line)(mid + f * R, y);
            for (int i = 0; i < 6; i++)
                vstore16(y[i], 0, to + (i * 6 + f) * step);
        }
    }
}
