/* SPDX-License-Identifier: MIT */
#include <limbeck/ops.h>
#include "moves.h"

struct strip strip_of(lbk_shape s, int64_t axis)
{
    const int a = (int) (axis < 0 ? axis + s.n : axis);
    struct strip r = { 1, s.d[a], 1 };
    for (int i = 0; i < a; i++)
        r.outer *= s.d[i];
    for (int i = a + 1; i < s.n; i++)
        r.inner *= s.d[i];
    return r;
}

struct strip strip_stored(const struct lbk_arg *a, int64_t axis)
{
    lbk_shape s = a->shape;
    axis = axis < 0 ? axis + s.n : axis;
    if (a->layout.order != LBK_CBLK)
        return strip_of(s, axis);
    s.d[1] = (s.d[1] + a->layout.block - 1) / a->layout.block;
    s.d[s.n++] = a->layout.block;
    return strip_of(s, axis);
}

int strided_merge(struct strided_axis out[], int n, const struct strided_axis a[])
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (a[i].n == 1)
            continue;
        if (k && out[k - 1].to == a[i].n * a[i].to && out[k - 1].from == a[i].n * a[i].from)
            out[k - 1] = (struct strided_axis){ out[k - 1].n * a[i].n, a[i].to, a[i].from };
        else
            out[k++] = a[i];
    }
    return k;
}

static int operand(const struct lbk_group *g, int i) { return g->operand[i].w[0].arg; }

static struct move move_of(int arg, int64_t to, int64_t from, int n, const struct strided_axis a[])
{
    struct move m = { .arg = arg, .to = to, .from = from };
    m.n = strided_merge(m.a, n, a);
    return m;
}

/* Runs of `run` elements, `to` and `from` apart. */
static struct move move_runs(int arg, int64_t to, int64_t from, int64_t runs, int64_t to_step,
                             int64_t from_step, int64_t run)
{
    const struct strided_axis a[] = { { runs, to_step, from_step }, { run, 1, arg >= 0 } };
    return move_of(arg, to, from, 2, a);
}

static int transpose(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    const struct lbk_dims *p = g->params;
    const lbk_shape x = g->arg[operand(g, 0)].shape, y = g->out[0].shape;
    int64_t from[LBK_MAX_DIMS], step = 1;
    struct strided_axis a[LBK_MAX_DIMS];
    for (int i = x.n - 1; i >= 0; i--)
        from[i] = step, step *= x.d[i];
    step = 1;
    for (int i = y.n - 1; i >= 0; i--) {
        a[i] = (struct strided_axis){ y.d[i], step, from[p->d[i]] };
        step *= y.d[i];
    }
    m[0] = move_of(operand(g, 0), 0, 0, y.n, a);
    return 1;
}

static int repeat(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    const struct lbk_count *p = g->params;
    const struct strip s = strip_of(g->arg[operand(g, 0)].shape, p->axis);
    const int64_t row = s.n * s.inner;
    const struct strided_axis a[] = { { s.outer, p->n * row, row },
                                      { p->n, row, 0 },
                                      { row, 1, 1 } };
    m[0] = move_of(operand(g, 0), 0, 0, 3, a);
    return 1;
}

static int broadcast(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    const lbk_shape x = g->arg[operand(g, 0)].shape, y = g->out[0].shape;
    struct strided_axis a[LBK_MAX_DIMS];
    int64_t to = 1, from = 1;
    for (int i = y.n - 1, k = x.n - 1; i >= 0; i--, k--) {
        const int64_t n = k >= 0 ? x.d[k] : 1;
        a[i] = (struct strided_axis){ y.d[i], to, n == 1 ? 0 : from };
        to *= y.d[i];
        from *= n;
    }
    m[0] = move_of(operand(g, 0), 0, 0, y.n, a);
    return 1;
}

static int reshape(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    m[0] = move_runs(operand(g, 0), 0, 0, 1, 0, 0, lbk_shape_count(g->out[0].shape));
    return 1;
}

/* Where along the axis a slice begins. */
static int64_t begin_of(const struct lbk_slice *p, lbk_shape s)
{
    return p->begin < 0 ? p->begin + strip_of(s, p->axis).n : p->begin;
}

