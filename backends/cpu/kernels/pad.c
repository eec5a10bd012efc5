/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "plane.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    if (g->arg[0].dtype == LBK_F32)
        o->want_arg[0] = o->want_out[0] = CPU_ANY;
    return cpu_is_cblk(&g->arg[0]) == cpu_is_cblk(&g->out[0]);
}

struct job {
    const struct lbk_pad *p;
    const char *x;
    char *y;
    int64_t h, w, oh, ow, rows, per_task;
    size_t pixel; /* bytes of a pixel: one element, or a block of channels */
};

static void border(const struct job *j, char *y, const char *x, int64_t from, int64_t to)
{
    for (int64_t k = from; k < to; k++) {
        const struct window v = plane_pad.window(j->p, k, j->ow, j->w, true);
        if (v.lo == v.hi)
            memset(y + (size_t) k * j->pixel, 0, j->pixel);
        else
            memcpy(y + (size_t) k * j->pixel, x + (size_t) v.lo * j->pixel, j->pixel);
    }
}

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * j->per_task < j->rows ? (i + 1) * j->per_task : j->rows;
    for (int64_t r = i * j->per_task; r < stop; r++) {
        char *y = j->y + (size_t) (r * j->ow) * j->pixel;
        const struct window v = plane_pad.window(j->p, r % j->oh, j->oh, j->h, false);
        if (v.lo == v.hi) {
            memset(y, 0, (size_t) j->ow * j->pixel);
            continue;
        }
        const char *x = j->x + (size_t) ((r / j->oh * j->h + v.lo) * j->w) * j->pixel;
        border(j, y, x, 0, j->p->left);
        memcpy(y + (size_t) j->p->left * j->pixel, x, (size_t) j->w * j->pixel);
        border(j, y, x, j->p->left + j->w, j->ow);
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    static const uint8_t width[] = { [LBK_F32] = 4, [LBK_F16] = 2, [LBK_I32] = 4, [LBK_U8] = 1 };
    const struct lbk_arg *x = &g->arg[0], *y = &g->out[0];
    struct job j = { .p = g->params,
                     .x = cpu_ptr(x),
                     .y = cpu_ptr(y),
                     .h = x->shape.d[2],
                     .w = x->shape.d[3],
                     .oh = y->shape.d[2],
                     .ow = y->shape.d[3],
                     .pixel = width[y->dtype] * (cpu_is_cblk(y) ? CPU_BLOCK : 1u) };
    j.rows = plane_count(y) * j.oh;
    j.per_task = 1 + 65536 / (j.ow * (int64_t) j.pixel + 1);
    cpu_run(d, (j.rows + j.per_task - 1) / j.per_task, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_pad = { .op = "pad", .supports = supports, .launch = launch };
