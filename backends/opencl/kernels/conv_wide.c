/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv_plan.h"
#include "conv_wide.h"
#include "sizes.h"
#include "winograd.h"

enum {
    COPY_BYTES = 256 << 10,
    TILE_WIDE = 8, /* places of a tile with 32 registers of 16 floats; with fewer registers */
    TILE_SLIM = 6,
    SLOTS = 32,
    SLOT_PIXELS = 512,
    SLOT_BYTES = 16 << 20,
    PLACES = 256,
    COPY_FLOATS = 64 << 10,
    PACK_TERMS = 64,
    LANES = CONV_LANES
};

/* What conv_plan.h leaves to a backend: the tile, and where the scratch memory is. */
struct wide {
    struct conv *c;
    lbk_shape x; /* of operand 0 */
    bool dw, few, local;
    bool computed;          /* operand 0 is no arg but computed as it is copied */
    int panels, rows, cols; /* of a tile; of conv2d_dw cols is its terms */
    bool run;               /* conv2d_dw: its terms are neighbours */
    int64_t slots, images;  /* conv2d_dw: sums that are added at the end; images copied at once */
    int64_t copy, tmp;      /* floats: the copy of in (of one image), all of a task */
    int64_t sums, tasks;    /* floats of packed weights (of all slots) */
    int64_t tail;           /* floats, after those */
};

static struct lbk_layout layout_of(int64_t channels)
{
    return channels <= CONV_FEW ? OCL_ROW : OCL_CBLK;
}

/* Enough pixels for each, so that adding the slots up costs little. */
static int64_t slots_for(int64_t images, lbk_shape dy, lbk_shape w)
{
    int64_t s = 1, bytes = ocl_up(w.d[0], LANES) * w.d[1] * w.d[2] * w.d[3] * 4;
    int64_t limit = least(least(images, SLOTS), images * dy.d[2] * dy.d[3] / SLOT_PIXELS);
    while (s * 2 <= limit && s * 2 * bytes <= SLOT_BYTES)
        s *= 2;
    return s;
}

/* Whether every task's blocks can be taken two at a time. */
static bool all_pair(const struct conv *c)
{
    for (int64_t p = 0; p < c->parts; p++) {
        int64_t end = least((p + 1) * c->per, c->blocks);
        for (int64_t kb = p * c->per; kb < end; kb += 2)
            if (!conv_pairs(c, kb, end))
                return false;
    }
    return true;
}

/* Of the sizes up to `top`, the one that does n in the least time: a step of a tile costs its
 * multiplications and a little more. */
static int best_size(int64_t n, int panels, int top)
{
    int best = 1;
    for (int m = 2; m <= top; m++)
        if ((n + m - 1) / m * (2 * m * panels + 3) <=
            (n + best - 1) / best * (2 * best * panels + 3))
            best = m;
    return best;
}

static void choose_tile(struct wide *w, int vector)
{
    const struct conv *c = w->c;
    int64_t narrowest = INT64_MAX;
    w->panels = vector >= LANES && all_pair(c) ? 2 : 1;
    for (int f = 0; f < c->t.n_phase; f++)
        narrowest = least(narrowest, c->t.phase[f].cols);
    const int top = vector >= LANES ? TILE_WIDE : TILE_SLIM;
    w->cols = best_size(c->t.cols, w->panels, (int) least(top, most(narrowest, 1)));
    w->rows = w->cols * 2 <= top && c->t.rows > 1 ? 2 : 1;
}

