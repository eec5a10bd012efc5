/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv.h"
#include "depthwise.h"
#include "expr.h"
#include "sizes.h"
#include "taps_dw.h"
#include "winograd_dw.h"

/* Images are dealt out to slots, a number that depends on shapes alone; each sums its images in
 * order into its own weights, and the slots are added by a fixed tree. */
enum {
    LANES = 16,
    SLOTS = 32,
    SLOT_PIXELS = 512,
    SLOT_BYTES = 16 << 20,
    PLACES = 256,
    COPY_FLOATS = 64 << 10,
    COPY_BYTES = 256 << 10
};
CPU_LOOPS(conv_loops);

struct plan {
    struct depthwise *depth;
    struct winograd_dw *wino;
    struct taps_dw *taps; /* all NULL: by what follows */
    struct conv *c;
    int64_t slots, images, x_floats, dy_floats;
    bool plain;           /* else x is the expression */
    int64_t image_floats; /* of the values of one that is not copied */
    struct cpu_expr x;
};
struct job {
    const struct plan *p;
    const struct conv_loops *l;
    struct conv_in in;
    const float *dy, *arg[LBK_ARG_MAX];
    float *sums, *scratch, *out;
};

static int64_t worker_floats(const struct plan *p)
{
    return (p->x_floats + p->dy_floats + p->image_floats) * p->images + LANES;
}

/* Enough pixels for each, so that adding the slots up costs little. */
static int64_t slots_for(int64_t images, lbk_shape dy, lbk_shape w)
{
    int64_t s = 1, bytes = cpu_up(w.d[0], LANES) * w.d[1] * w.d[2] * w.d[3] * 4;
    int64_t limit = least(least(images, SLOTS), images * dy.d[2] * dy.d[3] / SLOT_PIXELS);
    while (s * 2 <= limit && s * 2 * bytes <= SLOT_BYTES)
        s *= 2;
    return s;
}

/* Several small images at once, so that sums are not fetched and stored for every few pixels. */
static bool plan_direct(lbk_drv *d, struct plan *p, const struct lbk_group *g, lbk_shape x)
{
    int at = cpu_plain_operand(g, 0);
    const struct lbk_arg *dy = &g->arg[cpu_plain_operand(g, 1)];
    p->plain = at >= 0;
    if (!p->plain &&
        (conv_layout(x.d[1]).order != LBK_CBLK || !cpu_operand_compile(d, &p->x, g, 0, x)))
        return false;
    p->slots = slots_for(x.d[0], dy->shape, g->acc);
    /* Each part of the channels of dy reads x again: few of them, even if tasks are. */
    struct conv_how how = { p->plain ? g->arg[at].layout : CPU_CBLK, dy->layout, g->out[0].layout,
                            p->slots * 4, COPY_BYTES };
    p->c = conv_create(g, x, dy->shape, &how);
    if (!p->c || (!p->plain && p->c->copied && !p->x.ramp.on))
        return false;
    p->x_floats = cpu_up(p->c->scratch, LANES);
    p->dy_floats = p->c->out_row ? p->c->band * p->c->t.ow * LANES : 0;
    if (!p->plain && !p->c->copied)
        p->image_floats = p->c->in_planes * p->c->in_plane * LANES;
    int64_t places = p->c->band * p->c->t.ow, room = most(1, COPY_FLOATS / most(1, p->x_floats));
    p->images = p->c->bands > 1 ? 1
                                : least((x.d[0] + p->slots - 1) / p->slots,
                                        least(room, (PLACES + places - 1) / places));
    return true;
}

static void drop_plan(struct plan *p)
{
    depthwise_destroy(p->depth);
    winograd_dw_destroy(p->wino);
    taps_dw_destroy(p->taps);
    conv_destroy(p->c);
}

static bool make_plan(lbk_drv *d, struct plan *p, const struct lbk_group *g)
{
    lbk_shape x = cpu_operand_shape(g, 0);
    *p = (struct plan){ .depth = NULL };
    if (depthwise_suits(g))
        return (p->depth = depthwise_create(d, g)) != NULL;
    p->wino = winograd_dw_create(d, g, x);
    if (!p->wino)
        p->taps = taps_dw_create(d, g, x);
    if (p->wino || p->taps || plan_direct(d, p, g, x))
        return true;
    drop_plan(p);
    return false;
}

/* Row-major dy of a few channels, as blocks. */
static void block_dy(const struct conv *c, const float *dy, int64_t n, int64_t kb, int64_t i0,
                     int64_t places, float *to)
{
    memset(to, 0, (size_t) (places * LANES) * sizeof *to);
    for (int64_t k = kb * LANES; k < least((kb + 1) * LANES, c->t.oc); k++) {
        const float *from = dy + (n * c->t.oc + k) * c->out_plane + i0 * c->t.ow;
        for (int64_t i = 0; i < places; i++)
            to[i * LANES + k % LANES] = from[i];
    }
}

struct stretch {
    int64_t n, images, i0, places;
    const float *x;
    float *dy;
};

