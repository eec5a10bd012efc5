/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv_plan.h"
#include "sizes.h"

enum { TASKS = 32, FLAT = 112, LANES = CONV_LANES };

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static int64_t blocks_of(int64_t channels) { return (channels + LANES - 1) / LANES; }

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

bool conv_pairs(const struct conv *c, int64_t kb, int64_t end)
{
    int64_t lo, hi, lo2, hi2;
    if (kb + 1 >= end || c->depthwise)
        return false;
    conv_range(c, kb, &lo, &hi);
    conv_range(c, kb + 1, &lo2, &hi2);
    return lo == lo2 && hi == hi2;
}

/* Blocks of out per task: one group's where groups are whole blocks, one where each channel is
 * alone. */
static void cut_blocks(struct conv *c, int64_t tasks)
{
    int64_t of_group = c->t.oc / c->t.groups;
    c->blocks = blocks_of(c->t.oc);
    c->per = c->blocks;
    if (c->depthwise)
        c->per = 1;
    else if (c->t.groups > 1 && of_group % LANES == 0 && !c->out_row)
        c->per = of_group / LANES;
    else if (c->t.groups == 1 && !c->out_row && tasks < TASKS && c->blocks > 2)
        c->per = up((c->blocks + TASKS / tasks - 1) / (TASKS / tasks), 2);
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

static void cut_rows(struct conv *c, int64_t copy_bytes)
{
    int64_t more_h = c->t.more_h;
    int64_t channels = c->depthwise                     ? 1
                       : c->t.oc / c->t.groups % LANES == 0 ? c->t.ic / c->t.groups
                                                        : c->t.ic;
    int64_t places = c->planar ? channels : blocks_of(channels);
    int64_t bytes = places * c->t.is * c->t.is * c->pc * (c->planar ? 4 : 64);
    int64_t band = most(most(copy_bytes / bytes - more_h, 4), 2 * more_h);
    int64_t images = c->t.n * (c->depthwise ? blocks_of(c->t.oc) : 1);
    if (images < TASKS)
        band = least(band, most(c->t.rows * images / TASKS, 4));
    c->bands = (c->t.rows + band - 1) / band;
    c->band = (c->t.rows + c->bands - 1) / c->bands;
    c->band = c->bands > 1 ? up(c->band, 2) : c->band;
    c->bands = (c->t.rows + c->band - 1) / c->band;
    c->pr = c->band + more_h;
}

static int64_t place_of(const struct conv *c, const struct conv_tap *t)
{
    int64_t lane = c->planar ? 1 : LANES, split = t->dh % c->t.is * c->t.is + t->dw % c->t.is;
    return ((split * c->pr + t->dh / c->t.is) * c->pc + t->dw / c->t.is) * lane;
}

/* The terms of one panel in their order: row of taps, block of in, tap, channel; planar, a block is
 * one channel. */
static int64_t list_terms(const struct conv *c, const struct conv_phase *f, int64_t kb,
                          int32_t *off, struct conv_weight *weight)
{
    int64_t lo, hi, n = 0, unit = c->planar ? 1 : LANES;
    int64_t plane = c->copied ? c->t.is * c->t.is * c->pr * c->pc * unit : c->in_plane * unit;
    conv_range(c, kb, &lo, &hi);
    lo = c->depthwise ? 0 : lo;
    hi = c->depthwise ? 1 : hi;
    int64_t first = c->depthwise ? 0 : c->first[kb / c->per];
    for (int64_t row = 0; row < f->n_tap; row += f->across)
        for (int64_t b = lo / unit; b * unit < hi; b++)
            for (int64_t q = row; q < row + f->across; q++)
                for (int64_t i = most(lo, b * unit); i < least(hi, (b + 1) * unit); i++) {
                    const struct conv_tap *t = &c->t.tap[f->tap + q];
                    weight[n] = (struct conv_weight){ (int32_t) i, (int32_t) t->at };
                    off[n++] = (int32_t) ((b - first) * plane + place_of(c, t) + i % unit);
                }
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
    c->weight = malloc((size_t) (all + 1) * sizeof *c->weight);
    c->panel = malloc((size_t) (c->t.n_phase * c->blocks) * sizeof *c->panel);
    if (!c->off || !c->weight || !c->panel)
        return false;
    for (int i = 0; i < c->t.n_phase; i++)
        for (int64_t kb = 0; kb < c->blocks; kb++) {
            struct conv_panel *p = &c->panel[i * c->blocks + kb];
            if (c->t.groups == 1 && kb > 0) {
                *p = p[-1];
            } else {
                p->off = c->n_off;
                p->n = list_terms(c, &c->t.phase[i], kb, c->off + c->n_off,
                                  c->weight + c->n_off);
                c->n_off += p->n;
            }
            p->b = c->n_b;
            c->n_b += p->n * LANES;
        }
    return true;
}

static bool plan(struct conv *c, const struct conv_how *how)
{
    int64_t more_h = c->t.more_h, more_w = c->t.more_w;
    c->in_plane = c->t.ih * c->t.iw;
    c->out_plane = c->t.oh * c->t.ow;
    c->limit = INT64_MAX;
    bool blocked = !c->planar && !c->in_row;
    c->copied = how->copy || !(blocked && c->t.is == 1 && c->t.top == 0 && c->t.left == 0 &&
                  c->t.rows + more_h <= c->t.ih && c->t.cols + more_w <= c->t.iw);
    c->pc = c->copied ? c->t.cols + more_w : c->t.iw;
    if (!c->copied && more_h == 0 && more_w == 0 && c->t.os == 1 && c->t.iw == c->t.cols &&
        c->t.ih == c->t.rows) {
        flatten(c);
        c->pc = c->t.cols;
    }
    cut_rows(c, how->copy_bytes);
    cut_blocks(c, how->tasks > 0 ? how->tasks : c->t.n * c->bands);
    if (!cut_parts(c) || !make_panels(c))
        return false;
    c->scratch = c->copied ? c->in_planes * c->t.is * c->t.is * c->pr * c->pc *
                                     (c->planar ? 1 : LANES) +
                                 LANES * 4
                           : 0;
    return true;
}

/* Sixteen pixels for each channel are fewer than sixteen lanes for each pixel, and worth spreading.
 */
static bool is_narrow(const struct conv *c)
{
    const struct conv_taps *t = &c->t;
    return !c->out_row && t->groups == 1 && t->oc <= 8 && t->ic * t->n_tap >= 64 * t->os * t->os &&
           3 * t->oc * up(t->cols, LANES) <= 2 * LANES * t->cols;
}

static bool blocked(struct lbk_layout l) { return l.order == LBK_CBLK; }

struct conv *conv_create(const struct lbk_group *g, lbk_shape a, lbk_shape b,
                         const struct conv_how *how)
{
    bool dw = strcmp(g->op->name, "conv2d_dw") == 0;
    struct conv *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct conv){ .in_row = !blocked(how->a), .out_row = !blocked(dw ? how->b : how->out) };
    bool made = conv_taps_init(&c->t, g, a, b);
    c->narrow = made && !dw && is_narrow(c);
    c->planar = c->in_row || (c->out_row && !dw) || c->narrow;
    c->depthwise = !c->planar && c->t.groups == c->t.ic && c->t.groups == c->t.oc;
    if (made && plan(c, how))
        return c;
    conv_destroy(c);
    return NULL;
}

void conv_destroy(struct conv *c)
{
    if (!c)
        return;
    conv_taps_free(&c->t);
    free(c->first);
    free(c->panel);
    free(c->off);
    free(c->weight);
    free(c);
}