/* Neighbours as long as every row of taps of a block is a whole number of tiles. */
static void choose_terms(struct wide *w, int vector)
{
    const struct conv *c = w->c;
    const struct conv_taps *t = &c->t;
    const int top = vector >= LANES ? TILE_WIDE : TILE_SLIM;
    w->panels = vector >= LANES && !c->out_row && all_pair(c) ? 2 : 1;
    w->run = !c->planar && !c->depthwise && t->groups == 1 && t->ic % top == 0 && LANES % top == 0;
    const bool by_rows = c->copied && !c->planar && !c->depthwise;
    const int64_t n = by_rows ? c->panel[0].n / t->n_tap * t->phase->across : c->panel[0].n;
    w->cols = w->run ? top : best_size(n, w->panels, w->panels == 1 ? top + 1 : top);
    w->rows = 1;
}

static int64_t result_floats(const struct wide *w, bool plain)
{
    const struct conv *c = w->c;
    const int64_t row = c->t.os * c->t.ow;
    return w->few ? c->t.oc * c->band * row : plain ? 0 : w->panels * w->rows * row * LANES;
}

/* Several small images at once, so that sums are not fetched and stored for every few pixels. */
static void size_dw(struct wide *w)
{
    const struct conv *c = w->c;
    const int64_t places = c->band * c->t.ow, dy = c->out_row ? places * LANES : 0;
    const int64_t room = most(1, COPY_FLOATS / most(1, w->copy));
    w->images = c->bands > 1 ? 1
                             : least((c->t.n + w->slots - 1) / w->slots,
                                     least(room, (PLACES + places - 1) / places));
    w->tmp = (w->copy + dy) * w->images;
    w->sums = ocl_up(w->slots * c->n_b, LANES);
    w->tasks = w->slots * c->parts;
}

/* false: out of memory, too large for the indices of a kernel, or not computed in this way. Layouts
 * are as they are wanted: when core asks first there are none. */
static bool make_wide(lbk_drv *d, const struct lbk_group *g, struct wide *w)
{
    const lbk_shape b = g->arg[ocl_plain_operand(g, 1)].shape;
    memset(w, 0, sizeof *w);
    ocl_operand_shape(g, 0, &w->x);
    w->dw = strcmp(g->op->name, "conv2d_dw") == 0;
    w->computed = ocl_plain_operand(g, 0) < 0;
    w->slots = w->dw ? slots_for(w->x.d[0], b, g->acc) : 0;
    const struct conv_how how = { .a = layout_of(w->x.d[1]),
                                  .b = w->dw ? layout_of(b.d[1]) : OCL_ROW,
                                  .out = w->dw ? OCL_ROW : layout_of(g->acc.d[1]),
                                  .tasks = w->slots,
                                  .copy_bytes = least(COPY_BYTES, (int64_t) d->limits.local / 2),
                                  .copy = w->computed };
    struct conv *c = w->c = conv_create(g, w->x, b, &how);
    if (!c)
        return false;
    w->few = !w->dw && (c->out_row || c->narrow);
    (w->dw ? choose_terms : choose_tile)(w, d->limits.vector);
    w->copy = ocl_up(c->scratch, LANES);
    if (w->dw) {
        size_dw(w);
    } else {
        w->tmp = w->copy + result_floats(w, ocl_plain_epi(g));
        w->sums = ocl_up(c->n_b, LANES);
        w->tasks = c->t.n * c->bands * c->parts;
    }
    w->tail = ocl_tail_floats(g, c->t.n * c->bands);
    w->local = w->tmp <= (int64_t) (d->limits.local / sizeof(float));
    if (!(w->computed && c->planar) && w->sums < INT32_MAX && w->tmp < INT32_MAX &&
        (w->local || w->tmp * w->tasks < INT32_MAX - w->sums - w->tail))
        return true;
    conv_destroy(c);
    return false;
}

static bool takes_tail(const struct lbk_group *g, const struct wide *w)
{
    return g->tail && !w->dw && !w->few && lbk_shape_count(g->acc) > 0;
}

static size_t scratch_bytes(const struct wide *w)
{
    return (size_t) (w->sums + w->tail + (w->local ? 0 : w->tmp * w->tasks)) * sizeof(float);
}

