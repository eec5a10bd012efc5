/* SPDX-License-Identifier: MIT */
/* Anchors for the CPU driver with random operands: run in the layouts it asks for, between guards,
 * and compared. */
#ifndef LBK_TESTS_CPU_PROBLEM_H
#define LBK_TESTS_CPU_PROBLEM_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <cpu.h>

enum { GUARD = 64, MOST_ARGS = 8 };
enum pass { FORWARD, BY_X, BY_W };

struct conv_case {
    int64_t n, c, h, w, k, r, s, stride, pad, dil, groups;
};

struct problem {
    struct lbk_op op;
    struct lbk_conv2d p1;
    struct lbk_conv2d_to p2;
    struct lbk_matmul p3;
    struct lbk_group g;
    struct lbk_offer offer;
    float *value[MOST_ARGS]; /* row-major */
    float *result, *stored;  /* row-major; as the kernel left it */
    size_t stored_bytes;
    float *tail; /* 2 x C, when the group has one */
    double close; /* of the root mean square of the result */
};

static uint32_t rng_state;
static inline float random_value(void)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (float) (rng_state >> 8) / 8388608.0f - 1.0f;
}

static inline void add_arg(struct problem *p, lbk_shape s)
{
    int i = p->g.n_arg++;
    int64_t n = lbk_shape_count(s);
    p->g.arg[i] = (struct lbk_arg){ .dtype = LBK_F32, .shape = s, .layout = { LBK_ROW_MAJOR, 1 } };
    p->g.operand[i] =
        (struct lbk_expr){ .n = 1, .w = { { .kind = LBK_WORD_ARG, .arg = (uint8_t) i } } };
    p->value[i] = malloc((size_t) n * sizeof(float));
    for (int64_t k = 0; k < n; k++)
        p->value[i][k] = random_value();
}

static inline void finish_problem(struct problem *p, const char *op, const void *params,
                                  lbk_shape out)
{
    p->op.name = op;
    p->close = 2e-5;
    p->g.size = sizeof p->g;
    p->g.op = &p->op;
    p->g.params = params;
    p->g.n_operand = p->g.n_arg;
    p->g.epi = (struct lbk_expr){ .n = 1, .w = { { .kind = LBK_WORD_ACC } } };
    p->g.acc = out;
    p->g.n_out = 1;
    p->g.out[0] =
        (struct lbk_arg){ .dtype = LBK_F32, .shape = out, .layout = { LBK_ROW_MAJOR, 1 } };
    p->result = malloc((size_t) lbk_shape_count(out) * sizeof(float));
}

static inline int64_t out_size(int64_t n, int64_t k, const struct conv_case *c)
{
    return (n + 2 * c->pad - c->dil * (k - 1) - 1) / c->stride + 1;
}

/* Those sums cancel, and lose a digit. */
static inline bool may_be_winograd(const struct conv_case *c)
{
    return c->r == c->s && (c->r == 3 || c->r == 5) && c->stride == 1 && c->groups == 1 &&
           c->c > 4 && c->k > 4;
}

static inline void conv_problem(struct problem *p, const struct conv_case *c, enum pass pass)
{
    static const char *const names[] = { "conv2d", "conv2d_dx", "conv2d_dw" };
    lbk_shape x = LBK_SHAPE(c->n, c->c, c->h, c->w),
              w = LBK_SHAPE(c->k, c->c / c->groups, c->r, c->s);
    lbk_shape y = LBK_SHAPE(c->n, c->k, out_size(c->h, c->r, c), out_size(c->w, c->s, c));
    memset(p, 0, sizeof *p);
    rng_state = (uint32_t) (c->c * 31 + c->h);
    p->p1 = (struct lbk_conv2d){ c->stride, c->pad, c->dil, c->groups };
    p->p2 = (struct lbk_conv2d_to){
        c->stride, c->pad, c->dil, c->groups, pass == BY_X ? c->h : c->r, pass == BY_X ? c->w : c->s
    };
    add_arg(p, pass == BY_X ? y : x);
    add_arg(p, pass == BY_W ? y : w);
    finish_problem(p, names[pass], pass == FORWARD ? (void *) &p->p1 : &p->p2,
                   pass == FORWARD ? y
                   : pass == BY_X  ? x
                                   : w);
    p->close = may_be_winograd(c) ? 1e-4 : 2e-5;
}

