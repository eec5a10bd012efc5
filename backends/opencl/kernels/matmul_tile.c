/* SPDX-License-Identifier: MIT */
#include "gemm_tile.h"

static int64_t lead(lbk_shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.n - 2; i++)
        n *= s.d[i];
    return n;
}

/* One matrix on the right of many: they are the rows of one. */
static void fold(struct gemm *p)
{
    p->m *= p->z;
    p->z = 1;
}

static bool plan(const lbk_drv *d, const struct lbk_group *g, struct gemm *p)
{
    const struct lbk_matmul *t = g->params;
    const int ia = ocl_plain_operand(g, 0), ib = ocl_plain_operand(g, 1);
    const lbk_shape a = g->arg[ia].shape, b = g->arg[ib].shape, y = g->acc;
    const int64_t m = y.d[y.n - 2], n = y.d[y.n - 1], k = a.d[a.n - (t->ta ? 2 : 1)];
    *p = (struct gemm){
        .loads = GEMM_STRIDED,
        .m = m,
        .n = n,
        .k = k,
        .z = lead(y),
        .a_along_k = !t->ta,
        .b_along_k = t->tb,
        .a_z = lead(a) > 1 ? m * k : 0,
        .a_m = t->ta ? 1 : k,
        .a_k = t->ta ? m : 1,
        .b_z = lead(b) > 1 ? k * n : 0,
        .b_n = t->tb ? k : 1,
        .b_k = t->tb ? 1 : n,
        .c_z = m * n,
        .c_m = n,
        .pixels = n,
        .a = ia,
        .b = ib,
        .places = { "at", y.n - 1, "n" },
    };
    if (p->z > 1 && !p->b_z && !t->ta)
        fold(p);
    return gemm_plan(d, p);
}

int matmul_tile_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    struct gemm p;
    if (!ocl_plain_operands(g) || !ocl_epi_fits(g, g->acc.n - 1) || !plan(d, g, &p))
        return 0;
    o->scratch = gemm_scratch(&p);
    return 1;
}

void matmul_tile_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    struct gemm p;
    plan(d, g, &p);
    gemm_steps(d, g, &p, c);
}