static bool fits(const struct lbk_group *g)
{
    const int b = ocl_plain_operand(g, 1);
    lbk_shape x;
    return b >= 0 && g->arg[b].dtype == LBK_F32 && ocl_operand_shape(g, 0, &x) &&
           ocl_operand_fits(g, 0, x) && !ocl_reads(&g->operand[0], b);
}

static int offer_scratch(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    struct wide w;
    if (!make_wide(d, g, &w))
        return 0;
    o->scratch = scratch_bytes(&w);
    o->tail = takes_tail(g, &w);
    conv_destroy(w.c);
    return 1;
}

int conv_wide_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!fits(g) || !ocl_epi_fits(g, 1))
        return 0;
    lbk_shape x;
    const int w = ocl_plain_operand(g, 1);
    ocl_operand_shape(g, 0, &x);
    ocl_epi_wants(g, layout_of(g->acc.d[1]), o);
    for (int i = 0; i < g->n_arg; i++)
        o->inplace |=
            i != w && !ocl_reads(&g->operand[0], i) && ocl_is_whole(g, &g->arg[i]) ? 1u << i : 0;
    ocl_tail_offer(g, layout_of(g->acc.d[1]), o);
    ocl_operand_wants(g, 0, x, layout_of(x.d[1]), o);
    o->want_arg[w] = OCL_ROW;
    if (winograd_suits(d, g, x)) {
        winograd_offer(d, g, x, o);
        return 1;
    }
    return offer_scratch(d, g, o);
}

int conv_wide_dw_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    lbk_shape x;
    if (!fits(g) || !ocl_plain_epi(g))
        return 0;
    const int dy = ocl_plain_operand(g, 1);
    ocl_operand_shape(g, 0, &x);
    ocl_operand_wants(g, 0, x, layout_of(x.d[1]), o);
    o->want_arg[dy] = layout_of(g->arg[dy].shape.d[1]);
    if (winograd_dw_suits(d, g, x)) {
        winograd_dw_offer(d, g, x, o);
        return 1;
    }
    return offer_scratch(d, g, o);
}

/* ---- tables ---- */

static void put_panels(const struct conv *c, cl_int *to)
{
    for (int64_t i = 0; i < c->t.n_phase * c->blocks; i++, to += 3) {
        to[0] = (cl_int) c->panel[i].n;
        to[1] = (cl_int) c->panel[i].off;
        to[2] = (cl_int) c->panel[i].b;
    }
}

/* `dh` of each row of taps follows all phases. */
static void put_phases(const struct conv *c, int64_t at, cl_int *plan)
{
    int64_t dh = at + 7 * c->t.n_phase;
    for (int f = 0; f < c->t.n_phase; f++, at += 7) {
        const struct conv_phase *p = &c->t.phase[f];
        const int64_t v[7] = { p->h0, p->w0, p->rows, p->cols, p->n_tap, p->across, dh };
        for (int i = 0; i < 7; i++)
            plan[at + i] = (cl_int) v[i];
        for (int64_t t = 0; t < p->n_tap; t += p->across)
            plan[dh++] = (cl_int) c->t.tap[p->tap + t].dh;
    }
}

static cl_int *ints(lbk_drv *d, lbk_code *code, int64_t n)
{
    cl_int *p = calloc((size_t) n, sizeof *p);
    if (!p)
        ocl_fail(code, lbk_fail(d->ctx, LBK_ENOMEM, "convolution: no memory for its plan"));
    return p;
}

