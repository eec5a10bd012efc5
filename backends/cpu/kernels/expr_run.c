/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "expr.h"

/* The elements from `at` on of an arg that is broadcast, row-major. */
static void read_strided(const struct cpu_src *s, const float *base, float *y, int64_t at, int n)
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
        if (s->step[k] == 1)
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

/* The numbers of a block of channels; copied to lane when there are not as many. */
static const float *lanes_of(const struct cpu_src *s, const float *base, int64_t block,
                             float lane[CPU_BLOCK])
{
    const int64_t c0 = block % s->blocks * CPU_BLOCK;
    base += block / s->blocks * s->image;
    for (int i = 0; s->c == 1 && i < CPU_BLOCK; i++)
        lane[i] = base[0];
    if (s->c == 1)
        return lane;
    if (s->c - c0 >= CPU_BLOCK)
        return base + c0;
    memset(lane, 0, sizeof *lane * CPU_BLOCK);
    memcpy(lane, base + c0, sizeof *lane * (size_t) (s->c - c0));
    return lane;
}

static void call_ref(const struct lbk_op *op, float *y, const float *const in[], int n)
{
    lbk_shape shape[3];
    lbk_dtype type[3];
    const void *p[3];
    for (int k = 0; k < op->n_max; k++)
        shape[k] = LBK_SHAPE(n), type[k] = LBK_F32, p[k] = in[k];
    float tmp[CPU_TILE];
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

static void call(const struct cpu_step *t, float *y, const float *a, const float *b, const float *c,
                 int n)
{
    if (t->loop)
        t->loop(y, a, b, c, n);
    else
        call_ref(t->op, y, (const float *const[]){ a, b, c }, n);
}

struct state {
    const struct cpu_expr *x;
    const float *const *arg;
    const float *acc;
    float *const *out;
    struct cpu_place at[CPU_PLACES];
    _Alignas(
        CPU_ALIGN) float one[LBK_EXPR_MAX][CPU_BLOCK]; /* per word: what is read again and again */
    float tile[LBK_EXPR_MAX][CPU_TILE];
    float buf[LBK_ARG_MAX][CPU_CHUNK];
};

static void spread(float to[CPU_BLOCK], float v)
{
    for (int i = 0; i < CPU_BLOCK; i++)
        to[i] = v;
}

/* Everything that is the same for all elements. */
static void begin(struct state *s)
{
    const struct cpu_expr *x = s->x;
    for (int i = 0; i < x->n; i++) {
        const struct cpu_step *t = &x->step[i];
        if (!t->uniform)
            continue;
        s->at[CPU_PLACE_WORD + i] = (struct cpu_place){ s->one[i], 0 };
        if (t->kind == LBK_WORD_OP)
            call(t, s->one[i], s->one[t->in[0]], s->one[t->in[1]], s->one[t->in[2]], CPU_BLOCK);
        else
            spread(s->one[i], t->kind == LBK_WORD_ARG ? s->arg[t->arg][0] : t->value);
    }
    for (int i = 0; i < x->n_tile; i++)
        s->at[CPU_PLACE_TILE + i] = (struct cpu_place){ s->tile[i], 0 };
}

/* Where word i, an arg, lies for n elements from `at` on. */
static struct cpu_place place_arg(struct state *s, int i, int64_t at, int64_t n)
{
    const int arg = s->x->step[i].arg;
    const struct cpu_src *src = &s->x->src[arg];
    const float *base = s->arg[arg];
    if (src->how == CPU_READ_FULL)
        return (struct cpu_place){ base + at, -1 };
    if (src->how == CPU_READ_LANES)
        return (struct cpu_place){ lanes_of(src, base, at / src->run, s->one[i]), 0 };
    if (cpu_in_runs(s->x)) {
        read_strided(src, base, s->one[i], at, 1);
        spread(s->one[i], s->one[i][0]);
        return (struct cpu_place){ s->one[i], 0 };
    }
    read_strided(src, base, s->buf[arg], at, (int) n);
    return (struct cpu_place){ s->buf[arg], -1 };
}

static bool moves(const struct cpu_expr *x, int place)
{
    if (place >= CPU_PLACE_OUT)
        return place < CPU_PLACE_OUT + x->n_out;
    const int i = place - CPU_PLACE_WORD;
    return i >= 0 && i < x->n && !x->step[i].uniform && x->step[i].kind != LBK_WORD_OP;
}

/* The n < 16 elements from `off` on of a chunk, by way of 16 of each. */
static void run_rest(struct state *s, int64_t off, int n)
{
    const struct cpu_expr *x = s->x;
    float pad[CPU_PLACE_TILE][CPU_BLOCK];
    struct cpu_place at[CPU_PLACES];
    memcpy(at, s->at, sizeof at);
    for (int i = 0; i < CPU_PLACE_TILE; i++) {
        if (!moves(x, i) || !at[i].move)
            continue;
        memset(pad[i], 0, sizeof pad[i]);
        if (i < CPU_PLACE_OUT)
            memcpy(pad[i], at[i].p + off, sizeof(float) * (size_t) n);
        at[i] = (struct cpu_place){ pad[i], 0 };
    }
    x->tiles->run(x, at, CPU_BLOCK, call);
    for (int k = CPU_PLACE_OUT; k < CPU_PLACE_OUT + x->n_out; k++)
        memcpy((float *) s->at[k].p + off, pad[k], sizeof(float) * (size_t) n);
}

/* n elements from `at` on, of which the first is number `done` of acc and outs. */
static void chunk(struct state *s, int64_t done, int64_t at, int64_t n)
{
    const struct cpu_expr *x = s->x;
    for (int i = 0; i < x->n; i++) {
        const struct cpu_step *t = &x->step[i];
        if (t->kind == LBK_WORD_ARG && !t->uniform)
            s->at[CPU_PLACE_WORD + i] = place_arg(s, i, at, n);
        else if (t->kind == LBK_WORD_ACC)
            s->at[CPU_PLACE_WORD + i] = (struct cpu_place){ s->acc + done, -1 };
    }
    for (int k = 0; k < x->n_out; k++)
        s->at[CPU_PLACE_OUT + k] = (struct cpu_place){ s->out[k] + done, -1 };
    const int64_t whole = n / CPU_BLOCK * CPU_BLOCK;
    x->tiles->run(x, s->at, whole, call);
    if (whole < n)
        run_rest(s, whole, (int) (n - whole));
}

static void run_words(const struct cpu_expr *x, const float *const arg[], const float *acc,
                      float *const out[], int64_t at, int64_t n)
{
    struct state s;
    s.x = x, s.arg = arg, s.acc = acc, s.out = out;
    begin(&s);
    for (int64_t done = 0, step; done < n; done += step) {
        const int64_t left = x->run ? x->run - (at + done) % x->run : n;
        step = left < x->most ? left : x->most;
        step = n - done < step ? n - done : step;
        chunk(&s, done, at + done, step);
    }
}

void cpu_ramp_lanes(const struct cpu_expr *x, const float *const arg[], int64_t block,
                    float scale[CPU_BLOCK], float shift[CPU_BLOCK])
{
    const uint8_t from[2] = { x->ramp.scale, x->ramp.shift };
    float *const to[2] = { scale, shift };
    for (int i = 0; i < 2; i++) {
        const float *lane = lanes_of(&x->src[from[i]], arg[from[i]], block, to[i]);
        if (lane != to[i])
            memcpy(to[i], lane, sizeof *lane * CPU_BLOCK);
    }
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
