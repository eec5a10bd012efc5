/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "conv.h"
#include "dw_parts.h"
#include "sizes.h"
#include "taps_dw.h"

/* A task (dw_parts.h) has a slot of the pixels of dy. */
enum {
    LANES = CPU_BLOCK,
    SLOT_PIXELS = 512,
    FEW_PIXELS = 128,
    CHUNK_LEAST = 32,
    CHUNK_MOST = 256,
    CHUNK_BYTES = 512 << 10,
    TAPS_MOST = 25
};
CPU_LOOPS(winograd_dw_loops);

struct taps_dw {
    struct dw_parts q;
    int64_t n, h, w, oh, ow, r, s, stride, dil, pad;
    int64_t pixels, chunk; /* pixels: of dy */
    int64_t v_step, x_rows;
    bool plain;
    struct cpu_expr x;
};
struct job {
    const struct taps_dw *p;
    const struct winograd_dw_loops *l;
    const float *arg[LBK_ARG_MAX];
    const float *x, *dy;
    float *sums, *scratch, *out;
};

static int64_t taps_of(const struct taps_dw *p) { return p->q.freqs; }

static void set_sizes(struct taps_dw *p, const struct lbk_group *g, lbk_shape x, lbk_shape dy)
{
    const struct lbk_conv2d_to *q = g->params;
    p->n = x.d[0], p->h = x.d[2], p->w = x.d[3];
    p->oh = dy.d[2], p->ow = dy.d[3];
    p->r = g->acc.d[2], p->s = g->acc.d[3];
    p->stride = most(1, q->stride), p->dil = most(1, q->dilation), p->pad = q->pad;
    p->pixels = p->n * p->oh * p->ow;
    dw_parts_init(&p->q, x.d[1], dy.d[1], p->r * p->s);
    dw_parts_slots(&p->q, p->pixels, SLOT_PIXELS, FEW_PIXELS);
}

static void set_chunk(struct taps_dw *p)
{
    int64_t pixel = LANES * 4 * (taps_of(p) * p->q.c_part + p->q.k_part);
    p->chunk = most(CHUNK_LEAST, least(CHUNK_MOST, CHUNK_BYTES / pixel));
    p->v_step = wino_step(p->q.c_part * p->chunk * LANES);
    int64_t rows = (p->chunk / p->ow + 1) * p->stride + (p->r - 1) * p->dil + 1;
    p->x_rows = p->plain ? 0 : least(p->h, rows);
}

/* Whether this is faster than what multiplies only the channels that there are, and leaves out rows
 * of taps where they miss the image; of shapes alone, since the bits depend on it. One tap gains
 * nothing from being gathered. */
static bool pays(const struct taps_dw *p)
{
    int64_t met = 0;
    for (int64_t t = 0; t < p->r; t++)
        for (int64_t i = 0; i < p->oh; i++) {
            int64_t h = i * p->stride + t * p->dil - p->pad;
            met += h >= 0 && h < p->h;
        }
    double here = (double) (p->q.c_blocks * LANES) * (double) (p->oh * p->r);
    return taps_of(p) > 1 && 0.85 * here <= (double) p->q.c * (double) met;
}

struct taps_dw *taps_dw_create(lbk_drv *d, const struct lbk_group *g, lbk_shape x)
{
    const struct lbk_conv2d_to *q = g->params;
    lbk_shape w = g->acc;
    bool mine =
        q->groups <= 1 && x.d[1] > CONV_FEW && w.d[0] > CONV_FEW && w.d[2] * w.d[3] <= TAPS_MOST;
    struct taps_dw *p = mine ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    set_sizes(p, g, x, g->arg[cpu_plain_operand(g, 1)].shape);
    p->plain = cpu_plain_operand(g, 0) >= 0;
    set_chunk(p);
    if (pays(p) && (p->plain || cpu_operand_compile(d, &p->x, g, 0, x)))
        return p;
    free(p);
    return NULL;
}

void taps_dw_destroy(struct taps_dw *p) { free(p); }

static int64_t copy_floats(const struct taps_dw *p)
{
    int64_t runs = least(p->chunk, p->chunk / p->ow + 2);
    return cpu_up(runs * (taps_of(p) + 1) * (int64_t) sizeof(struct tap_copy) / 4, LANES);
}
static int64_t worker_floats(const struct taps_dw *p)
{
    return taps_of(p) * p->v_step + p->q.k_part * p->chunk * LANES + copy_floats(p) +
           p->x_rows * p->w * LANES + LANES;
}
size_t taps_dw_scratch(const struct taps_dw *p, int threads)
{
    return (size_t) (dw_parts_floats(&p->q) + worker_floats(p) * threads) * sizeof(float);
}

struct task {
    const struct job *j;
    struct dw_part q;
    float *v, *d, *x;
    struct tap_copy *copy; /* of x, then of dy */
    int64_t n_x, n_dy;
};

/* n pixels of row i of dy from column j on, for each tap. */
static void add_run(struct task *k, int64_t image, int64_t i, int64_t j, int64_t n, int64_t at)
{
    const struct taps_dw *p = k->j->p;
    struct tap_copy *c = k->copy + k->n_x;
    for (int64_t t = 0; t < taps_of(p); t++, c++) {
        int64_t h = i * p->stride + t / p->s * p->dil - p->pad;
        int64_t v = j * p->stride + t % p->s * p->dil - p->pad;
        *c = (struct tap_copy){ .row = h, .image = image, .tap = t, .at = at };
        c->n = n;
        c->x = ((image * p->q.c_blocks * p->h + h) * p->w + v) * LANES;
        inside(v, p->stride, p->w, n, &c->lo, &c->hi);
        if (h < 0 || h >= p->h)
            c->lo = c->hi = 0;
    }
    k->n_x += taps_of(p);
}

