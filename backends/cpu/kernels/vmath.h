/* SPDX-License-Identifier: MIT */
/* exp, log, tanh and pow as straight-line code that a compiler can vectorise: the same bits on
 * every instruction set, as no operation is fused. Within 2 ulp. exp, log, tanh: the approximations
 * of Moshier's Cephes library. */
#ifndef LBK_CPU_VMATH_H
#define LBK_CPU_VMATH_H
#include <stdint.h>

static inline float vm_float(int32_t bits)
{
    union {
        int32_t i;
        float f;
    } u = { .i = bits };
    return u.f;
}

static inline int32_t vm_bits(float x)
{
    union {
        float f;
        int32_t i;
    } u = { .f = x };
    return u.i;
}

static inline double vm_double(int64_t bits)
{
    union {
        int64_t i;
        double f;
    } u = { .i = bits };
    return u.f;
}

static inline int64_t vm_dbits(double x)
{
    union {
        double f;
        int64_t i;
    } u = { .f = x };
    return u.i;
}

static inline float vm_exp(float x)
{
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    const float t =
        x * 1.44269504088896341f + 12582912.0f; /* rounds to an integer in the low bits */
    const int32_t n = vm_bits(t) - vm_bits(12582912.0f);
    const float k = t - 12582912.0f;
    const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const int32_t half = n >> 1; /* twice, so that the ends of the range work */
    return p * vm_float((int32_t) ((uint32_t) (half + 127) << 23)) *
           vm_float((int32_t) ((uint32_t) (n - half + 127) << 23));
}

static inline float vm_log(float x)
{
    const int tiny = x < 1.17549435e-38f;
    const float big = tiny ? x * 8388608.0f : x;
    const int32_t b = vm_bits(big) - vm_bits(0.707106781f);
    const int32_t e = b >> 23;
    const float m = vm_float((b & 0x7fffff) + vm_bits(0.707106781f)) - 1.0f;
    const float k = (float) (e - (tiny ? 23 : 0));
    const float z = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float y = m * z * p + k * -2.12194440e-4f;
    y = y - 0.5f * z;
    y = (m + y) + k * 0.693359375f;
    y = x == 0.0f ? -__builtin_inff() : y;
    y = x < 0.0f ? __builtin_nanf("") : y;
    y = x == __builtin_inff() ? x : y;
    return x != x ? x : y;
}

static inline float vm_tanh(float x)
{
    const float a = __builtin_fabsf(x), z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float small = p * z * x + x;
    const float big = 1.0f - 2.0f / (vm_exp(a + a) + 1.0f);
    return a < 0.625f ? small : x < 0.0f ? -big : x > 0.0f ? big : x;
}

/* 2^t for t in [-1100, 1100], 1e-11 relative. */
static inline double vm_exp2d(double t)
{
    const double s = t + 6755399441055744.0;
    const int64_t n = vm_dbits(s) - vm_dbits(6755399441055744.0);
    const double r = (t - (s - 6755399441055744.0)) * 0.69314718055994530942;
    double p = 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    const int64_t half = n / 2;
    return p * vm_double((half + 1023) * ((int64_t) 1 << 52)) *
           vm_double((n - half + 1023) * ((int64_t) 1 << 52));
}

/* log2 of a normal positive double: 2 atanh((m - 1) / (m + 1)), 1e-12 absolute. */
static inline double vm_log2d(double x)
{
    const int64_t root = 0x3fe6a09e667f3bcd; /* sqrt(1/2) */
    const int64_t b = vm_dbits(x) - root;
    const int64_t e = b >> 52;
    const double m = vm_double((b & 0xfffffffffffff) + root);
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    p = p * z + 1.0;
    return (double) e + 2.88539008177792681472 * s * p;
}

static inline float vm_pow(float a, float b)
{
    const float inf = __builtin_inff(), mag = __builtin_fabsf(a), size = __builtin_fabsf(b);
    double t = (double) b * vm_log2d((double) (mag > 0.0f ? mag : 1.0f));
    t = t > 1000.0 ? 1000.0 : t;
    t = t < -1000.0 ? -1000.0 : t;
    const double half = (double) size * 0.5;
    const int whole = size >= 8388608.0f || __builtin_floor(half * 2) == half * 2;
    const int odd = size < 16777216.0f && whole && __builtin_floor(half) != half;
    float y = (float) vm_exp2d(t);
    const float at0 = b > 0.0f ? 0.0f : inf, far = (mag > 1.0f) == (b > 0.0f) ? inf : 0.0f;
    y = mag == 0.0f || mag == inf ? (mag == 0.0f ? at0 : b > 0.0f ? inf : 0.0f) : y;
    y = size == inf ? (mag == 1.0f ? 1.0f : far) : y;
    const int minus = vm_bits(a) < 0;
    y = minus && odd ? -y : y;
    y = minus && !whole && mag != 0.0f && mag != inf ? __builtin_nanf("") : y;
    y = a != a || b != b ? a + b : y;
    return b == 0.0f || a == 1.0f ? 1.0f : y;
}

static inline float vm_fmax(float a, float b) { return ((a > b) | (b != b)) ? a : b; }
static inline float vm_fmin(float a, float b) { return ((a < b) | (b != b)) ? a : b; }

#endif
