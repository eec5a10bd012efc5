/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv.h"

enum { COPY_BYTES = 256 << 10, TASKS = 32, FLAT = 112, LANES = 16 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* A pointwise convolution is one long row, cut where it suits. */
static void flatten(struct conv *c)
{
    c->limit = c->out_plane;
    c->t.cols = least(FLAT, c->out_plane);
    c->t.rows = (c->out_plane + c->t.cols - 1) / c->t.cols;
    c->t.ow = c->t.cols;
    c->t.phase[0].rows = c->t.rows;
    c->t.phase[0].cols = c->t.cols;
}

void conv_range(const struct conv *c, int64_t kb, int64_t *lo, int64_t *hi)
{
    int64_t of_group = c->t.oc / c->t.groups, in_group = c->t.ic / c->t.groups;
    int64_t last = least((kb + 1) * LANES, c->t.oc) - 1;
    *lo = kb * LANES / of_group * in_group;
    *hi = (last / of_group + 1) * in_group;
}

/* Blocks of out per task: one group's where groups are whole blocks, one where each channel is
 * alone. */
static void cut_blocks(struct conv *c, int64_t tasks)
{
    int64_t of_group = c->t.oc / c->t.groups;
    c->blocks = cpu_blocks(c->t.oc);
    c->per = c->blocks;
    if (c->depthwise)
        c->per = 1;
    else if (c->t.groups > 1 && of_group % LANES == 0 && !c->out_row)
        c->per = of_group / LANES;
    else if (c->t.groups == 1 && !c->out_row && tasks < TASKS && c->blocks > 2)
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
                       : c->t.oc / c->t.groups % LANES == 0 ? c->t.ic / c->t.groups
                                                        : c->t.ic;
    int64_t places = c->planar ? channels : cpu_blocks(channels);
    int64_t bytes = places * c->t.is * c->t.is * c->pc * (c->planar ? 4 : 64);
    int64_t band = most(most(COPY_BYTES / bytes - max_h, 4), 2 * max_h);
    int64_t images = c->t.n * (c->depthwise ? cpu_blocks(c->t.oc) : 1);
    if (images < TASKS)
        band = least(band, most(c->t.rows * images / TASKS, 4));
    c->bands = (c->t.rows + band - 1) / band;
    c->band = (c->t.rows + c->bands - 1) / c->bands;
    c->band = c->bands > 1 ? cpu_up(c->band, 2) : c->band;
    c->bands = (c->t.rows + c->band - 1) / c->band;
    c->pr = c->band + max_h;
}

static int64_t place_of(const struct conv *c, const struct conv_tap *t)
{
    int64_t lane = c->planar ? 1 : LANES, split = t->dh % c->t.is * c->t.is + t->dw % c->t.is;
    return ((split * c->pr + t->dh / c->t.is) * c->pc + t->dw / c->t.is) * lane;
}

/* The terms of one panel in their order: row of taps, block of in, tap, channel; planar, a block is
 * one channel. */
static int64_t list_terms(const struct conv *c, const struct conv_phase *f, int64_t kb,
                          int32_t *off)
{
    int64_t lo, hi, n = 0, unit = c->planar ? 1 : LANES;
    int64_t plane = c->copied ? c->t.is * c->t.is * c->pr * c->pc * unit : c->in_plane * unit;
    conv_range(c, kb, &lo, &hi);
    if (c->depthwise) {
        for (int64_t t = 0; t < f->n_tap; t++)
            off[t] = (int32_t) place_of(c, &c->t.tap[f->tap + t]);
        return f->n_tap;
    }
    for (int64_t row = 0; row < f->n_tap; row += f->across)
        for (int64_t b = lo / unit; b * unit < hi; b++)
            for (int64_t t = row; t < row + f->across; t++)
                for (int64_t i = most(lo, b * unit); i < least(hi, (b + 1) * unit); i++)
                    off[n++] = (int32_t) ((b - c->first[kb / c->per]) * plane +
                                          place_of(c, &c->t.tap[f->tap + t]) + i % unit);
    return n;
}

/* Ungrouped, all panels of a phase have the same terms. */
static bool make_panels(struct conv *c)
{
    int64_t all = 0, lo, hi;
    for (int i = 0; i < c->t.n_phase; i++)
        for (int64_t kb = 0; kb < (c->t.groups == 1 ? 1 : c->blocks); kb++) {
            conv_range(c, kb, &lo, &hi);
            all += c->t.phase[i].n_tap * (c->depthwise ? 1 : hi - lo);
        }
    c->off = malloc((size_t) (all + 1) * sizeof *c->off);
    c->panel = malloc((size_t) (c->t.n_phase * c->blocks) * sizeof *c->panel);
    if (!c->off || !c->panel)
        return false;
    for (int i = 0; i < c->t.n_phase; i++)
        for (int64_t kb = 0; kb < c->blocks; kb++) {
            struct conv_panel *p = &c->panel[i * c->blocks + kb];
            if (c->t.groups == 1 && kb > 0) {
                *p = p[-1];
            } else {
                p->off = c->n_off;
                p->n = list_terms(c, &c->t.phase[i], kb, c->off + c->n_off);
                c->n_off += p->n;
            }
            p->b = c->n_b;
            c->n_b += p->n * LANES;
        }
    return true;
}

static struct conv *plan(struct conv *c, int64_t tasks)
{
    int64_t more_h = c->t.more_h, more_w = c->t.more_w;
    c->in_plane = c->t.ih * c->t.iw;
    c->out_plane = c->t.oh * c->t.ow;
    c->limit = INT64_MAX;
    bool blocked = !c->planar && !c->in_row;
    c->copied = !(blocked && c->t.is == 1 && c->t.top == 0 && c->t.left == 0 &&
                  c->t.rows + more_h <= c->t.ih && c->t.cols + more_w <= c->t.iw);
    c->pc = c->copied ? c->t.cols + more_w : c->t.iw;
    if (!c->copied && more_h == 0 && more_w == 0 && c->t.os == 1 && c->t.iw == c->t.cols &&
        c->t.ih == c->t.rows) {
        flatten(c);
        c->pc = c->t.cols;
    }
    cut_rows(c, more_h);
    cut_blocks(c, tasks > 0 ? tasks : c->t.n * c->bands);
    if (!cut_parts(c) || !make_panels(c))
        return NULL;
    int64_t unit = c->planar ? 1 : LANES, band = c->band * c->t.os * c->t.ow;
    c->scratch =
        c->copied ? c->in_planes * c->t.is * c->t.is * c->pr * c->pc * unit + LANES * 4 : 0;
    c->buffer = c->narrow    ? LANES * band
                : c->out_row ? c->t.oc * band
                             : 2 * 2 * c->t.os * c->t.ow * LANES;
    return c;
}

/* Sixteen pixels for each channel are fewer than sixteen lanes for each pixel, and worth spreading.
 */
static bool is_narrow(const struct conv *c)
{
    const struct conv_taps *t = &c->t;
    return !c->out_row && t->groups == 1 && t->oc <= 8 && t->ic * t->n_tap >= 64 * t->os * t->os &&
           3 * t->oc * cpu_up(t->cols, LANES) <= 2 * LANES * t->cols;
}

struct conv *conv_create(const struct lbk_group *g, int64_t tasks)
{
    const struct lbk_arg *a = &g->arg[cpu_plain_operand(g, 0)],
                         *b = &g->arg[cpu_plain_operand(g, 1)];
    bool dw = strcmp(g->op->name, "conv2d_dw") == 0;
    struct conv *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct conv){
        .in_row = !cpu_is_cblk(a),
        .out_row = dw ? !cpu_is_cblk(b) : !cpu_is_cblk(&g->out[0]),
    };
    bool made = conv_taps_init(&c->t, g, a->shape, b->shape);
    c->narrow = made && !dw && is_narrow(c);
    c->planar = c->in_row || (c->out_row && !dw) || c->narrow;
    c->depthwise = !c->planar && c->t.groups == c->t.ic && c->t.groups == c->t.oc;
    if (made && plan(c, tasks))
        return c;
    conv_destroy(c);
    return NULL;
}

void conv_destroy(struct conv *c)
{
    if (!c)
        return;
    cpu_epi_destroy(c->epi);
    conv_taps_free(&c->t);
    free(c->first);
    free(c->panel);
    free(c->off);
    free(c);
}
