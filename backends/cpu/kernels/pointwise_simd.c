/* SPDX-License-Identifier: MIT */
/* A vector loop for every pointwise operator of the catalogue, from the texts in ops.def. */
#include "expr.h"
#include "simd.h"
#include "kernels/vmath.h"
#include "kernels/ramp.h"

#define exp(v)     vm_exp(v)
#define log(v)     vm_log(v)
#define tanh(v)    vm_tanh(v)
#define pow(v, w)  vm_pow(v, w)
#define fmax(v, w) vm_fmax(v, w)
#define fmin(v, w) vm_fmin(v, w)
#define fabs(v)    __builtin_fabsf(v)
#define sqrt(v)    __builtin_sqrtf(v)
#define floor(v)   __builtin_floorf(v)

/* No element depends on another one, whichever of the arrays are the same. */
#if defined(__clang__)
# define EACH _Pragma("clang loop vectorize(assume_safety)") for (int i = 0; i < n; i++)
#else
# define EACH _Pragma("GCC ivdep") for (int i = 0; i < n; i++)
#endif
#define LOOP(name)                                                                                 \
 static void name(float *y, const float *pa, const float *pb, const float *pc, int n)
#define LBK_PW1(name, body, ...)                                                                   \
 LOOP(each_##name)                                                                                 \
 {                                                                                                 \
  (void) pb, (void) pc;                                                                            \
  EACH                                                                                             \
  {                                                                                                \
   const float x = pa[i];                                                                          \
   y[i] = body;                                                                                    \
  }                                                                                                \
 }
#define LBK_PW2(name, body, ...)                                                                   \
 LOOP(each_##name)                                                                                 \
 {                                                                                                 \
  (void) pc;                                                                                       \
  EACH                                                                                             \
  {                                                                                                \
   const float a = pa[i], b = pb[i];                                                               \
   y[i] = body;                                                                                    \
  }                                                                                                \
 }
#define LBK_PW3(name, body, ...)                                                                   \
 LOOP(each_##name)                                                                                 \
 {                                                                                                 \
  EACH                                                                                             \
  {                                                                                                \
   const float a = pa[i], b = pb[i], c = pc[i];                                                    \
   y[i] = body;                                                                                    \
  }                                                                                                \
 }
#define LBK_OP1(...)
#define LBK_OP2(...)
#define LBK_OP3(...)
#define LBK_OPN(...)
#include <limbeck/ops.def>
#undef LBK_PW1
#undef LBK_PW2
#undef LBK_PW3

#define LBK_PW1(name, ...) { #name, each_##name },
#define LBK_PW2            LBK_PW1
#define LBK_PW3            LBK_PW1

static void keep(float *y, int lanes, int64_t n)
{
    for (int v = lanes / VL * VL; v < CPU_BLOCK; v += VL) {
        vi kept;
        for (int k = 0; k < VL; k++)
            kept[k] = v + k < lanes ? -1 : 0;
        for (int64_t i = v; i < n; i += CPU_BLOCK)
            vstore(y + i, (vf) ((vi) vload(y + i) & kept));
    }
}

INL void ramp_to(enum cpu_limit limit, float *y, const float *x, const float *scale,
                 const float *shift, float high, int64_t n)
{
    for (int v = 0; v < CPU_BLOCK; v += VL) {
        const vf s = vload(scale + v), t = vload(shift + v);
        for (int64_t i = v; i < n; i += CPU_BLOCK)
            vstore(y + i, ramp_at(limit, vload(x + i), s, t, high));
    }
}

static void ramp(float *y, const float *x, const float *scale, const float *shift,
                 const struct cpu_ramp *r, int64_t n)
{
    if (r->limit == CPU_LIMIT_NONE)
        ramp_to(CPU_LIMIT_NONE, y, x, scale, shift, 0, n);
    else if (r->limit == CPU_LIMIT_BELOW)
        ramp_to(CPU_LIMIT_BELOW, y, x, scale, shift, 0, n);
    else
        ramp_to(CPU_LIMIT_BOTH, y, x, scale, shift, r->high, n);
}

const struct cpu_pointwise CPU_TABLE(cpu_pointwise) = { keep,
                                                        ramp,
                                                        {
#include <limbeck/ops.def>
                                                        } };
