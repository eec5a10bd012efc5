/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv.h"
#include "depthwise.h"
#include "sizes.h"
#include "tail.h"
#include "winograd.h"

/* EPI_PIXELS: enough for an epilogue to be worth its start, few enough to stay in L1. */
enum {
    LANES = CONV_LANES,
    FEW_MOST = CONV_FEW,
    PAIR_COLS = 7,
    COPY_BYTES = 256 << 10,
    EPI_PIXELS = 64
};
CPU_LOOPS(conv_loops);

struct own {
    struct depthwise *depth; /* these NULL: by what follows */
    struct winograd *wino;
    struct conv *c;
    struct cpu_epi *epi; /* NULL: stored as they are */
    bool ramp;           /* operand 0 is x */
    struct cpu_expr x;
};
struct job {
    lbk_drv *d;
    const struct conv *c;
    const struct cpu_epi *epi;
    const struct conv_loops *l;
    const struct lbk_group *g;
    const float *arg[LBK_ARG_MAX];
    struct conv_in in;
    const float *w, *b;
    float *packed, *out, *scratch;
    struct tail tail; /* slots: [image][band] */
};

static int64_t row_step(const struct conv *c) { return c->t.cols <= PAIR_COLS ? 2 : 1; }

/* Rows of places whose results wait for the epilogue together. */
static int64_t epi_rows(const struct conv *c)
{
    const int64_t step = row_step(c) * c->t.os * c->t.ow;
    return row_step(c) * ((EPI_PIXELS + step - 1) / step);
}

/* Of a worker's results before the epilogue. */
static int64_t buffer_floats(const struct conv *c)
{
    int64_t row = c->t.os * c->t.ow;
    return c->narrow    ? LANES * c->band * row
           : c->out_row ? c->t.oc * c->band * row
                        : 2 * epi_rows(c) * row * LANES;
}
static int64_t worker_floats(const struct conv *c)
{
    return cpu_up(c->scratch + buffer_floats(c), LANES) + LANES;
}

/* False: not by this way, or out of memory. */
static bool plan_conv(lbk_drv *d, struct own *own, const struct lbk_group *g)
{
    const int at = cpu_plain_operand(g, 0);
    const struct lbk_arg *w = &g->arg[cpu_plain_operand(g, 1)];
    const lbk_shape x = cpu_operand_shape(g, 0);
    *own = (struct own){ .ramp = at < 0 };
    if (depthwise_suits(g))
        return (own->depth = depthwise_create(d, g)) != NULL;
    own->wino = winograd_create(d, g, x);
    if (own->wino)
        return true;
    if (own->ramp && (conv_layout(x.d[1]).order != LBK_CBLK ||
                      !cpu_operand_compile(d, &own->x, g, 0, x) || !own->x.ramp.on))
        return false;
    /* Layouts as they are wanted: when core asks first there are none. */
    struct conv_how how = { conv_layout(x.d[1]), CPU_ROW,  conv_layout(g->acc.d[1]), 0,
                            COPY_BYTES,          own->ramp };
    own->c = conv_create(g, x, w->shape, &how);
    return own->c && !(own->ramp && own->c->planar);
}

static void drop_plan(const struct own *own)
{
    depthwise_destroy(own->depth);
    winograd_destroy(own->wino);
    conv_destroy(own->c);
}

static bool takes_tail(const struct lbk_group *g, const struct conv *c)
{
    return tail_fits(g) && !c->out_row && !c->narrow;
}

/* Of the scratch of the group: slots of the tail, packed weights, what each worker needs. */
static size_t scratch_bytes(const struct lbk_group *g, const struct conv *c, int threads)
{
    size_t slots = takes_tail(g, c) ? (size_t) (c->t.n * c->bands * c->blocks) : 0;
    return (size_t) (cpu_up(c->n_b, LANES) + worker_floats(c) * threads) * sizeof(float) +
           slots * sizeof(struct tail_slot);
}

