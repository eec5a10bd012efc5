/* SPDX-License-Identifier: MIT */
/* A case of an operator on a device: alone, between pointwise operators, between convolutions; a convolution between what
 * batch norm and an activation leave of x, and the statistics of its result. */
#ifndef LBK_TESTS_OP_DEVICE_H
#define LBK_TESTS_OP_DEVICE_H
#include <time.h>
#include "op_case.h"

enum variant { ALONE, FUSED, BLOCKED, NORMED, VARIANTS };
static const char *const variant_names[] = { "alone", "fused", "blocked", "normed" };
enum { GUARD = 1024 };

/* Random 1x1 weights that keep the magnitude. */
static inline lbk_val *mixing(lbk_graph *g, lbk_val *x, uint64_t key)
{
    const int64_t c = lbk_shape_of(x).d[1];
    double *w = calloc((size_t) (c * c) + 1, sizeof *w);
    for (int64_t i = 0; i < c * c; i++)
        w[i] = (unit_at(key, (uint64_t) i) - 0.5) / sqrt((double) c) + (i % (c + 1) == 0);
    lbk_val *v = lbk_conv2d(g, x, lbk_numbers(g, LBK_SHAPE(c, c, 1, 1), w),
                            (struct lbk_conv2d) { .stride = 1 });
    free(w);
    return v;
}

/* One number from -0.5 to 1.5 for each channel. */
static inline lbk_val *by_channel(lbk_graph *g, lbk_val *x, uint64_t key)
{
    const int64_t c = lbk_shape_of(x).d[1];
    double *w = calloc((size_t) c + 1, sizeof *w);
    for (int64_t i = 0; i < c; i++)
        w[i] = 2 * unit_at(key, (uint64_t) i) - 0.5;
    lbk_val *v = lbk_numbers(g, LBK_SHAPE(1, c, 1, 1), w);
    free(w);
    return v;
}

static inline lbk_val *normed(lbk_graph *g, lbk_val *x)
{
    return lbk_relu(g, lbk_add(g, lbk_mul(g, x, by_channel(g, x, 7)), by_channel(g, x, 8)));
}

/* y, plus the mean of its channel, plus the variance. */
static inline lbk_val *with_moments(lbk_graph *g, lbk_val *y)
{
    const int64_t c = lbk_shape_of(y).d[1];
    lbk_val *stats = lbk_bn_stats(g, y, LBK_NONE), *sum = y;
    for (int64_t i = 0; i < 2; i++)
        sum = lbk_add(g, sum,
                      lbk_reshape(g, lbk_slice(g, stats, (struct lbk_slice){ 0, i, i + 1 }),
                                  (struct lbk_dims){ 4, { 1, c, 1, 1 } }));
    return sum;
}

static inline bool image(const lbk_val *v)
{
    const lbk_shape s = lbk_shape_of(v);
    return v && lbk_dtype_of(v) == LBK_F32 && s.n == 4 && lbk_shape_count(s);
}

static inline lbk_val *before(struct op_case *k, enum variant v, lbk_val *x, int i)
{
    if (lbk_dtype_of(x) != LBK_F32 || v == ALONE)
        return x;
    if (v == FUSED)
        return lbk_add(k->g, lbk_mul(k->g, x, lbk_scalar(k->g, 0.5)), lbk_scalar(k->g, 0.25));
    if (v == NORMED)
        return i == 0 ? normed(k->g, x) : x;
    return image(x) && i == 0 ? mixing(k->g, x, 5) : x;
}

static inline lbk_val *after(struct op_case *k, enum variant v, lbk_val *y)
{
    if (!y || lbk_dtype_of(y) != LBK_F32 || v == ALONE)
        return y;
    if (v == FUSED)
        return lbk_sub(k->g, lbk_relu(k->g, y), lbk_mul(k->g, y, lbk_scalar(k->g, 0.125)));
    if (v == NORMED)
        return with_moments(k->g, y);
    return image(y) ? mixing(k->g, y, 6) : y;
}

