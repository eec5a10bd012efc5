/* SPDX-License-Identifier: MIT */
/* Vectors of VL floats with the same bits on every instruction set. Included by *_simd.c only. */
#ifndef LBK_CPU_SIMD_H
#define LBK_CPU_SIMD_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
# include <immintrin.h>
#elif defined(__aarch64__)
# include <arm_neon.h>
#endif

#define CPU_PASTE_(a, b) a##_##b
#define CPU_PASTE(a, b)  CPU_PASTE_(a, b)
#define CPU_TABLE(t)     CPU_PASTE(t, CPU_ISA)
#define INL              static inline __attribute__((always_inline, unused))
#if defined(__clang__)
# define UNROLL _Pragma("clang loop unroll(full)")
#else
# define UNROLL _Pragma("GCC unroll 32")
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4))); /* masks: 0 or -1 per lane */
typedef float vf_any __attribute__((vector_size(VL * 4), aligned(4), may_alias));
enum { VPB = 16 / VL }; /* vectors of a block of channels */

INL vf vload(const float *p) { return *(const vf_any *) p; }
INL void vstore(float *p, vf v) { *(vf_any *) p = v; }
/* p will be read soon; any address will do. */
INL void vfetch(const float *p) { __builtin_prefetch(p, 0, 2); }
INL vf vset(float x) { return x - (vf){ 0 }; }
INL vi viset(int32_t x) { return x - (vi){ 0 }; }
/* a where m, else b. */
INL vf vsel(vi m, vf a, vf b) { return (vf) ((m & (vi) a) | (~m & (vi) b)); }
/* As fmax and fmin: of a NaN and a number, the number. */
INL vf vmax(vf a, vf b) { return vsel((a > b) | (b != b), a, b); }
INL vf vmin(vf a, vf b) { return vsel((a < b) | (b != b), a, b); }
INL vf vabs(vf x) { return (vf) ((vi) x & 0x7fffffff); }

/* a * b + c, rounded once. */
INL vf vfma(vf a, vf b, vf c)
{
#if VL == 16 && defined(__AVX512F__)
    return (vf) _mm512_fmadd_ps((__m512) a, (__m512) b, (__m512) c);
#elif VL == 8 && defined(__FMA__)
    return (vf) _mm256_fmadd_ps((__m256) a, (__m256) b, (__m256) c);
#elif VL == 4 && defined(__aarch64__)
    return (vf) vfmaq_f32((float32x4_t) c, (float32x4_t) a, (float32x4_t) b);
#else
    for (int i = 0; i < VL; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

INL vf vsqrt(vf x)
{
#if VL == 16 && defined(__AVX512F__)
    return (vf) _mm512_sqrt_ps((__m512) x);
#elif VL == 8 && defined(__AVX2__)
    return (vf) _mm256_sqrt_ps((__m256) x);
#else
    for (int i = 0; i < VL; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* Nearest integer for |x| < 2^22, ties to even. */
INL vf vround(vf x) { return (x + 12582912.0f) - 12582912.0f; }

INL vf vfloor(vf x)
{
    vf t = __builtin_convertvector(__builtin_convertvector(x, vi), vf);
    vf y = vsel(t > x, t - 1.0f, t);
    return vsel((vabs(x) < 8388608.0f) & (x != 0.0f), y, x);
}

/* 2^n as a float, -126 <= n <= 127. */
INL vf vpow2(vi n) { return (vf) ((n + 127) << 23); }

/* Within 1 ulp or so; overflow is infinite, underflow gradual, NaN stays. */
INL vf vexp(vf x)
{
    vf z = vsel(x > 89.0f, vset(89.0f), vsel(x < -104.0f, vset(-104.0f), x));
    z = vsel(x != x, vset(0.0f), z);
    vf n = vround(z * 1.44269504f);
    vf r = vfma(n, vset(-0.693145752f), z);
    r = vfma(n, vset(-1.42860677e-6f), r);
    vf p = vset(1.9875691500e-4f);
    p = vfma(p, r, vset(1.3981999507e-3f));
    p = vfma(p, r, vset(8.3334519073e-3f));
    p = vfma(p, r, vset(4.1665795894e-2f));
    p = vfma(p, r, vset(1.6666665459e-1f));
    p = vfma(p, r, vset(5.0000001201e-1f));
    p = vfma(p, r * r, r) + 1.0f;
    vi k = __builtin_convertvector(n, vi), half = k >> 1;
    return vsel(x != x, x, p * vpow2(half) * vpow2(k - half));
}

/* Within 1 ulp or so, denormals included; log(0) = -inf, NaN below 0. */
INL vf vlog(vf x)
{
    vi tiny = x < 1.17549435e-38f;
    vf s = vsel(tiny, x * 8388608.0f, x);
    vi bits = (vi) s - 0x3f3504f3;
    vi e = (bits >> 23) - (tiny & 23);
    vf m = (vf) ((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
    vf k = __builtin_convertvector(e, vf);
    vf p = vset(7.0376836292e-2f);
    p = vfma(p, m, vset(-1.1514610310e-1f));
    p = vfma(p, m, vset(1.1676998740e-1f));
    p = vfma(p, m, vset(-1.2420140846e-1f));
    p = vfma(p, m, vset(1.4249322787e-1f));
    p = vfma(p, m, vset(-1.6668057665e-1f));
    p = vfma(p, m, vset(2.0000714765e-1f));
    p = vfma(p, m, vset(-2.4999993993e-1f));
    p = vfma(p, m, vset(3.3333331174e-1f));
    vf z = m * m;
    vf y = vfma(k, vset(-2.12194440e-4f), p * m * z);
    y = vfma(z, vset(-0.5f), y) + m;
    y = vfma(k, vset(0.693359375f), y);
    y = vsel(x == 0.0f, vset(-INFINITY), y);
    y = vsel((x < 0.0f) | (x != x), vset(NAN), y);
    return vsel(x == INFINITY, x, y);
}

#endif
