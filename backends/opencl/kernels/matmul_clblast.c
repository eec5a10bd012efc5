/* SPDX-License-Identifier: MIT */
#include "clblast.h"

/* One matrix on the right of many: they are the rows of one. */
static void fold(struct ocl_product *p)
{
    p->m *= p->z;
    p->z = 1;
}

static struct ocl_product describe(const struct lbk_group *g)
{
    const struct lbk_matmul *t = g->params;
    struct ocl_product p = {
        .ta = t->ta, .tb = t->tb, .a = ocl_plain_operand(g, 0), .b = ocl_plain_operand(g, 1)
    };
    const lbk_shape a = g->arg[p.a].shape, b = g->arg[p.b].shape, y = g->acc;
    p.m = y.d[y.n - 2], p.n = y.d[y.n - 1], p.k = a.d[a.n - (t->ta ? 2 : 1)];
    p.z = strip_of(y, -2).outer;
    p.a_step = strip_of(a, -2).outer > 1 ? p.m * p.k : 0;
    p.b_step = strip_of(b, -2).outer > 1 ? p.k * p.n : 0;
    if (p.z > 1 && !p.b_step && !t->ta)
        fold(&p);
    return p;
}

bool matmul_clblast_takes(const lbk_drv *d, const struct lbk_group *g)
{
    if (!d->clblast || !ocl_plain_operands(g) || !ocl_plain_epi(g) || g->out[0].dtype != LBK_F32)
        return false;
    const struct ocl_product p = describe(g);
    return g->arg[p.a].dtype == LBK_F32 && g->arg[p.b].dtype == LBK_F32 && ocl_clblast_wins(d, &p);
}

void matmul_clblast_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    (void) d;
    const struct ocl_product p = describe(g);
    ocl_clblast_step(c, &p);
}