static inline void free_problem(struct problem *p)
{
    for (int i = 0; i < p->g.n_arg; i++)
        free(p->value[i]);
    free(p->result);
    free(p->stored);
    free(p->tail);
}

/* Place of row-major element i in the storage of a. */
static inline size_t place(const struct lbk_arg *a, int64_t i)
{
    if (a->layout.order != LBK_CBLK)
        return (size_t) i;
    int64_t hw = a->shape.d[2] * a->shape.d[3], b = a->layout.block, c = i / hw % a->shape.d[1],
            n = i / hw / a->shape.d[1];
    return (size_t) (((n * ((a->shape.d[1] + b - 1) / b) + c / b) * hw + i % hw) * b + c % b);
}

static inline void store_arg(lbk_drv *d, struct lbk_arg *a, const float *v, float fill)
{
    size_t n = lbk_arg_bytes(a) / sizeof(float) + 2 * GUARD;
    assert_int_equal(cpu_device_fns.alloc(d, n * sizeof(float), &a->mem), LBK_OK);
    a->offset = GUARD * sizeof(float);
    float *at = (float *) a->mem->at;
    for (size_t i = 0; i < n; i++)
        at[i] = v && i >= GUARD && i < n - GUARD ? 0 : fill;
    for (int64_t i = 0; v && i < lbk_shape_count(a->shape); i++)
        at[GUARD + place(a, i)] = v[i];
}

static inline void check_guards(const struct lbk_arg *a, float fill)
{
    const float *at = (const float *) a->mem->at;
    size_t n = lbk_arg_bytes(a) / sizeof(float);
    for (size_t i = 0; i < GUARD; i++)
        if (at[i] != fill || at[GUARD + n + i] != fill)
            fail_msg("written outside of the output, %d from its %s", (int) i,
                     at[i] != fill ? "beginning" : "end");
}

static inline void negotiate(lbk_drv *d, struct problem *p)
{
    if (!cpu_device_fns.supports(d, &p->g, &p->offer))
        fail_msg("%s is declined", p->op.name);
    for (int i = 0; i < p->g.n_arg; i++)
        p->g.arg[i].layout = p->offer.want_arg[i];
    for (int i = 0; i < p->g.n_out; i++)
        p->g.out[i].layout = p->offer.want_out[i];
    assert_true(cpu_device_fns.supports(d, &p->g, &p->offer));
}

static inline void launch_stored(lbk_drv *d, struct problem *p)
{
    lbk_code *code;
    assert_int_equal(cpu_device_fns.prepare(d, &p->g, &code), LBK_OK);
    for (int round = 0; round < 2; round++)
        assert_int_equal(cpu_device_fns.launch(d, &p->g, code), LBK_OK);
    cpu_device_fns.release(d, code);
}

static inline void free_buffers(lbk_drv *d, const struct problem *p)
{
    for (int i = 0; i < p->g.n_arg; i++)
        cpu_device_fns.free(d, p->g.arg[i].mem);
    for (int i = 0; i < p->g.n_out; i++)
        cpu_device_fns.free(d, p->g.out[i].mem);
    cpu_device_fns.free(d, p->g.scratch.mem);
}

static inline void run_on(lbk_drv *d, struct problem *p)
{
    const float fill = 12345.0f;
    negotiate(d, p);
    for (int i = 0; i < p->g.n_arg; i++)
        store_arg(d, &p->g.arg[i], p->value[i], NAN);
    for (int i = 0; i < p->g.n_out; i++)
        store_arg(d, &p->g.out[i], NULL, fill);
    p->g.scratch = (struct lbk_arg){ .dtype = LBK_U8,
                                     .shape = LBK_SHAPE((int64_t) p->offer.scratch),
                                     .layout = { LBK_ROW_MAJOR, 1 } };
    assert_int_equal(cpu_device_fns.alloc(d, p->offer.scratch + 4096, &p->g.scratch.mem), LBK_OK);
    memset(p->g.scratch.mem->at, 0xff, p->offer.scratch);
    memset(p->g.scratch.mem->at + p->offer.scratch, 0x5a, 4096);
    launch_stored(d, p);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(p->g.scratch.mem->at[p->offer.scratch + (size_t) i], 0x5a);
    for (int i = 0; i < p->g.n_out; i++)
        check_guards(&p->g.out[i], fill);
    const float *out = cpu_f32(&p->g.out[0]);
    for (int64_t i = 0; i < lbk_shape_count(p->g.acc); i++)
        p->result[i] = out[place(&p->g.out[0], i)];
    free(p->stored);
    p->stored_bytes = lbk_arg_bytes(&p->g.out[0]);
    p->stored = malloc(p->stored_bytes);
    memcpy(p->stored, out, p->stored_bytes);
    if (p->g.tail)
        memcpy(p->tail, cpu_f32(&p->g.out[p->g.n_out - 1]),
               sizeof(float) * 2 * (size_t) p->g.acc.d[1]);
    free_buffers(d, p);
}

