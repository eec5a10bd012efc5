/* SPDX-License-Identifier: MIT */
#include "matmul_wide.h"
#include "sizes.h"

enum {
    LANES = 16,
    ROWS = 8, /* of a tile of two panels with 32 registers of 16 floats; of one panel with fewer */
    ROWS_SLIM = 6,
    HIGH = 64, /* rows and panels of a task, at most; terms before the next panel's turn */
    PANELS = 8,
    TERMS = 512,
    TASKS = 16
};

struct plan {
    int64_t batch, m, n, k, a_batch, b_batch; /* matrices of each: 1 or batch */
    int64_t a_row, a_k, b_k, b_n;             /* steps */
    int64_t panels, per, across, down;        /* panels of a task; tasks along n and m */
    int64_t packed, tmp, tasks;               /* floats of b, of a task's results */
    int rows, pair;                           /* of a tile: rows, panels */
    bool direct, local;
};


static void cut(struct plan *p, const lbk_drv *d)
{
    const bool wide = d->limits.vector >= LANES;
    p->rows = wide ? ROWS : ROWS_SLIM;
    p->pair = wide && p->n > LANES ? 2 : 1;
    p->panels = ocl_up((p->n + LANES - 1) / LANES, p->pair);
    p->down = (p->m + HIGH - 1) / HIGH;
    p->per = p->panels < 1 ? 1 : least(PANELS, p->panels);
    while (p->per > 2 && p->batch * p->down * ((p->panels + p->per - 1) / p->per) < TASKS)
        p->per = ocl_up(p->per / 2, 2);
    p->across = (p->panels + p->per - 1) / p->per;
    p->tasks = p->batch * p->down * p->across;
}

static struct plan make_plan(const lbk_drv *d, const struct lbk_group *g)
{
    const lbk_shape a = g->arg[ocl_plain_operand(g, 0)].shape,
                    b = g->arg[ocl_plain_operand(g, 1)].shape, y = g->acc;
    const struct lbk_matmul *t = g->params;
    struct plan p = { .batch = strip_of(y, -2).outer,
                      .m = y.d[y.n - 2],
                      .n = y.d[y.n - 1],
                      .k = a.d[a.n - (t->ta ? 2 : 1)] };
    p.a_batch = strip_of(a, -2).outer, p.b_batch = strip_of(b, -2).outer;
    p.a_row = t->ta ? 1 : p.k, p.a_k = t->ta ? p.m : 1;
    p.b_k = t->tb ? 1 : p.n, p.b_n = t->tb ? p.k : 1;
    cut(&p, d);
    p.packed = p.b_batch * p.panels * (p.k > 0 ? p.k : 1) * LANES;
    p.direct = ocl_plain_epi(g) && p.n % (LANES * p.pair) == 0;
    p.tmp = p.direct ? LANES : HIGH * p.per * LANES;
    p.local = p.tmp <= (int64_t) (d->limits.local / sizeof(float));
    return p;
}

int matmul_wide_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    const int a = ocl_plain_operand(g, 0), b = ocl_plain_operand(g, 1);
    if (a < 0 || b < 0 || g->arg[a].dtype != LBK_F32 || g->arg[b].dtype != LBK_F32 ||
        !ocl_epi_fits(g, g->acc.n - 1))
        return 0;
    const struct plan p = make_plan(d, g);
    const int64_t floats = p.packed + (p.local ? 0 : p.tmp * p.tasks);
    o->scratch = (size_t) floats * sizeof(float);
    return floats < INT32_MAX;
}

static void pack_step(lbk_code *code, const struct lbk_group *g, const struct plan *p)
{
    struct ocl_step *s = ocl_step(code, "matmul_wide");
    ocl_define(s, "PACK", "1");
    ocl_define(s, "TERMS", "%d", TERMS);
    ocl_arg(s, ocl_plain_operand(g, 1));
    ocl_scratch(s, 0, sizeof(float));
    const int64_t v[] = { p->k, p->n, p->b_k, p->b_n, p->panels };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_groups(s, (const int64_t[]){ (p->k + TERMS - 1) / TERMS, p->panels, p->b_batch },
               (const int64_t[]){ 1, 1, 1 });
}

static void multiply_step(lbk_code *code, const struct lbk_group *g, const struct plan *p)
{
    struct ocl_step *s = ocl_step(code, "matmul_wide");
    const struct { const char *name; int value; } define[] = {
        { "PACK", 0 },           { "TERMS", TERMS },    { "ROWS", p->rows },
        { "PANELS", p->pair },   { "LOCAL", p->local }, { "DIRECT", p->direct },
    };
    for (size_t i = 0; i < sizeof define / sizeof *define; i++)
        ocl_define(s, define[i].name, "%d", define[i].value);
    ocl_arg(s, ocl_plain_operand(g, 0));
    ocl_scratch(s, 0, sizeof(float));
    if (p->local) {
        ocl_local(s, (size_t) p->tmp * sizeof(float));
    } else {
        ocl_scratch(s, (size_t) p->packed * sizeof(float), sizeof(float));
        ocl_int(s, p->tmp);
    }
    const int64_t v[] = { p->m,           p->n,           p->k,      p->a_row,
                          p->a_k,         p->a_batch > 1, p->b_batch > 1, p->panels,
                          p->per,         HIGH };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_epi(s, g, &(struct ocl_places){ .full = "p", .axis = g->acc.n - 1, .along = "c" });
    ocl_groups(s, (const int64_t[]){ p->across, p->down, p->batch }, (const int64_t[]){ 1, 1, 1 });
}

void matmul_wide_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct plan p = make_plan(d, g);
    pack_step(c, g, &p);
    multiply_step(c, g, &p);
}
