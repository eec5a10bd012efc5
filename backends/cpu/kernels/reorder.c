/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    o->want_arg[0] = g->arg[0].layout;
    o->want_out[0] = g->out[0].layout;
    return 1;
}

struct job {
    const float *x;
    float *y;
    int64_t c, hw, blocks, units, per_task;
    bool to_blocks;
};

static void unit(const struct job *j, int64_t u)
{
    const int64_t n = u / j->blocks, c = u % j->blocks * CPU_BLOCK,
                  used = j->c - c < CPU_BLOCK ? j->c - c : CPU_BLOCK;
    const int64_t plane = (n * j->c + c) * j->hw, block = u * j->hw * CPU_BLOCK;
    if (!j->to_blocks) {
        strided_transpose(j->y + plane, j->hw, j->x + block, CPU_BLOCK, used, j->hw);
        return;
    }
    float *y = j->y + block;
    for (int64_t i = 0; i < j->hw && used < CPU_BLOCK; i++)
        memset(y + i * CPU_BLOCK + used, 0, sizeof *y * (size_t) (CPU_BLOCK - used));
    strided_transpose(y, CPU_BLOCK, j->x + plane, j->hw, j->hw, used);
}

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * j->per_task < j->units ? (i + 1) * j->per_task : j->units;
    for (int64_t u = i * j->per_task; u < stop; u++)
        unit(j, u);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    struct job j = { .x = cpu_f32(x),
                     .y = cpu_f32(y),
                     .c = x->shape.d[1],
                     .hw = x->shape.d[2] * x->shape.d[3],
                     .blocks = cpu_blocks(x->shape.d[1]),
                     .to_blocks = cpu_is_cblk(y) };
    if (cpu_is_cblk(x) == cpu_is_cblk(y)) {
        const struct strided_axis a = { (int64_t) (lbk_arg_bytes(x) / sizeof(float)), 1, 1 };
        strided_copy(d, j.y, j.x, 1, &a, sizeof(float));
        return LBK_OK;
    }
    j.units = x->shape.d[0] * j.blocks;
    j.per_task = 1 + 16384 / (j.hw * CPU_BLOCK + 1);
    cpu_run(d, (j.units + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_reorder = { .op = "reorder",
                                               .supports = supports,
                                               .launch = launch };
