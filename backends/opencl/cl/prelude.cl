/* SPDX-License-Identifier: MIT */
/* Before every kernel. ID is defined anew for each text, so that names in one program differ. */
#define KERNEL(name) __kernel void ID(name)
#define FN(name) ID(name)
/* Of a helper whose parameters are to become constants. */
#define INL static inline __attribute__((always_inline))

/* A buffer among the parameters, and opened at the top of the body: v is then its first element. */
#define IN(T, v) __global const T *v##_base, const ulong v##_at
#define OUT(T, v) __global T *v##_base, const ulong v##_at
#define OPEN_IN(T, v) __global const T *v = v##_base + v##_at;
#define OPEN_OUT(T, v) __global T *v = v##_base + v##_at;
/* A table: begins where its buffer does. */
#define TABLE(T, v) __global const T *restrict v, const ulong v##_at

/* A number that others are divided by without a division: a / v of an int a of 0 or more. */
#define DIVISOR(v) const int v, const uint v##_mul, const uint v##_shift
#define QUOTIENT(a, v) \
    ((int) ((uint) (((ulong) ((uint) (a) << 1) * v##_mul) >> 32) >> v##_shift))

/* Channels c .. c + 15 of a vector of so many, zeros past its end. */
static float16 ocl_channels(__global const float *v, const int c, const int channels)
{
    float lane[16];
    if (c + 16 <= channels)
        return vload16(0, v + c);
    for (int i = 0; i < 16; i++)
        lane[i] = c + i < channels ? v[c + i] : 0.0f;
    return vload16(0, lane);
}

/* The first lanes of v, so many, from y on. */
static void ocl_store(__global float *y, const float16 v, const int used)
{
    float lane[16];
    if (used == 16) {
        vstore16(v, 0, y);
        return;
    }
    vstore16(v, 0, lane);
    for (int i = 0; i < used; i++)
        y[i] = lane[i];
}

/* v in the lanes that stand for channels, zero in the others. */
static float16 ocl_used(const float16 v, const int c, const int channels)
{
    const int16 lane = (int16) (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return c + 16 <= channels ? v : select((float16) (0.0f), v, lane < channels - c);
}

/* The tail of a group (ocl_tail_args): its slots, and what bn_sums reads besides the result. */
#define TAIL_PARAMS , OUT(float, slot), IN(float, tail_y), IN(float, tail_stats), const int tail
#define TAIL_OPEN OPEN_OUT(float, slot) OPEN_IN(float, tail_y) OPEN_IN(float, tail_stats)
#define TAIL_TAKE(out, at, n, c, channels, i) \
    if (tail == 1) \
        ocl_moments(out + (at), n, slot + (i) * 48); \
    else if (tail == 2) \
        ocl_sums(out + (at), tail_y + (at), n, ocl_channels(tail_stats, c, channels), slot + (i) * 48);

/* Of n >= 1 vectors from y on: their mean, the sum of squared deviations from it, and n. */
static void ocl_moments(__global const float *y, const int n, __global float *slot)
{
    const float16 from = vload16(0, y);
    float16 a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        a += vload16(i, y) - from, b += vload16(i + 1, y) - from;
        c += vload16(i + 2, y) - from, d += vload16(i + 3, y) - from;
    }
    for (; i < n; i++)
        a += vload16(i, y) - from;
    const float16 mean = from + ((a + b) + (c + d)) / (float) n;
    a = 0.0f, b = 0.0f;
    for (i = 0; i + 2 <= n; i += 2) {
        c = vload16(i, y) - mean, d = vload16(i + 1, y) - mean;
        a = fma(c, c, a), b = fma(d, d, b);
    }
    c = i < n ? vload16(i, y) - mean : (float16) (0.0f);
    vstore16(mean, 0, slot);
    vstore16(fma(c, c, a + b), 1, slot);
    vstore16((float16) ((float) n), 2, slot);
}

/* Of n vectors dz and y: the sums of dz and of dz (y - mean). */
static void ocl_sums(__global const float *dz, __global const float *y, const int n, const float16 mean, __global float *slot)
{
    float16 a = 0.0f, b = 0.0f, s = 0.0f, t = 0.0f;
    int i = 0;
    for (; i + 2 <= n; i += 2) {
        const float16 v = vload16(i, dz), w = vload16(i + 1, dz);
        a += v, b += w;
        s = fma(v, vload16(i, y) - mean, s), t = fma(w, vload16(i + 1, y) - mean, t);
    }
    if (i < n) {
        const float16 v = vload16(i, dz);
        a += v, s = fma(v, vload16(i, y) - mean, s);
    }
    vstore16(a + b, 0, slot);
    vstore16(s + t, 1, slot);
}
