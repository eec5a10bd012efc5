/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "conv.h"
#include "sizes.h"
#include "tail.h"
#include "winograd.h"

/* How it is cut: winograd_plan.h.
 *
 * With many channels so few tiles fit that weights, read again for each task, would be what takes
 * the time. Such a convolution is deep: a wave of tasks is transformed, then multiplied frequency
 * by frequency, each with its weights once, then transformed back. */
enum {
    FREQ = WINO_FREQ,
    LANES = CPU_BLOCK,
    PAIR = 2, /* blocks of the output */
    V_BYTES = 1200 << 10,
    RUN = WINO_RUN
};
CPU_LOOPS(winograd_loops);
CPU_LOOPS(conv_loops);

struct winograd {
    struct wino_plan s;
    int64_t v_step, m_step, u_floats; /* u: of one block of the output */
    bool apart, plain, tail;          /* apart: epilogue and tail are a pass of their own */
    struct cpu_expr x;
};
struct job {
    lbk_drv *d;
    const struct winograd *p;
    const struct lbk_group *g;
    const struct cpu_epi *epi;
    const struct winograd_loops *l;
    const float *arg[LBK_ARG_MAX];
    const float *x, *w;
    float *out, *u, *scratch;
    int32_t *off; /* of the channels among the transforms of a frequency */
    struct tail tail;
};

static void set_steps(struct winograd *p)
{
    const struct wino_grid *t = &p->s.t;
    p->apart = t->dil > 1;
    p->u_floats = FREQ * t->c_blocks * LANES * LANES;
    p->v_step = wino_v_step(&p->s);
    p->m_step = wino_m_step(&p->s, PAIR);
}

struct winograd *winograd_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    const lbk_shape w = g->arg[cpu_plain_operand(g, 1)].shape;
    struct winograd *p = d->winograd ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->plain = cpu_plain_operand(g, 0) >= 0;
    p->tail = tail_fits(g);
    if (wino_plan(&p->s, g, x, w, V_BYTES) &&
        (p->plain || (cpu_operand_compile(d, &p->x, g, 0, x) && p->x.ramp.on))) {
        set_steps(p);
        return p;
    }
    free(p);
    return NULL;
}

void winograd_destroy(struct winograd *p) { free(p); }
bool winograd_tail(const struct winograd *p) { return p->tail; }

static int64_t slots(const struct winograd *p) { return p->apart ? p->s.t.n : p->s.tasks; }
static int64_t slot_floats(const struct winograd *p)
{
    int64_t bytes = slots(p) * p->s.t.k_blocks * (int64_t) sizeof(struct tail_slot);
    return p->tail ? cpu_up(bytes / 4, LANES) : 0;
}
static int64_t off_floats(const struct winograd *p) { return p->s.t.c_blocks * LANES; }
static int64_t spot_floats(const struct winograd *p)
{
    return cpu_up(p->s.chunk * (int64_t) sizeof(struct wino_spot) / 4, LANES);
}
static int64_t more_floats(const struct winograd *p)
{
    return p->s.ic > RUN ? PAIR * p->s.chunk * LANES : 0;
}
/* Transforms of a task, or of a wave. */
static int64_t transform_floats(const struct winograd *p) { return FREQ * (p->v_step + p->m_step); }
static int64_t worker_floats(const struct winograd *p)
{
    const int64_t values = p->plain ? 0 : wino_values(&p->s.t, p->s.rows);
    return cpu_up((p->s.deep ? 0 : transform_floats(p)) + spot_floats(p) + more_floats(p) + values,
                  LANES);
}
size_t winograd_scratch(const struct winograd *p, int threads)
{
    return (size_t) (slot_floats(p) + off_floats(p) + p->s.t.k_blocks * p->u_floats +
                     (p->s.deep ? transform_floats(p) : 0) + worker_floats(p) * threads) *
           sizeof(float);
}

