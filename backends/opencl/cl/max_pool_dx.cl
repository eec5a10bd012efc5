/* SPDX-License-Identifier: MIT */
/* Gradient of a pixel of x: dy of the windows whose first largest it is, in their order. BLOCK
 * channels each. */
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
KERNEL(max_pool_dx)(IN(float, x), IN(float, dy), OUT(float, dx), const int size, DIVISOR(stride),
                    const int pad, DIVISOR(h), DIVISOR(w), const int oh, const int ow,
                    const int pixels)
{
    OPEN_IN(float, x)
    OPEN_IN(float, dy)
    OPEN_OUT(float, dx)
    const int at = (int) get_global_id(0);
    if (at >= pixels)
        return;
    const int r = QUOTIENT(at, w), q = at - r * w, plane = QUOTIENT(r, h), p = r - plane * h;
    const int p1 = min(QUOTIENT(p + pad, stride), oh - 1);
    const int q1 = min(QUOTIENT(q + pad, stride), ow - 1);
    const int p0 = QUOTIENT(max(p + pad - size + stride, 0), stride);
    const int q0 = QUOTIENT(max(q + pad - size + stride, 0), stride);
    V sum = 0.0f;
    for (int i = p0; i <= p1; i++)
        for (int j = q0; j <= q1; j++) {
            const int from = i * stride - pad, top = max(from, 0), bottom = min(from + size, h);
            const int start = j * stride - pad, left = max(start, 0), right = min(start + size, w);
            V best = LOAD(x, (plane * h + top) * w + left);
            I place = top * w + left;
            for (int a = top; a < bottom; a++)
                for (int b = left; b < right; b++) {
                    const V v = LOAD(x, (plane * h + a) * w + b);
                    place = v > best ? (I) (a * w + b) : place;
                    best = v > best ? v : best;
                }
            sum += place == p * w + q ? LOAD(dy, (plane * oh + i) * ow + j) : (V) 0.0f;
        }
    STORE(sum, at);
}
#undef V
#undef I
#undef LOAD
#undef STORE