/* In the order the text of conv_wide reads it. */
static void plan_tables(lbk_drv *d, lbk_code *code, struct ocl_step *s, const struct conv *c)
{
    const int64_t panels = c->t.n_phase * c->blocks, uses = c->parts, panel = uses + 2 * c->t.is,
                  phase = panel + 3 * panels, n = phase + 7 * c->t.n_phase + c->t.n_tap;
    cl_int *plan = ints(d, code, n);
    if (!plan)
        return;
    for (int64_t i = 0; i < c->parts; i++)
        plan[i] = (cl_int) c->first[i];
    for (int64_t i = 0; i < c->t.is; i++) {
        plan[uses + i] = c->t.uses_h[i];
        plan[uses + c->t.is + i] = c->t.uses_w[i];
    }
    put_panels(c, plan + panel);
    put_phases(c, phase, plan);
    ocl_table(s, c->off, (size_t) c->n_off * sizeof *c->off);
    ocl_table(s, plan, (size_t) n * sizeof *plan);
    free(plan);
}

/* ---- steps ---- */

/* Packs arg `weights`, or sums the slots into the result when it is negative. */
static void weights_step(lbk_drv *d, lbk_code *code, const struct wide *w, int weights)
{
    const struct conv *c = w->c;
    const struct conv_taps *t = &c->t;
    const int64_t panels = t->n_phase * c->blocks;
    struct ocl_step *s = ocl_step(code, "conv_weights");
    cl_int *panel = ints(d, code, 3 * panels);
    if (!panel)
        return;
    put_panels(c, panel);
    ocl_define(s, "PACK", "%d", weights >= 0);
    ocl_define(s, "TERMS", "%d", PACK_TERMS);
    if (weights >= 0) {
        ocl_arg(s, weights);
        ocl_scratch(s, 0, sizeof(float));
    } else {
        ocl_out(s, 0);
        ocl_scratch(s, 0, sizeof(float));
        ocl_int(s, w->slots);
        ocl_int(s, c->n_b);
    }
    ocl_table(s, c->weight, (size_t) c->n_off * sizeof *c->weight);
    ocl_table(s, panel, (size_t) (3 * panels) * sizeof *panel);
    const int64_t v[] = { t->ic / t->groups, t->w_group, t->w_oc, t->w_ic, c->depthwise };
    ocl_int(s, c->blocks);
    ocl_int(s, t->oc);
    ocl_divisor(s, t->oc / t->groups);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    int64_t longest = 1;
    for (int64_t i = 0; i < panels; i++)
        longest = most(longest, c->panel[i].n);
    ocl_groups(s,
               (const int64_t[]){ (longest + PACK_TERMS - 1) / PACK_TERMS, c->blocks, t->n_phase },
               (const int64_t[]){ 1, 1, 1 });
    free(panel);
}

static void define_common(struct ocl_step *s, const struct wide *w, const char *mode)
{
    const struct conv *c = w->c;
    const struct {
        const char *name;
        int value;
    } v[] = {
        { "LOCAL", w->local },
        { "COPIED", c->copied },
        { "UNIT", c->planar ? 1 : LANES },
        { "IN_STEP", c->in_row ? 1 : LANES },
        { "OUT_ROW", c->out_row },
        { "DEPTH", c->depthwise },
        { "PANELS", w->panels },
        { "RAGGED_IN", w->computed && c->t.ic % LANES != 0 },
    };
    ocl_define(s, "MODE", "%s", mode);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_define(s, v[i].name, "%d", v[i].value);
}

static void put_tmp(struct ocl_step *s, const struct wide *w)
{
    if (w->local) {
        ocl_local(s, (size_t) w->tmp * sizeof(float));
    } else {
        ocl_scratch(s, (size_t) (w->sums + w->tail) * sizeof(float), sizeof(float));
        ocl_int(s, w->tmp);
    }
    ocl_int(s, w->copy);
}

static int64_t in_planes_of(const struct conv *c)
{
    return c->planar ? c->t.ic : ocl_blocks(c->t.ic);
}

