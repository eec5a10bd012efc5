/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "conv.h"
#include "depthwise.h"
#include "sizes.h"
#include "tail.h"

/* SUM_PIXELS: enough for sums to stay in registers a while; PIECE: pixels whose tail is taken
 * at once; EPI_PIXELS: enough for an epilogue to be worth its start. */
enum { LANES = CPU_BLOCK, TASKS = 32, SLOTS = 8, SUM_PIXELS = 64, PIECE = 1024, EPI_PIXELS = 64 };
CPU_LOOPS(depth_loops);

struct job {
    lbk_drv *d;
    const struct depthwise *p;
    const struct cpu_epi *epi;
    const struct lbk_group *g;
    const struct depth_in *in;
    const float *w;
    float *packed, *scratch;
    struct tail tail; /* slots: [image][band] */
};

static bool is_dw(const struct lbk_group *g) { return strcmp(g->op->name, "conv2d_dw") == 0; }

bool depthwise_suits(const struct lbk_group *g)
{
    const struct lbk_conv2d *to_y = g->params;
    const struct lbk_conv2d_to *to = g->params;
    const bool forward = strcmp(g->op->name, "conv2d") == 0;
    const int64_t groups = forward ? to_y->groups : to->groups;
    const int64_t c = cpu_operand_shape(g, 0).d[1];
    const int64_t k = is_dw(g) ? cpu_operand_shape(g, 1).d[1] : g->acc.d[1];
    return groups == c && groups == k && conv_layout(c).order == LBK_CBLK;
}

/* From shapes alone. */
static void cut(struct depthwise *p)
{
    const struct conv_taps *t = &p->t;
    int64_t dh = 0, dw = 0, tasks = t->n * p->blocks;
    for (int64_t i = 0; i < t->n_tap; i++) {
        dh = most(dh, t->tap[i].dh);
        dw = most(dw, t->tap[i].dw);
        p->off[i] = (int32_t) (t->tap[i].dw * LANES);
    }
    p->step = p->dw ? most(1, least(least(DEPTH_STEP_MOST, t->rows), SUM_PIXELS / t->cols)) : 1;
    p->width = (t->cols - 1) * t->is + dw + 1;
    p->ring = (p->step - 1) * t->is + dh + 1;
    p->band = tasks < TASKS ? most(4, t->rows * tasks / TASKS) : t->rows;
    p->bands = (t->rows + p->band - 1) / p->band;
    for (p->slots = 1; p->slots * 2 <= least(t->n, SLOTS); p->slots *= 2)
        ;
}

struct depthwise *depthwise_create(lbk_drv *d, const struct lbk_group *g)
{
    struct depthwise *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    *p = (struct depthwise){ .dw = is_dw(g), .plain = cpu_plain_operand(g, 0) >= 0 };
    p->x_shape = cpu_operand_shape(g, 0);
    p->blocks = cpu_blocks(p->x_shape.d[1]);
    const bool fits = p->plain || cpu_operand_compile(d, &p->x, g, 0, p->x_shape);
    if (fits && conv_taps_init(&p->t, g, p->x_shape, cpu_operand_shape(g, 1)))
        p->off = malloc((size_t) (p->t.n_tap + 1) * sizeof *p->off);
    if (!p->off) {
        depthwise_destroy(p);
        return NULL;
    }
    cut(p);
    return p;
}

void depthwise_destroy(struct depthwise *p)
{
    if (!p)
        return;
    conv_taps_free(&p->t);
    free(p->off);
    free(p);
}

/* Columns of the image that have a place in a row of the ring. */
static void columns(const struct depthwise *p, int64_t *lo, int64_t *hi)
{
    *lo = most(0, -p->t.left);
    *hi = most(*lo, least(p->t.iw, p->width - p->t.left));
}

void depth_ring_begin(const struct depthwise *p, struct depth_ring *r, float *at)
{
    int64_t lo, hi;
    columns(p, &lo, &hi);
    *r = (struct depth_ring){ .at = at };
    const int64_t from = least(p->width, most(0, lo + p->t.left)), end = from + hi - lo;
    for (int64_t i = 0; i < p->ring; i++, at += p->width * LANES) {
        memset(at, 0, (size_t) (from * LANES) * sizeof *at);
        memset(at + end * LANES, 0, (size_t) ((p->width - end) * LANES) * sizeof *at);
    }
}

