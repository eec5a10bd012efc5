/* SPDX-License-Identifier: MIT */
/* Joins what the slots of a block of channels have taken (prelude.cl): of bn_sums, or mean and biased variance. These by sums of
 * differences from the mean of the first slot, then from that of all (Chan, Golub and LeVeque 1979), so that they cancel
 * nothing. */
KERNEL(tail)(IN(float, slot), IN(float, stats), OUT(float, out), const int sums, const float eps, const int slots, const int blocks,
             const int channels)
{
    OPEN_IN(float, slot)
    OPEN_IN(float, stats)
    OPEN_OUT(float, out)
    const int b = (int) get_group_id(0), c = b * 16, used = min(16, channels - c);
    __global const float *first = slot + b * 48;
    const float16 mean0 = vload16(0, first);
    float16 n = 0.0f, far = 0.0f, square = 0.0f;
    if (sums) {
        for (int s = 0; s < slots; s++)
            far += vload16(0, first + s * blocks * 48), square += vload16(1, first + s * blocks * 48);
        ocl_store(out + c, far, used);
        ocl_store(out + channels + c, square / sqrt(ocl_channels(stats + channels, c, channels) + eps), used);
        return;
    }
    for (int s = 0; s < slots; s++) {
        __global const float *at = first + s * blocks * 48;
        const float16 some = vload16(2, at);
        far = fma(some, vload16(0, at) - mean0, far);
        n += some;
    }
    const float16 mean = mean0 + far / n;
    for (int s = 0; s < slots; s++) {
        __global const float *at = first + s * blocks * 48;
        const float16 d = vload16(0, at) - mean;
        square += fma(vload16(2, at) * d, d, vload16(1, at));
    }
    ocl_store(out + c, mean, used);
    ocl_store(out + channels + c, square / n, used);
}