/* Pixels [t, t + n) of dy, in order: images, rows, columns. */
static void list_copies(struct task *k, int64_t t, int64_t n)
{
    const struct taps_dw *p = k->j->p;
    int64_t runs = least(p->chunk, p->chunk / p->ow + 2), plane = p->oh * p->ow;
    struct tap_copy *dy = k->copy + runs * taps_of(p);
    k->n_x = k->n_dy = 0;
    for (int64_t at = 0, run; at < n; at += run) {
        int64_t image = (t + at) / plane, pixel = (t + at) % plane, j = pixel % p->ow;
        run = least(n - at, p->ow - j);
        add_run(k, image, pixel / p->ow, j, run, at);
        dy[k->n_dy++] = (struct tap_copy){
            .x = (image * p->q.k_blocks * plane + pixel) * LANES, .at = at, .n = run, .hi = run
        };
    }
}

/* Copies of one image, of x as an expression: the rows they read are computed first. */
static void gather_run(const struct task *k, struct tap_copies *t, int64_t cb)
{
    const struct taps_dw *p = k->j->p;
    int64_t image = t->copy->image * p->q.c_blocks * p->h * p->w * LANES, row = p->w * LANES;
    int64_t from = p->h, to = 0;
    for (int64_t i = 0; i < t->n; i++)
        if (t->copy[i].lo < t->copy[i].hi) {
            from = least(from, t->copy[i].row);
            to = most(to, t->copy[i].row + 1);
        }
    if (from < to)
        cpu_expr_run(&p->x, k->j->arg, NULL, (float *const[]){ k->x },
                     image + (cb * p->h + from) * row, (to - from) * row);
    t->from = k->x;
    t->shift = image + from * row;
    k->j->l->gather(t);
}

static void gather_x(const struct task *k)
{
    const struct taps_dw *p = k->j->p;
    struct tap_copies t = { .step = p->stride * LANES, .to_step = p->v_step };
    for (int64_t cb = k->q.c0; cb < k->q.c1; cb++) {
        t.to = k->v + (cb - k->q.c0) * p->chunk * LANES;
        for (int64_t i = 0; i < k->n_x; i += t.n) {
            t.copy = k->copy + i, t.n = k->n_x;
            if (p->plain) {
                t.from = k->j->x + cb * p->h * p->w * LANES;
                k->j->l->gather(&t);
                continue;
            }
            for (t.n = 1; i + t.n < k->n_x && t.copy[t.n].image == t.copy->image;)
                t.n++;
            gather_run(k, &t, cb);
        }
    }
}

static void gather_dy(const struct task *k)
{
    const struct taps_dw *p = k->j->p;
    int64_t runs = least(p->chunk, p->chunk / p->ow + 2);
    struct tap_copies t = { .copy = k->copy + runs * taps_of(p), .n = k->n_dy, .step = LANES };
    for (int64_t kb = k->q.k0; kb < k->q.k1; kb++) {
        t.from = k->j->dy + kb * p->oh * p->ow * LANES;
        t.to = k->d + (kb - k->q.k0) * p->chunk * LANES;
        k->j->l->gather(&t);
    }
}

static void add_chunk(struct task *k, int64_t t, int64_t n, bool first)
{
    const struct taps_dw *p = k->j->p;
    list_copies(k, t, n);
    gather_x(k);
    gather_dy(k);
    struct wino_product q = { .v = k->v,
                              .d = k->d,
                              .u = k->q.u,
                              .v_step = p->v_step,
                              .u_step = p->q.u_step,
                              .v_block = p->chunk * LANES,
                              .d_block = p->chunk * LANES,
                              .freqs = taps_of(p),
                              .c_blocks = k->q.c1 - k->q.c0,
                              .k_blocks = k->q.k1 - k->q.k0,
                              .n = n,
                              .first = first };
    k->j->l->product(&q);
}

static void sum_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct taps_dw *p = j->p;
    struct task k = { .j = j, .q = dw_part_of(&p->q, i, p->pixels, j->sums) };
    k.v = j->scratch + worker * worker_floats(p);
    k.d = k.v + taps_of(p) * p->v_step;
    k.copy = (struct tap_copy *) (k.d + p->q.k_part * p->chunk * LANES);
    k.x = k.d + p->q.k_part * p->chunk * LANES + copy_floats(p);
    for (int64_t t = k.q.begin; t < k.q.end; t += p->chunk)
        add_chunk(&k, t, least(p->chunk, k.q.end - t), t == k.q.begin);
}

static void weight_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct dw_parts *q = &j->p->q;
    const struct wino_weights w = dw_parts_weights(q, i, j->sums, 0, q->freqs, j->out);
    j->l->weights(&w);
}

void taps_dw_launch(lbk_drv *d, const struct taps_dw *p, const struct lbk_group *g)
{
    struct job j = { .p = p, .l = winograd_dw_loops_of[d->isa], .out = cpu_f32(&g->out[0]) };
    for (int i = 0; i < g->n_arg; i++)
        j.arg[i] = cpu_f32(&g->arg[i]);
    j.x = p->plain ? j.arg[cpu_plain_operand(g, 0)] : NULL;
    j.dy = j.arg[cpu_plain_operand(g, 1)];
    j.sums = cpu_f32(&g->scratch);
    j.scratch = j.sums + dw_parts_floats(&p->q);
    cpu_run(d, dw_parts_tasks(&p->q), sum_task, &j);
    cpu_run(d, p->q.c_blocks * p->q.k_blocks, weight_task, &j);
}
