/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "expr.h"

/* The elements from `at` on of an arg that is broadcast, row-major. */
static void read_strided(const struct cpu_expr *x, const struct cpu_src *s, const float *base,
                         float *y, int64_t at, int n)
{
    int64_t pos[LBK_MAX_DIMS], off = 0;
    for (int i = s->n - 1; i >= 0; i--) {
        pos[i] = at % s->d[i];
        at /= s->d[i];
        off += pos[i] * s->step[i];
    }
    const int k = s->n - 1;
    while (n > 0) {
        const int64_t left = s->d[k] - pos[k];
        const int run = left < n ? (int) left : n;
        if (s->step[k] == 0)
            x->spread(y, base[off], run);
        else if (s->step[k] == 1)
            memcpy(y, base + off, sizeof *y * (size_t) run);
        else
            for (int i = 0; i < run; i++)
                y[i] = base[off + i * s->step[k]];
        y += run, n -= run, pos[k] += run, off += run * s->step[k];
        for (int i = k; i > 0 && pos[i] == s->d[i]; i--) {
            off += s->step[i - 1] - pos[i] * s->step[i];
            pos[i] = 0;
            pos[i - 1]++;
        }
    }
}

static void lanes_of(const struct cpu_src *s, const float *base, int64_t block, float lane[])
{
    const int64_t c0 = block % s->blocks * CPU_BLOCK;
    const int used = s->c - c0 < CPU_BLOCK ? (int) (s->c - c0) : CPU_BLOCK;
    memset(lane, 0, sizeof *lane * CPU_BLOCK);
    memcpy(lane, base + c0, sizeof *lane * (size_t) used);
}

/* One number per channel, in CBLK: the lanes of a block again and again. */
static void read_lanes(const struct cpu_src *s, const float *base, float *y, int64_t at, int n)
{
    while (n > 0) {
        const int64_t block = at / s->run, left = (block + 1) * s->run - at;
        const int run = left < n ? (int) left : n;
        float lane[CPU_BLOCK];
        lanes_of(s, base, block, lane);
        for (int i = 0; i < run; i += CPU_BLOCK)
            memcpy(y + i, lane, sizeof lane);
        y += run, n -= run, at += run;
    }
}

/* What a filled chunk at `at` holds, when that is the same for other chunks too; -1 otherwise. */
static int64_t fill_key(const struct cpu_src *s, int64_t at, int n)
{
    if (s->how == CPU_READ_LANES)
        return at / s->run == (at + n - 1) / s->run ? at / s->run : -1;
    const int64_t d = s->d[s->n - 1];
    return s->step[s->n - 1] == 0 && at / d == (at + n - 1) / d ? at / d : -1;
}

static void call_ref(const struct lbk_op *op, float *y, const float *const in[], int n)
{
    lbk_shape shape[3];
    lbk_dtype type[3];
    const void *p[3];
    for (int k = 0; k < op->n_max; k++)
        shape[k] = LBK_SHAPE(n), type[k] = LBK_F32, p[k] = in[k];
    float tmp[CPU_CHUNK];
    struct lbk_ref r = { .n = op->n_max,
                         .in_shape = shape,
                         .in_t = type,
                         .in = p,
                         .out_shape = LBK_SHAPE(n),
                         .out_t = LBK_F32,
                         .out = tmp };
    op->ref(&r);
    memcpy(y, tmp, sizeof *y * (size_t) n);
}

struct state {
    const struct cpu_expr *x;
    const float *reg[LBK_EXPR_MAX];
    float one[LBK_EXPR_MAX];   /* values that are one number */
    int64_t key[LBK_EXPR_MAX]; /* per buffer */
    int filled[LBK_EXPR_MAX];
    float (*buf)[CPU_CHUNK];
};

static void compute(struct state *s, const struct cpu_step *t, float *y, int n)
{
    const float *in[3] = { NULL, NULL, NULL };
    for (int k = 0; k < t->op->n_max; k++)
        in[k] = s->reg[t->in[k]];
    if (t->loop)
        t->loop(y, in[0], in[1], in[2], n);
    else
        call_ref(t->op, y, in, n);
}