static void fill_row(const struct depth_in *in, float *to, int64_t plane, int64_t h)
{
    const struct depthwise *p = in->p;
    int64_t lo, hi;
    columns(p, &lo, &hi);
    const int64_t at = ((plane * p->t.ih + h) * p->t.iw + lo) * LANES, n = (hi - lo) * LANES;
    to += (lo + p->t.left) * LANES;
    if (n == 0)
        return;
    if (p->plain) {
        in->l->copy(to, in->x + at, n, h + 2 < p->t.ih ? 2 * p->t.iw * LANES : 0);
        return;
    }
    cpu_expr_run(&p->x, in->arg, NULL, (float *const[]){ to }, at, n);
    if (!p->x.ramp.on)
        cpu_zero_tail(&p->x, to, p->x_shape, at, n);
}

void depth_ring_fill(const struct depth_in *in, struct depth_ring *r, int64_t plane, int64_t end)
{
    const struct depthwise *p = in->p;
    for (; r->next < end; r->next++) {
        const int64_t h = r->next - p->t.top;
        if (h >= 0 && h < p->t.ih)
            fill_row(in, r->at + r->next % p->ring * p->width * LANES, plane, h);
    }
}

const float *depth_ring_row(const struct depthwise *p, const struct depth_ring *r, int64_t h)
{
    const bool there = h >= p->t.top && h < p->t.top + p->t.ih;
    return there ? r->at + h % p->ring * p->width * LANES : NULL;
}

/* Rows of places whose results wait for the epilogue together. */
static int64_t epi_rows(const struct depthwise *p)
{
    return (EPI_PIXELS + p->t.os * p->t.ow - 1) / (p->t.os * p->t.ow);
}

static int64_t buffer_floats(const struct depthwise *p)
{
    return epi_rows(p) * p->t.os * p->t.ow * LANES;
}

/* A worker's ring, results before the epilogue, pointers to rows. */
static int64_t worker_floats(const struct depthwise *p)
{
    const int64_t pointer = sizeof(float *), pointers = (p->t.n_tap + 1) * pointer;
    return depth_ring_floats(p) + buffer_floats(p) +
           cpu_up(pointers / (int64_t) sizeof(float), LANES);
}

static int64_t packed_floats(const struct depthwise *p) { return p->blocks * p->t.n_tap * LANES; }

static int64_t tail_floats(const struct depthwise *p, const struct lbk_group *g)
{
    const int64_t slots = tail_fits(g) ? p->t.n * p->bands * p->blocks : 0;
    return cpu_up(slots * (int64_t) (sizeof(struct tail_slot) / sizeof(float)), LANES);
}

size_t depthwise_scratch(const struct depthwise *p, const struct lbk_group *g, int threads)
{
    if (p->dw)
        return (size_t) depthwise_dw_floats(p, threads) * sizeof(float);
    return (size_t) (tail_floats(p, g) + packed_floats(p) + worker_floats(p) * threads) *
           sizeof(float);
}

static void pack_block(void *arg, int64_t block, int worker)
{
    const struct job *j = arg;
    const struct conv_taps *t = &j->p->t;
    const int64_t k = t->w_group;
    float *to = j->packed + block * t->n_tap * LANES;
    for (int64_t i = 0; i < t->n_tap; i++)
        for (int64_t lane = 0, c = block * LANES; lane < LANES; lane++, c++)
            *to++ = c < t->oc ? j->w[c * k + t->tap[i].at] : 0;
}

/* Place row i of one phase. y, soon: of row i * os. */
static void phase_row(const struct job *j, const struct depth_ring *ring, int f, int64_t block,
                      int64_t i, float *y, const float *soon, const float **x)
{
    const struct depthwise *p = j->p;
    const struct conv_phase *ph = &p->t.phase[f];
    const int64_t across = most(1, ph->across), n = ph->n_tap / across;
    for (int64_t k = 0; k < n; k++)
        x[k] = depth_ring_row(p, ring, i * p->t.is + p->t.tap[ph->tap + k * across].dh);
    const struct depth_row r = {
        .x = x,
        .off = p->off + ph->tap,
        .n_row = (int) n,
        .across = (int) across,
        .x_step = p->t.is * LANES,
        .w = j->packed + (block * p->t.n_tap + ph->tap) * LANES,
        .y = y + (ph->h0 * p->t.ow + ph->w0) * LANES,
        .y_step = p->t.os * LANES,
        .cols = ph->cols,
        .soon = soon ? soon + (ph->h0 * p->t.ow + ph->w0) * LANES : NULL,
    };
    if (i < ph->rows)
        j->in->l->row(&r);
}

