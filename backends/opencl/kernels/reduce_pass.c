/* SPDX-License-Identifier: MIT */
/* How a reduction is cut into passes. */
#include <string.h>
#include "reduce.h"

enum { WIDE_TILE = 16, TILE_TILE = 32 };
/* Elements of a slot: what a task is worth, and as many as a float sums well in a few chains. */
static const int64_t chunk_of[OCL_FAMILIES] = { [OCL_WIDE] = 16384, [OCL_TILE] = 8192 };

static int64_t tile_of(enum ocl_family family, int64_t inner)
{
    int64_t t = 1;
    while (family == OCL_TILE && t < inner && t < TILE_TILE)
        t *= 2;
    return family == OCL_TILE ? t : WIDE_TILE;
}

static int gone_before(const struct ocl_walk *w, int i)
{
    do
        i--;
    while (i >= 0 && !w->axis[i].gone);
    return i;
}

static int64_t parts(int64_t n, int64_t each) { return (n + each - 1) / each; }

static void choose_slots(struct ocl_pass *p, int64_t chunk, int64_t side)
{
    const int64_t row = side > 0 ? side : 1, run = row * p->n_rows;
    p->slots = 1;
    if (p->n_runs * run < 2 * chunk)
        return;
    if (p->n_runs > 1) {
        p->slot_runs = run < chunk ? chunk / run : 1;
        p->slots = parts(p->n_runs, p->slot_runs);
    } else {
        p->slot_rows = chunk / row;
        p->slots = parts(p->n_rows, p->slot_rows);
    }
}

void ocl_pass_choose(enum ocl_family family, const struct ocl_walk *w, struct ocl_pass *p)
{
    const int rows = gone_before(w, w->n_axis);
    const bool along = w->n_axis == 0 || rows == w->n_axis - 1;
    *p = (struct ocl_pass){ .rows = rows, .runs = -1, .inner = along ? -1 : w->n_axis - 1 };
    p->n_rows = rows < 0 ? 1 : w->axis[rows].n;
    p->n_inner = along ? 1 : w->axis[p->inner].n;
    p->tile = along ? 1 : tile_of(family, p->n_inner);
    p->tiles = parts(p->n_inner, p->tile);
    const int64_t side = p->n_inner < p->tile ? p->n_inner : p->tile;
    if (rows >= 0 && p->n_rows * side < chunk_of[family])
        p->runs = gone_before(w, rows);
    p->n_runs = p->runs < 0 ? 1 : w->axis[p->runs].n;
    p->outer = 1;
    p->last = !w->fold;
    for (int i = 0; i < w->n_axis; i++) {
        if (i == p->rows || i == p->runs || i == p->inner)
            continue;
        p->kept[p->n_kept++] = i;
        p->outer *= w->axis[i].n;
        p->last &= !w->axis[i].gone;
    }
    choose_slots(p, chunk_of[family], side);
    p->last &= p->slots == 1;
}

static int planes_of(enum ocl_reduce kind)
{
    return kind == OCL_STATS || kind == OCL_MERGE ? 3 : kind == OCL_SUMS ? 2 : 1;
}

static int64_t plane_of(const struct ocl_pass *p) { return p->outer * p->slots * p->n_inner; }

size_t ocl_pass_bytes(const struct ocl_walk *w, const struct ocl_pass *p)
{
    return (size_t) planes_of(w->kind) * (size_t) ocl_up(plane_of(p), OCL_BLOCK) * sizeof(float);
}

/* In front of the axes that are there already: axes are added from the innermost one on. */
static void push(struct ocl_walk *w, int64_t n, bool gone, int64_t *step)
{
    struct ocl_axis a = { .n = n, .gone = gone };
    for (int k = 0; k < w->n_source; k++)
        a.step[k] = *step;
    *step *= n;
    if (n == 1)
        return;
    if (w->n_axis && w->axis[0].gone == gone) {
        w->axis[0].n *= n;
        return;
    }
    memmove(w->axis + 1, w->axis, sizeof *w->axis * (size_t) w->n_axis++);
    w->axis[0] = a;
}

/* Blocks of channels become an axis that goes. */
static void fold(struct ocl_walk *w)
{
    int64_t all = 1, step = 1;
    const int64_t padded = ocl_up(w->channels, OCL_BLOCK);
    for (int i = 0; i < w->n_axis; i++)
        all *= w->axis[i].n;
    w->n_axis = 0;
    push(w, w->channels, true, &step);
    step = padded;
    push(w, all / padded, false, &step);
    w->channels = 0, w->fold = false;
}

void ocl_pass_next(const struct ocl_walk *w, const struct ocl_pass *p, size_t at,
                   struct ocl_walk *next)
{
    int64_t step = 1;
    const size_t plane = ocl_pass_bytes(w, p) / (size_t) planes_of(w->kind);
    const bool stats = w->kind == OCL_STATS || w->kind == OCL_MERGE;
    bool more = p->slots > 1;
    *next = (struct ocl_walk){ .kind = stats                 ? OCL_MERGE
                                       : w->kind == OCL_SUMS ? OCL_SUM
                                                             : w->kind,
                               .n_source = stats ? 3 : 1,
                               .channels = w->channels,
                               .fold = w->fold };
    for (int k = 0; k < next->n_source; k++)
        next->source[k] = (struct ocl_source){
            .used = true, .arg = -1, .at = at + (size_t) k * plane, .limit = plane_of(p)
        };
    push(next, p->n_inner, false, &step);
    push(next, p->slots, true, &step);
    for (int i = p->n_kept - 1; i >= 0; i--) {
        push(next, w->axis[p->kept[i]].n, w->axis[p->kept[i]].gone, &step);
        more |= w->axis[p->kept[i]].gone;
    }
    if (w->kind == OCL_SUMS) {
        step = (int64_t) (plane / sizeof(float));
        next->source[0].limit = 2 * step;
        memmove(next->axis + 1, next->axis, sizeof *next->axis * (size_t) next->n_axis++);
        next->axis[0] = (struct ocl_axis){ .n = 2, .step = { step } };
    }
    if (!more && next->fold)
        fold(next);
}
