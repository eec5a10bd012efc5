/* SPDX-License-Identifier: MIT */
/* A case of an operator made into data: what all_ops runs. */
#ifndef LBK_TESTS_OP_CASE_H
#define LBK_TESTS_OP_CASE_H
#include <limbeck/rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "opdef.h"

struct operand {
    lbk_dtype dtype;
    lbk_shape shape;
    int64_t lo, hi; /* of I32 */
    void *data;     /* F32: double, every one a float too; else of the dtype */
    float *f32;     /* F32: the same as float */
};

struct op_case {
    lbk_ctx *ctx;
    const struct lbk_op *op;
    const struct lbk_case *c;
    int n;
    struct operand in[LBK_OPERAND_MAX];
    lbk_opts *opts;
    const void *params;
    lbk_graph *g;
    lbk_val *leaf[LBK_OPERAND_MAX], *y;
};

static inline double unit_at(uint64_t key, uint64_t i)
{
    return (double) lbk_random_at(lbk_mix(20, key), 0, i);
}

static inline void parse_operand(const char *s, size_t n, struct operand *o)
{
    char text[64], *at = text;
    snprintf(text, sizeof text, "%.*s", (int) n, s);
    *o = (struct operand) { .dtype = LBK_F32 };
    char *colon = strchr(text, ':');
    if (colon)
        *colon++ = 0;
    while (*at) {
        o->shape.d[o->shape.n++] = strtoll(at, &at, 10);
        at += *at == 'x';
    }
    if (!colon)
        return;
    o->dtype = *colon == 'u' ? LBK_U8 : LBK_I32;
    const char *dots = strstr(colon, "..");
    o->lo = dots ? strtoll(colon, NULL, 10) : 0;
    o->hi = strtoll(dots ? dots + 2 : colon, NULL, 10) - (dots ? 0 : 1);
}

static inline int parse_operands(const char *shapes, struct operand in[])
{
    int n = 0;
    for (const char *s = shapes;; s++) {
        const size_t len = strcspn(s, ",");
        parse_operand(s, len, &in[n++]);
        s += len;
        if (!*s)
            return n;
    }
}

static inline void fill(struct operand *o, const struct lbk_case *c, uint64_t key)
{
    const int64_t n = lbk_shape_count(o->shape);
    o->data = calloc((size_t) n + 1, 8);
    o->f32 = calloc((size_t) n + 1, 4);
    for (int64_t i = 0; i < n; i++) {
        const double u = unit_at(key, 2 * (uint64_t) i),
                     sign = unit_at(key, 2 * (uint64_t) i + 1) < 0.5 ? -1 : 1;
        const double v = c->lo < c->hi ? c->lo + u * (c->hi - c->lo) : sign * (0.25 + 1.75 * u);
        if (o->dtype == LBK_F32)
            ((double *) o->data)[i] = o->f32[i] = (float) v;
        else if (o->dtype == LBK_I32)
            ((int32_t *) o->data)[i] =
                (int32_t) (o->lo + (int64_t) (u * (double) (o->hi - o->lo + 1)));
        else
            ((uint8_t *) o->data)[i] = (uint8_t) (u * 256);
    }
}

/* name=value,name=value; false: one is refused. */
static inline bool parse_params(lbk_ctx *ctx, const struct lbk_op *op, const char *text,
                                lbk_opts **out)
{
    if (lbk_opts_create(ctx, op->params, op->params_size, out))
        return false;
    for (const char *s = text; *s;) {
        char item[128];
        const size_t n = strcspn(s, ",");
        snprintf(item, sizeof item, "%.*s", (int) n, s);
        char *value = strchr(item, '=');
        if (!value)
            return false;
        *value++ = 0;
        if (lbk_opts_set(*out, item, value))
            return false;
        s += n + (s[n] == ',');
    }
    return true;
}

static inline bool case_build(struct op_case *k)
{
    char name[16];
    if (lbk_graph_create(k->ctx, &k->g))
        return false;
    for (int i = 0; i < k->n; i++) {
        snprintf(name, sizeof name, "%d", i);
        k->leaf[i] = lbk_input(k->g, name, k->in[i].dtype, k->in[i].shape);
    }
    k->y = lbk_apply(k->g, k->op, k->n, k->leaf, k->params);
    return k->y != NULL;
}

static inline bool case_open(lbk_ctx *ctx, const struct lbk_op *op, const struct lbk_case *c,
                             struct op_case *k)
{
    *k = (struct op_case){ .ctx = ctx, .op = op, .c = c };
    k->n = parse_operands(c->shapes, k->in);
    for (int i = 0; i < k->n; i++)
        fill(&k->in[i], c, (uint64_t) i);
    if (op->params && !parse_params(ctx, op, c->params, &k->opts))
        return false;
    k->params = k->opts ? lbk_opts_cfg(k->opts) : NULL;
    return case_build(k);
}

static inline void case_close(struct op_case *k)
{
    for (int i = 0; i < k->n; i++)
        free(k->in[i].data), free(k->in[i].f32);
    if (k->opts)
        lbk_opts_destroy(&k->opts);
    lbk_graph_destroy(&k->g);
}

static inline const void *leaf_f64(void *ud, const lbk_node *n)
{
    return ((struct op_case *) ud)->in[atoi(n->name)].data;
}

static inline const void *leaf_f32(void *ud, const lbk_node *n)
{
    const struct operand *o = &((struct op_case *) ud)->in[atoi(n->name)];
    return o->dtype == LBK_F32 ? o->f32 : o->data;
}

static inline bool case_eval(struct op_case *k, bool f64, int n, lbk_node *const target[],
                             void ***value)
{
    const struct eval e = {
        .f64 = f64, .seed = k->ctx->params.seed, .leaf = f64 ? leaf_f64 : leaf_f32, .ud = k
    };
    return !lbk__eval(k->g, &e, n, target, value);
}

/* Element i of a value that eval or a device left. */
static inline double element(lbk_dtype t, bool f64, const void *v, int64_t i)
{
    if (t == LBK_I32)
        return ((const int32_t *) v)[i];
    if (t == LBK_U8)
        return ((const uint8_t *) v)[i];
    return f64 ? ((const double *) v)[i] : (double) ((const float *) v)[i];
}

/* Largest difference, relative to the largest magnitude or 1; NaN and infinities must be in the
 * same places. */
static inline double distance(lbk_dtype t, int64_t n, const void *want, bool want64,
                              const void *got, bool got64)
{
    double far = 0, largest = 1;
    for (int64_t i = 0; i < n; i++) {
        const double a = element(t, want64, want, i), b = element(t, got64, got, i);
        if (a == b || (isnan(a) && isnan(b)))
            continue;
        if (!isfinite(a) || !isfinite(b))
            return INFINITY;
        far = fmax(far, fabs(a - b));
        largest = fmax(largest, fabs(a));
    }
    return far / largest;
}

#endif