static void kernel_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct winograd *p = j->p;
    int64_t kb = i / p->s.t.c_blocks, cb = i % p->s.t.c_blocks;
    struct wino_kernels k = {
        .w = j->w + kb * LANES * p->s.w_oc + cb * LANES * p->s.w_ic,
        .w_lane = p->s.w_oc,
        .w_c = p->s.w_ic,
        .at = p->s.at,
        .r = p->s.r,
        .lanes = (int) least(LANES, p->s.oc - kb * LANES),
        .channels = (int) least(LANES, p->s.ic - cb * LANES),
        .u = j->u + kb * p->u_floats + cb * LANES * LANES,
        .u_step = p->s.t.c_blocks * LANES * LANES,
    };
    j->l->kernels(&k);
}

struct part {
    int64_t g0, g1, i0, i1, j0, j1; /* planes, rows and columns of tiles */
};

static struct part part_of(const struct winograd *p, int64_t task)
{
    struct part q;
    const int64_t per = p->s.bands * p->s.pieces;
    q.g0 = task / per * p->s.planes, q.g1 = least(q.g0 + p->s.planes, wino_planes(&p->s.t));
    q.i0 = task % per / p->s.pieces * p->s.rows, q.i1 = least(q.i0 + p->s.rows, p->s.t.th);
    q.j0 = task % p->s.pieces * p->s.cols, q.j1 = least(q.j0 + p->s.cols, p->s.t.tw);
    return q;
}

static int64_t find_spots(const struct winograd *p, const struct part *q, struct wino_spot *s)
{
    const int64_t dil = p->s.t.dil;
    int64_t n = 0;
    for (int64_t g = q->g0; g < q->g1; g++)
        for (int64_t i = q->i0; i < q->i1; i++)
            for (int64_t j = q->j0; j < q->j1; j++)
                s[n++] = wino_spot_at(&p->s.t, g / dil / dil, g / dil % dil, g % dil, i, j);
    return n;
}

/* The n pixels of out from `at` on, which is of one plane. */
static void finish(const struct job *j, int64_t at, int64_t n, struct tail_slot *s)
{
    if (j->epi)
        cpu_epi_run(j->epi, j->g, at * LANES, n * LANES, j->out + at * LANES);
    if (s)
        tail_add(&j->tail, s, at, n);
}

/* Without a dilation: planes are images. */
static void finish_part(const struct job *j, const struct part *q, int64_t task, int64_t kb)
{
    const struct wino_grid *t = &j->p->s.t;
    struct tail_slot *s = j->tail.slot ? &j->tail.slot[task * t->k_blocks + kb] : NULL;
    const int64_t h0 = q->i0 * t->m, h1 = least(q->i1 * t->m, t->oh);
    const int64_t w0 = q->j0 * t->m, w1 = least(q->j1 * t->m, t->ow);
    const bool whole = w1 - w0 == t->ow;
    const int64_t n = (whole ? h1 - h0 : 1) * (w1 - w0);
    if (s)
        tail_begin(s);
    for (int64_t image = q->g0; image < q->g1; image++)
        for (int64_t h = h0; h < h1; h += whole ? h1 - h0 : 1)
            finish(j, ((image * t->k_blocks + kb) * t->oh + h) * t->ow + w0, n, s);
}

static void finish_plane(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    struct tail_slot *s = j->tail.slot ? &j->tail.slot[i] : NULL;
    const int64_t plane = j->p->s.t.oh * j->p->s.t.ow;
    if (s)
        tail_begin(s);
    finish(j, i * plane, plane, s);
}

/* Adds what `more` holds of n tiles to m, for each of the panels. */
static void join(const struct job *j, int64_t n, int panels, const float *more, float *m)
{
    const int64_t panel = j->p->s.chunk * LANES;
    for (int i = 0; i < panels; i++)
        conv_loops_of[j->d->isa]->add(m + i * panel, more + i * panel, n * LANES);
}

