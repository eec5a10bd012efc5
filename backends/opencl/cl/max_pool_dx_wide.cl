/* SPDX-License-Identifier: MIT */
/* Gradient of max_pool for a processor: a work-item has a plane, and its windows in turn add their dy
 * where they are largest first. BLOCK channels each. */
#if BLOCK == 16
#define V float16
#define I int16
#define LOAD(a, i) vload16(i, a)
#define STORE(v, i) vstore16(v, i, dx)
#else
#define V float
#define I int
#define LOAD(a, i) a[i]
#define STORE(v, i) dx[i] = v
#endif
KERNEL(max_pool_dx_wide)(IN(float, x), IN(float, dy), OUT(float, dx), const int size,
                         const int stride, const int pad, const int h, const int w, const int oh,
                         const int ow)
{
    OPEN_IN(float, x)
    OPEN_IN(float, dy)
    OPEN_OUT(float, dx)
    const int plane = (int) get_group_id(0), base = plane * h * w;
    for (int k = 0; k < h * w; k++)
        STORE((V) 0.0f, base + k);
    for (int i = 0; i < oh; i++)
        for (int j = 0; j < ow; j++) {
            const int top = max(i * stride - pad, 0), bottom = min(i * stride - pad + size, h);
            const int left = max(j * stride - pad, 0), right = min(j * stride - pad + size, w);
            V best = LOAD(x, base + top * w + left);
            I place = top * w + left;
            for (int a = top; a < bottom; a++)
                for (int b = left; b < right; b++) {
                    const V v = LOAD(x, base + a * w + b);
                    place = v > best ? (I) (a * w + b) : place;
                    best = v > best ? v : best;
                }
            const V g = LOAD(dy, (plane * oh + i) * ow + j);
#if BLOCK == 16
            for (int a = top; a < bottom; a++)
                for (int b = left; b < right; b++) {
                    const int at = base + a * w + b;
                    STORE(LOAD(dx, at) + (place == a * w + b ? g : (V) 0.0f), at);
                }
#else
            dx[base + place] += g;
#endif
        }
}
#undef V
#undef I
#undef LOAD
#undef STORE
