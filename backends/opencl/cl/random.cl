/* SPDX-License-Identifier: MIT */
/* A block of four numbers for each work-item, by the functions of the processor's. */
#define uint32_t uint
#define uint64_t ulong
#include <limbeck/rng.h>
KERNEL(random)(IN(int, step), OUT(float, y), const ulong key, const int n)
{
    OPEN_IN(int, step)
    OPEN_OUT(float, y)
    const int i = (int) get_global_id(0);
    if (4 * i >= n)
        return;
    const struct lbk_philox p = lbk_philox(key, (ulong) (long) step[0], (ulong) i);
    const float a = lbk_unit(p.v[0]), b = lbk_unit(p.v[1]), c = lbk_unit(p.v[2]);
    if (4 * i + 3 < n) {
        vstore4((float4) (a, b, c, lbk_unit(p.v[3])), i, y);
        return;
    }
    y[4 * i] = a;
    if (4 * i + 1 < n)
        y[4 * i + 1] = b;
    if (4 * i + 2 < n)
        y[4 * i + 2] = c;
}
#undef uint32_t
#undef uint64_t
