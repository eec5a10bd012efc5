/* SPDX-License-Identifier: MIT */
/* Convolution of groups of few channels, forward or backward to x: one work-item for each result of
 * each phase (rows, cols, first term, last term, place in out). */
KERNEL(depthwise_tile)(
    IN(float, in), IN(float, w), TABLE(int4, term), TABLE(int, phase),
    const int slices, DIVISOR(phases),
    const int in_channels, DIVISOR(channels),
    DIVISOR(of_group), const int in_group,
    const int high, const int wide, const int is, const int top, const int left,
    const int os, const int out_high, const int out_wide,
    const int w_group, const int w_oc EPI_PARAMS)
{
    OPEN_IN(float, in)
    OPEN_IN(float, w)
    EPI_OPEN
    const int j = (int) get_global_id(0), i = (int) get_global_id(1), z = (int) get_global_id(2);
    const int place = QUOTIENT(z, phases), image = QUOTIENT(place, channels);
    const int channel = place - image * channels, group = QUOTIENT(channel, of_group);
    __global const int *f = phase + (z - place * phases) * 5;
    const int row = i * is - top, col = j * is - left;
    if (i >= f[0] || j >= f[1] || z >= slices)
        return;
    in += (image * in_channels + group * in_group) * high * wide;
    w += group * w_group + (channel - group * of_group) * w_oc;
    float acc = 0;
    for (int k = f[2]; k < f[3]; k++) {
        const int4 t = term[k];
        if ((uint) (row + t.y) < (uint) high && (uint) (col + t.z) < (uint) wide)
            acc = fma(w[t.w], in[row * wide + col + t.x], acc);
    }
    const int at = place * out_high * out_wide + f[4] + (i * out_wide + j) * os;
    EPI(acc)
}
