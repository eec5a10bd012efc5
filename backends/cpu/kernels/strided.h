/* SPDX-License-Identifier: MIT */
/* Copies of elements between arrays with steps. */
#ifndef LBK_CPU_STRIDED_H
#define LBK_CPU_STRIDED_H
#include "cpu.h"

enum { STRIDED_MAX = LBK_MAX_DIMS + 2 };
struct strided_axis {
    int64_t n, to, from;
}; /* extent, elements from one to the next */
/* to[sum i to] = from[sum i from]; size: bytes of an element, 1 or 4. Axes outermost first, by
 * `to`. */
void strided_copy(lbk_drv *d, void *to, const void *from, int n, const struct strided_axis a[],
                  size_t size);
/* rows x columns floats at y, ystep apart, become those of x transposed. */
void strided_transpose(float *y, int64_t ystep, const float *x, int64_t xstep, int64_t rows,
                       int64_t columns);

static inline size_t strided_size(lbk_dtype t) { return t == LBK_U8 ? 1 : t == LBK_F16 ? 2 : 4; }

/* A shape seen from one axis: element (o, k, i) lies at (o * n + k) * inner + i. */
struct strip {
    int64_t outer, n, inner;
};
static inline struct strip strip_of(lbk_shape s, int64_t axis)
{
    const int a = (int) (axis < 0 ? axis + s.n : axis);
    struct strip r = { 1, s.d[a], 1 };
    for (int i = 0; i < a; i++)
        r.outer *= s.d[i];
    for (int i = a + 1; i < s.n; i++)
        r.inner *= s.d[i];
    return r;
}

/* The same for the storage of a; in CBLK axis 1 counts blocks. */
static inline struct strip strip_stored(const struct lbk_arg *a, int64_t axis)
{
    lbk_shape s = a->shape;
    axis = axis < 0 ? axis + s.n : axis;
    if (!cpu_is_cblk(a))
        return strip_of(s, axis);
    s.d[1] = cpu_blocks(s.d[1]);
    s.d[s.n++] = CPU_BLOCK;
    return strip_of(s, axis);
}

#endif
