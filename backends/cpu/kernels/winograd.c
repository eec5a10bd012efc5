/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv.h"
#include "sizes.h"
#include "tail.h"
#include "winograd.h"

/* A plane is a sub-grid of an image. A task is a rectangle of tiles of one plane, or all tiles of a
 * few planes, so many that their transforms stay in the second cache. What it stores is then whole
 * rows of pixels, if the columns are all and there is no dilation: the epilogue and the tail
 * follow at once.
 *
 * With many channels so few tiles fit that weights, read again for each task, would be what takes
 * the time. Such a convolution is deep: a wave of tasks is transformed, then multiplied frequency
 * by frequency, each with its weights once, then transformed back. */
enum {
    FREQ = WINO_FREQ,
    SIDE = WINO_SIDE,
    LANES = CPU_BLOCK,
    PAIR = 2, /* blocks of the output */
    TILES = 28,
    V_BYTES = 1200 << 10,
    DEEP = 3,
    DEEP_TILES = 112,
    WAVE_BYTES = 24 << 20,
    RUN = 256, /* channels of one sum: rounding grows with the root of their number */
    CHANNELS_MOST = 1024
};
CPU_LOOPS(winograd_loops);
CPU_LOOPS(conv_loops);

struct winograd {
    struct wino_grid t;
    int64_t ic, oc, w_oc, w_ic, at[WINO_TAPS];
    int r;
    int64_t planes, rows, cols;       /* of a task, at most: planes, rows and columns of tiles */
    int64_t groups, bands, pieces;    /* of planes, rows, columns */
    int64_t chunk, tasks;             /* tiles of a task; tasks */
    int64_t v_step, m_step, u_floats; /* u: of one block of the output */
    bool deep;
    int64_t wave;            /* tasks of one, at most */
    bool apart, plain, tail; /* apart: epilogue and tail are a pass of their own */
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

static int64_t even_part(int64_t n, int64_t at_most) { return up_div(n, up_div(n, at_most)); }

static int64_t all_planes(const struct wino_grid *t) { return t->n * t->dil * t->dil; }

/* Into tasks of about so many tiles. */
static void cut(struct winograd *p, int64_t many)
{
    const struct wino_grid *t = &p->t;
    p->cols = even_part(t->tw, most(4, many));
    p->rows = p->cols < t->tw ? 1 : even_part(t->th, most(1, many / p->cols));
    p->planes = 1;
    if (p->rows == t->th && p->cols == t->tw)
        p->planes = even_part(all_planes(t), most(1, many / (t->th * t->tw)));
    p->groups = up_div(all_planes(t), p->planes);
    p->bands = up_div(t->th, p->rows);
    p->pieces = up_div(t->tw, p->cols);
    p->chunk = p->planes * p->rows * p->cols;
    p->tasks = p->groups * p->bands * p->pieces;
}

static void set_tasks(struct winograd *p)
{
    const struct wino_grid *t = &p->t;
    const int64_t room = V_BYTES / (FREQ * LANES * 4 * t->c_blocks);
    const bool wide = t->c_blocks * t->k_blocks > 32;
    cut(p, most(4, least(room, wide ? 2 * TILES : TILES + 4)));
    p->apart = t->dil > 1;
    p->u_floats = FREQ * t->c_blocks * LANES * LANES;
}

static void set_steps(struct winograd *p)
{
    const struct wino_grid *t = &p->t;
    const int64_t pair = PAIR * p->chunk * LANES;
    p->v_step = wino_step(p->wave * t->c_blocks * p->chunk * LANES);
    p->m_step = wino_step(p->deep ? p->wave * t->k_blocks * p->chunk * LANES : pair);
}

/* A wave writes and reads its transforms once; tasks by themselves read all weights each. */
static void set_waves(struct winograd *p)
{
    const struct wino_grid *t = &p->t;
    const int64_t blocks = t->c_blocks + t->k_blocks;
    p->deep = t->c_blocks * t->k_blocks * LANES > DEEP * p->chunk * blocks;
    p->wave = 1;
    if (p->deep) {
        cut(p, DEEP_TILES);
        const int64_t bytes = FREQ * LANES * 4 * blocks * p->chunk;
        p->wave = even_part(p->tasks, most(1, WAVE_BYTES / bytes));
    }
    set_steps(p);
}

/* Whether this should be faster than the direct way, by an estimate of cycles of 16 lanes whose
 * constants are not fitted yet; of shapes alone, since the bits depend on it. */
static bool pays(const struct winograd *p)
{
    const struct wino_grid *t = &p->t;
    double c = (double) t->c_blocks, k = (double) t->k_blocks, pairs = c * k;
    double tiles = (double) t->tiles * (FREQ * LANES * 0.6 * pairs + 220 * c + 200 * k);
    double weights = pairs * LANES * (double) (200 + FREQ * 8 * up_div(p->tasks, p->wave));
    double direct = (double) (t->n * t->oh * t->ow * p->r * p->r * p->ic) * k * 0.6;
    return tiles + weights < direct;
}

static bool set_taps(struct winograd *p, const struct lbk_group *g, lbk_shape x, lbk_shape w)
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

static void set_sizes(struct winograd *p, const struct lbk_group *g, lbk_shape x, int64_t dil)
{
    p->ic = x.d[1], p->oc = g->acc.d[1];
    p->t = (struct wino_grid){ .n = x.d[0], .h = x.d[2], .w = x.d[3], .dil = dil };
    p->t.oh = g->acc.d[2], p->t.ow = g->acc.d[3];
    p->t.c_blocks = cpu_blocks(p->ic), p->t.k_blocks = cpu_blocks(p->oc);
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

static bool is_case(const lbk_drv *d, const struct lbk_group *g, lbk_shape x, lbk_shape w,
                    const struct lbk_conv2d *q)
{
    return d->winograd && q->stride <= 1 && q->groups <= 1 && w.d[2] == w.d[3] &&
           (w.d[2] == 3 || w.d[2] == 5) && x.d[1] > CONV_FEW && g->acc.d[1] > CONV_FEW &&
           x.d[1] <= CHANNELS_MOST && lbk_shape_count(g->acc) > 0;
}

struct winograd *winograd_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    const lbk_shape w = g->arg[cpu_plain_operand(g, 1)].shape;
    const struct lbk_conv2d q = params_of(g);
    struct winograd *p = is_case(d, g, x, w, &q) ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->r = (int) w.d[2];
    set_sizes(p, g, x, most(1, q.dilation));
    set_tasks(p);
    p->plain = cpu_plain_operand(g, 0) >= 0;
    p->tail = tail_fits(g);
    set_waves(p);
    if (pays(p) && set_taps(p, g, x, w) &&
        (p->plain || (cpu_operand_compile(d, &p->x, g, 0, x) && p->x.ramp.on)))
        return p;
    free(p);
    return NULL;
}

void winograd_destroy(struct winograd *p) { free(p); }
bool winograd_tail(const struct winograd *p) { return p->tail; }

static int64_t slots(const struct winograd *p) { return p->apart ? p->t.n : p->tasks; }
static int64_t slot_floats(const struct winograd *p)
{
    int64_t bytes = slots(p) * p->t.k_blocks * (int64_t) sizeof(struct tail_slot);
    return p->tail ? cpu_up(bytes / 4, LANES) : 0;
}
static int64_t off_floats(const struct winograd *p) { return p->t.c_blocks * LANES; }
static int64_t spot_floats(const struct winograd *p)
{
    return cpu_up(p->chunk * (int64_t) sizeof(struct wino_spot) / 4, LANES);
}
static int64_t more_floats(const struct winograd *p)
{
    return p->ic > RUN ? PAIR * p->chunk * LANES : 0;
}
/* Transforms of a task, or of a wave. */
static int64_t transform_floats(const struct winograd *p) { return FREQ * (p->v_step + p->m_step); }
static int64_t worker_floats(const struct winograd *p)
{
    const int64_t values = p->plain ? 0 : wino_values(&p->t, p->rows);
    return cpu_up((p->deep ? 0 : transform_floats(p)) + spot_floats(p) + more_floats(p) + values,
                  LANES);
}
size_t winograd_scratch(const struct winograd *p, int threads)
{
    return (size_t) (slot_floats(p) + off_floats(p) + p->t.k_blocks * p->u_floats +
                     (p->deep ? transform_floats(p) : 0) + worker_floats(p) * threads) *
           sizeof(float);
}

static void kernel_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct winograd *p = j->p;
    int64_t kb = i / p->t.c_blocks, cb = i % p->t.c_blocks;
    struct wino_kernels k = {
        .w = j->w + kb * LANES * p->w_oc + cb * LANES * p->w_ic,
        .w_lane = p->w_oc,
        .w_c = p->w_ic,
        .at = p->at,
        .r = p->r,
        .lanes = (int) least(LANES, p->oc - kb * LANES),
        .channels = (int) least(LANES, p->ic - cb * LANES),
        .u = j->u + kb * p->u_floats + cb * LANES * LANES,
        .u_step = p->t.c_blocks * LANES * LANES,
    };
    j->l->kernels(&k);
}

