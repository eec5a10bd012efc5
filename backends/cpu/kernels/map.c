/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "expr.h"

enum { TASK = 32 * CPU_CHUNK }; /* elements; a multiple of every block */

static bool full(const struct lbk_group *g, const struct lbk_arg *a)
{
    return a->shape.n == g->acc.n &&
           memcmp(a->shape.d, g->acc.d, sizeof a->shape.d[0] * (size_t) g->acc.n) == 0;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    for (int i = 0; i < g->n_arg; i++) {
        if (!full(g, &g->arg[i]))
            continue;
        o->want_arg[i] = CPU_ANY;
        o->inplace |= 1u << i;
    }
    for (int k = 0; k < g->n_out; k++)
        o->want_out[k] = CPU_ANY;
    return 1;
}

struct job {
    struct cpu_expr x;
    const struct lbk_group *g;
    const float *arg[LBK_ARG_MAX];
    float *out[LBK_OUT_MAX];
    int64_t n;
};

static void part(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t at = i * TASK, n = j->n - at < TASK ? j->n - at : TASK;
    float *out[LBK_OUT_MAX];
    for (int k = 0; k < j->g->n_out; k++)
        out[k] = j->out[k] + at;
    cpu_expr_run(&j->x, j->arg, NULL, out, at, n);
    for (int k = 0; k < j->g->n_out; k++)
        if (cpu_is_cblk(&j->g->out[k]))
            cpu_zero_tail(&j->x, out[k], j->g->acc, at, n);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    struct job j = { .g = g, .n = (int64_t) (lbk_arg_bytes(&g->out[0]) / sizeof(float)) };
    uint32_t alias = 0;
    for (int k = 0; k < g->n_out; k++)
        j.out[k] = cpu_f32(&g->out[k]);
    for (int i = 0; i < g->n_arg; i++) {
        j.arg[i] = cpu_f32(&g->arg[i]);
        alias |= (uint32_t) (j.arg[i] == j.out[0]) << i;
    }
    if (!cpu_expr_compile(d, &j.x, &g->epi, g->n_arg, g->arg, g->acc, g->out[0].layout, g->n_out,
                          g->result, alias))
        return lbk_fail(d->ctx, LBK_EUNSUPPORTED,
                        "map: an argument has a type or layout that does not go with its shape");
    cpu_run(d, (j.n + TASK - 1) / TASK, part, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_map = { .op = "map", .supports = supports, .launch = launch };
