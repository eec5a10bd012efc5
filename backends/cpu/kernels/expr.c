/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "expr.h"
#include "operand.h"

CPU_LOOPS(cpu_pointwise);
CPU_LOOPS(cpu_tiles);

static bool same_shape(lbk_shape a, lbk_shape b)
{
    return a.n == b.n && memcmp(a.d, b.d, sizeof a.d[0] * (size_t) a.n) == 0;
}

/* Row-major axes with the arg's steps, neighbours merged where one index serves both. */
static void merge_axes(struct cpu_src *s, lbk_shape shape, lbk_shape arg)
{
    int64_t step[LBK_MAX_DIMS], at = 1;
    for (int i = shape.n - 1; i >= 0; i--) {
        step[i] = arg.d[i] == 1 ? 0 : at;
        at *= arg.d[i];
    }
    s->n = 0;
    for (int i = 0; i < shape.n; i++) {
        if (shape.d[i] == 1)
            continue;
        if (s->n && s->step[s->n - 1] == step[i] * shape.d[i]) {
            s->d[s->n - 1] *= shape.d[i];
            s->step[s->n - 1] = step[i];
            continue;
        }
        s->d[s->n] = shape.d[i];
        s->step[s->n++] = step[i];
    }
}

/* As backend.h has it (lbk_beside_blocks): a number for each of the channels, in any layout, or for
 * each pixel. */
static bool beside_blocks(struct cpu_src *s, lbk_shape shape, const struct lbk_arg *a)
{
    const int64_t plane = shape.d[2] * shape.d[3], blocks = cpu_blocks(shape.d[1]);
    const lbk_shape arg = a->shape;
    if (!lbk_beside_blocks(arg, shape))
        return false;
    if (arg.d[2] * arg.d[3] == 1) {
        s->how = CPU_READ_LANES;
        s->blocks = blocks;
        s->run = plane * CPU_BLOCK;
        s->c = arg.d[1];
        s->image = arg.d[0] == 1 ? 0 : cpu_is_cblk(a) ? cpu_up(arg.d[1], CPU_BLOCK) : arg.d[1];
        return true;
    }
    const lbk_shape stored = { 4, { shape.d[0], blocks, plane, CPU_BLOCK } };
    merge_axes(s, stored, (lbk_shape){ 4, { arg.d[0], 1, plane, 1 } });
    return !cpu_is_cblk(a);
}

static bool make_src(struct cpu_src *s, const struct lbk_arg *a, lbk_shape shape,
                     struct lbk_layout layout)
{
    if (a->dtype != LBK_F32)
        return false;
    *s = (struct cpu_src){ .how = CPU_READ_STRIDED };
    if (same_shape(a->shape, shape) && a->layout.order == layout.order)
        s->how = CPU_READ_FULL;
    else if (lbk_shape_count(a->shape) == 1)
        s->how = CPU_READ_ONE;
    else if (a->shape.n != shape.n)
        return false;
    else if (layout.order != LBK_CBLK)
        merge_axes(s, shape, a->shape);
    else
        return beside_blocks(s, shape, a);
    return true;
}

static void find_loop(const lbk_drv *d, struct cpu_step *t)
{
    const struct cpu_loops *l = cpu_pointwise_of[d->isa]->op;
    for (int i = 0; i < CPU_PW_COUNT; i++)
        if (strcmp(l[i].name, t->op->name) == 0)
            t->loop = l[i].each, t->pw = (uint8_t) i;
}

static void read_op(const lbk_drv *d, struct cpu_expr *x, struct cpu_step *t,
                    const struct lbk_word *w)
{
    t->op = w->op;
    t->uniform = 1;
    for (int k = 0; k < w->op->n_max; k++) {
        t->in[k] = w->in[k];
        t->uniform &= x->step[w->in[k]].uniform;
    }
    find_loop(d, t);
}

static bool read_words(const lbk_drv *d, struct cpu_expr *x, const struct lbk_expr *e,
                       const struct lbk_arg arg[], lbk_shape shape, struct lbk_layout layout)
{
    for (int i = 0; i < e->n; i++) {
        const struct lbk_word *w = &e->w[i];
        struct cpu_step *t = &x->step[i];
        *t = (struct cpu_step){ .kind = w->kind, .arg = w->arg, .value = w->value };
        if (w->kind == LBK_WORD_ARG) {
            if (!make_src(&x->src[w->arg], &arg[w->arg], shape, layout))
                return false;
            t->uniform = x->src[w->arg].how == CPU_READ_ONE;
        } else if (w->kind == LBK_WORD_CONST) {
            t->uniform = 1;
        } else if (w->kind == LBK_WORD_OP) {
            read_op(d, x, t, w);
        }
    }
    return true;
}

/* Chunks: of one block of channels; else of one run of one number that all broadcast args share and
 * that is worth it, else as long as what they are spread to. */
static void cut_chunks(struct cpu_expr *x, int n_arg)
{
    int64_t lanes = 0;
    x->run = 0, x->most = INT64_MAX;
    for (int i = 0; i < n_arg; i++) {
        const struct cpu_src *s = &x->src[i];
        if (s->how == CPU_READ_LANES)
            lanes = s->run;
        if (s->how != CPU_READ_STRIDED || x->most == CPU_CHUNK)
            continue;
        const int64_t d = s->step[s->n - 1] == 0 ? s->d[s->n - 1] : 0;
        if (d < CPU_CHUNK / 4 || (x->run && d != x->run))
            x->run = 0, x->most = CPU_CHUNK;
        else
            x->run = d;
    }
    x->run = lanes ? lanes : x->run;
}

