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
    return CPU_BLOCK * s.d[3] * (SIMILARITY_FIELDS + (is_dx(g) ? SIMILARITY_SLOPES * s.d[2] : 0));
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

struct own {
    struct taps row, column, up, across;
};

void similarity_release(void *own)
{
    struct own *c = own;
    if (!c)
        return;
    taps_free(&c->row), taps_free(&c->column);
    taps_free(&c->up), taps_free(&c->across);
    free(c);
}

lbk_status similarity_prepare(lbk_drv *d, const struct lbk_group *g, void **own)
{
    const struct lbk_similarity *p = g->params;
    const struct lbk_blur blur = { p->kernel, p->sigma };
    const int64_t h = g->acc.d[2], w = g->acc.d[3];
    struct own *c = calloc(1, sizeof *c);
    const bool ok = c && taps_init(&c->row, &plane_blur, &blur, h, h, false) &&
                    taps_init(&c->column, &plane_blur, &blur, w, w, true) &&
                    taps_init(&c->up, &plane_blur_dx, &blur, h, h, false) &&
                    taps_init(&c->across, &plane_blur_dx, &blur, w, w, true);
    if (!ok) {
        similarity_release(c);
        return lbk_fail(d->ctx, LBK_ENOMEM, "cpu device: no memory for the windows of %s",
                        g->op->name);
    }
    *own = c;
    return LBK_OK;
}

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
    p.slopes = p.line + SIMILARITY_FIELDS * p.w * CPU_BLOCK;
    j->loops->run(&p);
}

lbk_status similarity_launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    const struct own *c = own;
    const struct lbk_similarity *p = g->params;
    const struct lbk_arg *arg[3] = { NULL };
    for (int i = 0; i < g->n_operand; i++)
        arg[i] = &g->arg[cpu_plain_operand(g, i)];
    struct job j = { .loops = similarity_loops_of[d->isa],
                     .scratch = cpu_ptr(&g->scratch),
                     .channels = g->acc.d[1],
                     .blocks = cpu_blocks(g->acc.d[1]),
                     .room = room(g) };
    j.plane = (struct similarity_plane){ .a = cpu_f32(arg[0]),
                                         .b = cpu_f32(arg[1]),
                                         .dy = arg[2] ? cpu_f32(arg[2]) : NULL,
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
