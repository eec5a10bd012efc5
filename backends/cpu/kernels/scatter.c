/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "strided.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    const int a = cpu_plain_operand(g, 0);
    if (a != cpu_plain_operand(g, 1) && a != cpu_plain_operand(g, 2))
        o->inplace = 1u << a;
    return 1;
}

struct job {
    const int32_t *index;
    const char *c;
    char *y;
    struct strip s;
    int64_t count;
    size_t row;
};

/* One task per outer index: the order of equal rows counts. */
static void task(void *arg, int64_t o, int worker)
{
    const struct job *j = arg;
    for (int64_t r = 0; r < j->count; r++) {
        const int64_t k = j->index[r];
        if (k >= 0 && k < j->s.n)
            memcpy(j->y + (size_t) (o * j->s.n + k) * j->row,
                   j->c + (size_t) (o * j->count + r) * j->row, j->row);
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct lbk_arg *a = &g->arg[cpu_plain_operand(g, 0)],
                         *b = &g->arg[cpu_plain_operand(g, 1)];
    const struct strip s = strip_of(a->shape, ((const struct lbk_axis *) g->params)->axis);
    const size_t size = strided_size(a->dtype);
    struct job j = { cpu_ptr(b),          cpu_ptr(&g->arg[cpu_plain_operand(g, 2)]),
                     cpu_ptr(&g->out[0]), s,
                     b->shape.d[0],       (size_t) s.inner * size };
    const struct strided_axis all = { lbk_shape_count(a->shape), 1, 1 };
    if (cpu_ptr(a) != cpu_ptr(&g->out[0]))
        strided_copy(d, j.y, cpu_ptr(a), 1, &all, size);
    cpu_run(d, s.outer, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_scatter = { .op = "scatter",
                                               .supports = supports,
                                               .launch = launch };
