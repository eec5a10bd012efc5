/* SPDX-License-Identifier: MIT */
#include "sizes.h"
#include "winograd.h"
#include "winograd_plan.h"

enum {
    FREQ = WINO_FREQ,
    LANES = OCL_BLOCK,
    V_BYTES = 1200 << 10,
    TILES_WIDE = 28, /* sums of 16 floats in 32 registers, and in fewer */
    TILES_SLIM = 6
};

struct wino {
    struct wino_plan s;
    int panels, tiles;      /* of a product of matrices */
    int64_t v_step, m_step; /* floats from one frequency to the next */
    int64_t weights, slots; /* floats; of the tail */
};

/* The tile that needs the fewest steps; of those the smallest. */
static int even_tiles(int64_t chunk, int64_t top)
{
    const int64_t steps = up_div(chunk, top);
    return (int) up_div(chunk, steps);
}

static bool make(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, struct wino *w)
{
    const struct lbk_arg *b = &g->arg[ocl_plain_operand(g, 1)];
    const int64_t room = least(V_BYTES, (int64_t) d->limits.local / 2);
    if (!d->winograd || !wino_plan(&w->s, g, x, b->shape, room, false))
        return false;
    const struct wino_grid *t = &w->s.t;
    const bool wide = d->limits.vector >= LANES;
    w->panels = wide && t->k_blocks % 2 == 0 ? 2 : 1;
    w->tiles = even_tiles(w->s.chunk, (wide ? TILES_WIDE : TILES_SLIM) / w->panels);
    w->v_step = wino_step(t->c_blocks * w->s.chunk * LANES);
    w->m_step = wino_step(w->panels * w->s.chunk * LANES);
    w->weights = FREQ * t->c_blocks * t->k_blocks * LANES * LANES;
    w->slots = t->n * w->s.bands;
    return FREQ * (w->v_step + w->m_step) * 4 <= (int64_t) d->limits.local &&
           w->weights < INT32_MAX;
}

bool winograd_suits(const lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    struct wino w;
    return make(d, g, x, &w);
}

/* Where the pixels of a task are whole rows. */
static bool takes_tail(const struct lbk_group *g, const struct wino *w)
{
    return g->tail && w->s.pieces == 1 && w->s.t.dil == 1;
}

void winograd_offer(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, struct lbk_offer *o)
{
    struct wino w;
    if (!make(d, g, x, &w))
        return;
    o->tail = takes_tail(g, &w);
    o->scratch = (size_t) (w.weights + ocl_tail_floats(g, w.slots)) * sizeof(float);
}

static void weights_step(lbk_code *code, const struct lbk_group *g, const struct wino *w)
{
    const struct wino_plan *p = &w->s;
    struct ocl_step *s = ocl_step(code, "winograd_weights");
    cl_int at[WINO_TAPS];
    for (int i = 0; i < p->r * p->r; i++)
        at[i] = (cl_int) p->at[i];
    ocl_define(s, "R", "%d", p->r);
    ocl_arg(s, ocl_plain_operand(g, 1));
    ocl_scratch(s, 0, sizeof(float));
    ocl_table(s, at, (size_t) (p->r * p->r) * sizeof *at);
    const int64_t v[] = { p->ic, p->oc, p->w_ic, p->w_oc, p->t.c_blocks };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_groups(s, (const int64_t[]){ p->t.c_blocks, p->t.k_blocks, 1 },
               (const int64_t[]){ 1, 1, 1 });
}

static void defines(struct ocl_step *s, const struct lbk_group *g, const struct wino *w)
{
    const struct wino_plan *p = &w->s;
    const bool computed = ocl_plain_operand(g, 0) < 0;
    const struct {
        const char *name;
        int value;
    } v[] = {
        { "DW", 0 },
        { "RAGGED_IN", computed && p->ic % LANES != 0 },
        { "PLAIN", ocl_plain_epi(g) },
        { "RAGGED", p->oc % LANES != 0 },
        { "M", p->t.m },
        { "T", w->tiles },
        { "PANELS", w->panels },
        { "RUN", WINO_RUN / LANES },
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_define(s, v[i].name, "%d", v[i].value);
}

static void task_step(lbk_code *code, const struct lbk_group *g, lbk_shape x, const struct wino *w)
{
    const struct wino_plan *p = &w->s;
    const struct wino_grid *t = &p->t;
    struct ocl_step *s = ocl_step(code, "winograd");
    defines(s, g, w);
    ocl_scratch(s, 0, sizeof(float));
    ocl_local(s, (size_t) (FREQ * (w->v_step + w->m_step)) * sizeof(float));
    const int64_t v[] = { t->h,  t->w,      t->oh,    t->ow,     t->dil,   t->top,  t->left,
                          p->ic, p->oc,     t->n,     p->planes, p->rows,  p->cols, t->th,
                          t->tw, p->pieces, p->chunk, w->v_step, w->m_step };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_operand(s, g, 0, x);
    ocl_tail_args(s, g, w->weights);
    ocl_blocked_epi(s, g);
    ocl_groups(s, (const int64_t[]){ p->bands * p->pieces, p->groups, 1 },
               (const int64_t[]){ 1, 1, 1 });
}

void winograd_prepare(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, lbk_code *c)
{
    struct wino w;
    if (!make(d, g, x, &w)) {
        ocl_fail(c, lbk_fail(d->ctx, LBK_ENOMEM, "%s: no memory for its plan", g->op->name));
        return;
    }
    weights_step(c, g, &w);
    task_step(c, g, x, &w);
    ocl_tail_step(c, g, w.weights, w.slots);
}