struct part {
    int64_t g0, g1, i0, i1, j0, j1; /* planes, rows and columns of tiles */
};

static struct part part_of(const struct winograd *p, int64_t task)
{
    struct part q;
    const int64_t per = p->bands * p->pieces;
    q.g0 = task / per * p->planes, q.g1 = least(q.g0 + p->planes, all_planes(&p->t));
    q.i0 = task % per / p->pieces * p->rows, q.i1 = least(q.i0 + p->rows, p->t.th);
    q.j0 = task % p->pieces * p->cols, q.j1 = least(q.j0 + p->cols, p->t.tw);
    return q;
}

static int64_t find_spots(const struct winograd *p, const struct part *q, struct wino_spot *s)
{
    const int64_t dil = p->t.dil;
    int64_t n = 0;
    for (int64_t g = q->g0; g < q->g1; g++)
        for (int64_t i = q->i0; i < q->i1; i++)
            for (int64_t j = q->j0; j < q->j1; j++)
                s[n++] = wino_spot_at(&p->t, g / dil / dil, g / dil % dil, g % dil, i, j);
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
    const struct wino_grid *t = &j->p->t;
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
    const int64_t plane = j->p->t.oh * j->p->t.ow;
    if (s)
        tail_begin(s);
    finish(j, i * plane, plane, s);
}