/* Each row of taps over the rows from which it meets the image. */
static void add_by_rows(const struct job *j, const struct stretch *s, struct conv_outer o)
{
    const struct conv *c = j->p->c;
    const struct conv_outer all = o;
    int64_t across = c->t.phase->across, terms = o.n / c->t.n_tap * across;
    for (int64_t t = 0; t < c->t.n_tap; t += across, o.off += terms, o.b += terms * LANES) {
        int64_t before = c->t.top - c->t.tap[t].dh - s->i0 * c->t.is, after = before + c->t.ih - 1;
        int64_t lo = before > 0 ? (before + c->t.is - 1) / c->t.is : 0;
        int64_t hi = after < 0 ? 0 : least(all.rows, after / c->t.is + 1);
        if (lo >= hi)
            continue;
        o.n = terms;
        o.rows = hi - lo;
        o.x = all.x + lo * o.x_gap;
        o.dy = all.dy + lo * o.dy_gap;
        j->l->block_outer(&o);
    }
}

static void add_panels(const struct job *j, const struct stretch *s, int64_t kb, int panels,
                       float *sums)
{
    const struct plan *p = j->p;
    const struct conv *c = p->c;
    const struct conv_panel *b = &c->panel[kb];
    int64_t unit = c->planar ? 1 : LANES, in_blocks = cpu_blocks(c->t.ic);
    bool flat = c->limit != INT64_MAX;
    struct conv_outer o = {
        .x = s->x,
        .x_image = c->copied  ? p->x_floats
                   : p->plain ? in_blocks * c->in_plane * LANES
                              : p->image_floats,
        .x_gap = c->pc * unit,
        .off = c->off + b->off,
        .n = b->n,
        .b = sums + b->b,
        .b_panel = b->n * LANES,
        .panels = panels,
        .images = s->images,
        .dy = j->dy + ((s->n * c->blocks + kb) * c->out_plane + s->i0 * c->t.ow) * LANES,
        .dy_image = c->blocks * c->out_plane * LANES,
        .dy_gap = c->t.ow * LANES,
        .dy_panel = c->out_plane * LANES,
        .rows = flat ? 1 : s->places / c->t.ow,
        .cols = flat ? s->places : c->t.ow,
    };
    if (c->out_row) {
        for (int64_t i = 0; i < s->images; i++)
            block_dy(c, j->dy, s->n + i, kb, s->i0, s->places, s->dy + i * p->dy_floats);
        o.dy = s->dy;
        o.dy_image = p->dy_floats;
    }
    if (c->planar)
        j->l->plane_outer(&o);
    else if (c->copied)
        add_by_rows(j, s, o);
    else
        j->l->block_outer(&o);
}

/* Of an expression: its values, which are not copied any more, with what a band reads of image n.
 */
static const float *compute_x(const struct job *j, int64_t n, int64_t part, int64_t i0, float *to)
{
    const struct conv *c = j->p->c;
    bool flat = c->limit != INT64_MAX;
    int64_t row = flat ? c->t.cols : c->t.iw, rows = flat ? c->band : c->band + c->t.more_h;
    int64_t from = i0 * row, end = least(from + rows * row, c->in_plane);
    int64_t blocks = cpu_blocks(c->t.ic), first = c->first[part];
    for (int64_t b = 0; b < least(c->in_planes, blocks - first); b++)
        cpu_expr_run(&j->p->x, j->arg, NULL, (float *const[]){ to + b * c->in_plane * LANES },
                     ((n * blocks + first + b) * c->in_plane + from) * LANES, (end - from) * LANES);
    return to;
}

static void add_stretch(const struct job *j, struct stretch *s, int64_t part, float *scratch,
                        float *sums)
{
    const struct plan *p = j->p;
    const struct conv *c = p->c;
    int64_t end = least((part + 1) * c->per, c->blocks);
    int panels;
    float *values = scratch + p->x_floats * p->images;
    s->dy = values + p->image_floats * p->images;
    s->places = least(c->band * c->t.ow, c->out_plane - s->i0 * c->t.ow);
    for (int64_t i = 0; i < s->images; i++) {
        float *copy = scratch + i * p->x_floats, *own = values + i * p->image_floats;
        const float *x = p->plain || c->copied
                             ? conv_fill(c, j->l, &j->in, s->n + i, part, s->i0, copy)
                             : compute_x(j, s->n + i, part, s->i0, own);
        s->x = i == 0 ? x : s->x;
    }
    for (int64_t kb = part * c->per; kb < end; kb += panels) {
        panels = !c->out_row && conv_pairs(c, kb, end) ? 2 : 1;
        add_panels(j, s, kb, panels, sums);
    }
}

