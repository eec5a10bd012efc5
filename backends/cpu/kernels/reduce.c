/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include "operand.h"
#include "reduce.h"

CPU_LOOPS(reduce_loops);

const struct reduce_loops *reduce_loops_at(const lbk_drv *d) { return reduce_loops_of[d->isa]; }

static bool full_arg(const struct lbk_arg *a, lbk_shape s)
{
    return a->shape.n == s.n && memcmp(a->shape.d, s.d, sizeof s.d[0] * (size_t) s.n) == 0;
}

/* Axes of the storage, outermost first: extent, and whether it is reduced. Neighbours of one kind
 * are merged. */
static int storage_axes(const struct reduce_plan *p, uint32_t axes, int64_t n[], bool gone[])
{
    int k = 0;
    for (int i = 0; i < p->shape.n + (p->blocked ? 1 : 0); i++) {
        int64_t d = i < p->shape.n ? p->shape.d[i] : CPU_BLOCK;
        bool g = i < p->shape.n && (axes >> i & 1);
        if (p->blocked && i == 1)
            d = cpu_blocks(d), g = false;
        if (d == 1 && i < p->shape.n)
            continue;
        if (k && gone[k - 1] == g && i < p->shape.n)
            n[k - 1] *= d;
        else
            n[k] = d, gone[k++] = g;
    }
    return k;
}

void reduce_plan(struct reduce_plan *p, lbk_shape shape, struct lbk_layout layout, uint32_t axes,
                 int n_val)
{
    int64_t n[LBK_MAX_DIMS + 1], step = 1, units = 1;
    bool gone[LBK_MAX_DIMS + 1];
    *p = (struct reduce_plan){ .shape = shape,
                               .blocked = layout.order == LBK_CBLK,
                               .columns = 1,
                               .rows = 1,
                               .n_runs = 1,
                               .n_val = n_val,
                               .count = 1 };
    p->fold = p->blocked && (axes & 2);
    for (int i = 0; i < shape.n; i++)
        p->count *= axes >> i & 1 ? shape.d[i] : 1;
    int k = storage_axes(p, axes, n, gone);
    if (k && !gone[k - 1])
        step = p->columns = n[--k];
    if (k && gone[k - 1])
        p->rows = n[--k], step *= p->rows;
    for (; k; step *= n[--k]) {
        if (gone[k - 1])
            p->gone[p->n_gone++] = (struct reduce_axis){ n[k - 1], step }, p->n_runs *= n[k - 1];
        else
            p->kept[p->n_kept++] = (struct reduce_axis){ n[k - 1], step }, units *= n[k - 1];
    }
    p->channels = p->blocked ? shape.d[1] : 0;
    p->tile = p->columns < REDUCE_WIDE ? p->columns : REDUCE_WIDE;
    p->tiles = p->tile ? (p->columns + p->tile - 1) / p->tile : 0;
    p->n_units = units * p->tiles;
    const int64_t each = p->n_runs * p->rows * p->tile / 32768;
    p->slots = p->n_units >= 64 || each < 2 ? 1 : each < 32 ? each : 32;
}

size_t reduce_scratch(const struct reduce_plan *p)
{
    if (p->slots == 1 && !p->fold)
        return 0;
    return sizeof(double) * (size_t) (p->n_units * p->slots * p->n_val * p->tile);
}

/* The first n operands can be read with their full args in that layout. */
static bool readable(lbk_drv *d, const struct lbk_group *g, int n, lbk_shape s,
                     struct lbk_layout layout)
{
    struct lbk_arg arg[LBK_ARG_MAX];
    struct cpu_expr x;
    memcpy(arg, g->arg, sizeof arg);
    for (int i = 0; i < g->n_arg; i++)
        if (full_arg(&arg[i], s))
            arg[i].layout = layout;
    for (int i = 0; i < n; i++) {
        const uint8_t last = (uint8_t) (g->operand[i].n - 1);
        lbk_shape other = { 0 };
        if (!operand_shape(g, i, &other) || other.n != s.n ||
            memcmp(other.d, s.d, sizeof s.d[0] * (size_t) s.n) ||
            !cpu_expr_compile(d, &x, &g->operand[i], g->n_arg, arg, s, layout, 1, &last, 0))
            return false;
    }
    return true;
}