/* Terms [from, to) of a lane. Outside of the group there is no weight. */
static void pack_lane(const struct job *j, const struct conv_panel *p, int64_t kb, int lane,
                      int64_t from, int64_t to)
{
    const struct conv *c = j->c;
    const struct conv_weight *t = c->weight + p->off;
    int64_t o = least(kb * LANES + lane, c->t.oc - 1);
    int64_t of_group = c->t.oc / c->t.groups, in_group = c->t.ic / c->t.groups;
    int64_t group = o / of_group, mine = group * in_group;
    int64_t end = kb * LANES + lane < c->t.oc ? mine + in_group : mine;
    const float *w = j->w + group * c->t.w_group + o % of_group * c->t.w_oc;
    float *b = j->packed + p->b + lane;
    if (c->t.groups == 1 && end > mine)
        for (int64_t q = from; q < to; q++)
            b[q * LANES] = w[t[q].c * c->t.w_ic + t[q].at];
    else
        for (int64_t q = from; q < to; q++)
            b[q * LANES] =
                t[q].c >= mine && t[q].c < end ? w[(t[q].c - mine) * c->t.w_ic + t[q].at] : 0;
}

/* In squares, so that a line of weights and a line of the panel are each fetched once. */
static void pack_panel(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct conv_panel *p = &j->c->panel[i];
    for (int64_t q = 0; q < p->n; q += LANES)
        for (int lane = 0; lane < LANES; lane++)
            pack_lane(j, p, i % j->c->blocks, lane, q, least(q + LANES, p->n));
}

static void copy_ramp(const struct conv_loops *l, const struct conv_in *in, int64_t block,
                      struct conv_copy k)
{
    float scale[LANES], shift[LANES];
    int64_t size = k.stride * k.stride * k.rows * k.cols * LANES;
    k.ramp = &in->ramp->ramp, k.scale = scale, k.shift = shift;
    for (int64_t left = k.planes; left > 0; left--, block++, k.x += k.plane, k.to += size) {
        cpu_ramp_lanes(in->ramp, in->arg, block, scale, shift);
        k.planes = 1;
        l->copy_blocks(&k);
    }
}

const float *conv_fill(const struct conv *c, const struct conv_loops *l, const struct conv_in *in,
                       int64_t n, int64_t part, int64_t i0, float *scratch)
{
    int64_t unit = c->in_row ? 1 : LANES, planes = c->in_row ? c->t.ic : cpu_blocks(c->t.ic);
    const float *x = in->x + n * planes * c->in_plane * unit;
    if (!c->copied)
        return x + (c->first[part] * c->in_plane + i0 * c->pc) * LANES;
    struct conv_copy k = {
        .x = x,
        .plane = c->in_plane * unit,
        .h = c->t.ih,
        .w = c->t.iw,
        .stride = c->t.is,
        .top = c->t.top - i0 * c->t.is,
        .left = c->t.left,
        .rows = c->pr,
        .cols = c->pc,
        .uses_h = c->t.uses_h,
        .uses_w = c->t.uses_w,
        .to = scratch,
        .planes = least(c->in_planes, (c->planar ? c->t.ic : planes) - c->first[part]),
    };
    k.x += c->first[part] / (c->planar && !c->in_row ? LANES : 1) * k.plane;
    if (in->ramp)
        copy_ramp(l, in, c->first[part], k);
    else
        (c->in_row ? l->copy_rows : c->planar ? l->copy_lanes : l->copy_blocks)(&k);
    return scratch;
}

static const struct conv_panel *panel_of(const struct conv *c, int f, int64_t kb)
{
    return &c->panel[f * c->blocks + kb];
}

/* Rows of taps [*lo, *hi) that meet the image from some of the place rows i .. i + rows - 1; the
 * others would only add zeros. */
static void trim(const struct conv *c, const struct conv_phase *p, int64_t i, int64_t rows,
                 int64_t *lo, int64_t *hi)
{
    *lo = 0;
    *hi = p->n_tap / most(1, p->across);
    if (!c->copied)
        return;
    for (; *lo < *hi; ++*lo) {
        int64_t h = i * c->t.is + c->t.tap[p->tap + *lo * p->across].dh - c->t.top;
        if (h + (rows - 1) * c->t.is >= 0 && h < c->t.ih)
            break;
    }
    for (; *hi > *lo; --*hi) {
        int64_t h = i * c->t.is + c->t.tap[p->tap + (*hi - 1) * p->across].dh - c->t.top;
        if (h + (rows - 1) * c->t.is >= 0 && h < c->t.ih)
            break;
    }
}

