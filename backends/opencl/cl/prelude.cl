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
