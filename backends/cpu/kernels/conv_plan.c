/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv.h"

enum { COPY_BYTES = 256 << 10, TASKS = 32, FLAT = 112, LANES = 16 };

struct sizes {
    int64_t k, c_of_group, r, s, stride, pad, dil, groups;
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t or_one(int64_t v) { return v > 0 ? v : 1; }

static struct sizes sizes_of(const struct lbk_group *g, lbk_shape w)
{
    struct sizes z = { .k = w.d[0], .c_of_group = w.d[1], .r = w.d[2], .s = w.d[3] };
    if (strcmp(g->op->name, "conv2d") == 0) {
        const struct lbk_conv2d *p = g->params;
        z.stride = or_one(p->stride), z.pad = p->pad, z.dil = or_one(p->dilation),
        z.groups = or_one(p->groups);
    } else {
        const struct lbk_conv2d_to *p = g->params;
        z.stride = or_one(p->stride), z.pad = p->pad, z.dil = or_one(p->dilation),
        z.groups = or_one(p->groups);
    }
    return z;
}

/* One phase, every tap. Padded coordinates: zero is `pad` before the image. */
static void taps_forward(struct conv *c, const struct sizes *z)
{
    c->is = z->stride, c->os = 1;
    c->top = c->left = z->pad;
    c->phase[c->n_phase++] =
        (struct conv_phase){ .rows = c->oh, .cols = c->ow, .n_tap = z->r * z->s, .across = z->s };
    for (int64_t t = 0; t < z->r * z->s; t++)
        c->tap[c->n_tap++] = (struct conv_tap){ t / z->s * z->dil, t % z->s * z->dil, t };
}

/* Output h takes kernel row kh when h + pad - kh * dil is a multiple of the stride. */
static void taps_of_phase(struct conv *c, const struct sizes *z, int64_t h0, int64_t w0)
{
    struct conv_phase *f = &c->phase[c->n_phase++];
    *f = (struct conv_phase){ .h0 = h0, .w0 = w0, .tap = c->n_tap };
    f->rows = (c->oh - h0 + z->stride - 1) / z->stride;
    f->cols = (c->ow - w0 + z->stride - 1) / z->stride;
    for (int64_t t = 0; t < z->r * z->s; t++) {
        int64_t dh = h0 + z->pad - t / z->s * z->dil, dw = w0 + z->pad - t % z->s * z->dil;
        if (dh % z->stride == 0 && dw % z->stride == 0)
            c->tap[c->n_tap++] = (struct conv_tap){ dh / z->stride, dw / z->stride, t };
    }
    f->n_tap = c->n_tap - f->tap;
    while (f->across < f->n_tap && c->tap[f->tap + f->across].dh == c->tap[f->tap].dh)
        f->across++;
}

static void taps_backward(struct conv *c, const struct sizes *z)
{
    c->is = 1, c->os = z->stride;
    for (int64_t h0 = 0; h0 < least(z->stride, c->oh); h0++)
        for (int64_t w0 = 0; w0 < least(z->stride, c->ow); w0++)
            taps_of_phase(c, z, h0, w0);
    c->top = c->left = INT64_MIN;
    for (int64_t t = 0; t < c->n_tap; t++) {
        c->top = most(c->top, -c->tap[t].dh);
        c->left = most(c->left, -c->tap[t].dw);
    }
    c->top = c->n_tap ? c->top : 0;
    c->left = c->n_tap ? c->left : 0;
    for (int64_t t = 0; t < c->n_tap; t++) {
        c->tap[t].dh += c->top;
        c->tap[t].dw += c->left;
    }
}

static void find_extents(struct conv *c, int64_t *max_h, int64_t *max_w)
{
    *max_h = *max_w = 0;
    for (int64_t t = 0; t < c->n_tap; t++) {
        *max_h = most(*max_h, c->tap[t].dh / c->is);
        *max_w = most(*max_w, c->tap[t].dw / c->is);
        c->uses_h[c->tap[t].dh % c->is] = 1;
        c->uses_w[c->tap[t].dw % c->is] = 1;
    }
    c->limit = INT64_MAX;
    for (int i = 0; i < c->n_phase; i++) {
        c->rows = most(c->rows, c->phase[i].rows);
        c->cols = most(c->cols, c->phase[i].cols);
    }
}

/* A pointwise convolution is one long row, cut where it suits. */
static void flatten(struct conv *c)
{
    c->limit = c->out_plane;
    c->cols = least(FLAT, c->out_plane);
    c->rows = (c->out_plane + c->cols - 1) / c->cols;
    c->ow = c->cols;
    c->phase[0].rows = c->rows;
    c->phase[0].cols = c->cols;
}

void conv_range(const struct conv *c, int64_t kb, int64_t *lo, int64_t *hi)
{
    int64_t of_group = c->oc / c->groups, in_group = c->ic / c->groups;
    int64_t last = least((kb + 1) * LANES, c->oc) - 1;
    *lo = kb * LANES / of_group * in_group;
    *hi = (last / of_group + 1) * in_group;
}

/* Blocks of out per task: one group's where groups are whole blocks, one where each channel is
 * alone. */
static void cut_blocks(struct conv *c, int64_t tasks)
{
    int64_t of_group = c->oc / c->groups;
    c->blocks = cpu_blocks(c->oc);
    c->per = c->blocks;
    if (c->depthwise)
        c->per = 1;
    else if (c->groups > 1 && of_group % LANES == 0 && !c->out_row)
        c->per = of_group / LANES;
    else if (c->groups == 1 && !c->out_row && tasks < TASKS && c->blocks > 2)
        c->per = cpu_up((c->blocks + TASKS / tasks - 1) / (TASKS / tasks), 2);
    c->parts = (c->blocks + c->per - 1) / c->per;
}

static bool cut_parts(struct conv *c)
{
    int64_t unit = c->planar ? 1 : LANES;
    c->first = malloc((size_t) c->parts * sizeof *c->first);
    if (!c->first)
        return false;
    for (int64_t p = 0; p < c->parts; p++) {
        int64_t lo, hi, unused;
        conv_range(c, p * c->per, &lo, &unused);
        conv_range(c, least((p + 1) * c->per, c->blocks) - 1, &unused, &hi);
        c->first[p] = lo / unit;
        c->in_planes = most(c->in_planes, (hi + unit - 1) / unit - lo / unit);
    }
    return true;
}

static void cut_rows(struct conv *c, int64_t max_h)
{
    int64_t channels = c->depthwise                     ? 1
                       : c->oc / c->groups % LANES == 0 ? c->ic / c->groups
                                                        : c->ic;
    int64_t places = c->planar ? channels : cpu_blocks(channels);
    int64_t bytes = places * c->is * c->is * c->pc * (c->planar ? 4 : 64);
    int64_t band = most(most(COPY_BYTES / bytes - max_h, 4), 2 * max_h);
    int64_t images = c->n * (c->depthwise ? cpu_blocks(c->oc) : 1);
    if (images < TASKS)
        band = least(band, most(c->rows * images / TASKS, 4));
    c->bands = (c->rows + band - 1) / band;
    c->band = (c->rows + c->bands - 1) / c->bands;
    c->band = c->bands > 1 ? cpu_up(c->band, 2) : c->band;
    c->bands = (c->rows + c->band - 1) / c->band;
    c->pr = c->band + max_h;
}

static int64_t place_of(const struct conv *c, const struct conv_tap *t)
{
    int64_t lane = c->planar ? 1 : LANES, split = t->dh % c->is * c->is + t->dw % c->is;
    return ((split * c->pr + t->dh / c->is) * c->pc + t->dw / c->is) * lane;
}

/* The terms of one panel in their order: row of taps, block of in, tap, channel; planar, a block is
 * one channel. */
static int64_t list_terms(const struct conv *c, const struct conv_phase *f, int64_t kb,
                          int32_t *off)
{
    int64_t lo, hi, n = 0, unit = c->planar ? 1 : LANES;
    int64_t plane = c->copied ? c->is * c->is * c->pr * c->pc * unit : c->in_plane * unit;
    conv_range(c, kb, &lo, &hi);
    if (c->depthwise) {
        for (int64_t t = 0; t < f->n_tap; t++)
            off[t] = (int32_t) place_of(c, &c->tap[f->tap + t]);
        return f->n_tap;
    }
    for (int64_t row = 0; row < f->n_tap; row += f->across)
        for (int64_t b = lo / unit; b * unit < hi; b++)
            for (int64_t t = row; t < row + f->across; t++)
                for (int64_t i = most(lo, b * unit); i < least(hi, (b + 1) * unit); i++)
                    off[n++] = (int32_t) ((b - c->first[kb / c->per]) * plane +
                                          place_of(c, &c->tap[f->tap + t]) + i % unit);
    return n;
}

/* Ungrouped, all panels of a phase have the same terms. */
static bool make_panels(struct conv *c)
{
    int64_t all = 0, lo, hi;
    for (int i = 0; i < c->n_phase; i++)
        for (int64_t kb = 0; kb < (c->groups == 1 ? 1 : c->blocks); kb++) {
            conv_range(c, kb, &lo, &hi);
            all += c->phase[i].n_tap * (c->depthwise ? 1 : hi - lo);
        }
    c->off = malloc((size_t) (all + 1) * sizeof *c->off);
    c->panel = malloc((size_t) (c->n_phase * c->blocks) * sizeof *c->panel);
    if (!c->off || !c->panel)
        return false;
    for (int i = 0; i < c->n_phase; i++)
        for (int64_t kb = 0; kb < c->blocks; kb++) {
            struct conv_panel *p = &c->panel[i * c->blocks + kb];
            if (c->groups == 1 && kb > 0) {
                *p = p[-1];
            } else {
                p->off = c->n_off;
                p->n = list_terms(c, &c->phase[i], kb, c->off + c->n_off);
                c->n_off += p->n;
            }
            p->b = c->n_b;
            c->n_b += p->n * LANES;
        }
    return true;
}

static struct conv *plan(struct conv *c, const struct sizes *z, int64_t tasks)
{
    int64_t max_h, max_w, s = z->stride;
    c->tap = malloc((size_t) (z->r * z->s) * sizeof *c->tap);
    c->phase = malloc((size_t) (s * s) * sizeof *c->phase);
    c->uses_h = calloc((size_t) s, 1);
    c->uses_w = calloc((size_t) s, 1);
    if (!c->tap || !c->phase || !c->uses_h || !c->uses_w)
        return NULL;
    c->in_plane = c->ih * c->iw;
    c->out_plane = c->oh * c->ow;
    if (c->transposed)
        taps_backward(c, z);
    else
        taps_forward(c, z);
    find_extents(c, &max_h, &max_w);
    bool blocked = !c->planar && !c->in_row;
    c->copied = !(blocked && c->is == 1 && c->top == 0 && c->left == 0 &&
                  c->rows + max_h <= c->ih && c->cols + max_w <= c->iw);
    c->pc = c->copied ? c->cols + max_w : c->iw;
    if (!c->copied && max_h == 0 && max_w == 0 && c->os == 1 && c->iw == c->cols &&
        c->ih == c->rows) {
        flatten(c);
        c->pc = c->cols;
    }
    cut_rows(c, max_h);
    cut_blocks(c, tasks > 0 ? tasks : c->n * c->bands);
    if (!cut_parts(c) || !make_panels(c))
        return NULL;
    c->scratch =
        c->copied ? c->in_planes * c->is * c->is * c->pr * c->pc * (c->planar ? 1 : LANES) + 64 : 0;
    c->buffer = c->narrow    ? LANES * c->band * c->os * c->ow
                : c->out_row ? c->oc * c->band * c->os * c->ow
                             : 2 * 2 * c->os * c->ow * LANES;
    return c;
}

/* Sixteen pixels for each channel are fewer than sixteen lanes for each pixel, and worth spreading.
 */
static bool is_narrow(const struct conv *c, const struct sizes *z)
{
    int64_t step = c->transposed ? z->stride : 1, cols = (c->ow + step - 1) / step;
    return !c->out_row && c->groups == 1 && c->oc <= 8 && c->ic * z->r * z->s >= 64 * step * step &&
           3 * c->oc * cpu_up(cols, LANES) <= 2 * LANES * cols;
}

struct conv *conv_create(const struct lbk_group *g, int64_t tasks)
{
    const struct lbk_arg *a = &g->arg[cpu_plain_operand(g, 0)],
                         *b = &g->arg[cpu_plain_operand(g, 1)];
    bool dw = strcmp(g->op->name, "conv2d_dw") == 0;
    struct sizes z = sizes_of(g, dw ? g->acc : b->shape);
    lbk_shape out = dw ? b->shape : g->acc;
    struct conv *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct conv){
        .n = a->shape.d[0],
        .ic = a->shape.d[1],
        .ih = a->shape.d[2],
        .iw = a->shape.d[3],
        .oc = out.d[1],
        .oh = out.d[2],
        .ow = out.d[3],
        .groups = z.groups,
        .in_row = !cpu_is_cblk(a),
        .out_row = dw ? !cpu_is_cblk(b) : !cpu_is_cblk(&g->out[0]),
        .transposed = strcmp(g->op->name, "conv2d_dx") == 0,
    };
    c->narrow = !dw && is_narrow(c, &z);
    c->planar = c->in_row || (c->out_row && !dw) || c->narrow;
    c->depthwise = !c->planar && c->groups == c->ic && c->groups == c->oc;
    c->w_oc = c->transposed ? z.r * z.s : z.c_of_group * z.r * z.s;
    c->w_ic = c->transposed ? z.c_of_group * z.r * z.s : z.r * z.s;
    if (plan(c, &z, tasks))
        return c;
    conv_destroy(c);
    return NULL;
}

void conv_destroy(struct conv *c)
{
    if (!c)
        return;
    cpu_epi_destroy(c->epi);
    free(c->tap);
    free(c->phase);
    free(c->uses_h);
    free(c->uses_w);
    free(c->first);
    free(c->panel);
    free(c->off);
    free(c);
}
