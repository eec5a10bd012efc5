/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "expr.h"

struct cpu_epi {
    struct cpu_expr x;
};

struct cpu_epi *cpu_epi_create(lbk_drv *d, const struct lbk_group *g)
{
    struct cpu_epi *e = malloc(sizeof *e);
    if (e && cpu_expr_compile(d, &e->x, &g->epi, g->n_arg, g->arg, g->acc, g->out[0].layout,
                              lbk_group_results(g), g->result, ~0u))
        return e;
    free(e);
    return NULL;
}

void cpu_epi_destroy(struct cpu_epi *e) { free(e); }

void cpu_epi_run(const struct cpu_epi *e, const struct lbk_group *g, int64_t at, int64_t n,
                 const float *acc)
{
    const float *arg[LBK_ARG_MAX];
    float *out[LBK_OUT_MAX];
    for (int i = 0; i < g->n_arg; i++)
        arg[i] = cpu_f32(&g->arg[i]);
    for (int k = 0; k < lbk_group_results(g); k++)
        out[k] = cpu_f32(&g->out[k]) + at;
    cpu_expr_run(&e->x, arg, acc, out, at, n);
    for (int k = 0; k < lbk_group_results(g); k++)
        if (cpu_is_cblk(&g->out[k]))
            cpu_zero_tail(&e->x, out[k], g->acc, at, n);
}

const float *cpu_epi_reads(const struct cpu_epi *e, const struct lbk_group *g)
{
    for (int i = 0; i < g->n_arg; i++)
        if (e->x.src[i].how == CPU_READ_FULL)
            return cpu_f32(&g->arg[i]);
    return NULL;
}