/* Adds what `more` holds of n tiles to m, for each of the panels. */
static void join(const struct job *j, int64_t n, int panels, const float *more, float *m)
{
    const int64_t panel = j->p->chunk * LANES;
    for (int i = 0; i < panels; i++)
        conv_loops_of[j->d->isa]->add(m + i * panel, more + i * panel, n * LANES);
}

/* Of one frequency and n tiles: their sums of products with one or two blocks of the output. more:
 * room for as many. */
static void multiply(const struct job *j, const float *v, int64_t n, int64_t f, int64_t kb,
                     int panels, float *m, float *more)
{
    const struct winograd *p = j->p;
    const int64_t c = p->t.c_blocks * LANES;
    struct conv_row r = {
        .x = v,
        .b_gap = p->u_floats,
        .y_step = LANES,
        .y_panel = p->chunk * LANES,
        .cols = n,
        .rows = 1,
        .panels = panels,
    };
    for (int64_t at = 0; at < p->ic; at += RUN) {
        r.off = j->off + at, r.n = least(RUN, p->ic - at);
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
    const struct wino_grid *t = &j->p->t;
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
    const struct wino_in in = { &p->t, j->x, &p->x, j->arg, room.values };
    for (int64_t cb = 0; cb < p->t.c_blocks; cb++)
        wino_transform(j->d, &in, room.spot, n, cb, v + cb * p->chunk * LANES, p->v_step);
    for (int64_t kb = 0, panels; kb < p->t.k_blocks; kb += panels) {
        panels = least(PAIR, p->t.k_blocks - kb);
        for (int64_t f = 0; f < FREQ; f++)
            multiply(j, v + f * p->v_step, n, f, kb, (int) panels, m + f * p->m_step, room.more);
        for (int64_t i = 0; i < panels; i++) {
            output(j, room.spot, n, kb + i, m + i * p->chunk * LANES);
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
    const struct part q = part_of(p, w->task + i / p->t.c_blocks);
    const struct wino_in in = { &p->t, w->j->x, &p->x, w->j->arg, room.values };
    wino_transform(w->j->d, &in, room.spot, find_spots(p, &q, room.spot), i % p->t.c_blocks,
                   w->v + i * p->chunk * LANES, p->v_step);
}

static int64_t tiles_of(const struct part *q)
{
    return (q->g1 - q->g0) * (q->i1 - q->i0) * (q->j1 - q->j0);
}

static void wave_multiply(void *arg, int64_t i, int worker)
{
    const struct wave *w = arg;
    const struct winograd *p = w->j->p;
    const int64_t pairs = up_div(p->t.k_blocks, PAIR), f = i / pairs, kb = i % pairs * PAIR;
    const int64_t end = least(w->task + p->wave, p->tasks), block = p->chunk * LANES;
    const float *v = w->v + f * p->v_step;
    float *m = w->m + f * p->m_step + kb * block;
    for (int64_t task = w->task; task < end; task++) {
        const struct part q = part_of(p, task);
        multiply(w->j, v, tiles_of(&q), f, kb, (int) least(PAIR, p->t.k_blocks - kb), m,
                 room_in_wave(w->j, worker).more);
        v += p->t.c_blocks * block, m += p->t.k_blocks * block;
    }
}

static void wave_output(void *arg, int64_t i, int worker)
{
    const struct wave *w = arg;
    const struct winograd *p = w->j->p;
    const struct room room = room_in_wave(w->j, worker);
    const int64_t task = w->task + i / p->t.k_blocks, kb = i % p->t.k_blocks;
    const struct part q = part_of(p, task);
    output(w->j, room.spot, find_spots(p, &q, room.spot), kb, w->m + i * p->chunk * LANES);
    if (!p->apart)
        finish_part(w->j, &q, task, kb);
}

static void run_waves(lbk_drv *d, struct job *j)
{
    const struct winograd *p = j->p;
    struct wave w = { .j = j, .v = j->scratch, .m = j->scratch + FREQ * p->v_step };
    j->scratch += transform_floats(p);
    for (; w.task < p->tasks; w.task += p->wave) {
        const int64_t n = least(p->wave, p->tasks - w.task);
        cpu_run(d, n * p->t.c_blocks, wave_transform, &w);
        cpu_run(d, FREQ * up_div(p->t.k_blocks, PAIR), wave_multiply, &w);
        cpu_run(d, n * p->t.k_blocks, wave_output, &w);
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
    j.scratch = j.u + p->t.k_blocks * p->u_floats;
    for (int64_t c = 0; c < p->ic; c++)
        j.off[c] = (int32_t) (c / LANES * p->chunk * LANES + c % LANES);
    cpu_run(d, p->t.k_blocks * p->t.c_blocks, kernel_task, &j);
    if (p->deep)
        run_waves(d, &j);
    else
        cpu_run(d, p->tasks, conv_task, &j);
    if (p->apart && (epi || p->tail))
        cpu_run(d, p->t.n * p->t.k_blocks, finish_plane, &j);
    if (p->tail)
        tail_store(d, &j.tail, slots(p));
}
