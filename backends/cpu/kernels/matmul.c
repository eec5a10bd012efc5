/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "cpu.h"
#include "matmul.h"
#include "sizes.h"

enum { LANES = 16, ROWS = 56, PANELS = 8, TERMS = 512, TASKS = 16 };
CPU_LOOPS(matmul_loops);

struct plan {
    int64_t batch, m, n, k, a_batch, b_batch; /* a_batch, b_batch: matrices of each, 1 or batch */
    int64_t a_row, a_k, b_k, b_n;             /* steps */
    int64_t panels, per, groups, row_blocks;  /* panels of a task; tasks along n and m */
    struct cpu_epi *epi;
};
struct job {
    const struct plan *p;
    const struct matmul_loops *l;
    const struct lbk_group *g;
    const float *a, *b;
    float *packed, *out, *scratch;
};

static int64_t lead(lbk_shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.n - 2; i++)
        n *= s.d[i];
    return n;
}

static struct plan make_plan(const struct lbk_group *g)
{
    lbk_shape a = g->arg[cpu_plain_operand(g, 0)].shape, b = g->arg[cpu_plain_operand(g, 1)].shape,
              y = g->acc;
    const struct lbk_matmul *t = g->params;
    struct plan p = {
        .batch = lead(y), .m = y.d[y.n - 2], .n = y.d[y.n - 1], .k = a.d[a.n - (t->ta ? 2 : 1)]
    };
    p.a_batch = lead(a);
    p.b_batch = lead(b);
    p.a_row = t->ta ? 1 : p.k;
    p.a_k = t->ta ? p.m : 1;
    p.b_k = t->tb ? 1 : p.n;
    p.b_n = t->tb ? p.k : 1;
    p.panels = (p.n + LANES - 1) / LANES;
    p.row_blocks = (p.m + ROWS - 1) / ROWS;
    p.per = least(PANELS, p.panels);
    while (p.per > 2 && p.batch * p.row_blocks * ((p.panels + p.per - 1) / p.per) < TASKS)
        p.per = cpu_up(p.per / 2, 2);
    p.groups = (p.panels + p.per - 1) / p.per;
    return p;
}

static size_t packed_floats(const struct plan *p)
{
    return (size_t) (p->b_batch * p->panels * p->k * LANES);
}

static void pack_task(void *arg, int64_t t, int worker)
{
    const struct job *j = arg;
    const struct plan *p = j->p;
    int64_t panel = t % p->panels, batch = t / p->panels;
    j->l->pack(j->b + batch * p->k * p->n + panel * LANES * p->b_n, p->b_k, p->b_n, p->k,
               least(LANES, p->n - panel * LANES), j->packed + t * p->k * LANES);
}

static void store_rows(const struct job *j, const struct matmul_block *b, int64_t at, int64_t n)
{
    const struct plan *p = j->p;
    for (int64_t i = 0; i < b->m; i++, at += p->n) {
        if (p->epi)
            cpu_epi_run(p->epi, j->g, at, n, b->y + i * b->y_row);
        else
            memcpy(j->out + at, b->y + i * b->y_row, (size_t) n * sizeof(float));
    }
}

static void multiply_task(void *arg, int64_t t, int worker)
{
    const struct job *j = arg;
    const struct plan *p = j->p;
    int64_t group = t % p->groups, m = t / p->groups % p->row_blocks * ROWS,
            batch = t / p->groups / p->row_blocks;
    int64_t panel = group * p->per, panels = least(p->per, p->panels - panel),
            n = least(p->n - panel * LANES, panels * LANES);
    int64_t at = (batch * p->m + m) * p->n + panel * LANES;
    bool direct = !p->epi && n == panels * LANES;
    const float *a = j->a + (p->a_batch > 1 ? batch : 0) * p->m * p->k + m * p->a_row;
    const float *b = j->packed + ((p->b_batch > 1 ? batch : 0) * p->panels + panel) * p->k * LANES;
    struct matmul_block o = {
        .a_row = p->a_row,
        .a_k = p->a_k,
        .b_panel = p->k * LANES,
        .m = least(ROWS, p->m - m),
        .panels = panels,
        .y = direct ? j->out + at : j->scratch + worker * (ROWS * PANELS * LANES),
        .y_row = direct ? p->n : PANELS * LANES,
    };
    for (int64_t k = 0; k < p->k; k += TERMS) {
        o.a = a + k * p->a_k;
        o.b = b + k * LANES;
        o.k = least(TERMS, p->k - k);
        o.add = k > 0;
        j->l->block(&o);
    }
    if (!direct)
        store_rows(j, &o, at, n);
}

/* Whether the evaluator can read what the epilogue reads. */
static bool epi_fits(const struct lbk_group *g)
{
    for (int i = 0; i < g->epi.n; i++) {
        const struct lbk_arg *a = &g->arg[g->epi.w[i].arg];
        if (g->epi.w[i].kind == LBK_WORD_ARG &&
            (a->dtype != LBK_F32 || (a->shape.n != g->acc.n && lbk_shape_count(a->shape) != 1)))
            return false;
    }
    return true;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    int a = cpu_plain_operand(g, 0), b = cpu_plain_operand(g, 1);
    if (a < 0 || b < 0 || g->arg[a].dtype != LBK_F32 || g->arg[b].dtype != LBK_F32 || !epi_fits(g))
        return 0;
    struct plan p = make_plan(g);
    if (p.k < 1)
        return 0;
    o->scratch = (packed_floats(&p) + (size_t) d->threads * ROWS * PANELS * LANES) * sizeof(float);
    return 1;
}

static lbk_status prepare(lbk_drv *d, const struct lbk_group *g, void **own)
{
    struct plan *p = malloc(sizeof *p);
    if (p)
        *p = make_plan(g);
    if (p && !cpu_plain_epi(g))
        p->epi = cpu_epi_create(d, g);
    if (!p || (!p->epi && !cpu_plain_epi(g))) {
        free(p);
        return lbk_fail(d->ctx, LBK_ENOMEM, "matmul: no memory for its plan");
    }
    *own = p;
    return LBK_OK;
}

static void release(void *own)
{
    struct plan *p = own;
    cpu_epi_destroy(p->epi);
    free(p);
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct plan *p = own;
    struct job j = { .p = p,
                     .l = matmul_loops_of[d->isa],
                     .g = g,
                     .out = cpu_f32(&g->out[0]),
                     .packed = cpu_f32(&g->scratch) };
    j.a = cpu_f32(&g->arg[cpu_plain_operand(g, 0)]);
    j.b = cpu_f32(&g->arg[cpu_plain_operand(g, 1)]);
    j.scratch = j.packed + packed_floats(p);
    cpu_run(d, p->b_batch * p->panels, pack_task, &j);
    cpu_run(d, p->batch * p->row_blocks * p->groups, multiply_task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_matmul = {
    .op = "matmul",
    .supports = supports,
    .prepare = prepare,
    .launch = launch,
    .release = release,
};
