/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <limbeck/ops.h>
#include "conv_plan.h"
#include "sizes.h"
#include "winograd_plan.h"

enum { FREQ = WINO_FREQ, SIDE = WINO_SIDE, LANES = CONV_LANES, TILES = 28, CHANNELS_MOST = 1024 };
enum { DEEP = 3, DEEP_TILES = 112, WAVE_BYTES = 24 << 20 };

static int64_t blocks_of(int64_t channels) { return up_div(channels, LANES); }
static int64_t even_part(int64_t n, int64_t at_most) { return up_div(n, up_div(n, at_most)); }

void wino_grid_init(struct wino_grid *g)
{
    g->th = up_div(up_div(g->oh, g->dil), g->m);
    g->tw = up_div(up_div(g->ow, g->dil), g->m);
    g->tiles = g->n * g->dil * g->dil * g->th * g->tw;
}

/* Into tasks of about so many tiles. */
static void cut(struct wino_plan *p, int64_t many)
{
    const struct wino_grid *t = &p->t;
    p->cols = even_part(t->tw, most(4, many));
    p->rows = p->cols < t->tw ? 1 : even_part(t->th, most(1, many / p->cols));
    p->planes = 1;
    if (p->rows == t->th && p->cols == t->tw)
        p->planes = even_part(wino_planes(t), most(1, many / (t->th * t->tw)));
    p->groups = up_div(wino_planes(t), p->planes);
    p->bands = up_div(t->th, p->rows);
    p->pieces = up_div(t->tw, p->cols);
    p->chunk = p->planes * p->rows * p->cols;
    p->tasks = p->groups * p->bands * p->pieces;
}

static void set_tasks(struct wino_plan *p, int64_t v_bytes)
{
    const struct wino_grid *t = &p->t;
    const int64_t room = v_bytes / (FREQ * LANES * 4 * t->c_blocks);
    const bool wide = t->c_blocks * t->k_blocks > 32;
    cut(p, most(4, least(room, wide ? 2 * TILES : TILES + 4)));
    p->wave = 1;
}

/* A wave writes and reads its transforms once; tasks by themselves read all weights each. */
static void set_waves(struct wino_plan *p)
{
    const struct wino_grid *t = &p->t;
    const int64_t blocks = t->c_blocks + t->k_blocks;
    p->deep = t->c_blocks * t->k_blocks * LANES > DEEP * p->chunk * blocks;
    if (p->deep) {
        cut(p, DEEP_TILES);
        const int64_t bytes = FREQ * LANES * 4 * blocks * p->chunk;
        p->wave = even_part(p->tasks, most(1, WAVE_BYTES / bytes));
    }
}

/* Whether this should be faster than the direct way, by an estimate of cycles of 16 lanes whose
 * constants are not fitted yet; of shapes alone, since the bits depend on it. */
static bool pays(const struct wino_plan *p)
{
    const struct wino_grid *t = &p->t;
    double c = (double) t->c_blocks, k = (double) t->k_blocks, pairs = c * k;
    double tiles = (double) t->tiles * (FREQ * LANES * 0.6 * pairs + 220 * c + 200 * k);
    double weights = pairs * LANES * (double) (200 + FREQ * 8 * up_div(p->tasks, p->wave));
    double direct = (double) (t->n * t->oh * t->ow * p->r * p->r * p->ic) * k * 0.6;
    return tiles + weights < direct;
}

static bool set_taps(struct wino_plan *p, const struct lbk_group *g, lbk_shape x, lbk_shape w)
{
    struct conv_taps c;
    if (!conv_taps_init(&c, g, x, w))
        return false;
    const int64_t dil = p->t.dil;
    for (int64_t i = 0; i < c.n_tap; i++)
        p->at[c.tap[i].dh / dil * p->r + c.tap[i].dw / dil] = c.tap[i].at;
    p->w_oc = c.w_oc, p->w_ic = c.w_ic;
    p->t.top = c.top, p->t.left = c.left;
    conv_taps_free(&c);
    return true;
}

static void set_sizes(struct wino_plan *p, const struct lbk_group *g, lbk_shape x, int64_t dil)
{
    p->ic = x.d[1], p->oc = g->acc.d[1];
    p->t = (struct wino_grid){ .n = x.d[0], .h = x.d[2], .w = x.d[3], .dil = dil };
    p->t.oh = g->acc.d[2], p->t.ow = g->acc.d[3];
    p->t.c_blocks = blocks_of(p->ic), p->t.k_blocks = blocks_of(p->oc);
    p->t.m = SIDE + 1 - p->r;
    wino_grid_init(&p->t);
}

static struct lbk_conv2d params_of(const struct lbk_group *g)
{
    const struct lbk_conv2d_to *to = g->params;
    if (strcmp(g->op->name, "conv2d") == 0)
        return *(const struct lbk_conv2d *) g->params;
    return (struct lbk_conv2d){ to->stride, to->pad, to->dilation, to->groups };
}

static bool is_case(const struct lbk_group *g, lbk_shape x, lbk_shape w, const struct lbk_conv2d *q)
{
    return q->stride <= 1 && q->groups <= 1 && w.d[2] == w.d[3] && (w.d[2] == 3 || w.d[2] == 5) &&
           x.d[1] > CONV_FEW && g->acc.d[1] > CONV_FEW && x.d[1] <= CHANNELS_MOST &&
           lbk_shape_count(g->acc) > 0;
}

bool wino_plan(struct wino_plan *p, const struct lbk_group *g, lbk_shape x, lbk_shape w,
               int64_t v_bytes)
{
    const struct lbk_conv2d q = params_of(g);
    memset(p, 0, sizeof *p);
    if (!is_case(g, x, w, &q))
        return false;
    p->r = (int) w.d[2];
    set_sizes(p, g, x, most(1, q.dilation));
    set_tasks(p, v_bytes);
    set_waves(p);
    return pays(p) && set_taps(p, g, x, w);
}

int64_t wino_v_step(const struct wino_plan *p)
{
    return wino_step(p->wave * p->t.c_blocks * p->chunk * LANES);
}

int64_t wino_m_step(const struct wino_plan *p, int64_t blocks)
{
    return wino_step((p->deep ? p->wave * p->t.k_blocks : blocks) * p->chunk * LANES);
}