/* Everything that is the same for all elements. */
static void begin(struct state *s, const float *const arg[], int64_t n)
{
    const struct cpu_expr *x = s->x;
    const int most = n < CPU_CHUNK ? (int) n : CPU_CHUNK;
    for (int i = 0; i < x->n_buf; i++)
        s->key[i] = -1, s->filled[i] = 0;
    for (int i = 0; i < x->n; i++) {
        const struct cpu_step *t = &x->step[i];
        if (!t->uniform)
            continue;
        s->one[i] = t->kind == LBK_WORD_ARG ? arg[t->arg][0] : t->value;
        s->reg[i] = &s->one[i];
        if (t->kind == LBK_WORD_OP)
            compute(s, t, &s->one[i], 1);
    }
    for (int i = 0; i < x->n; i++) {
        if (!x->step[i].fill)
            continue;
        x->spread(s->buf[x->step[i].buf], s->one[i], most);
        s->reg[i] = s->buf[x->step[i].buf];
    }
}

static const float *load(struct state *s, const struct cpu_step *t, const float *base, int64_t at,
                         int n)
{
    const struct cpu_src *src = &s->x->src[t->arg];
    if (src->how == CPU_READ_FULL)
        return base + at;
    float *y = s->buf[t->buf];
    const int64_t key = fill_key(src, at, n);
    if (key >= 0 && key == s->key[t->buf] && s->filled[t->buf] >= n)
        return y;
    if (src->how == CPU_READ_LANES)
        read_lanes(src, base, y, at, n);
    else
        read_strided(s->x, src, base, y, at, n);
    s->key[t->buf] = key, s->filled[t->buf] = n;
    return y;
}

static void chunk(struct state *s, const float *const arg[], const float *acc, float *const out[],
                  int64_t done, int64_t at, int n)
{
    const struct cpu_expr *x = s->x;
    for (int i = 0; i < x->n; i++) {
        const struct cpu_step *t = &x->step[i];
        if (t->uniform)
            continue;
        if (t->kind == LBK_WORD_ARG) {
            s->reg[i] = load(s, t, arg[t->arg], at, n);
        } else if (t->kind == LBK_WORD_ACC) {
            s->reg[i] = acc + done;
        } else {
            float *y = t->out ? out[t->out - 1] + done : s->buf[t->buf];
            compute(s, t, y, n);
            s->reg[i] = y;
        }
    }
    for (int k = x->n_out - 1; k >= 0; k--) /* out 0 last: an arg may lie there */
        if (x->step[x->result[k]].out != k + 1 && s->reg[x->result[k]] != out[k] + done)
            memcpy(out[k] + done, s->reg[x->result[k]], sizeof(float) * (size_t) n);
}

static void run_words(const struct cpu_expr *x, const float *const arg[], const float *acc,
                      float *const out[], int64_t at, int64_t n)
{
    _Alignas(CPU_ALIGN) float buf[LBK_EXPR_MAX][CPU_CHUNK];
    struct state s;
    s.x = x;
    s.buf = buf;
    begin(&s, arg, n);
    for (int64_t done = 0, step; done < n; done += step) {
        const int64_t left = x->run ? x->run - (at + done) % x->run : n;
        step = left < CPU_CHUNK ? left : CPU_CHUNK;
        step = n - done < step ? n - done : step;
        chunk(&s, arg, acc, out, done, at + done, (int) step);
    }
}

void cpu_ramp_lanes(const struct cpu_expr *x, const float *const arg[], int64_t block,
                    float scale[CPU_BLOCK], float shift[CPU_BLOCK])
{
    lanes_of(&x->src[x->ramp.scale], arg[x->ramp.scale], block, scale);
    lanes_of(&x->src[x->ramp.shift], arg[x->ramp.shift], block, shift);
}

/* A block of channels at a time. */
static void run_ramp(const struct cpu_expr *x, const float *const arg[], float *y, int64_t at,
                     int64_t n)
{
    const int64_t run = x->src[x->ramp.scale].run;
    for (int64_t done = 0, step; done < n; done += step) {
        float scale[CPU_BLOCK], shift[CPU_BLOCK];
        const int64_t block = (at + done) / run, left = (block + 1) * run - at - done;
        step = n - done < left ? n - done : left;
        cpu_ramp_lanes(x, arg, block, scale, shift);
        x->run_ramp(y + done, arg[x->ramp.x] + at + done, scale, shift, &x->ramp, step);
    }
}

void cpu_expr_run(const struct cpu_expr *x, const float *const arg[], const float *acc,
                  float *const out[], int64_t at, int64_t n)
{
    if (x->ramp.on)
        run_ramp(x, arg, out[0], at, n);
    else
        run_words(x, arg, acc, out, at, n);
}

const float *cpu_expr_values(const struct cpu_expr *x, const float *const arg[], float *buf,
                             int64_t at, int n)
{
    if (x->plain)
        return arg[x->step[0].arg] + at;
    cpu_expr_run(x, arg, NULL, (float *const[]){ buf }, at, n);
    return buf;
}
