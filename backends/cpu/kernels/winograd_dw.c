/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "conv.h"
#include "dw_parts.h"
#include "expr.h"
#include "sizes.h"
#include "winograd_dw.h"

/* A task (dw_parts.h) transforms what it needs itself: parts transform again what others have,
 * which costs less than passing it through memory. */
enum {
    FREQ = WINO_FREQ,
    SIDE = WINO_SIDE,
    LANES = CPU_BLOCK,
    BAND = 4, /* rows of tiles */
    SLOT_TILES = 64,
    FEW_TILES = 16,
    CHUNK_MOST = 64,
    CHUNK_BYTES = 640 << 10
};
CPU_LOOPS(winograd_dw_loops);

struct winograd_dw {
    struct wino_grid t;
    struct dw_parts q;
    int r;
    int64_t chunk; /* tiles */
    int64_t v_step, d_step, x_floats;
    bool plain;
    struct cpu_expr x;
};
struct job {
    const struct winograd_dw *p;
    const lbk_drv *d;
    const struct winograd_dw_loops *l;
    const float *arg[LBK_ARG_MAX];
    const float *x, *dy;
    float *sums, *scratch, *out;
};

static void set_chunk(struct winograd_dw *p)
{
    int64_t tile = FREQ * LANES * 4 * (p->q.c_part + p->q.k_part);
    p->chunk = most(8, least(CHUNK_MOST, CHUNK_BYTES / tile));
    p->v_step = wino_step(p->q.c_part * p->chunk * LANES);
    p->d_step = wino_step(p->q.k_part * p->chunk * LANES);
}

/* Rows of taps that meet the image, over all rows of dy: the direct way leaves the others out. */
static int64_t rows_met(const struct winograd_dw *p)
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
static bool pays(const struct winograd_dw *p)
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

static void set_sizes(struct winograd_dw *p, const struct lbk_group *g, lbk_shape x, lbk_shape dy)
{
    const struct lbk_conv2d_to *q = g->params;
    p->t.n = x.d[0], p->t.h = x.d[2], p->t.w = x.d[3];
    p->t.oh = dy.d[2], p->t.ow = dy.d[3];
    p->t.dil = most(1, q->dilation), p->t.top = p->t.left = q->pad;
    p->r = (int) g->acc.d[2], p->t.m = SIDE + 1 - p->r;
    dw_parts_init(&p->q, x.d[1], dy.d[1], FREQ);
    p->t.c_blocks = p->q.c_blocks, p->t.k_blocks = p->q.k_blocks;
    wino_grid_init(&p->t);
    dw_parts_slots(&p->q, p->t.tiles, SLOT_TILES, FEW_TILES);
}

struct winograd_dw *winograd_dw_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    struct winograd_dw *p = d->winograd && is_case(g, x) ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    set_sizes(p, g, x, g->arg[cpu_plain_operand(g, 1)].shape);
    set_chunk(p);
    p->plain = cpu_plain_operand(g, 0) >= 0;
    p->x_floats = p->plain ? 0 : wino_values(&p->t, (p->chunk / (p->t.tw * BAND) + 2) * BAND);
    if (pays(p) && (p->plain || cpu_operand_compile(d, &p->x, g, 0, x)))
        return p;
    free(p);
    return NULL;
}

void winograd_dw_destroy(struct winograd_dw *p) { free(p); }

static int64_t spot_floats(const struct winograd_dw *p)
{
    return cpu_up(p->chunk * (int64_t) sizeof(struct wino_spot) / 4, LANES);
}
static int64_t worker_floats(const struct winograd_dw *p)
{
    return FREQ * (p->v_step + p->d_step) + spot_floats(p) + p->x_floats + LANES;
}
size_t winograd_dw_scratch(const struct winograd_dw *p, int threads)
{
    return (size_t) (dw_parts_floats(&p->q) + worker_floats(p) * threads) * sizeof(float);
}

/* Tiles in order: images, sub-grids by row and column, bands of a few rows of tiles; in a band
 * column by column, so that a chunk is nearly square and reads little of x twice. */
struct walk {
    int64_t image, a, b, band, i, j, rows; /* i: of the rows of its band */
};

static struct walk walk_from(const struct winograd_dw *p, int64_t t)
{
    int64_t grid = t / (p->t.th * p->t.tw), at = t % (p->t.th * p->t.tw), per = p->t.dil * p->t.dil;
    struct walk w = { grid / per, grid % per / p->t.dil, grid % p->t.dil,
                      at / (BAND * p->t.tw) * BAND };
    w.rows = least(BAND, p->t.th - w.band);
    w.j = (at - w.band * p->t.tw) / w.rows;
    w.i = (at - w.band * p->t.tw) % w.rows;
    return w;
}

