/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "conv.h"
#include "depthwise.h"
#include "sizes.h"

/* Images are dealt out to slots, a number that depends on shapes alone; each sums its images in
 * order, and the slots are added by a fixed tree. */
enum { LANES = CPU_BLOCK };
CPU_LOOPS(conv_loops);

struct job {
    const struct depthwise *p;
    const struct depth_in *in;
    const struct conv_loops *l;
    const float *dy;
    float *sums, *scratch, *out; /* sums: [slot][block][tap][16] */
};

static int64_t sum_floats(const struct depthwise *p) { return p->blocks * p->t.n_tap * LANES; }

size_t depthwise_dw_floats(const struct depthwise *p, int threads)
{
    return (size_t) (p->slots * sum_floats(p) + depth_ring_floats(p) * threads);
}

/* Rows [i, end) of dy, one row of taps at a time: more sums than registers would cost more. */
static void add_rows(const struct job *j, const struct depth_ring *ring, int64_t plane, int64_t i,
                     int64_t end, float *sum)
{
    const struct conv_taps *t = &j->p->t;
    const int64_t across = t->phase->across;
    const float *x[DEPTH_STEP_MOST];
    struct depth_sum s = {
        .x = x,
        .across = (int) across,
        .x_step = t->is * LANES,
        .dy = j->dy + (plane * t->oh + i) * t->ow * LANES,
        .dy_gap = t->ow * LANES,
        .rows = end - i,
        .cols = t->ow,
    };
    for (int64_t k = 0; k < t->n_tap; k += across) {
        for (int64_t r = i; r < end; r++)
            x[r - i] = depth_ring_row(j->p, ring, r * t->is + t->tap[k].dh);
        s.off = j->p->off + k;
        s.sum = sum + k * LANES;
        j->in->l->sum(&s);
    }
}

static void sum_task(void *arg, int64_t task, int worker)
{
    const struct job *j = arg;
    const struct depthwise *p = j->p;
    const int64_t slot = task / p->blocks, block = task % p->blocks, rows = p->t.rows;
    float *sum = j->sums + slot * sum_floats(p) + block * p->t.n_tap * LANES;
    float *scratch = j->scratch + worker * depth_ring_floats(p);
    memset(sum, 0, (size_t) (p->t.n_tap * LANES) * sizeof *sum);
    for (int64_t n = cpu_part(p->t.n, p->slots, slot); n < cpu_part(p->t.n, p->slots, slot + 1);
         n++) {
        struct depth_ring ring;
        depth_ring_begin(p, &ring, scratch);
        for (int64_t i = 0; i < rows; i += p->step) {
            const int64_t plane = n * p->blocks + block;
            depth_ring_fill(j->in, &ring, plane, i * p->t.is + p->ring);
            add_rows(j, &ring, plane, i, least(i + p->step, rows), sum);
        }
    }
}

static void combine_task(void *arg, int64_t block, int worker)
{
    const struct job *j = arg;
    const struct conv_taps *t = &j->p->t;
    const int64_t all = sum_floats(j->p), n = t->n_tap * LANES;
    float *sum = j->sums + block * n;
    for (int64_t w = j->p->slots / 2; w > 0; w /= 2)
        for (int64_t s = 0; s < w; s++)
            j->l->add(sum + s * all, sum + (s + w) * all, n);
    for (int64_t lane = 0, c = block * LANES; lane < LANES && c < t->oc; lane++, c++)
        for (int64_t k = 0; k < t->n_tap; k++)
            j->out[c * t->w_group + t->tap[k].at] = sum[k * LANES + lane];
}

void depthwise_dw_launch(lbk_drv *d, const struct depthwise *p, const struct depth_in *in,
                         const struct lbk_group *g)
{
    struct job j = { .p = p, .in = in, .l = conv_loops_of[d->isa], .out = cpu_f32(&g->out[0]) };
    j.dy = in->arg[cpu_plain_operand(g, 1)];
    j.sums = cpu_f32(&g->scratch);
    j.scratch = j.sums + p->slots * sum_floats(p);
    cpu_run(d, p->slots * p->blocks, sum_task, &j);
    cpu_run(d, p->blocks, combine_task, &j);
}
