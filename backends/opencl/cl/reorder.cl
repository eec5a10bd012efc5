/* SPDX-License-Identifier: MIT */
/* N C H W between row-major and blocks of 16 channels; bits are moved, not floats. */
KERNEL(reorder)(const int channels, const int plane, IN(uint, x), OUT(uint, y))
{
    OPEN_IN(uint, x)
    OPEN_OUT(uint, y)
    const int i = (int) get_global_id(0), b = (int) get_global_id(1), n = (int) get_global_id(2);
#if TO_BLOCKS
    const int p = i >> 4, c = b * 16 + (i & 15), blocks = (channels + 15) >> 4;
    if (p >= plane || b >= blocks)
        return;
    y[((n * blocks + b) * plane + p) * 16 + (i & 15)] = c < channels ? x[(n * channels + c) * plane + p] : 0;
#elif FROM_BLOCKS
    const int blocks = (channels + 15) >> 4;
    if (i >= plane || b >= channels)
        return;
    y[(n * channels + b) * plane + i] = x[((n * blocks + (b >> 4)) * plane + i) * 16 + (b & 15)];
#else
    if (i < plane)
        y[i] = x[i];
#endif
}