static void walk_on(const struct winograd_dw *p, struct walk *w)
{
    if (++w->i < w->rows)
        return;
    w->i = 0;
    if (++w->j < p->t.tw)
        return;
    w->j = 0;
    w->band += BAND;
    if (w->band >= p->t.th) {
        w->band = 0;
        w->b = w->b + 1 < p->t.dil ? w->b + 1 : 0;
        w->a += w->b == 0;
        w->image += w->a == p->t.dil;
        w->a = w->a < p->t.dil ? w->a : 0;
    }
    w->rows = least(BAND, p->t.th - w->band);
}

struct task {
    const struct job *j;
    struct dw_part q;
    float *v, *d, *x;
    struct wino_spot *spot;
};

static void transform_input(const struct task *k, int64_t n)
{
    const struct winograd_dw *p = k->j->p;
    struct wino_in in = {
        .grid = &p->t, .x = k->j->x, .expr = &p->x, .arg = k->j->arg, .values = k->x
    };
    for (int64_t cb = k->q.c0; cb < k->q.c1; cb++)
        wino_transform(k->j->d, &in, k->spot, n, cb, k->v + (cb - k->q.c0) * p->chunk * LANES,
                       p->v_step);
}

static void transform_grad(const struct task *k, int64_t n)
{
    const struct winograd_dw *p = k->j->p;
    struct wino_tiles t = { .spot = k->spot,
                            .n = n,
                            .row = p->t.ow * p->t.dil * LANES,
                            .col = p->t.dil * LANES,
                            .to_step = p->d_step,
                            .m = p->t.m };
    for (int64_t kb = k->q.k0; kb < k->q.k1; kb++) {
        t.from = k->j->dy + kb * p->t.oh * p->t.ow * LANES;
        t.to = k->d + (kb - k->q.k0) * p->chunk * LANES;
        k->j->l->grad(&t);
    }
}

static void add_chunk(const struct task *k, int64_t n, bool first)
{
    const struct winograd_dw *p = k->j->p;
    transform_input(k, n);
    transform_grad(k, n);
    struct wino_product q = { .v = k->v,
                              .d = k->d,
                              .u = k->q.u,
                              .v_step = p->v_step,
                              .d_step = p->d_step,
                              .u_step = p->q.u_step,
                              .v_block = p->chunk * LANES,
                              .d_block = p->chunk * LANES,
                              .c_blocks = k->q.c1 - k->q.c0,
                              .k_blocks = k->q.k1 - k->q.k0,
                              .freqs = FREQ,
                              .n = n,
                              .first = first };
    k->j->l->product(&q);
}

static void sum_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct winograd_dw *p = j->p;
    struct task k = { .j = j, .q = dw_part_of(&p->q, i, p->t.tiles, j->sums) };
    k.v = j->scratch + worker * worker_floats(p);
    k.d = k.v + FREQ * p->v_step;
    k.spot = (struct wino_spot *) (k.d + FREQ * p->d_step);
    k.x = k.d + FREQ * p->d_step + spot_floats(p);
    struct walk w = walk_from(p, k.q.begin);
    for (int64_t t = k.q.begin, n; t < k.q.end; t += n) {
        n = least(p->chunk, k.q.end - t);
        for (int64_t at = 0; at < n; at++, walk_on(p, &w))
            k.spot[at] = wino_spot_at(&p->t, w.image, w.a, w.b, w.band + w.i, w.j);
        add_chunk(&k, n, t == k.q.begin);
    }
}

static void weight_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int r = j->p->r;
    const struct wino_weights w = dw_parts_weights(&j->p->q, i, j->sums, r, r * r, j->out);
    j->l->weights(&w);
}

void winograd_dw_launch(lbk_drv *d, const struct winograd_dw *p, const struct lbk_group *g)
{
    struct job j = {
        .d = d, .p = p, .l = winograd_dw_loops_of[d->isa], .out = cpu_f32(&g->out[0])
    };
    for (int i = 0; i < g->n_arg; i++)
        j.arg[i] = cpu_f32(&g->arg[i]);
    j.x = p->plain ? j.arg[cpu_plain_operand(g, 0)] : NULL;
    j.dy = j.arg[cpu_plain_operand(g, 1)];
    j.sums = cpu_f32(&g->scratch);
    j.scratch = j.sums + dw_parts_floats(&p->q);
    cpu_run(d, dw_parts_tasks(&p->q), sum_task, &j);
    cpu_run(d, p->t.c_blocks * p->t.k_blocks, weight_task, &j);
}