/* Rows of all phases from place row i on, of one or two panels. y: of pixel (i * os, 0). */
static void block_rows(const struct job *j, const float *x, int64_t i, int rows, int64_t kb,
                       int panels, float *y, int64_t y_panel)
{
    const struct conv *c = j->c;
    int64_t unit = c->planar ? 1 : LANES;
    for (int f = 0; f < c->t.n_phase; f++) {
        const struct conv_phase *p = &c->t.phase[f];
        const struct conv_panel *b = panel_of(c, f, kb);
        int64_t lo, hi, row = p->n_tap ? b->n / p->n_tap * p->across : 0;
        trim(c, p, i, least(rows, p->rows - i), &lo, &hi);
        struct conv_row r = {
            .x = x,
            .x_gap = c->pc * unit,
            .off = c->off + b->off + lo * row,
            .n = (hi - lo) * row,
            .b = j->b + b->b + lo * row * LANES,
            .b_gap = b->n * LANES,
            .y = y + (p->h0 * c->t.ow + p->w0) * LANES,
            .y_step = c->t.os * LANES,
            .y_gap = c->t.os * c->t.ow * LANES,
            .y_panel = y_panel,
            .cols = least(p->cols, c->limit - i * c->t.cols),
            .rows = (int) least(rows, p->rows - i),
            .panels = panels,
        };
        if (r.rows > 0)
            (c->planar ? j->l->plane_row : j->l->block_row)(&r);
    }
}

static void finish_rows(const struct job *j, int64_t image_block, int64_t h0, int64_t h1,
                        const float *acc)
{
    const struct conv *c = j->c;
    const int64_t at = h0 * c->t.ow, n = least(h1 * c->t.ow, c->out_plane) - at;
    if (n > 0)
        cpu_epi_run(j->epi, j->g, (image_block * c->out_plane + at) * LANES, n * LANES, acc);
}

static void take_tail(const struct job *j, int64_t n, int64_t band, int64_t kb)
{
    const struct conv *c = j->c;
    const int64_t row = c->t.os * c->t.ow, from = band * c->band * row;
    const int64_t n_pixel = least(c->band * row, c->out_plane - from);
    struct tail_slot *s = &j->tail.slot[(n * c->bands + band) * c->blocks + kb];
    tail_begin(s);
    tail_add(&j->tail, s, (n * c->blocks + kb) * c->out_plane + from, n_pixel);
}

static void block_task(const struct job *j, int64_t n, int64_t part, int64_t i0, const float *x,
                       float *buffer)
{
    const struct conv *c = j->c;
    int64_t end = least((part + 1) * c->per, c->blocks), i1 = least(i0 + c->band, c->t.rows),
            unit = c->planar ? 1 : LANES;
    int64_t row = c->t.os * c->t.ow * LANES, step = row_step(c), most = j->epi ? epi_rows(c) : step;
    int panels;
    for (int64_t kb = part * c->per; kb < end; kb += panels) {
        int64_t image_block = n * c->blocks + kb;
        panels = conv_pairs(c, kb, end) ? 2 : 1;
        for (int64_t i = i0; i < i1; i += most) {
            int64_t rows = least(most, i1 - i);
            float *y = j->epi ? buffer : j->out + image_block * c->out_plane * LANES + i * row;
            for (int64_t r = 0; r < rows; r += step)
                block_rows(j, x + (i + r - i0) * c->pc * unit, i + r, (int) least(step, rows - r),
                           kb, panels, y + r * row, j->epi ? most * row : c->out_plane * LANES);
            for (int p = 0; j->epi && p < panels; p++)
                finish_rows(j, image_block + p, i * c->t.os, (i + rows) * c->t.os,
                            buffer + p * most * row);
        }
        for (int p = 0; j->tail.slot && p < panels; p++)
            take_tail(j, n, i0 / c->band, kb + p);
    }
}

struct spot {
    float *y;
    int64_t left;
}; /* where up to vl results go, and how many */

/* y[k][few][vl] to where each of the places belongs. */
static void spread(const struct conv_loops *l, const struct spot *spot, int n, int64_t k,
                   const float *y, int64_t plane, int64_t step)
{
    for (int64_t o = 0; o < k; o++)
        for (int i = 0; i < n; i++) {
            const float *from = y + (o * l->few + i) * l->vl;
            for (int64_t v = 0; v < spot[i].left; v++)
                spot[i].y[o * plane + v * step] = from[v];
        }
}

/* How the result lies: floats between pixels, and between channels. */
struct lie {
    int64_t pixel, channel;
};

