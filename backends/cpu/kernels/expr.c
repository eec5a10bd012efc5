/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "expr.h"

CPU_LOOPS(cpu_pointwise);

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
    else if (lbk_shape_count(a->shape) == a->shape.d[1] && a->shape.d[1] == shape.d[1]) {
        s->how = CPU_READ_LANES;
        s->blocks = cpu_blocks(shape.d[1]);
        s->run = shape.d[2] * shape.d[3] * CPU_BLOCK;
        s->c = shape.d[1];
    } else
        return false;
    return true;
}

static const struct cpu_loops *find_loops(const lbk_drv *d, const struct lbk_op *op)
{
    const struct cpu_loops *l = cpu_pointwise_of[d->isa]->op;
    for (int i = 0; i < CPU_PW_COUNT; i++)
        if (strcmp(l[i].name, op->name) == 0)
            return &l[i];
    return NULL;
}

static int n_inputs(const struct cpu_step *t, const struct lbk_word *w)
{
    return w->kind == LBK_WORD_OP ? w->op->n_max : 0;
}

/* Picks the loop of an op word, and asks for operands that are one number to be spread where the
 * loop needs it. */
static void pick_loop(const lbk_drv *d, struct cpu_expr *x, struct cpu_step *t,
                      const struct lbk_word *w)
{
    const struct cpu_loops *l = find_loops(d, w->op);
    int n = w->op->n_max;
    t->uniform = 1;
    for (int k = 0; k < n; k++) {
        t->in[k] = w->in[k];
        t->uniform &= x->step[w->in[k]].uniform;
    }
    t->loop = l ? l->each : NULL;
    t->op = w->op;
    if (t->uniform)
        return;
    if (l && n == 2 && x->step[t->in[1]].uniform) {
        t->loop = l->one_b;
    } else if (l && n == 2 && x->step[t->in[0]].uniform) {
        t->loop = l->one_a;
    } else {
        for (int k = 0; k < n; k++)
            x->step[t->in[k]].fill |= x->step[t->in[k]].uniform;
    }
}

static bool read_words(const lbk_drv *d, struct cpu_expr *x, const struct lbk_expr *e,
                       const struct lbk_arg arg[], lbk_shape shape, struct lbk_layout layout)
{
    for (int i = 0; i < e->n; i++) {
        const struct lbk_word *w = &e->w[i];
        struct cpu_step *t = &x->step[i];
        *t = (struct cpu_step){ .kind = w->kind, .arg = w->arg, .value = w->value, .buf = -1 };
        if (w->kind == LBK_WORD_ARG) {
            if (!make_src(&x->src[w->arg], &arg[w->arg], shape, layout))
                return false;
            t->uniform = x->src[w->arg].how == CPU_READ_ONE;
        } else if (w->kind == LBK_WORD_CONST) {
            t->uniform = 1;
        } else if (w->kind == LBK_WORD_OP) {
            pick_loop(d, x, t, w);
        }
    }
    return true;
}

/* Word i can be computed where out 0 lies only when nothing later reads what may lie there too. */
static bool may_overwrite(const struct cpu_expr *x, const int last[], int i, uint32_t alias)
{
    for (int j = 0; j < x->n; j++)
        if (last[j] > i && ((x->step[j].kind == LBK_WORD_ARG && alias >> x->step[j].arg & 1) ||
                            (x->step[j].kind == LBK_WORD_ACC && alias & CPU_ALIAS_ACC)))
            return false;
    return true;
}

static void place_outs(struct cpu_expr *x, const int last[], uint32_t alias)
{
    for (int k = 0; k < x->n_out; k++) {
        struct cpu_step *t = &x->step[x->result[k]];
        if (t->uniform)
            t->fill = 1;
        else if (t->kind == LBK_WORD_OP && !t->out &&
                 (k > 0 || may_overwrite(x, last, x->result[k], alias)))
            t->out = (uint8_t) (k + 1);
    }
}

