/* SPDX-License-Identifier: MIT */
/* The weights of a Winograd gradient: slots are added in order, then G^T u G. A work-item does one block of channels of x for one
 * of dy. R: taps on a side. */
INL void FN(line)(const float16 *a, float16 *y)
{
    const float16 e = (a[1] + a[2]) * (-1.0f / 6), o = (a[1] - a[2]) * (-1.0f / 6);
    const float16 e2 = (a[3] + a[4]) * (1.0f / 24), o2 = (a[3] - a[4]) * (1.0f / 24);
    y[0] = fma((float16)(0.25f), a[0], e + e2);
    y[1] = fma((float16)(2.0f), o2, o);
    y[2] = fma((float16)(4.0f), e2, e);
#if R == 5
    y[3] = fma((float16)(8.0f), o2, o);
    y[4] = fma((float16)(16.0f), e2, e);
#endif
    y[R - 1] += a[5];
}

INL void FN(weights)(__global const float *u, const int u_step, const int slots, const int slot_step, float *to)
{
    float16 a[36], mid[6 * R];
    for (int f = 0; f < 36; f++) {
        a[f] = vload16(0, u + f * u_step);
        for (int s = 1; s < slots; s++)
            a[f] += vload16(0, u + f * u_step + s * slot_step);
    }
    for (int i = 0; i < 6; i++)
        FN(line)(a + i * 6, mid + i * R);
    for (int j = 0; j < R; j++) {
        float16 in[6], out[R];
        for (int i = 0; i < 6; i++)
            in[i] = mid[i * R + j];
        FN(line)(in, out);
        for (int i = 0; i < R; i++)
            vstore16(out[i], i * R + j, to);
    }
}

KERNEL(winograd_dw_weights)(IN(float, u), OUT(float, w), const int ic, const int oc, const int c_blocks, const int c_part,
                            const int k_part, const int k_parts, const int u_step, const int slots, const int slot_step)
{
    OPEN_IN(float, u)
    OPEN_OUT(float, w)
    const int cb = (int) get_group_id(0), kb = (int) get_group_id(1), cp = cb / c_part, kp = kb / k_part;
    const int c_here = min(c_part, c_blocks - cp * c_part), channels = min(16, ic - cb * 16);
    float to[16 * R * R * 16];
    u += (cp * k_parts + kp) * 36 * u_step + (kb % k_part * c_here + cb % c_part) * 256;
    for (int c = 0; c < channels; c++)
        FN(weights)(u + c * 16, u_step, slots, slot_step, to + c * R * R * 16);
    for (int lane = 0; lane < min(16, oc - kb * 16); lane++)
        for (int i = 0; i < channels * R * R; i++)
            w[((kb * 16 + lane) * ic + cb * 16) * R * R + i] = to[i * 16 + lane];
}
