/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "cpu.h"

enum { TASK = 32768 };

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g) && g->arg[0].dtype != LBK_F16 &&
           g->out[0].dtype != LBK_F16;
}

/* Towards zero, to the nearest end of the range; NaN is 0. */
static inline int32_t whole(float v)
{
    return v != v                ? 0
           : v <= -2147483648.0f ? INT32_MIN
           : v >= 2147483648.0f  ? INT32_MAX
                                 : (int32_t) v;
}

static inline uint8_t byte(int32_t v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t) v; }

struct job {
    const void *x;
    void *y;
    lbk_dtype from, to;
    int64_t n;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * TASK < j->n ? (i + 1) * TASK : j->n;
    const float *f = j->x;
    const int32_t *w = j->x;
    const uint8_t *b = j->x;
    for (int64_t k = i * TASK; k < stop; k++) {
        if (j->to == LBK_F32)
            ((float *) j->y)[k] = j->from == LBK_F32   ? f[k]
                                  : j->from == LBK_I32 ? (float) w[k]
                                                       : (float) b[k];
        else if (j->to == LBK_I32)
            ((int32_t *) j->y)[k] = j->from == LBK_F32   ? whole(f[k])
                                    : j->from == LBK_I32 ? w[k]
                                                         : b[k];
        else
            ((uint8_t *) j->y)[k] =
                j->from == LBK_U8 ? b[k] : byte(j->from == LBK_F32 ? whole(f[k]) : w[k]);
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    struct job j = { cpu_ptr(&g->arg[0]), cpu_ptr(&g->out[0]), g->arg[0].dtype, g->out[0].dtype,
                     lbk_shape_count(g->out[0].shape) };
    cpu_run(d, (j.n + TASK - 1) / TASK, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_cast = { .op = "cast", .supports = supports, .launch = launch };