/* Buffers: values that differ from chunk to chunk share them, the others keep their own. */
static void place_buffers(struct cpu_expr *x, const struct lbk_expr *e, const int last[])
{
    bool busy[LBK_EXPR_MAX] = { false };
    for (int i = 0; i < x->n; i++) {
        struct cpu_step *t = &x->step[i];
        bool spread = t->kind == LBK_WORD_ARG && !t->uniform && x->src[t->arg].how != CPU_READ_FULL;
        if (t->fill || spread)
            t->buf = (int16_t) x->n_buf++, busy[t->buf] = true;
    }
    for (int i = 0; i < x->n; i++) {
        struct cpu_step *t = &x->step[i];
        for (int k = 0; k < n_inputs(t, &e->w[i]); k++) {
            const struct cpu_step *in = &x->step[t->in[k]];
            if (in->kind == LBK_WORD_OP && !in->uniform && in->buf >= 0 && last[t->in[k]] == i)
                busy[in->buf] = false;
        }
        if (t->kind != LBK_WORD_OP || t->uniform || t->out)
            continue;
        int b = 0;
        while (b < x->n_buf && busy[b])
            b++;
        busy[b] = true;
        t->buf = (int16_t) b;
        x->n_buf = b < x->n_buf ? x->n_buf : b + 1;
    }
}

/* Runs of one number that all broadcast args share and that are worth a chunk. */
static int64_t common_run(const struct cpu_expr *x, int n_arg)
{
    int64_t run = 0;
    for (int i = 0; i < n_arg; i++) {
        const struct cpu_src *s = &x->src[i];
        if (s->how != CPU_READ_STRIDED)
            continue;
        const int64_t d = s->step[s->n - 1] == 0 ? s->d[s->n - 1] : 0;
        if (d < CPU_CHUNK / 4 || (run && d != run))
            return 0;
        run = d;
    }
    return run;
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
static struct cpu_ramp find_ramp(const struct cpu_expr *x, const struct lbk_expr *e)
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
           x->n_out == 1 && x->result[0] == e->n - 1;
    return r;
}

bool cpu_expr_compile(const lbk_drv *d, struct cpu_expr *x, const struct lbk_expr *e, int n_arg,
                      const struct lbk_arg arg[], lbk_shape shape, struct lbk_layout layout,
                      int n_out, const uint8_t result[], uint32_t alias)
{
    int last[LBK_EXPR_MAX];
    x->n = e->n;
    x->n_out = n_out;
    x->n_buf = 0;
    memset(x->src, 0, sizeof x->src);
    memcpy(x->result, result, (size_t) n_out);
    if (!read_words(d, x, e, arg, shape, layout))
        return false;
    for (int i = 0; i < e->n; i++) {
        last[i] = i;
        for (int k = 0; k < n_inputs(&x->step[i], &e->w[i]); k++)
            last[e->w[i].in[k]] = i;
    }
    for (int k = 0; k < n_out; k++)
        last[result[k]] = e->n;
    x->spread = cpu_pointwise_of[d->isa]->spread;
    x->keep = cpu_pointwise_of[d->isa]->keep;
    x->run_ramp = cpu_pointwise_of[d->isa]->ramp;
    x->ramp = find_ramp(x, e);
    x->run = common_run(x, n_arg);
    place_outs(x, last, alias);
    place_buffers(x, e, last);
    x->plain = cpu_expr_is_arg(e) && x->src[e->w[0].arg].how == CPU_READ_FULL;
    return true;
}

lbk_shape cpu_operand_shape(const struct lbk_group *g, int i)
{
    const struct lbk_expr *e = &g->operand[i];
    lbk_shape s = { 4, { 1, 1, 1, 1 } };
    for (int w = 0; w < e->n; w++)
        for (int k = 0; k < 4 && e->w[w].kind == LBK_WORD_ARG; k++) {
            const int64_t d = g->arg[e->w[w].arg].shape.d[k];
            s.d[k] = d != 1 ? d : s.d[k];
        }
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