bool reduce_offer(lbk_drv *d, const struct lbk_group *g, int n, uint32_t axes, int n_val,
                  struct lbk_offer *o)
{
    lbk_shape s = { 0 };
    struct reduce_plan p;
    if (!cpu_plain_epi(g) || !operand_shape(g, 0, &s) || !readable(d, g, n, s, CPU_ROW))
        return false;
    const bool blocks = s.n == 4 && (axes & 12) == 12 && readable(d, g, n, s, CPU_CBLK);
    for (int i = 0; i < g->n_arg; i++)
        if (full_arg(&g->arg[i], s))
            o->want_arg[i] = blocks ? CPU_ANY : CPU_ROW;
    reduce_plan(&p, s, CPU_ROW, axes, n_val);
    o->scratch = reduce_scratch(&p);
    if (blocks) { /* asked before layouts are known, too: the larger */
        reduce_plan(&p, s, CPU_CBLK, axes, n_val);
        const size_t b = reduce_scratch(&p);
        o->scratch = b > o->scratch ? b : o->scratch;
    }
    return true;
}

/* Offset of position i among axes that are listed innermost first. */
static int64_t offset_of(const struct reduce_axis a[], int n, int64_t i)
{
    int64_t at = 0;
    for (int k = 0; k < n; k++) {
        at += i % a[k].n * a[k].step;
        i /= a[k].n;
    }
    return at;
}

/* Rows of one contiguous piece. */
static int64_t piece_rows(const struct reduce_job *j)
{
    const struct reduce_plan *p = &j->p;
    bool plain = true;
    for (int i = 0; i < j->n_operand; i++)
        plain = plain && j->x[i].plain;
    const int64_t n = (plain ? REDUCE_PIECE : CPU_CHUNK) / p->tile;
    return p->tiles > 1 || n < 1 ? 1 : n;
}

static int64_t slot_begin(const struct reduce_plan *p, int64_t slot)
{
    return cpu_part(p->n_runs * p->rows, p->slots, slot);
}

/* One slot of one unit, into v: n_val x tile, of which w columns are there. */
static void slot(const struct reduce_job *j, int64_t unit, int64_t s, double *v, int w)
{
    const struct reduce_plan *p = &j->p;
    _Alignas(CPU_ALIGN) float buf[2][CPU_CHUNK];
    const int64_t kept = unit / p->tiles, column = unit % p->tiles * p->tile;
    const int64_t base = offset_of(p->kept, p->n_kept, kept) + column, most = piece_rows(j),
                  stop = slot_begin(p, s + 1);
    const int64_t mean = p->blocked     ? kept % cpu_blocks(p->channels) * CPU_BLOCK
                         : p->tile == 1 ? kept
                                        : column;
    struct reduce_leaf l = {
        .w = w, .a = v, .b = v + p->tile, .mean = j->mean ? j->mean + mean : NULL
    };
    for (int64_t at = slot_begin(p, s); at < stop; at += l.rows) {
        const int64_t run = at / p->rows, row = at % p->rows;
        l.rows = p->rows - row < most ? p->rows - row : most;
        l.rows = stop - at < l.rows ? stop - at : l.rows;
        const int64_t from = base + offset_of(p->gone, p->n_gone, run) + row * p->columns;
        const int n = (int) (p->tiles > 1 ? w : l.rows * w);
        l.x = cpu_expr_values(&j->x[0], j->arg, buf[0], from, n);
        l.y = j->n_operand > 1 ? cpu_expr_values(&j->x[1], j->arg, buf[1], from, n) : NULL;
        j->leaf(&l);
        l.before += l.rows;
    }
}

static int unit_width(const struct reduce_plan *p, int64_t unit)
{
    const int64_t left = p->columns - unit % p->tiles * p->tile;
    return (int) (left < p->tile ? left : p->tile);
}

static void begin_values(const struct reduce_job *j, double *v, int n)
{
    for (int i = 0; i < n; i++)
        v[i] = j->start;
}

static double *part_of(const struct reduce_job *j, int64_t unit, int64_t s)
{
    return j->part + (unit * j->p.slots + s) * j->p.n_val * j->p.tile;
}

/* Result columns of a unit to where they go; lanes past the last channel nowhere. */
static void store_unit(const struct reduce_job *j, const double *v, int64_t unit, int w)
{
    const struct reduce_plan *p = &j->p;
    const int64_t kept = unit / p->tiles;
    if (!p->blocked) {
        j->store(j, v, kept * p->columns + unit % p->tiles * p->tile, w);
        return;
    }
    const int64_t blocks = cpu_blocks(p->channels), c = kept % blocks * CPU_BLOCK,
                  left = p->channels - c;
    j->store(j, v, kept / blocks * p->channels + c, left < w ? left : w);
}

static void task(void *arg, int64_t i, int worker)
{
    const struct reduce_job *j = arg;
    const struct reduce_plan *p = &j->p;
    const int64_t all = p->n_units * p->slots, first = i * j->per_task;
    double own[2 * REDUCE_WIDE];
    for (int64_t k = first; k < first + j->per_task && k < all; k++) {
        const int64_t unit = k / p->slots;
        const int w = unit_width(p, unit);
        double *v = j->part ? part_of(j, unit, k % p->slots) : own;
        begin_values(j, v, (int) (p->n_val * p->tile));
        slot(j, unit, k % p->slots, v, w);
        if (!j->part)
            store_unit(j, v, unit, w);
    }
}

