/* SPDX-License-Identifier: MIT */
#include "dw_plan.h"
#include "winograd.h"

enum { FREQ = WINO_FREQ, LANES = OCL_BLOCK, STRIP_SLIM = 4 };

static int64_t local_bytes(const struct wino_dw_plan *p)
{
    return FREQ * (p->v_step + p->d_step) * 4;
}

static bool make(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, struct wino_dw_plan *p)
{
    return d->winograd && wino_dw_plan(p, g, x, g->arg[ocl_plain_operand(g, 1)].shape) &&
           local_bytes(p) <= (int64_t) d->limits.local && dw_parts_floats(&p->q) < INT32_MAX;
}

bool winograd_dw_suits(const lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    struct wino_dw_plan p;
    return make(d, g, x, &p);
}

void winograd_dw_offer(const lbk_drv *d, const struct lbk_group *g, lbk_shape x,
                       struct lbk_offer *o)
{
    struct wino_dw_plan p;
    if (make(d, g, x, &p))
        o->scratch = (size_t) dw_parts_floats(&p.q) * sizeof(float);
}

static void sum_step(const lbk_drv *d, lbk_code *code, const struct lbk_group *g, lbk_shape x,
                     const struct wino_dw_plan *p)
{
    const struct dw_parts *q = &p->q;
    const bool wide = d->limits.vector >= LANES,
               pairs = wide && q->k_blocks % 2 == 0 && q->k_part % 2 == 0;
    struct ocl_step *s = ocl_step(code, "winograd");
    ocl_define(s, "DW", "1");
    ocl_define(s, "ENTER", "1");
    ocl_define(s, "MULTIPLY", "0");
    ocl_define(s, "LEAVE", "0");
    ocl_define(s, "RAGGED_IN", "0"); /* sums of lanes that stand for no channel go nowhere */
    ocl_define(s, "M", "%d", p->t.m);
    ocl_define(s, "PANELS", "%d", pairs ? 2 : 1);
    ocl_define(s, "STRIP", "%d", pairs ? LANES / 2 : wide ? LANES : STRIP_SLIM);
    ocl_arg(s, ocl_plain_operand(g, 1));
    ocl_scratch(s, 0, sizeof(float));
    ocl_local(s, (size_t) local_bytes(p));
    const struct wino_grid *t = &p->t;
    const int64_t v[] = { t->h,
                          t->w,
                          t->oh,
                          t->ow,
                          t->dil,
                          t->top,
                          t->left,
                          q->c,
                          q->c_blocks,
                          q->k_blocks,
                          q->c_part,
                          q->k_part,
                          q->k_parts,
                          t->th,
                          t->tw,
                          t->tiles / q->slots,
                          t->tiles % q->slots,
                          p->chunk,
                          p->v_step,
                          p->d_step,
                          q->u_step };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_operand(s, g, 0, x);
    ocl_groups(s, (const int64_t[]){ q->c_parts * q->k_parts, q->slots, 1 },
               (const int64_t[]){ 1, 1, 1 });
}

static void weights_step(lbk_code *code, const struct wino_dw_plan *p)
{
    const struct dw_parts *q = &p->q;
    struct ocl_step *s = ocl_step(code, "winograd_dw_weights");
    ocl_define(s, "R", "%d", p->r);
    ocl_scratch(s, 0, sizeof(float));
    ocl_out(s, 0);
    const int64_t v[] = { q->c,      q->k,      q->c_blocks,
                          q->c_part, q->k_part, q->k_parts,
                          q->u_step, q->slots,  q->c_parts * q->k_parts * FREQ * q->u_step };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_groups(s, (const int64_t[]){ q->c_blocks, q->k_blocks, 1 }, (const int64_t[]){ 1, 1, 1 });
}

void winograd_dw_prepare(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, lbk_code *c)
{
    struct wino_dw_plan p;
    if (!make(d, g, x, &p)) {
        ocl_fail(c, lbk_fail(d->ctx, LBK_EINVAL, "%s: its plan has changed", g->op->name));
        return;
    }
    sum_step(d, c, g, x, &p);
    weights_step(c, &p);
}
