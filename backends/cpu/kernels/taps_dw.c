/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "conv.h"
#include "sizes.h"
#include "taps_dw.h"
#include "winograd_dw.h"

/* A task is a slot of pixels of dy, and a part of the channels of x and of dy so small that its
 * sums and what it gathers for a chunk of pixels stay in the second cache. */
enum {
    LANES = CPU_BLOCK,
    PART_BLOCKS = 4,
    SLOTS = 32,
    SLOT_PIXELS = 512,
    FEW_PIXELS = 128,
    FEW_TASKS = 4,
    SLOT_BYTES = 8 << 20,
    CHUNK_LEAST = 32,
    CHUNK_MOST = 256,
    CHUNK_BYTES = 512 << 10,
    TASKS = 16,
    TAPS_MOST = 25
};
CPU_LOOPS(winograd_dw_loops);

struct taps_dw {
    int64_t n, c, h, w, k, oh, ow, r, s, stride, dil, pad;
    int64_t c_blocks, k_blocks, c_parts, k_parts, c_part, k_part; /* blocks of a part, at most */
    int64_t pixels, slots, chunk;                                 /* pixels: of dy */
    int64_t v_step, u_step, x_rows;
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

/* An odd number of cache lines, so that steps between taps do not meet in one set. */
static int64_t odd_lines(int64_t floats) { return (floats / LANES | 1) * LANES; }
static int64_t taps_of(const struct taps_dw *p) { return p->r * p->s; }

static void set_sizes(struct taps_dw *p, const struct lbk_group *g, lbk_shape x, lbk_shape dy)
{
    const struct lbk_conv2d_to *q = g->params;
    p->n = x.d[0], p->c = x.d[1], p->h = x.d[2], p->w = x.d[3];
    p->k = dy.d[1], p->oh = dy.d[2], p->ow = dy.d[3];
    p->r = g->acc.d[2], p->s = g->acc.d[3];
    p->stride = most(1, q->stride), p->dil = most(1, q->dilation), p->pad = q->pad;
    p->pixels = p->n * p->oh * p->ow;
    p->c_blocks = cpu_blocks(p->c);
    p->k_blocks = cpu_blocks(p->k);
}

static void set_parts(struct taps_dw *p)
{
    p->c_parts = up_div(p->c_blocks, PART_BLOCKS);
    p->k_parts = up_div(p->k_blocks, PART_BLOCKS);
    p->c_part = up_div(p->c_blocks, p->c_parts);
    p->k_part = up_div(p->k_blocks, p->k_parts);
    int64_t pixel = LANES * 4 * (taps_of(p) * p->c_part + p->k_part);
    p->chunk = most(CHUNK_LEAST, least(CHUNK_MOST, CHUNK_BYTES / pixel));
    p->v_step = odd_lines(p->c_part * p->chunk * LANES);
    p->u_step = odd_lines(p->c_part * p->k_part * LANES * LANES);
    int64_t rows = (p->chunk / p->ow + 1) * p->stride + (p->r - 1) * p->dil + 1;
    p->x_rows = p->plain ? 0 : least(p->h, rows);
}

static void set_slots(struct taps_dw *p)
{
    int64_t parts = p->c_parts * p->k_parts, bytes = parts * taps_of(p) * p->u_step * 4;
    p->slots = 1;
    for (int64_t s = 2; s <= SLOTS && s * parts <= TASKS && s * bytes <= SLOT_BYTES; s *= 2)
        if (p->pixels >= s * (s * parts <= FEW_TASKS ? FEW_PIXELS : SLOT_PIXELS))
            p->slots = s;
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
    double here = (double) (p->c_blocks * LANES) * (double) (p->oh * p->r);
    return taps_of(p) > 1 && 0.85 * here <= (double) p->c * (double) met;
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
    set_parts(p);
    set_slots(p);
    if (pays(p) && (p->plain || cpu_operand_compile(d, &p->x, g, 0, x)))
        return p;
    free(p);
    return NULL;
}

void taps_dw_destroy(struct taps_dw *p) { free(p); }

static int64_t sums_floats(const struct taps_dw *p)
{
    return p->slots * p->c_parts * p->k_parts * taps_of(p) * p->u_step;
}
static int64_t copy_floats(const struct taps_dw *p)
{
    int64_t runs = least(p->chunk, p->chunk / p->ow + 2);
    return cpu_up(runs * (taps_of(p) + 1) * (int64_t) sizeof(struct tap_copy) / 4, LANES);
}
static int64_t worker_floats(const struct taps_dw *p)
{
    return taps_of(p) * p->v_step + p->k_part * p->chunk * LANES + copy_floats(p) +
           p->x_rows * p->w * LANES + LANES;
}
size_t taps_dw_scratch(const struct taps_dw *p, int threads)
{
    return (size_t) (sums_floats(p) + worker_floats(p) * threads) * sizeof(float);
}

struct task {
    const struct job *j;
    int64_t c0, c1, k0, k1; /* blocks */
    float *v, *d, *u, *x;
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
        c->x = ((image * p->c_blocks * p->h + h) * p->w + v) * LANES;
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
            .x = (image * p->k_blocks * plane + pixel) * LANES, .at = at, .n = run, .hi = run
        };
    }
}