/* false: this variant says nothing new. */
static inline bool variant_build(struct op_case *k, enum variant v)
{
    lbk_val *x[LBK_OPERAND_MAX];
    if (v >= BLOCKED && !(image(k->leaf[0]) && image(k->y)))
        return false;
    if (v == NORMED && strncmp(k->op->name, "conv2d", 6) != 0)
        return false;
    lbk_graph_destroy(&k->g);
    if (!case_build(k))
        return false;
    for (int i = 0; i < k->n; i++)
        x[i] = before(k, v, k->leaf[i], i);
    k->y = v == ALONE ? k->y : after(k, v, lbk_apply(k->g, k->op, k->n, x, k->params));
    return k->y && !lbk_output(k->g, "y", k->y);
}

struct device_case {
    lbk_exec *exec;
    lbk_tensor *in[LBK_OPERAND_MAX], *out;
    struct lbk_bind bind[LBK_OPERAND_MAX], result;
    char name[LBK_OPERAND_MAX][8];
    void *got; /* the result, then GUARD bytes that must be as they were */
    size_t bytes;
};

static inline lbk_status device_in(struct op_case *k, lbk_device *d, struct device_case *c, int i)
{
    const struct operand *o = &k->in[i];
    size_t bytes;
    lbk__shape_bytes(o->dtype, o->shape, &bytes);
    lbk_status st = lbk_tensor_create(d, o->dtype, o->shape, &c->in[i]);
    if (!st && bytes)
        st = lbk_tensor_write(c->in[i], o->dtype == LBK_F32 ? o->f32 : o->data, bytes);
    snprintf(c->name[i], sizeof c->name[i], "%d", i);
    c->bind[i] = (struct lbk_bind) { c->name[i], c->in[i] };
    return st;
}

/* A tensor with room behind it, filled with a pattern, that then says it is as large as y. */
static inline lbk_status device_out(struct op_case *k, lbk_device *d, struct device_case *c)
{
    lbk__shape_bytes(k->y->node.dtype, k->y->node.shape, &c->bytes);
    const lbk_shape all = { 1, { (int64_t) c->bytes + GUARD } };
    c->got = malloc(c->bytes + GUARD);
    memset(c->got, 0xa5, c->bytes + GUARD);
    lbk_status st = lbk_tensor_create(d, LBK_U8, all, &c->out);
    st = st ? st : lbk_tensor_write(c->out, c->got, c->bytes + GUARD);
    if (!st) {
        c->out->dtype = k->y->node.dtype;
        c->out->shape = k->y->node.shape;
        c->out->bytes = c->bytes;
        c->result = (struct lbk_bind) { "y", c->out };
    }
    return st;
}

static inline lbk_status device_open(struct op_case *k, lbk_store *s, struct device_case *c)
{
    const struct lbk_compile_params p = { .size = sizeof p };
    *c = (struct device_case){ .exec = NULL };
    lbk_status st = lbk_compile(k->g, s, &p, &c->exec);
    for (int i = 0; i < k->n && !st; i++)
        st = device_in(k, s->device, c, i);
    return st ? st : device_out(k, s->device, c);
}

static inline lbk_status device_run(struct op_case *k, struct device_case *c)
{
    return lbk_run(c->exec, k->n, c->bind, 1, &c->result);
}

/* The result with what lies behind it. */
static inline lbk_status device_fetch(struct device_case *c)
{
    lbk_tensor *t = c->out;
    const lbk_tensor was = *t;
    t->dtype = LBK_U8;
    t->shape = (lbk_shape) { 1, { (int64_t) c->bytes + GUARD } };
    t->bytes = c->bytes + GUARD;
    const lbk_status st = lbk_tensor_read(t, c->got, t->bytes);
    t->dtype = was.dtype, t->shape = was.shape, t->bytes = was.bytes;
    return st;
}

static inline bool guard_intact(const struct device_case *c)
{
    const unsigned char *g = (const unsigned char *) c->got + c->bytes;
    int i = 0;
    while (i < GUARD && g[i] == 0xa5)
        i++;
    return i == GUARD;
}

static inline void device_close(struct device_case *c)
{
    for (int i = 0; i < LBK_OPERAND_MAX; i++)
        if (c->in[i])
            lbk_tensor_unref(&c->in[i]);
    if (c->out) {
        c->out->dtype = LBK_U8, c->out->bytes = c->bytes + GUARD;
        c->out->shape = (lbk_shape) { 1, { (int64_t) c->bytes + GUARD } };
        lbk_tensor_unref(&c->out);
    }
    if (c->exec)
        lbk_exec_destroy(&c->exec);
    free(c->got);
}

static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

#endif