/* Of one frequency and n tiles: their sums of products with one or two blocks of the output. more:
 * room for as many. */
static void multiply(const struct job *j, const float *v, int64_t n, int64_t f, int64_t kb,
                     int panels, float *m, float *more)
{
    const struct winograd *p = j->p;
    const int64_t c = p->s.t.c_blocks * LANES;
    struct conv_row r = {
        .x = v,
        .b_gap = p->u_floats,
        .y_step = LANES,
        .y_panel = p->s.chunk * LANES,
        .cols = n,
        .rows = 1,
        .panels = panels,
    };
    for (int64_t at = 0; at < p->s.ic; at += RUN) {
        r.off = j->off + at, r.n = least(RUN, p->s.ic - at);
        r.b = j->u + kb * p->u_floats + (f * c + at) * LANES;
        r.y = at ? more : m;
        conv_loops_of[j->d->isa]->block_row(&r);
        if (at)
            join(j, n, panels, more, m);
    }
}

static void output(const struct job *j, const struct wino_spot *spot, int64_t n, int64_t kb,
                   const float *from)
{
    const struct wino_grid *t = &j->p->s.t;
    struct wino_outputs o = {
        .spot = spot,
        .n = n,
        .from = from,
        .step = j->p->m_step,
        .tile = LANES,
        .y = j->out + kb * t->oh * t->ow * LANES,
        .row = t->dil * t->ow * LANES,
        .col = t->dil * LANES,
        .m = t->m,
    };
    j->l->output(&o);
}

/* What a worker has beside transforms. */
struct room {
    struct wino_spot *spot;
    float *more, *values;
};

static struct room room_of(const struct winograd *p, float *at)
{
    struct room r = { .spot = (struct wino_spot *) at, .more = at + spot_floats(p) };
    r.values = r.more + more_floats(p);
    return r;
}

static void conv_task(void *arg, int64_t task, int worker)
{
    const struct job *j = arg;
    const struct winograd *p = j->p;
    float *v = j->scratch + worker * worker_floats(p), *m = v + FREQ * p->v_step;
    const struct room room = room_of(p, m + FREQ * p->m_step);
    const struct part q = part_of(p, task);
    const int64_t n = find_spots(p, &q, room.spot);
    const struct wino_in in = { &p->s.t, j->x, &p->x, j->arg, room.values };
    for (int64_t cb = 0; cb < p->s.t.c_blocks; cb++)
        wino_transform(j->d, &in, room.spot, n, cb, v + cb * p->s.chunk * LANES, p->v_step);
    for (int64_t kb = 0, panels; kb < p->s.t.k_blocks; kb += panels) {
        panels = least(PAIR, p->s.t.k_blocks - kb);
        for (int64_t f = 0; f < FREQ; f++)
            multiply(j, v + f * p->v_step, n, f, kb, (int) panels, m + f * p->m_step, room.more);
        for (int64_t i = 0; i < panels; i++) {
            output(j, room.spot, n, kb + i, m + i * p->s.chunk * LANES);
            if (!p->apart)
                finish_part(j, &q, task, kb + i);
        }
    }
}

struct wave {
    const struct job *j;
    int64_t task; /* the first */
    float *v, *m; /* [frequency][task][block][tile][lane] */
};

static struct room room_in_wave(const struct job *j, int worker)
{
    return room_of(j->p, j->scratch + worker * worker_floats(j->p));
}

static void wave_transform(void *arg, int64_t i, int worker)
{
    const struct wave *w = arg;
    const struct winograd *p = w->j->p;
    const struct room room = room_in_wave(w->j, worker);
    const struct part q = part_of(p, w->task + i / p->s.t.c_blocks);
    const struct wino_in in = { &p->s.t, w->j->x, &p->x, w->j->arg, room.values };
    wino_transform(w->j->d, &in, room.spot, find_spots(p, &q, room.spot), i % p->s.t.c_blocks,
                   w->v + i * p->s.chunk * LANES, p->v_step);
}