/* What each of the three is, summed over everything in double. */
static inline double *conv_reference(const struct conv_case *c, enum pass pass,
                                     const struct problem *p)
{
    int64_t oh = out_size(c->h, c->r, c), ow = out_size(c->w, c->s, c), cg = c->c / c->groups,
            kg = c->k / c->groups;
    double *out = calloc((size_t) lbk_shape_count(p->g.acc), sizeof *out);
    for (int64_t y = 0; y < c->n * c->k * oh * ow; y++)
        for (int64_t t = 0; t < cg * c->r * c->s; t++) {
            int64_t n = y / ow / oh / c->k, k = y / ow / oh % c->k, s = t % c->s,
                    r = t / c->s % c->r, i = t / c->s / c->r;
            int64_t h = y / ow % oh * c->stride + r * c->dil - c->pad,
                    w = y % ow * c->stride + s * c->dil - c->pad;
            if (h < 0 || h >= c->h || w < 0 || w >= c->w)
                continue;
            int64_t x = ((n * c->c + k / kg * cg + i) * c->h + h) * c->w + w,
                    q = ((k * cg + i) * c->r + r) * c->s + s;
            const float *a = p->value[0], *b = p->value[1];
            if (pass == FORWARD)
                out[y] += (double) a[x] * b[q];
            else if (pass == BY_X)
                out[x] += (double) a[y] * b[q];
            else
                out[q] += (double) a[x] * b[y];
        }
    return out;
}

static inline void check_close(const struct problem *p, const double *want, const char *what)
{
    double worst = 0, power = 0;
    int64_t n = lbk_shape_count(p->g.acc), at = 0;
    for (int64_t i = 0; i < n; i++) {
        double e = fabs(p->result[i] - want[i]);
        power += want[i] * want[i];
        if (!(e <= worst))
            worst = e, at = i;
    }
    if (!(worst <= p->close * (sqrt(power / (double) n) + 1)))
        fail_msg("%s: element %d is %g, expected %g", what, (int) at, p->result[at], want[at]);
}

static inline void check_tail(const struct problem *p, const char *what)
{
    const struct lbk_arg *a = &p->g.out[0];
    if (a->layout.order != LBK_CBLK)
        return;
    int64_t hw = a->shape.d[2] * a->shape.d[3], b = a->layout.block,
            blocks = (a->shape.d[1] + b - 1) / b;
    for (int64_t i = 0; i < a->shape.d[0] * blocks * hw * b; i++)
        if (i / b / hw % blocks * b + i % b >= a->shape.d[1] && p->stored[i] != 0)
            fail_msg("%s: a lane past the last channel is %g", what, p->stored[i]);
}

static inline lbk_drv *open_cpu(int threads, const char *isa)
{
    lbk_drv *d = NULL;
    return cpu_isa_find(isa) >= 0 && cpu_open(NULL, threads, isa, false, &d) == LBK_OK ? d : NULL;
}

/* Every instruction set and number of threads gives the same bits as the first. */
static inline void check_bits(struct problem *p, const char *what)
{
    static const char *const isas[] = { "avx512", "avx2", "base" };
    float *first = NULL;
    for (int i = 0; i < 3; i++)
        for (int threads = 1; threads <= 3; threads++) {
            lbk_drv *d = open_cpu(threads, isas[i]);
            if (!d)
                continue;
            run_on(d, p);
            cpu_device_fns.close(d);
            if (!first) {
                first = malloc(p->stored_bytes);
                memcpy(first, p->stored, p->stored_bytes);
            } else if (memcmp(first, p->stored, p->stored_bytes) != 0) {
                fail_msg("%s: other bits on %s with %d threads", what, isas[i], threads);
            }
        }
    free(first);
}

#endif
