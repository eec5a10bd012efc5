/* SPDX-License-Identifier: MIT */
#include <limbeck/ops.h>
#include "conv_plan.h"
#include "dw_plan.h"
#include "sizes.h"

enum { LANES = CONV_LANES, PART_BLOCKS = 4, SLOTS = 32, FEW_TASKS = 4, TASKS = 16 };
enum {
    SLOT_BYTES = 8 << 20,
    SLOT_TILES = 64,
    FEW_TILES = 16,
    CHUNK_MOST = 64,
    CHUNK_BYTES = 640 << 10
};

void dw_parts_init(struct dw_parts *p, int64_t c, int64_t k, int64_t freqs)
{
    *p = (struct dw_parts){ .c = c, .k = k, .freqs = freqs, .slots = 1 };
    p->c_blocks = up_div(c, LANES);
    p->k_blocks = up_div(k, LANES);
    p->c_parts = up_div(p->c_blocks, PART_BLOCKS);
    p->k_parts = up_div(p->k_blocks, PART_BLOCKS);
    p->c_part = up_div(p->c_blocks, p->c_parts);
    p->k_part = up_div(p->k_blocks, p->k_parts);
    p->u_step = wino_step(p->c_part * p->k_part * LANES * LANES);
}

void dw_parts_slots(struct dw_parts *p, int64_t places, int64_t enough, int64_t few)
{
    const int64_t parts = p->c_parts * p->k_parts, bytes = parts * p->freqs * p->u_step * 4;
    p->slots = 1;
    for (int64_t s = 2; s <= SLOTS && s * parts <= TASKS && s * bytes <= SLOT_BYTES; s *= 2)
        if (places >= s * (s * parts <= FEW_TASKS ? few : enough))
            p->slots = s;
}

static void set_chunk(struct wino_dw_plan *p)
{
    int64_t tile = WINO_FREQ * LANES * 4 * (p->q.c_part + p->q.k_part);
    p->chunk = most(8, least(CHUNK_MOST, CHUNK_BYTES / tile));
    p->v_step = wino_step(p->q.c_part * p->chunk * LANES);
    p->d_step = wino_step(p->q.k_part * p->chunk * LANES);
}

/* Rows of taps that meet the image, over all rows of dy: the direct way leaves the others out. */
static int64_t rows_met(const struct wino_dw_plan *p)
{
    int64_t rows = 0;
    for (int64_t t = 0; t < p->r; t++) {
        int64_t top = t * p->t.dil - p->t.top;
        rows += most(0, least(p->t.oh, p->t.h - top) - most(0, -top));
    }
    return rows;
}

/* Whether this is faster than the direct way, by cycles of 16 lanes: fitted to measurements, and of
 * shapes alone, since the bits depend on it. */
static bool pays(const struct wino_dw_plan *p)
{
    double c = (double) p->t.c_blocks, k = (double) p->t.k_blocks, pairs = c * k;
    double transforms = 150.0 * (c * (double) p->q.k_parts + k * (double) p->q.c_parts);
    double tiles = (double) p->t.tiles * (330 * pairs + transforms);
    double weights = pairs * LANES * (double) (36 * p->q.slots + 200 + 16 * p->r * p->r);
    double direct = (double) (p->t.n * rows_met(p) * p->t.ow * p->r * p->q.c) * k * 0.65;
    return tiles + weights < direct;
}

static bool is_case(const struct lbk_group *g, lbk_shape x)
{
    const struct lbk_conv2d_to *q = g->params;
    lbk_shape w = g->acc;
    return q->stride <= 1 && q->groups <= 1 && w.d[2] == w.d[3] && (w.d[2] == 3 || w.d[2] == 5) &&
           x.d[1] > CONV_FEW && w.d[0] > CONV_FEW;
}

static void set_sizes(struct wino_dw_plan *p, const struct lbk_group *g, lbk_shape x, lbk_shape dy)
{
    const struct lbk_conv2d_to *q = g->params;
    p->t.n = x.d[0], p->t.h = x.d[2], p->t.w = x.d[3];
    p->t.oh = dy.d[2], p->t.ow = dy.d[3];
    p->t.dil = most(1, q->dilation), p->t.top = p->t.left = q->pad;
    p->r = (int) g->acc.d[2], p->t.m = WINO_SIDE + 1 - p->r;
    dw_parts_init(&p->q, x.d[1], dy.d[1], WINO_FREQ);
    p->t.c_blocks = p->q.c_blocks, p->t.k_blocks = p->q.k_blocks;
    wino_grid_init(&p->t);
    dw_parts_slots(&p->q, p->t.tiles, SLOT_TILES, FEW_TILES);
}

bool wino_dw_plan(struct wino_dw_plan *p, const struct lbk_group *g, lbk_shape x, lbk_shape dy)
{
    *p = (struct wino_dw_plan){ .r = 0 };
    if (!is_case(g, x))
        return false;
    set_sizes(p, g, x, dy);
    set_chunk(p);
    return pays(p);
}
