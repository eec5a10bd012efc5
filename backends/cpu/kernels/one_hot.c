/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "cpu.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

struct job {
    const int32_t *x;
    float *y;
    int64_t n, classes, per_task;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t from = i * j->per_task,
                  stop = from + j->per_task < j->n ? from + j->per_task : j->n;
    memset(j->y + from * j->classes, 0, sizeof *j->y * (size_t) ((stop - from) * j->classes));
    for (int64_t k = from; k < stop; k++)
        if (j->x[k] >= 0 && j->x[k] < j->classes)
            j->y[k * j->classes + j->x[k]] = 1;
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    struct job j = { cpu_ptr(&g->arg[0]), cpu_f32(&g->out[0]), lbk_shape_count(g->arg[0].shape),
                     ((const struct lbk_hot *) g->params)->classes, 0 };
    j.per_task = 1 + 32768 / j.classes;
    cpu_run(d, (j.n + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_one_hot = { .op = "one_hot",
                                               .supports = supports,
                                               .launch = launch };