static void sum_task(void *arg, int64_t t, int worker)
{
    const struct job *j = arg;
    const struct plan *p = j->p;
    const struct conv *c = p->c;
    int64_t slot = t / c->parts, part = t % c->parts,
            last = least((part + 1) * c->per, c->blocks) - 1;
    int64_t end = cpu_part(c->t.n, p->slots, slot + 1);
    float *sums = j->sums + slot * c->n_b, *scratch = j->scratch + worker * worker_floats(p);
    int64_t from = c->panel[part * c->per].b, to = c->panel[last].b + c->panel[last].n * LANES;
    memset(sums + from, 0, (size_t) (to - from) * sizeof *sums);
    for (int64_t n = cpu_part(c->t.n, p->slots, slot); n < end; n += p->images)
        for (int64_t b = 0; b < c->bands; b++) {
            struct stretch s = { .n = n, .images = least(p->images, end - n), .i0 = b * c->band };
            add_stretch(j, &s, part, scratch, sums);
        }
}

/* The lane of a panel to its place among the weights. */
static void put_lane(const struct conv *c, int64_t kb, int lane, const float *b, float *out)
{
    const struct conv_panel *p = &c->panel[kb];
    const struct conv_weight *t = c->weight + p->off;
    int64_t o = kb * LANES + lane, in_group = c->t.ic / c->t.groups;
    int64_t mine = o / (c->t.oc / c->t.groups) * in_group;
    for (int64_t q = 0; q < p->n; q++, b += LANES)
        if (t[q].c >= mine && t[q].c < mine + in_group)
            out[o * c->t.w_oc + (t[q].c - mine) * c->t.w_ic + t[q].at] = *b;
}

static void combine_task(void *arg, int64_t kb, int worker)
{
    const struct job *j = arg;
    const struct conv *c = j->p->c;
    const struct conv_panel *b = &c->panel[kb];
    for (int64_t w = j->p->slots / 2; w > 0; w /= 2)
        for (int64_t s = 0; s < w; s++)
            j->l->add(j->sums + s * c->n_b + b->b, j->sums + (s + w) * c->n_b + b->b, b->n * LANES);
    for (int lane = 0; lane < LANES && kb * LANES + lane < c->t.oc; lane++)
        put_lane(c, kb, lane, j->sums + b->b + lane, j->out);
}

static size_t scratch_of(const struct plan *p, const struct lbk_group *g, int threads)
{
    if (p->depth)
        return depthwise_scratch(p->depth, g, threads);
    if (p->wino)
        return winograd_dw_scratch(p->wino, threads);
    if (p->taps)
        return taps_dw_scratch(p->taps, threads);
    return (size_t) (p->slots * p->c->n_b + worker_floats(p) * threads) * sizeof(float);
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    int dy = cpu_plain_operand(g, 1);
    struct plan p;
    if (dy < 0 || dy == cpu_plain_operand(g, 0) || !cpu_plain_epi(g))
        return 0;
    lbk_shape x = cpu_operand_shape(g, 0);
    for (int i = 0; i < g->n_arg; i++) {
        if (g->arg[i].dtype != LBK_F32)
            return 0;
        if (lbk_shape_count(g->arg[i].shape) == lbk_shape_count(x))
            o->want_arg[i] = conv_layout(x.d[1]);
    }
    o->want_arg[dy] = conv_layout(g->arg[dy].shape.d[1]);
    if (!make_plan(d, &p, g))
        return 0;
    o->scratch = scratch_of(&p, g, d->threads);
    drop_plan(&p);
    return 1;
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct plan *p = own;
    struct job j = {
        .p = p, .l = conv_loops_of[d->isa], .out = cpu_f32(&g->out[0]), .sums = cpu_f32(&g->scratch)
    };
    if (p->depth) {
        depthwise_launch(d, p->depth, NULL, g);
        return LBK_OK;
    }
    if (p->wino) {
        winograd_dw_launch(d, p->wino, g);
        return LBK_OK;
    }
    if (p->taps) {
        taps_dw_launch(d, p->taps, g);
        return LBK_OK;
    }
    for (int i = 0; i < g->n_arg; i++)
        j.arg[i] = cpu_f32(&g->arg[i]);
    j.in.x = j.arg[p->plain ? cpu_plain_operand(g, 0) : p->x.ramp.x];
    j.in.ramp = p->plain ? NULL : &p->x;
    j.in.arg = j.arg;
    j.dy = cpu_f32(&g->arg[cpu_plain_operand(g, 1)]);
    j.scratch = j.sums + p->slots * p->c->n_b;
    cpu_run(d, p->slots * p->c->parts, sum_task, &j);
    cpu_run(d, p->c->blocks, combine_task, &j);
    return LBK_OK;
}

static void release(void *own)
{
    drop_plan(own);
    free(own);
}

static lbk_status prepare(lbk_drv *d, const struct lbk_group *g, void **own)
{
    struct plan *p = malloc(sizeof *p);
    if (!p || !make_plan(d, p, g)) {
        free(p);
        return lbk_fail(d->ctx, LBK_ENOMEM, "conv2d_dw: no memory for its plan");
    }
    *own = p;
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_conv2d_dw = {
    .op = "conv2d_dw",
    .supports = supports,
    .prepare = prepare,
    .launch = launch,
    .release = release,
};