/* Four channels of out, one phase, all rows of the band. y: of channel k0, pixel (i0 * os, 0). */
static void few_phase(const struct job *j, const float *x, int f, int64_t k0, int64_t i0,
                      int64_t i1, float *y, struct lie lie)
{
    const struct conv *c = j->c;
    const struct conv_phase *p = &c->t.phase[f];
    const struct conv_panel *b = panel_of(c, f, k0 / LANES);
    const int vl = j->l->vl, few = j->l->few;
    int64_t k = least(FEW_MOST, c->t.oc - k0), chunks = (p->cols + vl - 1) / vl;
    int64_t all = (least(i1, p->rows) - i0) * chunks;
    for (int64_t at = 0; at < all; at += few) {
        const float *from[FEW_MOST];
        struct spot spot[FEW_MOST];
        float acc[FEW_MOST * FEW_MOST * LANES];
        for (int i = 0; i < few; i++) {
            int64_t place = least(at + i, all - 1), r = place / chunks, q = place % chunks * vl;
            int64_t pixel = (r * c->t.os + p->h0) * c->t.ow + p->w0 + q * c->t.os;
            from[i] = x + r * c->pc + q;
            spot[i] = (struct spot){ y + pixel * lie.pixel, least(vl, p->cols - q) };
        }
        j->l->few_row(from, c->off + b->off, b->n, j->b + b->b + k0 % LANES, k, acc);
        spread(j->l, spot, (int) least(few, all - at), k, acc, lie.channel, c->t.os * lie.pixel);
    }
}

static void plane_task(const struct job *j, int64_t n, int64_t i0, const float *x, float *buffer)
{
    const struct conv *c = j->c;
    int64_t i1 = least(i0 + c->band, c->t.rows), h0 = i0 * c->t.os;
    int64_t h1 = least(i1 * c->t.os, c->t.oh), planes = c->narrow ? 1 : c->t.oc;
    int64_t plane = j->epi ? c->band * c->t.os * c->t.ow : c->out_plane;
    struct lie lie = { c->narrow ? LANES : 1, c->narrow ? 1 : plane };
    float *y = j->epi ? buffer : j->out + (n * planes * c->out_plane + h0 * c->t.ow) * lie.pixel;
    if (c->narrow)
        memset(y, 0, (size_t) ((h1 - h0) * c->t.ow * LANES) * sizeof *y);
    for (int64_t k0 = 0; k0 < c->t.oc; k0 += FEW_MOST)
        for (int f = 0; f < c->t.n_phase; f++)
            few_phase(j, x, f, k0, i0, i1, y + k0 * lie.channel, lie);
    for (int64_t k = 0; j->epi && k < planes; k++)
        cpu_epi_run(j->epi, j->g, ((n * planes + k) * c->out_plane + h0 * c->t.ow) * lie.pixel,
                    (h1 - h0) * c->t.ow * lie.pixel, y + k * plane * lie.pixel);
}

static void conv_task(void *arg, int64_t t, int worker)
{
    const struct job *j = arg;
    const struct conv *c = j->c;
    float *scratch = j->scratch + worker * worker_floats(c),
          *buffer = scratch + cpu_up(c->scratch, LANES);
    int64_t part = t % c->parts, i0 = t / c->parts % c->bands * c->band,
            n = t / c->parts / c->bands;
    const float *x = conv_fill(c, j->l, &j->in, n, part, i0, scratch);
    if (c->out_row || c->narrow)
        plane_task(j, n, i0, x, buffer);
    else
        block_task(j, n, part, i0, x, buffer);
}

static bool reads(const struct lbk_expr *e, int arg)
{
    for (int i = 0; i < e->n; i++)
        if (e->w[i].kind == LBK_WORD_ARG && e->w[i].arg == arg)
            return true;
    return false;
}

static bool is_f32(const struct lbk_arg *a) { return a->dtype == LBK_F32; }

/* Whether the evaluator can read what the epilogue reads, in any layout of the result. */
static bool epi_fits(const struct lbk_group *g)
{
    for (int i = 0; i < g->epi.n; i++) {
        const struct lbk_word *w = &g->epi.w[i];
        if (w->kind != LBK_WORD_ARG)
            continue;
        const struct lbk_arg *a = &g->arg[w->arg];
        bool full = a->shape.n == g->acc.n && lbk_shape_count(a->shape) == lbk_shape_count(g->acc);
        if (!is_f32(a) || !(full || lbk_beside_blocks(a->shape, g->acc)))
            return false;
    }
    return true;
}