static int64_t tiles_of(const struct part *q)
{
    return (q->g1 - q->g0) * (q->i1 - q->i0) * (q->j1 - q->j0);
}

static void wave_multiply(void *arg, int64_t i, int worker)
{
    const struct wave *w = arg;
    const struct winograd *p = w->j->p;
    const int64_t pairs = up_div(p->s.t.k_blocks, PAIR), f = i / pairs, kb = i % pairs * PAIR;
    const int64_t end = least(w->task + p->s.wave, p->s.tasks), block = p->s.chunk * LANES;
    const float *v = w->v + f * p->v_step;
    float *m = w->m + f * p->m_step + kb * block;
    for (int64_t task = w->task; task < end; task++) {
        const struct part q = part_of(p, task);
        multiply(w->j, v, tiles_of(&q), f, kb, (int) least(PAIR, p->s.t.k_blocks - kb), m,
                 room_in_wave(w->j, worker).more);
        v += p->s.t.c_blocks * block, m += p->s.t.k_blocks * block;
    }
}

static void wave_output(void *arg, int64_t i, int worker)
{
    const struct wave *w = arg;
    const struct winograd *p = w->j->p;
    const struct room room = room_in_wave(w->j, worker);
    const int64_t task = w->task + i / p->s.t.k_blocks, kb = i % p->s.t.k_blocks;
    const struct part q = part_of(p, task);
    output(w->j, room.spot, find_spots(p, &q, room.spot), kb, w->m + i * p->s.chunk * LANES);
    if (!p->apart)
        finish_part(w->j, &q, task, kb);
}

static void run_waves(lbk_drv *d, struct job *j)
{
    const struct winograd *p = j->p;
    struct wave w = { .j = j, .v = j->scratch, .m = j->scratch + FREQ * p->v_step };
    j->scratch += transform_floats(p);
    for (; w.task < p->s.tasks; w.task += p->s.wave) {
        const int64_t n = least(p->s.wave, p->s.tasks - w.task);
        cpu_run(d, n * p->s.t.c_blocks, wave_transform, &w);
        cpu_run(d, FREQ * up_div(p->s.t.k_blocks, PAIR), wave_multiply, &w);
        cpu_run(d, n * p->s.t.k_blocks, wave_output, &w);
    }
}

void winograd_launch(lbk_drv *d, const struct winograd *p, const struct lbk_group *g,
                     const struct cpu_epi *epi)
{
    struct job j = { .d = d, .p = p, .g = g, .epi = epi, .l = winograd_loops_of[d->isa] };
    float *scratch = cpu_f32(&g->scratch);
    for (int i = 0; i < g->n_arg; i++)
        j.arg[i] = cpu_f32(&g->arg[i]);
    j.x = p->plain ? j.arg[cpu_plain_operand(g, 0)] : NULL;
    j.w = j.arg[cpu_plain_operand(g, 1)];
    j.out = cpu_f32(&g->out[0]);
    tail_init(&j.tail, d, g, p->tail ? (struct tail_slot *) scratch : NULL);
    j.off = (int32_t *) (scratch + slot_floats(p));
    j.u = scratch + slot_floats(p) + off_floats(p);
    j.scratch = j.u + p->s.t.k_blocks * p->u_floats;
    for (int64_t c = 0; c < p->s.ic; c++)
        j.off[c] = (int32_t) (c / LANES * p->s.chunk * LANES + c % LANES);
    cpu_run(d, p->s.t.k_blocks * p->s.t.c_blocks, kernel_task, &j);
    if (p->s.deep)
        run_waves(d, &j);
    else
        cpu_run(d, p->s.tasks, conv_task, &j);
    if (p->apart && (epi || p->tail))
        cpu_run(d, p->s.t.n * p->s.t.k_blocks, finish_plane, &j);
    if (p->tail)
        tail_store(d, &j.tail, slots(p));
}