static bool is_op(const struct lbk_word *w, const char *name)
{
    return w->kind == LBK_WORD_OP && strcmp(w->op->name, name) == 0;
}

/* Of op words with two operands: one is an arg that is read so; the other one. */
static const struct lbk_word *beside(const struct cpu_expr *x, const struct lbk_expr *e,
                                     const struct lbk_word *w, enum cpu_read how, uint8_t *arg)
{
    for (int k = 0; k < 2; k++) {
        const struct lbk_word *in = &e->w[w->in[k]];
        *arg = in->arg;
        if (in->kind == LBK_WORD_ARG && x->src[in->arg].how == how)
            return &e->w[w->in[1 - k]];
    }
    return NULL;
}

/* max and min of x * scale + shift, from the last word back. */
static struct cpu_ramp find_ramp(const struct cpu_expr *x, const struct lbk_expr *e,
                                 const uint8_t result[])
{
    struct cpu_ramp r = { .limit = CPU_LIMIT_NONE };
    const struct lbk_word *w = &e->w[e->n - 1];
    int words = 5;
    if (is_op(w, "minimum") && e->w[w->in[1]].kind == LBK_WORD_CONST) {
        r.high = e->w[w->in[1]].value, r.limit = CPU_LIMIT_BOTH, words += 2;
        w = &e->w[w->in[0]];
        if (!is_op(w, "relu"))
            return r;
    }
    if (is_op(w, "relu")) {
        r.limit = r.limit == CPU_LIMIT_BOTH ? r.limit : CPU_LIMIT_BELOW, words++;
        w = &e->w[w->in[0]];
    }
    if (!is_op(w, "add") || !(w = beside(x, e, w, CPU_READ_LANES, &r.shift)) || !is_op(w, "mul") ||
        !(w = beside(x, e, w, CPU_READ_LANES, &r.scale)))
        return r;
    r.x = w->arg;
    r.on = w->kind == LBK_WORD_ARG && x->src[w->arg].how == CPU_READ_FULL && e->n == words &&
           x->n_out == 1 && result[0] == e->n - 1 && !x->src[r.scale].image &&
           !x->src[r.shift].image;
    return r;
}

bool cpu_expr_compile(const lbk_drv *d, struct cpu_expr *x, const struct lbk_expr *e, int n_arg,
                      const struct lbk_arg arg[], lbk_shape shape, struct lbk_layout layout,
                      int n_out, const uint8_t result[], uint32_t alias)
{
    int last[LBK_EXPR_MAX];
    x->n = e->n;
    x->n_out = n_out;
    memset(x->src, 0, sizeof x->src);
    if (!read_words(d, x, e, arg, shape, layout))
        return false;
    for (int i = 0; i < e->n; i++) {
        last[i] = i;
        for (int k = 0; x->step[i].op && k < x->step[i].op->n_max; k++)
            last[x->step[i].in[k]] = i;
    }
    for (int k = 0; k < n_out; k++)
        last[result[k]] = e->n;
    x->keep = cpu_pointwise_of[d->isa]->keep;
    x->tiles = cpu_tiles_of[d->isa];
    x->run_ramp = cpu_pointwise_of[d->isa]->ramp;
    x->ramp = find_ramp(x, e, result);
    cut_chunks(x, n_arg);
    cpu_expr_code(x, last, result, alias);
    x->plain = cpu_expr_is_arg(e) && x->src[e->w[0].arg].how == CPU_READ_FULL;
    return true;
}

lbk_shape cpu_operand_shape(const struct lbk_group *g, int i)
{
    lbk_shape s = { 4, { 1, 1, 1, 1 } };
    operand_shape(g, i, &s);
    return s;
}

bool cpu_operand_compile(const lbk_drv *d, struct cpu_expr *x, const struct lbk_group *g, int i,
                         lbk_shape shape)
{
    struct lbk_arg arg[LBK_ARG_MAX];
    const uint8_t result = (uint8_t) (g->operand[i].n - 1);
    for (int k = 0; k < g->n_arg; k++) {
        arg[k] = g->arg[k];
        if (same_shape(arg[k].shape, shape))
            arg[k].layout = CPU_CBLK;
    }
    return cpu_expr_compile(d, x, &g->operand[i], g->n_arg, arg, shape, CPU_CBLK, 1, &result, 0);
}

void cpu_zero_tail(const struct cpu_expr *x, float *y, lbk_shape shape, int64_t at, int64_t n)
{
    const int64_t run = shape.d[2] * shape.d[3] * CPU_BLOCK, blocks = cpu_blocks(shape.d[1]);
    const int used = (int) (shape.d[1] % CPU_BLOCK);
    if (used == 0)
        return;
    for (int64_t i = 0; i < n;) {
        const int64_t b = (at + i) / run, stop = (b + 1) * run - at < n ? (b + 1) * run - at : n;
        if (b % blocks == blocks - 1)
            x->keep(y + i, used, stop - i);
        i = stop;
    }
}
