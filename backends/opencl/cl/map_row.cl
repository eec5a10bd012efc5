/* SPDX-License-Identifier: MIT */
/* A map of whole args and numbers on a processor: a work-item takes `per` elements, 16 at once. Functions such as exp() come as
 * vectors only so. */
KERNEL(map_row)(const int n, const int per EPI_PARAMS)
{
    EPI_OPEN
    const int first = (int) get_global_id(0) * per, stop = min(first + per, n);
    MAP_CHANNELS
    for (int at = first; at < stop; at += 16) {
        const int used = min(16, n - at);
        MAP_BODY
    }
}