struct lbk_layout conv_layout(int64_t channels)
{
    return channels <= FEW_MOST ? CPU_ROW : CPU_CBLK;
}

int conv_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    struct own own;
    const int w = cpu_plain_operand(g, 1), plain = cpu_plain_operand(g, 0);
    if (w < 0 || plain == w || !is_f32(&g->arg[w]) || !epi_fits(g))
        return 0;
    const lbk_shape x = cpu_operand_shape(g, 0);
    for (int i = 0; i < g->n_arg; i++) {
        const int64_t count = lbk_shape_count(g->arg[i].shape);
        if (g->arg[i].shape.n != 4 || i == w)
            continue;
        if (reads(&g->operand[0], i) && count == lbk_shape_count(x)) {
            o->want_arg[i] = conv_layout(x.d[1]);
        } else if (count == lbk_shape_count(g->acc)) {
            o->want_arg[i] = conv_layout(g->acc.d[1]);
            o->inplace |= 1u << i;
        }
        if (!is_f32(&g->arg[i]))
            return 0;
    }
    if (g->tail == LBK_TAIL_BN_SUMS)
        o->inplace &= ~(1u << g->tail_arg[0]); /* read after out[0] is stored */
    for (int i = 0; i < lbk_group_results(g); i++)
        o->want_out[i] = conv_layout(g->acc.d[1]);
    const bool fits = plan_conv(d, &own, g);
    if (fits && own.depth) {
        o->scratch = depthwise_scratch(own.depth, g, d->threads);
        o->tail = tail_fits(g);
    } else if (fits && own.wino) {
        /* The epilogue follows on the result where it lies. */
        o->inplace = 0;
        o->scratch = winograd_scratch(own.wino, d->threads);
        o->tail = winograd_tail(own.wino);
    } else if (fits) {
        o->scratch = scratch_bytes(g, own.c, d->threads);
        o->tail = takes_tail(g, own.c);
    }
    drop_plan(&own);
    return fits;
}

lbk_status conv_prepare(lbk_drv *d, const struct lbk_group *g, void **out)
{
    struct own *own = malloc(sizeof *own);
    const bool plain = cpu_plain_epi(g);
    const bool fits = own && plan_conv(d, own, g);
    if (fits && !plain)
        own->epi = cpu_epi_create(d, g);
    if (!fits || (!own->epi && !plain)) {
        conv_release(own);
        return lbk_fail(d->ctx, LBK_ENOMEM, "%s: no memory for its plan", g->op->name);
    }
    *out = own;
    return LBK_OK;
}

void conv_release(void *p)
{
    struct own *own = p;
    if (!own)
        return;
    drop_plan(own);
    cpu_epi_destroy(own->epi);
    free(own);
}

lbk_status conv_launch(lbk_drv *d, const struct lbk_group *g, const void *p)
{
    const struct own *own = p;
    if (own->wino) {
        winograd_launch(d, own->wino, g, own->epi);
        return LBK_OK;
    }
    if (own->depth) {
        depthwise_launch(d, own->depth, own->epi, g);
        return LBK_OK;
    }
    const struct conv *c = own->c;
    const int64_t slots = c->t.n * c->bands;
    struct job j = { .d = d, .c = c, .epi = own->epi, .l = conv_loops_of[d->isa], .g = g };
    for (int i = 0; i < g->n_arg; i++)
        j.arg[i] = cpu_f32(&g->arg[i]);
    j.out = cpu_f32(&g->out[0]);
    j.in.x = j.arg[own->ramp ? own->x.ramp.x : cpu_plain_operand(g, 0)];
    j.in.ramp = own->ramp ? &own->x : NULL;
    j.in.arg = j.arg;
    j.w = j.arg[cpu_plain_operand(g, 1)];
    struct tail_slot *slot = takes_tail(g, c) ? cpu_ptr(&g->scratch) : NULL;
    tail_init(&j.tail, d, g, slot);
    j.b = j.packed = slot ? (float *) (slot + slots * c->blocks) : cpu_f32(&g->scratch);
    j.scratch = j.packed + cpu_up(c->n_b, LANES);
    cpu_run(d, c->t.n_phase * c->blocks, pack_panel, &j);
    cpu_run(d, slots * c->parts, conv_task, &j);
    if (slot)
        tail_store(d, &j.tail, slots);
    return LBK_OK;
}