/* Of rows [h0, h1), which are still in the cache, once they are enough or the last. */
static void take_tail(const struct job *j, struct tail_slot *s, int64_t plane, int64_t *h0,
                      int64_t h1, bool last)
{
    const struct conv_taps *t = &j->p->t;
    if (!s || ((h1 - *h0) * t->ow < PIECE && !last))
        return;
    tail_add(&j->tail, s, (plane * t->oh + *h0) * t->ow, (h1 - *h0) * t->ow);
    *h0 = h1;
}

/* Row i of places, where it belongs or into the buffer. */
static void store_row(const struct job *j, const struct depth_ring *ring, int64_t plane, int64_t i,
                      float *buffer, const float **x)
{
    const struct conv_taps *t = &j->p->t;
    const int64_t at = (plane * t->oh + i * t->os) * t->ow * LANES;
    float *y = j->epi ? buffer : cpu_f32(&j->g->out[0]) + at;
    const float *soon = j->epi ? cpu_epi_reads(j->epi, j->g) : NULL;
    for (int f = 0; f < t->n_phase; f++)
        phase_row(j, ring, f, plane % j->p->blocks, i, y, soon ? soon + at : NULL, x);
}

/* Rows [h0, h1) of out, from the buffer. */
static void finish_rows(const struct job *j, int64_t plane, int64_t h0, int64_t h1,
                        const float *buffer)
{
    const struct conv_taps *t = &j->p->t;
    if (j->epi)
        cpu_epi_run(j->epi, j->g, (plane * t->oh + h0) * t->ow * LANES, (h1 - h0) * t->ow * LANES,
                    buffer);
}

static void band_task(void *arg, int64_t task, int worker)
{
    const struct job *j = arg;
    const struct depthwise *p = j->p;
    const int64_t band = task % p->bands, plane = task / p->bands, i0 = band * p->band;
    const int64_t i1 = least(i0 + p->band, p->t.rows), rows = j->epi ? epi_rows(p) : 1;
    float *scratch = j->scratch + worker * worker_floats(p),
          *buffer = scratch + depth_ring_floats(p);
    const float **x = (const float **) (buffer + buffer_floats(p));
    struct tail_slot *s = NULL;
    struct depth_ring ring;
    if (j->tail.slot) {
        s = &j->tail.slot[(plane / p->blocks * p->bands + band) * p->blocks + plane % p->blocks];
        tail_begin(s);
    }
    depth_ring_begin(p, &ring, scratch);
    ring.next = i0 * p->t.is;
    for (int64_t i = i0, end, h0 = i0 * p->t.os; i < i1; i = end) {
        end = least(i + rows, i1);
        for (int64_t r = i; r < end; r++) {
            depth_ring_fill(j->in, &ring, plane, r * p->t.is + p->ring);
            store_row(j, &ring, plane, r, buffer + (r - i) * p->t.os * p->t.ow * LANES, x);
        }
        const int64_t h1 = least(end * p->t.os, p->t.oh);
        finish_rows(j, plane, i * p->t.os, h1, buffer);
        take_tail(j, s, plane, &h0, h1, end == i1);
    }
}

static void launch_rows(struct job *j)
{
    const struct depthwise *p = j->p;
    j->w = j->in->arg[cpu_plain_operand(j->g, 1)];
    tail_init(&j->tail, j->d, j->g, tail_fits(j->g) ? cpu_ptr(&j->g->scratch) : NULL);
    const int64_t slots = p->t.n * p->bands;
    j->packed = cpu_f32(&j->g->scratch) + tail_floats(p, j->g);
    j->scratch = j->packed + packed_floats(p);
    cpu_run(j->d, p->blocks, pack_block, j);
    cpu_run(j->d, slots * p->blocks, band_task, j);
    if (j->tail.slot)
        tail_store(j->d, &j->tail, slots);
}

void depthwise_launch(lbk_drv *d, const struct depthwise *p, const struct cpu_epi *epi,
                      const struct lbk_group *g)
{
    struct depth_in in = { .p = p, .l = depth_loops_of[d->isa] };
    for (int i = 0; i < g->n_arg; i++)
        in.arg[i] = cpu_f32(&g->arg[i]);
    in.x = p->plain ? in.arg[cpu_plain_operand(g, 0)] : NULL;
    if (p->dw)
        depthwise_dw_launch(d, p, &in, g);
    else
        launch_rows(&(struct job){ .d = d, .p = p, .epi = epi, .g = g, .in = &in });
}
