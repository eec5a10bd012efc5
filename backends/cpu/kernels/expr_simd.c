/* SPDX-License-Identifier: MIT */
/* Pointwise code over a few vectors that stay in registers from one operator to the next. */
#include "expr.h"
#include "simd.h"

/* Blocks of 16 floats: enough that a step is worth its jump. */
enum { MOST = CPU_TILE / 16 * VL / 16 };

INL const struct cpu_place *place(const struct cpu_place *at, uint16_t bytes)
{
    return (const struct cpu_place *) ((const char *) at + bytes);
}
INL const float *where(const struct cpu_place *at, uint16_t bytes, int64_t off)
{
    const struct cpu_place *p = place(at, bytes);
    return p->p + (off & p->move);
}

#define EACH                                                                                       \
 UNROLL                                                                                            \
 for (int i = 0; i < m * VPB; i++)
/* Vector i of what lies there; of 16 numbers again and again. */
#define ALONG(p) vload((p) + i * VL)
#define LANES(p) vload((p) + i % VPB * VL)
#define TILE1(name, body)                                                                          \
 case CPU_PW_##name:                                                                               \
  EACH                                                                                             \
  {                                                                                                \
   const vf x = v[i];                                                                              \
   v[i] = body;                                                                                    \
  }                                                                                                \
  break;
#define PAIR(op, va, vb, body)                                                                     \
 case op: {                                                                                        \
  const float *p = where(at, t->b, off);                                                           \
  EACH                                                                                             \
  {                                                                                                \
   const vf a = va, b = vb;                                                                        \
   v[i] = body;                                                                                    \
  }                                                                                                \
  break;                                                                                           \
 }
#define TILE2(name, body)                                                                          \
 PAIR(CPU_PW_##name, v[i], ALONG(p), body)                                                         \
 PAIR(CPU_PW_##name + CPU_TURNED, ALONG(p), v[i], body)                                            \
 PAIR(CPU_PW_##name + CPU_LANES, v[i], LANES(p), body)                                             \
 PAIR(CPU_PW_##name + CPU_TURNED + CPU_LANES, LANES(p), v[i], body)

INL void tile(int m, const struct cpu_expr *e, const struct cpu_place *at, int64_t off,
              cpu_call *call)
{
    vf v[MOST * VPB];
    EACH v[i] = (vf){ 0 };
    for (const struct cpu_ins *t = e->ins, *end = t + e->n_ins; t < end; t++) {
        if (t->a) {
            const float *p = where(at, t->a, off);
            EACH v[i] = ALONG(p);
        }
        switch (t->op) {
#include "kernels/expr_ops.h"
        case CPU_PW_select: {
            const float *b = where(at, t->b, off), *c = where(at, t->c, off);
            EACH v[i] = vsel(v[i] > 0.0f, ALONG(b), ALONG(c));
            break;
        }
        case CPU_LOAD: {
            const float *p = where(at, t->b, off);
            EACH v[i] = LANES(p);
            break;
        }
        case CPU_CALL: {
            float *y = (float *) where(at, t->y, off);
            call(&e->step[t->word], y, where(at, t->a, off), where(at, t->b, off),
                 where(at, t->c, off), m * 16);
            EACH v[i] = ALONG(y);
            continue;
        }
        case CPU_MOVE: break;
        default: __builtin_unreachable();
        }
        if (t->y) {
            float *y = (float *) where(at, t->y, off);
            EACH vstore(y + i * VL, v[i]);
        }
    }
}

static void run(const struct cpu_expr *e, const struct cpu_place *at, int64_t n, cpu_call *call)
{
    int64_t i = 0;
    for (; i + MOST * 16 <= n; i += MOST * 16)
        tile(MOST, e, at, i, call);
#if VL == 16
    if (n - i >= 64)
        tile(4, e, at, i, call), i += 64;
#endif
#if VL >= 8
    if (n - i >= 32)
        tile(2, e, at, i, call), i += 32;
#endif
    if (n - i >= 16)
        tile(1, e, at, i, call);
}

const struct cpu_tiles CPU_TABLE(cpu_tiles) = { run };