/* Joins the slots of each unit, in order. */
static void finish_units(struct reduce_job *j)
{
    const struct reduce_plan *p = &j->p;
    for (int64_t u = 0; u < p->n_units; u++) {
        double *v = part_of(j, u, 0);
        for (int64_t s = 1; s < p->slots; s++)
            j->join(j, v, part_of(j, u, s), slot_begin(p, s),
                    slot_begin(p, s + 1) - slot_begin(p, s));
        if (!p->fold)
            store_unit(j, v, u, unit_width(p, u));
    }
    const int64_t blocks = p->fold ? cpu_blocks(p->channels) : 1;
    for (int64_t o = 0; p->fold && o < p->n_units / blocks; o++) {
        double all = j->start;
        for (int64_t c = 0; c < p->channels; c++) {
            const double one = part_of(j, o * blocks + c / CPU_BLOCK, 0)[c % CPU_BLOCK];
            all = j->start == 0 ? all + one : (one > all) == (j->start < 0) ? one : all;
        }
        j->store(j, &all, o, 1);
    }
}

lbk_status reduce_run(lbk_drv *d, const struct lbk_group *g, struct reduce_job *j, uint32_t axes,
                      int n_val)
{
    lbk_shape s = { 0 };
    struct lbk_layout layout = CPU_ROW;
    operand_shape(g, 0, &s);
    for (int i = 0; i < g->n_arg; i++) {
        j->arg[i] = cpu_f32(&g->arg[i]);
        if (full_arg(&g->arg[i], s) && cpu_is_cblk(&g->arg[i]))
            layout = CPU_CBLK;
    }
    for (int i = 0; i < j->n_operand; i++)
        if (!cpu_expr_compile(d, &j->x[i], &g->operand[i], g->n_arg, g->arg, s, layout, 1,
                              (uint8_t[]){ (uint8_t) (g->operand[i].n - 1) }, 0))
            return lbk_fail(d->ctx, LBK_EUNSUPPORTED, "%s: operand %d mixes types or layouts",
                            g->op->name, i);
    reduce_plan(&j->p, s, layout, axes, n_val);
    j->part = reduce_scratch(&j->p) ? cpu_ptr(&g->scratch) : NULL;
    j->out = cpu_f32(&g->out[0]);
    const int64_t all = j->p.n_units * j->p.slots,
                  each = j->p.n_runs * j->p.rows * j->p.tile / j->p.slots + 1;
    j->per_task = 1 + 32768 / each;
    cpu_run(d, (all + j->per_task - 1) / j->per_task, task, j);
    if (j->part)
        finish_units(j);
    return LBK_OK;
}

int reduce_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return reduce_offer(d, g, 1, ((const struct lbk_reduce *) g->params)->axes, 1, o);
}

static void join_sum(const struct reduce_job *j, double *into, const double *from, int64_t a,
                     int64_t b)
{
    for (int64_t i = 0; i < j->p.n_val * j->p.tile; i++)
        into[i] += from[i];
}

static void join_max(const struct reduce_job *j, double *into, const double *from, int64_t a,
                     int64_t b)
{
    for (int64_t i = 0; i < j->p.tile; i++)
        into[i] = from[i] > into[i] ? from[i] : into[i];
}

static void join_min(const struct reduce_job *j, double *into, const double *from, int64_t a,
                     int64_t b)
{
    for (int64_t i = 0; i < j->p.tile; i++)
        into[i] = from[i] < into[i] ? from[i] : into[i];
}

static void store_scaled(const struct reduce_job *j, const double *v, int64_t o, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        j->out[o + i] = (float) (v[i] / j->scale);
}

lbk_status reduce_launch(lbk_drv *d, const struct lbk_group *g, enum reduce_kind kind)
{
    const struct reduce_loops *l = reduce_loops_at(d);
    const uint32_t axes = ((const struct lbk_reduce *) g->params)->axes;
    struct reduce_job j = { .n_operand = 1, .store = store_scaled, .scale = 1 };
    lbk_shape s = { 0 };
    operand_shape(g, 0, &s);
    for (int i = 0; kind == REDUCE_MEAN && i < s.n; i++)
        j.scale *= axes >> i & 1 ? (double) s.d[i] : 1;
    j.leaf = kind == REDUCE_MAX ? l->max : kind == REDUCE_MIN ? l->min : l->sum;
    j.join = kind == REDUCE_MAX ? join_max : kind == REDUCE_MIN ? join_min : join_sum;
    j.start = kind == REDUCE_MAX ? -INFINITY : kind == REDUCE_MIN ? INFINITY : 0;
    return reduce_run(d, g, &j, axes, 1);
}