static void gather_step(lbk_drv *d, lbk_code *code, const struct lbk_group *g, const struct wide *w)
{
    const struct conv *c = w->c;
    const struct conv_taps *t = &c->t;
    struct ocl_step *s = ocl_step(code, "conv_wide");
    define_common(s, w, w->few ? "FEW" : "BLOCK");
    ocl_define(s, "ROWS", "%d", w->rows);
    ocl_define(s, "COLS", "%d", w->cols);
    ocl_define(s, "PLAIN", "%d", ocl_plain_epi(g));
    ocl_define(s, "RAGGED", "%d", t->oc % LANES != 0);
    ocl_define(s, "K", "%d", (int) least(t->oc, CONV_FEW));
    ocl_scratch(s, 0, sizeof(float));
    plan_tables(d, code, s, c);
    put_tmp(s, w);
    const int64_t v[] = { t->ic,        t->ih,          t->iw,
                          t->oc,        t->oh,          t->ow,
                          c->out_plane, t->is,          t->os,
                          t->top,       t->left,        c->pr,
                          c->pc,        t->n_phase,     c->blocks,
                          c->per,       c->parts,       c->band,
                          t->rows,      t->cols,        least(c->limit, INT32_MAX),
                          c->in_planes, in_planes_of(c) };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_operand(s, g, 0, w->x);
    ocl_tail_args(s, g, w->sums);
    ocl_blocked_epi(s, g);
    ocl_groups(s, (const int64_t[]){ c->parts, c->bands, t->n }, (const int64_t[]){ 1, 1, 1 });
}

static void outer_step(lbk_drv *d, lbk_code *code, const struct lbk_group *g, const struct wide *w)
{
    const struct conv *c = w->c;
    const struct conv_taps *t = &c->t;
    struct ocl_step *s = ocl_step(code, "conv_wide");
    define_common(s, w, "OUTER");
    ocl_define(s, "TERMS", "%d", w->cols);
    ocl_define(s, "RUN", "%d", w->run);
    ocl_arg(s, ocl_plain_operand(g, 1));
    ocl_scratch(s, 0, sizeof(float));
    plan_tables(d, code, s, c);
    put_tmp(s, w);
    const int64_t v[] = { t->ic,           t->ih,           t->iw,
                          t->oc,           t->oh,           t->ow,
                          c->out_plane,    t->is,           t->top,
                          t->left,         c->pr,           c->pc,
                          c->blocks,       c->per,          c->parts,
                          c->band,         c->bands,        c->limit != INT64_MAX,
                          c->in_planes,    in_planes_of(c), t->n / w->slots,
                          t->n % w->slots, w->images,       c->n_b };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        ocl_int(s, v[i]);
    ocl_operand(s, g, 0, w->x);
    ocl_groups(s, (const int64_t[]){ c->parts, w->slots, 1 }, (const int64_t[]){ 1, 1, 1 });
}

static bool make_or_fail(lbk_drv *d, const struct lbk_group *g, lbk_code *code, struct wide *w)
{
    if (make_wide(d, g, w))
        return true;
    ocl_fail(code, lbk_fail(d->ctx, LBK_ENOMEM, "%s: no memory for its plan", g->op->name));
    return false;
}

void conv_wide_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *code)
{
    struct wide w;
    lbk_shape x;
    ocl_operand_shape(g, 0, &x);
    if (winograd_suits(d, g, x)) {
        winograd_prepare(d, g, x, code);
        return;
    }
    if (!make_or_fail(d, g, code, &w))
        return;
    weights_step(d, code, &w, ocl_plain_operand(g, 1));
    gather_step(d, code, g, &w);
    ocl_tail_step(code, g, w.sums, w.c->t.n * w.c->bands);
    conv_destroy(w.c);
}

void conv_wide_dw_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *code)
{
    struct wide w;
    lbk_shape x;
    ocl_operand_shape(g, 0, &x);
    if (winograd_dw_suits(d, g, x)) {
        winograd_dw_prepare(d, g, x, code);
        return;
    }
    if (!make_or_fail(d, g, code, &w))
        return;
    outer_step(d, code, g, &w);
    weights_step(d, code, &w, -1);
    conv_destroy(w.c);
}