/* Copies of one image, of x as an expression: the rows they read are computed first. */
static void gather_run(const struct task *k, struct tap_copies *t, int64_t cb)
{
    const struct taps_dw *p = k->j->p;
    int64_t image = t->copy->image * p->c_blocks * p->h * p->w * LANES, row = p->w * LANES;
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
    for (int64_t cb = k->c0; cb < k->c1; cb++) {
        t.to = k->v + (cb - k->c0) * p->chunk * LANES;
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
    for (int64_t kb = k->k0; kb < k->k1; kb++) {
        t.from = k->j->dy + kb * p->oh * p->ow * LANES;
        t.to = k->d + (kb - k->k0) * p->chunk * LANES;
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
                              .u = k->u,
                              .v_step = p->v_step,
                              .u_step = p->u_step,
                              .v_block = p->chunk * LANES,
                              .d_block = p->chunk * LANES,
                              .freqs = taps_of(p),
                              .c_blocks = k->c1 - k->c0,
                              .k_blocks = k->k1 - k->k0,
                              .n = n,
                              .first = first };
    k->j->l->product(&q);
}

static void sum_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct taps_dw *p = j->p;
    int64_t parts = p->c_parts * p->k_parts, part = i % parts, slot = i / parts;
    int64_t cp = part / p->k_parts, kp = part % p->k_parts;
    struct task k = { .j = j, .u = j->sums + i * taps_of(p) * p->u_step };
    k.c0 = cp * p->c_part, k.c1 = least(p->c_blocks, k.c0 + p->c_part);
    k.k0 = kp * p->k_part, k.k1 = least(p->k_blocks, k.k0 + p->k_part);
    k.v = j->scratch + worker * worker_floats(p);
    k.d = k.v + taps_of(p) * p->v_step;
    k.copy = (struct tap_copy *) (k.d + p->k_part * p->chunk * LANES);
    k.x = k.d + p->k_part * p->chunk * LANES + copy_floats(p);
    int64_t begin = cpu_part(p->pixels, p->slots, slot),
            end = cpu_part(p->pixels, p->slots, slot + 1);
    for (int64_t t = begin; t < end; t += p->chunk)
        add_chunk(&k, t, least(p->chunk, end - t), t == begin);
}

static void weight_task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const struct taps_dw *p = j->p;
    int64_t kb = i / p->c_blocks, cb = i % p->c_blocks, taps = taps_of(p);
    int64_t cp = cb / p->c_part, kp = kb / p->k_part;
    int64_t c_here = least(p->c_blocks, (cp + 1) * p->c_part) - cp * p->c_part;
    struct wino_weights w = {
        .u = j->sums + (cp * p->k_parts + kp) * taps * p->u_step +
             (kb % p->k_part * c_here + cb % p->c_part) * LANES * LANES,
        .u_step = p->u_step,
        .slot_step = p->c_parts * p->k_parts * taps * p->u_step,
        .slots = (int) p->slots,
        .taps = (int) taps,
        .w = j->out + (kb * LANES * p->c + cb * LANES) * taps,
        .w_lane = p->c * taps,
        .channels = (int) least(LANES, p->c - cb * LANES),
        .lanes = (int) least(LANES, p->k - kb * LANES),
    };
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
    j.scratch = j.sums + sums_floats(p);
    cpu_run(d, p->slots * p->c_parts * p->k_parts, sum_task, &j);
    cpu_run(d, p->c_blocks * p->k_blocks, weight_task, &j);
}
