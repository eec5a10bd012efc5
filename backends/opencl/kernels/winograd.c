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
    int64_t waves;          /* floats of the transforms of a wave; 0: those of a task are local */
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
    if (!d->winograd || !wino_plan(&w->s, g, x, b->shape, room))
        return false;
    const struct wino_grid *t = &w->s.t;
    const bool wide = d->limits.vector >= LANES;
    w->panels = wide && t->k_blocks % 2 == 0 ? 2 : 1;
    w->tiles = even_tiles(w->s.chunk, (wide ? TILES_WIDE : TILES_SLIM) / w->panels);
    w->v_step = wino_v_step(&w->s);
    w->m_step = wino_m_step(&w->s, w->panels);
    w->weights = FREQ * t->c_blocks * t->k_blocks * LANES * LANES;
    w->slots = t->n * w->s.bands;
    const int64_t floats = FREQ * (w->v_step + w->m_step);
    w->waves = w->s.deep ? floats : 0;
    return w->weights < INT32_MAX &&
           (w->s.deep ? floats < INT32_MAX : floats * 4 <= (int64_t) d->limits.local);
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

/* The scratch: weights, the slots of the tail, transforms of a wave; in floats. */
static int64_t waves_at(const struct lbk_group *g, const struct wino *w)
{
    return w->weights + ocl_tail_floats(g, w->slots);
}

void winograd_offer(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, struct lbk_offer *o)
{
    struct wino w;
    if (!make(d, g, x, &w))
        return;
    o->tail = takes_tail(g, &w);
    o->scratch = (size_t) (waves_at(g, &w) + w.waves) * sizeof(float);
}

static void ints(struct ocl_step *s, int n, const int64_t v[])
{
    for (int i = 0; i < n; i++)
        ocl_int(s, v[i]);
}
#define INTS(s, ...)                                                                               \
 ints(s, (int) (sizeof(int64_t[]){ __VA_ARGS__ } / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ })

static void groups(struct ocl_step *s, int64_t x, int64_t y)
{
    ocl_groups(s, (const int64_t[]){ x, y, 1 }, (const int64_t[]){ 1, 1, 1 });
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
    INTS(s, p->ic, p->oc, p->w_ic, p->w_oc, p->t.c_blocks);
    groups(s, p->t.c_blocks, p->t.k_blocks);
}

enum stage { ENTER = 1, MULTIPLY = 2, LEAVE = 4, WHOLE = ENTER | MULTIPLY | LEAVE };

static struct ocl_step *stage_step(lbk_code *code, const struct wino *w, int stages)
{
    struct ocl_step *s = ocl_step(code, "winograd");
    ocl_define(s, "DW", "0");
    ocl_define(s, "ENTER", "%d", !!(stages & ENTER));
    ocl_define(s, "MULTIPLY", "%d", !!(stages & MULTIPLY));
    ocl_define(s, "LEAVE", "%d", !!(stages & LEAVE));
    ocl_define(s, "M", "%d", w->s.t.m);
    if (stages & MULTIPLY) {
        ocl_define(s, "T", "%d", w->tiles);
        ocl_define(s, "PANELS", "%d", w->panels);
        ocl_define(s, "RUN", "%d", WINO_RUN / LANES);
    }
    return s;
}

/* What part_of() wants. */
static void cut_args(struct ocl_step *s, const struct wino_plan *p)
{
    INTS(s, wino_planes(&p->t), p->planes, p->rows, p->cols, p->bands, p->pieces, p->t.th, p->t.tw);
}

static void input_args(struct ocl_step *s, const struct lbk_group *g, lbk_shape x,
                       const struct wino *w)
{
    ocl_define(s, "RAGGED_IN", "%d", ocl_plain_operand(g, 0) < 0 && w->s.ic % LANES != 0);
    ocl_operand(s, g, 0, x);
}

static void output_args(struct ocl_step *s, const struct lbk_group *g, const struct wino *w)
{
    ocl_define(s, "PLAIN", "%d", ocl_plain_epi(g));
    ocl_define(s, "RAGGED", "%d", w->s.oc % LANES != 0);
    ocl_tail_args(s, g, w->weights);
    ocl_blocked_epi(s, g);
}

static void task_step(lbk_code *code, const struct lbk_group *g, lbk_shape x, const struct wino *w)
{
    const struct wino_plan *p = &w->s;
    const struct wino_grid *t = &p->t;
    struct ocl_step *s = stage_step(code, w, WHOLE);
    ocl_scratch(s, 0, sizeof(float));
    ocl_local(s, (size_t) (FREQ * (w->v_step + w->m_step)) * sizeof(float));
    INTS(s, t->h, t->w, t->oh, t->ow, t->dil, t->top, t->left, p->ic, p->oc);
    cut_args(s, p);
    INTS(s, p->chunk, w->v_step, w->m_step);
    input_args(s, g, x, w);
    output_args(s, g, w);
    groups(s, p->tasks, 1);
}

/* The tasks from `first` on, so many. */
static void wave_steps(lbk_code *code, const struct lbk_group *g, lbk_shape x, const struct wino *w,
                       int64_t first, int64_t tasks)
{
    const struct wino_plan *p = &w->s;
    const struct wino_grid *t = &p->t;
    const size_t v = (size_t) waves_at(g, w) * sizeof(float),
                 m = v + (size_t) (FREQ * w->v_step) * sizeof(float);
    struct ocl_step *s = stage_step(code, w, ENTER);
    ocl_scratch(s, v, sizeof(float));
    INTS(s, t->h, t->w, t->dil, t->top, t->left, p->ic);
    cut_args(s, p);
    INTS(s, p->chunk, w->v_step, first);
    input_args(s, g, x, w);
    groups(s, t->c_blocks, tasks);
    s = stage_step(code, w, MULTIPLY);
    ocl_scratch(s, 0, sizeof(float));
    ocl_scratch(s, v, sizeof(float));
    ocl_scratch(s, m, sizeof(float));
    INTS(s, t->c_blocks, t->k_blocks, p->chunk, tasks, w->v_step, w->m_step);
    groups(s, t->k_blocks / w->panels, FREQ);
    s = stage_step(code, w, LEAVE);
    ocl_scratch(s, m, sizeof(float));
    INTS(s, t->oh, t->ow, t->dil, p->oc);
    cut_args(s, p);
    INTS(s, p->chunk, w->m_step, first);
    output_args(s, g, w);
    groups(s, t->k_blocks, tasks);
}

void winograd_prepare(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, lbk_code *c)
{
    struct wino w;
    if (!make(d, g, x, &w)) {
        ocl_fail(c, lbk_fail(d->ctx, LBK_ENOMEM, "%s: no memory for its plan", g->op->name));
        return;
    }
    weights_step(c, g, &w);
    if (!w.s.deep)
        task_step(c, g, x, &w);
    for (int64_t i = 0; w.s.deep && i < w.s.tasks; i += w.s.wave)
        wave_steps(c, g, x, &w, i, least(w.s.wave, w.s.tasks - i));
    ocl_tail_step(c, g, w.weights, w.slots);
}
