/* SPDX-License-Identifier: MIT */
/* A map over blocks of 16 channels: a work-item takes `per` pixels of one block, 16 channels at once. */
KERNEL(map_blocked)(const int pixels, const int blocks, const int channels, const int per EPI_PARAMS)
{
    EPI_OPEN
    const int first = (int) get_global_id(0) * per, b = (int) get_global_id(1);
    const int n = (int) get_global_id(2), c = b * 16, stop = min(first + per, pixels);
    const int base = (n * blocks + b) * pixels;
    MAP_CHANNELS
    for (int p = first; p < stop; p++) {
        const int at = (base + p) * 16;
        MAP_BODY
    }
}
