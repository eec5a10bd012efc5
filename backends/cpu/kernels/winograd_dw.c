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
    LANES = CPU_BLOCK,
    BAND = 4 /* rows of tiles */
};
CPU_LOOPS(winograd_dw_loops);

struct winograd_dw {
    struct wino_dw_plan s;
    int64_t x_floats;
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

struct winograd_dw *winograd_dw_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    const lbk_shape dy = g->arg[cpu_plain_operand(g, 1)].shape;
    struct winograd_dw *p = d->winograd ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->plain = cpu_plain_operand(g, 0) >= 0;
    if (wino_dw_plan(&p->s, g, x, dy) && (p->plain || cpu_operand_compile(d, &p->x, g, 0, x))) {
        if (!p->plain)
            p->x_floats = wino_values(&p->s.t, (p->s.chunk / (p->s.t.tw * BAND) + 2) * BAND);
        return p;
    }
    free(p);
    return NULL;
}

void winograd_dw_destroy(struct winograd_dw *p) { free(p); }

static int64_t spot_floats(const struct winograd_dw *p)
{
    return cpu_up(p->s.chunk * (int64_t) sizeof(struct wino_spot) / 4, LANES);
}
static int64_t worker_floats(const struct winograd_dw *p)
{
    return FREQ * (p->s.v_step + p->s.d_step) + spot_floats(p) + p->x_floats + LANES;
}
size_t winograd_dw_scratch(const struct winograd_dw *p, int threads)
{
    return (size_t) (dw_parts_floats(&p->s.q) + worker_floats(p) * threads) * sizeof(float);
}

/* Tiles in order: images, sub-grids by row and column, bands of a few rows of tiles; in a band
 * column by column, so that a chunk is nearly square and reads little of x twice. */
struct walk {
    int64_t image, a, b, band, i, j, rows; /* i: of the rows of its band */
};

static struct walk walk_from(const struct winograd_dw *p, int64_t t)
{
    int64_t grid = t / (p->s.t.th * p->s.t.tw), at = t % (p->s.t.th * p->s.t.tw),
            per = p->s.t.dil * p->s.t.dil;
    struct walk w = { grid / per, grid % per / p->s.t.dil, grid % p->s.t.dil,
                      at / (BAND * p->s.t.tw) * BAND };
    w.rows = least(BAND, p->s.t.th - w.band);
    w.j = (at - w.band * p->s.t.tw) / w.rows;
    w.i = (at - w.band * p->s.t.tw) % w.rows;
    return w;
}

static void walk_on(const struct winograd_dw *p, struct walk *w)
{
    if (++w->i < w->rows)
        return;
    w->i = 0;
    if (++w->j < p->s.t.tw)
        return;
    w->j = 0;
    w->band += BAND;
    if (w->band >= p->s.t.th) {
        w->band = 0;
        w->b = w->b + 1 < p->s.t.dil ? w->b + 1 : 0;
        w->a += w->b == 0;
        w->image += w->a == p->s.t.dil;
        w->a = w->a < p->s.t.dil ? w->a : 0;
    }
    w->rows = least(BAND, p->s.t.th - w->band);
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
        .grid = &p->s.t, .x = k->j->x, .expr = &p->x, .arg = k->j->arg, .values = k->x
    };
    for (int64_t cb = k->q.c0; cb < k->q.c1; cb++)
        wino_transform(k->j->d, &in, k->spot, n, cb, k->v + (cb - k->q.c0) * p->s.chunk * LANES,
                       p->s.v_step);
}

static void transform_grad(const struct task *k, int64_t n)
{
    const struct winograd_dw *p = k->j->p;
    struct wino_tiles t = { .spot = k->spot,
                            .n = n,
                            .row = p->s.t.ow * p->s.t.dil * LANES,
                            .col = p->s.t.dil * LANES,
                            .to_step = p->s.d_step,
                            .m = p->s.t.m };
    for (int64_t kb = k->q.k0; kb < k->q.k1; kb++) {
        t.from = k->j->dy + kb * p->s.t.oh * p->s.t.ow * LANES;
        t.to = k->d + (kb - k->q.k0) * p->s.chunk * LANES;
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
                              .v_step = p->s.v_step,
                              .d_step = p->s.d_step,
                              .u_step = p->s.q.u_step,
                              .v_block = p->s.chunk * LANES,
                              .d_block = p->s.chunk * LANES,
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
    struct task k = { .j = j, .q = dw_part_of(&p->s.q, i, p->s.t.tiles, j->sums) };
    k.v = j->scratch + worker * worker_floats(p);
    k.d = k.v + FREQ * p->s.v_step;
    k.spot = (struct wino_spot *) (k.d + FREQ * p->s.d_step);
    k.x = k.d + FREQ * p->s.d_step + spot_floats(p);
    struct walk w = walk_from(p, k.q.begin);
    for (int64_t t = k.q.begin, n; t < k.q.end; t += n) {
        n = least(p->s.chunk, k.q.end - t);
        for (int64_t at = 0; at < n; at++, walk_on(p, &w))
            k.spot[at] = wino_spot_at(&p->s.t, w.image, w.a, w.b, w.band + w.i, w.j);
        add_chunk(&k, n, t == k.q.begin);
    }
}

static void weight_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int r = j->p->s.r;
    const struct wino_weights w = dw_parts_weights(&j->p->s.q, i, j->sums, r, r * r, j->out);
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
    j.scratch = j.sums + dw_parts_floats(&p->s.q);
    cpu_run(d, dw_parts_tasks(&p->s.q), sum_task, &j);
    cpu_run(d, p->s.t.c_blocks * p->s.t.k_blocks, weight_task, &j);
}
