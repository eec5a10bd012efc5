/* SPDX-License-Identifier: MIT */
#include "sizes.h"
#include "winograd_tiles.h"

enum { LANES = CPU_BLOCK };
CPU_LOOPS(winograd_tiles_loops);

int64_t wino_values(const struct wino_grid *g, int64_t tile_rows)
{
    return g->w * LANES * (g->dil > 1 ? g->h : least(g->h, (tile_rows - 1) * g->m + WINO_SIDE));
}

struct wino_spot wino_spot_at(const struct wino_grid *g, int64_t image, int64_t a, int64_t b,
                              int64_t i, int64_t j)
{
    int64_t h = a + i * g->m * g->dil, v = b + j * g->m * g->dil;
    struct wino_spot s = { .image = image, .top = h - g->top, .left = v - g->left };
    int64_t none;
    s.x = (image * g->c_blocks * g->h * g->w + s.top * g->w + s.left) * LANES;
    s.dy = (image * g->k_blocks * g->oh * g->ow + h * g->ow + v) * LANES;
    inside(s.top, g->dil, g->h, WINO_SIDE, &s.r0, &s.r1);
    inside(s.left, g->dil, g->w, WINO_SIDE, &s.c0, &s.c1);
    inside(h, g->dil, g->oh, g->m, &none, &s.rows);
    inside(v, g->dil, g->ow, g->m, &none, &s.cols);
    return s;
}

/* What tiles of one image and of sub-grids with the same rows read of x: rows h0, h0 + dilation,
 * ... below h1, and columns [w0, w1) of each. */
struct patch {
    int64_t h0, h1, w0, w1;
};

static struct patch patch_of(const struct wino_grid *g, const struct wino_spot *s, int64_t n)
{
    struct patch q = { g->h, 0, g->w, 0 };
    for (int64_t i = 0; i < n; i++)
        if (s[i].r0 < s[i].r1 && s[i].c0 < s[i].c1) {
            q.h0 = least(q.h0, s[i].top + s[i].r0 * g->dil);
            q.h1 = most(q.h1, s[i].top + (s[i].r1 - 1) * g->dil + 1);
            q.w0 = least(q.w0, s[i].left + s[i].c0 * g->dil);
            q.w1 = most(q.w1, s[i].left + (s[i].c1 - 1) * g->dil + 1);
        }
    return q;
}

static bool same_rows(const struct wino_grid *g, const struct wino_spot *a,
                      const struct wino_spot *b)
{
    return a->image == b->image && (a->top - b->top) % g->dil == 0;
}

/* Tiles with the same rows, of x as an expression: what they read is computed first. */
static void compute(const struct wino_in *in, struct wino_tiles *t, int64_t cb)
{
    const struct wino_grid *g = in->grid;
    int64_t image = t->spot->image * g->c_blocks * g->h * g->w * LANES, row = g->w * LANES;
    struct patch q = patch_of(g, t->spot, t->n);
    for (int64_t h = q.h0; h < q.h1; h += g->dil) {
        float *to = in->values + (h - q.h0) * row + q.w0 * LANES;
        int64_t at = image + cb * g->h * row + h * row + q.w0 * LANES;
        cpu_expr_run(in->expr, in->arg, NULL, (float *const[]){ to }, at, (q.w1 - q.w0) * LANES);
    }
    t->from = in->values;
    t->shift = image + q.h0 * row;
}

void wino_transform(const lbk_drv *d, const struct wino_in *in, const struct wino_spot *spot,
                    int64_t n, int64_t cb, float *to, int64_t to_step)
{
    const struct winograd_tiles_loops *l = winograd_tiles_loops_of[d->isa];
    const struct wino_grid *g = in->grid;
    struct wino_tiles t = {
        .row = g->w * g->dil * LANES, .col = g->dil * LANES, .to_step = to_step, .m = g->m
    };
    for (int64_t i = 0; i < n; i += t.n) {
        t.spot = spot + i, t.n = 1, t.to = to + i * LANES;
        if (in->x) {
            t.n = n, t.from = in->x + cb * g->h * g->w * LANES;
        } else {
            while (i + t.n < n && same_rows(g, &spot[i], &spot[i + t.n]))
                t.n++;
            compute(in, &t, cb);
        }
        l->input(&t);
    }
}
