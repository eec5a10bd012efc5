/* SPDX-License-Identifier: MIT */
#include "similarity.h"
#include <stdlib.h>
#include <string.h>

CPU_LOOPS(similarity_loops);

static bool is_dx(const struct lbk_group *g) { return !strcmp(g->op->name, "similarity_dx"); }

/* Floats of one worker. */
static int64_t room(const struct lbk_group *g)
{
    const lbk_shape s = g->acc;
    return CPU_BLOCK * s.d[3] *
           (SIMILARITY_ROWS * SIMILARITY_FIELDS + (is_dx(g) ? SIMILARITY_SLOPES * s.d[2] : 0));
}

int similarity_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    for (int i = 0; i < g->n_arg; i++)
        o->want_arg[i] = CPU_CBLK;
    o->want_out[0] = CPU_CBLK;
    o->scratch = sizeof(float) * (size_t) (d->threads * room(g));
    return 1;
}

/* ---- windows ---- */

struct own {
    struct pairs row, column, up, across;
};

static void pairs_free(struct pairs *p) { free(p->first), free(p->index), free(p->weight); }

/* What is there already gets the weight as well. */
static void add(struct pairs *p, int64_t pair, int which, int32_t index, float weight)
{
    int32_t k = p->first[pair];
    while (k < p->first[pair + 1] && p->index[k] != index)
        k++;
    if (k == p->first[pair + 1]) {
        p->index[k] = index;
        p->weight[2 * k] = p->weight[2 * k + 1] = 0;
        p->first[pair + 1]++;
    }
    p->weight[2 * k + which] += weight;
}

static bool pairs_of(struct pairs *p, const struct taps *t)
{
    const size_t all = (size_t) t->first[t->n] + 1;
    const int64_t n = (t->n + 1) / 2;
    p->first = calloc((size_t) n + 1, sizeof *p->first);
    p->index = calloc(all, sizeof *p->index);
    p->weight = calloc(2 * all, sizeof *p->weight);
    if (!p->first || !p->index || !p->weight)
        return false;
    for (int64_t k = 0; k < t->n; k++) {
        if (k % 2 == 0)
            p->first[k / 2 + 1] = p->first[k / 2];
        for (int32_t i = t->first[k]; i < t->first[k + 1]; i++)
            add(p, k / 2, k % 2, t->index[i], t->weight[i]);
    }
    return true;
}

static bool make(struct pairs *p, const struct plane_kind *kind, const struct lbk_blur *blur,
                 int64_t n, bool column)
{
    struct taps t;
    const bool ok = taps_init(&t, kind, blur, n, n, column) && pairs_of(p, &t);
    taps_free(&t);
    return ok;
}

void similarity_release(void *own)
{
    struct own *c = own;
    if (!c)
        return;
    pairs_free(&c->row), pairs_free(&c->column);
    pairs_free(&c->up), pairs_free(&c->across);
    free(c);
}

lbk_status similarity_prepare(lbk_drv *d, const struct lbk_group *g, void **own)
{
    const struct lbk_similarity *p = g->params;
    const struct lbk_blur blur = { p->kernel, p->sigma };
    const int64_t h = g->acc.d[2], w = g->acc.d[3];
    struct own *c = calloc(1, sizeof *c);
    const bool ok = c && make(&c->row, &plane_blur, &blur, h, false) &&
                    make(&c->column, &plane_blur, &blur, w, true) &&
                    make(&c->up, &plane_blur_dx, &blur, h, false) &&
                    make(&c->across, &plane_blur_dx, &blur, w, true);
    if (!ok) {
        similarity_release(c);
        return lbk_fail(d->ctx, LBK_ENOMEM, "cpu device: no memory for the windows of %s",
                        g->op->name);
    }
    *own = c;
    return LBK_OK;
}

/* ---- planes ---- */

struct job {
    struct similarity_plane plane; /* the first */
    const struct similarity_loops *loops;
    float *scratch;
    int64_t channels, blocks, room;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    struct similarity_plane p = j->plane;
    const int64_t at = i * p.h * p.w * CPU_BLOCK, left = j->channels - i % j->blocks * CPU_BLOCK;
    p.a += at, p.b += at, p.y += at;
    p.dy = p.dy ? p.dy + at : NULL;
    p.lanes = left < CPU_BLOCK ? (int) left : CPU_BLOCK;
    p.line = j->scratch + worker * j->room;
    p.slopes = p.line + SIMILARITY_ROWS * SIMILARITY_FIELDS * p.w * CPU_BLOCK;
    j->loops->run(&p);
}

lbk_status similarity_launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct own *c = own;
    const struct lbk_similarity *p = g->params;
    const float *arg[3] = { NULL };
    for (int i = 0; i < g->n_operand; i++)
        arg[i] = cpu_f32(&g->arg[cpu_plain_operand(g, i)]);
    struct job j = { .loops = similarity_loops_of[d->isa],
                     .scratch = cpu_ptr(&g->scratch),
                     .channels = g->acc.d[1],
                     .blocks = cpu_blocks(g->acc.d[1]),
                     .room = room(g) };
    j.plane = (struct similarity_plane){ .a = arg[0],
                                         .b = arg[1],
                                         .dy = arg[2],
                                         .y = cpu_f32(&g->out[0]),
                                         .h = g->acc.d[2],
                                         .w = g->acc.d[3],
                                         .row = &c->row,
                                         .column = &c->column,
                                         .up = &c->up,
                                         .across = &c->across,
                                         .c1 = (float) p->c1,
                                         .c2 = (float) p->c2 };
    cpu_run(d, g->acc.d[0] * j.blocks, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_similarity = { .op = "similarity",
                                                  .supports = similarity_supports,
                                                  .prepare = similarity_prepare,
                                                  .launch = similarity_launch,
                                                  .release = similarity_release };
