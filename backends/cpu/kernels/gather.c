/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

struct job {
    const char *x;
    const int32_t *index;
    char *y;
    struct strip s;
    int64_t count, rows, per_task;
    size_t row;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * j->per_task < j->rows ? (i + 1) * j->per_task : j->rows;
    for (int64_t r = i * j->per_task; r < stop; r++) {
        const int64_t k = j->index[r % j->count];
        char *y = j->y + (size_t) r * j->row;
        if (k < 0 || k >= j->s.n)
            memset(y, 0, j->row);
        else if (j->row == 4)
            memcpy(y, j->x + (size_t) (r / j->count * j->s.n + k) * 4, 4);
        else
            memcpy(y, j->x + (size_t) (r / j->count * j->s.n + k) * j->row, j->row);
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_arg *x = &g->arg[cpu_plain_operand(g, 0)],
                         *index = &g->arg[cpu_plain_operand(g, 1)];
    struct job j = { .x = cpu_ptr(x),
                     .index = cpu_ptr(index),
                     .y = cpu_ptr(&g->out[0]),
                     .s = strip_of(x->shape, ((const struct lbk_axis *) g->params)->axis),
                     .count = lbk_shape_count(index->shape) };
    j.row = (size_t) j.s.inner * strided_size(x->dtype);
    j.rows = j.row ? j.s.outer * j.count : 0;
    j.per_task = 1 + 65536 / (int64_t) (j.row + 8);
    cpu_run(d, (j.rows + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_gather = { .op = "gather",
                                              .supports = supports,
                                              .launch = launch };
