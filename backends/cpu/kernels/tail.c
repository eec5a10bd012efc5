/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "reduce.h"
#include "tail.h"

enum { LANES = CPU_BLOCK, PIECE = REDUCE_PIECE / LANES }; /* pixels whose sums are floats */

bool tail_fits(const struct lbk_group *g)
{
    return g->tail && g->out[0].shape.n == 4 && g->out[0].dtype == LBK_F32 &&
           lbk_shape_count(g->acc) > 0;
}

void tail_init(struct tail *t, const lbk_drv *d, const struct lbk_group *g, struct tail_slot *slot)
{
    const lbk_shape s = g->out[0].shape;
    *t = (struct tail){ .d = d, .kind = g->tail, .slot = slot };
    if (!slot)
        return;
    t->x = cpu_f32(&g->out[0]);
    t->out = cpu_f32(&g->out[g->n_out - 1]);
    t->channels = s.d[1], t->blocks = cpu_blocks(s.d[1]), t->plane = s.d[2] * s.d[3];
    if (g->tail != LBK_TAIL_BN_SUMS)
        return;
    t->y = cpu_f32(&g->arg[g->tail_arg[0]]);
    t->stats = cpu_f32(&g->arg[g->tail_arg[1]]);
    t->eps = ((const struct lbk_bn *) g->tail_params)->eps;
}

void tail_begin(struct tail_slot *s) { *s = (struct tail_slot){ .n = 0 }; }

void tail_add(const struct tail *t, struct tail_slot *s, int64_t at, int64_t n)
{
    const struct reduce_loops *loops = reduce_loops_at(t->d);
    float mean[LANES] = { 0 };
    struct reduce_leaf l = { .w = LANES, .a = s->a, .b = s->b, .before = s->n, .mean = mean };
    for (int64_t i = 0, c = at / t->plane % t->blocks * LANES; i < LANES; i++, c++)
        mean[i] = t->stats && c < t->channels ? t->stats[c] : 0;
    for (int64_t i = 0; i < n; i += l.rows, l.before += l.rows) {
        l.x = t->x + (at + i) * LANES;
        l.y = t->y ? t->y + (at + i) * LANES : NULL;
        l.rows = n - i < PIECE ? n - i : PIECE;
        if (t->kind == LBK_TAIL_BN_SUMS)
            loops->sums(&l);
        else
            loops->stats(&l);
    }
    s->n = l.before;
}

static void join_stats(struct tail_slot *s, const struct tail_slot *with)
{
    const double all = (double) (s->n + with->n), part = (double) with->n / all;
    for (int i = 0; with->n && i < LANES; i++) {
        const double d = with->a[i] - s->a[i];
        s->b[i] += with->b[i] + d * d * ((double) s->n * part);
        s->a[i] += d * part;
    }
    s->n += with->n;
}

static void join_sums(struct tail_slot *s, const struct tail_slot *with)
{
    for (int i = 0; i < LANES; i++)
        s->a[i] += with->a[i], s->b[i] += with->b[i];
    s->n += with->n;
}

struct job {
    const struct tail *t;
    int64_t slots;
};

static void store_block(void *arg, int64_t block, int worker)
{
    const struct job *j = arg;
    const struct tail *t = j->t;
    const bool sums = t->kind == LBK_TAIL_BN_SUMS;
    struct tail_slot *s = &t->slot[block];
    for (int64_t i = 1; i < j->slots; i++)
        (sums ? join_sums : join_stats)(s, &t->slot[i * t->blocks + block]);
    for (int64_t i = 0, c = block * LANES; i < LANES && c < t->channels; i++, c++) {
        const double by = sums ? sqrt((double) t->stats[t->channels + c] + t->eps) : (double) s->n;
        t->out[c] = (float) s->a[i];
        t->out[t->channels + c] = (float) (s->b[i] / by);
    }
}

void tail_store(lbk_drv *d, const struct tail *t, int64_t slots)
{
    struct job j = { t, slots };
    if (slots * t->blocks >= 512)
        cpu_run(d, t->blocks, store_block, &j);
    else
        for (int64_t b = 0; b < t->blocks; b++)
            store_block(&j, b, 0);
}