static bool is_channels(int64_t axis) { return axis == 1 || axis == -3; }

/* k of axis elements as its place in the storage of a. */
static int64_t stored(const struct lbk_arg *a, int64_t axis, int64_t k)
{
    return a->layout.order == LBK_CBLK && is_channels(axis) ? k / a->layout.block : k;
}

static int slice(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    const struct lbk_slice *p = g->params;
    const struct lbk_arg *x = &g->arg[operand(g, 0)];
    const struct strip s = strip_stored(x, p->axis), t = strip_stored(&g->out[0], p->axis);
    const int64_t begin = stored(x, p->axis, begin_of(p, x->shape));
    m[0] = move_runs(operand(g, 0), 0, begin * s.inner, s.outer, t.n * t.inner, s.n * s.inner,
                     t.n * t.inner);
    return 1;
}

static int slice_dx(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    const struct lbk_slice_to *p = g->params;
    const struct lbk_arg *x = &g->arg[operand(g, 0)];
    const struct strip s = strip_stored(x, p->axis), t = strip_stored(&g->out[0], p->axis);
    const int64_t begin = stored(x, p->axis, p->begin) * s.inner, row = t.n * t.inner,
                  width = s.n * s.inner, after = begin + width;
    m[0] = move_runs(-1, 0, 0, s.outer, row, 0, begin);
    m[1] = move_runs(operand(g, 0), begin, 0, s.outer, row, width, width);
    m[2] = move_runs(-1, after, 0, s.outer, row, 0, row - after);
    return 3;
}

static int concat(const struct lbk_group *g, struct move m[MOVES_MAX])
{
    const int64_t axis = ((const struct lbk_axis *) g->params)->axis;
    const struct strip t = strip_stored(&g->out[0], axis);
    int64_t to = 0;
    for (int i = 0; i < g->n_operand; i++) {
        const int64_t row = strip_stored(&g->arg[operand(g, i)], axis).n * t.inner;
        m[i] = move_runs(operand(g, i), to, 0, t.outer, t.n * t.inner, row, row);
        to += row;
    }
    return g->n_operand;
}

static bool is_image(const struct lbk_group *g)
{
    return g->acc.n == 4 && g->out[0].dtype == LBK_F32;
}

/* n channels from `begin` on among `all`: whole blocks, and whatever lanes are empty at the end. */
static bool part_in_blocks(int64_t axis, int64_t begin, int64_t n, int64_t all, int block)
{
    return !is_channels(axis) || (begin % block == 0 && (n % block == 0 || begin + n == all));
}

static bool slice_in_blocks(const struct lbk_group *g, int block)
{
    const struct lbk_slice *p = g->params;
    const lbk_shape x = g->arg[operand(g, 0)].shape;
    return is_image(g) && part_in_blocks(p->axis, begin_of(p, x), g->acc.d[1], x.d[1], block);
}

static bool slice_dx_in_blocks(const struct lbk_group *g, int block)
{
    const struct lbk_slice_to *p = g->params;
    const lbk_shape x = g->arg[operand(g, 0)].shape;
    return is_image(g) && part_in_blocks(p->axis, p->begin, x.d[1], g->acc.d[1], block);
}

/* All operands but the last fill their blocks. */
static bool concat_in_blocks(const struct lbk_group *g, int block)
{
    const int64_t axis = ((const struct lbk_axis *) g->params)->axis;
    for (int i = 0; is_image(g) && is_channels(axis) && i < g->n_operand - 1; i++)
        if (g->arg[operand(g, i)].shape.d[1] % block)
            return false;
    return is_image(g);
}

const struct moves_kind moves_transpose = { transpose, NULL };
const struct moves_kind moves_repeat = { repeat, NULL };
const struct moves_kind moves_broadcast = { broadcast, NULL };
const struct moves_kind moves_reshape = { reshape, NULL };
const struct moves_kind moves_slice = { slice, slice_in_blocks };
const struct moves_kind moves_slice_dx = { slice_dx, slice_dx_in_blocks };
const struct moves_kind moves_concat = { concat, concat_in_blocks };
