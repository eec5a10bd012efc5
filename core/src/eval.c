/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "opdef.h"

static size_t width(lbk_dtype t, bool f64)
{
    return t == LBK_F32 && f64 ? sizeof(double) : lbk__dtype_size(t);
}

static void *room(lbk_dtype t, lbk_shape s, bool f64)
{
    const size_t n = (size_t) lbk_shape_count(s);
    return n > SIZE_MAX / 16 ? NULL : malloc((n + 1) * width(t, f64));
}

/* The operand stretched to the shape of the result, as a pointwise reference wants it. */
static void *stretch(const struct lbk_ref *r, int i)
{
    const size_t w = width(r->in_t[i], r->f64);
    const lbk_shape from = r->in_shape[i], to = r->out_shape;
    int64_t c[LBK_MAX_DIMS];
    char *v = room(r->in_t[i], to, r->f64);
    for (int64_t k = 0, m = lbk_shape_count(to); v && k < m; k++) {
        coords(to, k, c);
        memcpy(v + (size_t) k * w, (const char *) r->in[i] + (size_t) stretched(from, to, c) * w,
               w);
    }
    return v;
}

static lbk_status run_pointwise(const struct lbk_op *op, const struct lbk_ref *r)
{
    const void *in[LBK_OPERAND_MAX];
    void *own[LBK_OPERAND_MAX] = { NULL };
    struct lbk_ref s = *r;
    lbk_status st = LBK_OK;
    s.in = in;
    for (int i = 0; i < r->n && !st; i++) {
        const bool same = lbk__same_shape(r->in_shape[i], r->out_shape);
        in[i] = same ? r->in[i] : (own[i] = stretch(r, i));
        st = in[i] || !lbk_shape_count(r->out_shape) ? LBK_OK : LBK_ENOMEM;
    }
    st = st ? st : op->ref(&s);
    for (int i = 0; i < r->n; i++)
        free(own[i]);
    return st;
}

static const void *operand(void *ud, const lbk_node *n)
{
    const struct lbk_ref *r = ud;
    return r->in[atoi(n->name)];
}

/* The operator alone in a graph of its own, then what it is made of. */
static lbk_status run_lowered(lbk_graph *g, const struct lbk_op *op, const struct lbk_ref *r)
{
    lbk_val *in[LBK_OPERAND_MAX];
    char name[16];
    void **value;
    for (int i = 0; i < r->n; i++) {
        snprintf(name, sizeof name, "%d", i);
        in[i] = lbk_input(g, name, r->in_t[i], r->in_shape[i]);
    }
    lbk_val *y = lbk_apply(g, op, r->n, in, r->params);
    lbk_val *v = y ? op->lower(g, &y->node) : NULL;
    if (!v)
        return g->status ? g->status
                         : lbk_fail(g->ctx, LBK_EUNSUPPORTED, "%s: cannot be lowered", op->name);
    const struct eval e = {
        .f64 = r->f64, .seed = r->seed, .leaf = operand, .ud = (void *) (uintptr_t) r
    };
    lbk_node *target = &v->node;
    const lbk_status st = lbk__eval(g, &e, 1, &target, &value);
    if (!st)
        memcpy(r->out, value[target->id],
               (size_t) lbk_shape_count(r->out_shape) * width(r->out_t, r->f64));
    lbk__eval_free(g, value);
    return st;
}

lbk_status lbk__eval_op(lbk_ctx *ctx, const struct lbk_op *op, const struct lbk_ref *r)
{
    lbk_graph *g;
    lbk_status st;
    if (op->ref) {
        st = op->expr ? run_pointwise(op, r) : op->ref(r);
        return st ? lbk_fail(ctx, st, "%s: its reference failed", op->name) : LBK_OK;
    }
    if (!op->lower)
        return lbk_fail(ctx, LBK_EUNSUPPORTED, "%s: neither a reference nor a lowering", op->name);
    st = lbk_graph_create(ctx, &g);
    st = st ? st : run_lowered(g, op, r);
    lbk_graph_destroy(&g);
    return st;
}

static void *copy_leaf(const struct eval *e, const lbk_node *n)
{
    const void *from = n->kind == NODE_CONST ? n->data : e->leaf ? e->leaf(e->ud, n) : NULL;
    const int64_t count = lbk_shape_count(n->shape);
    void *v = from ? room(n->dtype, n->shape, e->f64) : NULL;
    if (!v)
        return NULL;
    if (n->kind != NODE_CONST || n->dtype != LBK_F32 || !e->f64)
        return memcpy(v, from, (size_t) count * width(n->dtype, e->f64));
    for (int64_t i = 0; i < count; i++)
        ((double *) v)[i] = ((const float *) from)[i];
    return v;
}

static lbk_status run_node(const struct eval *e, const lbk_node *n, void *const value[], void **out)
{
    lbk_shape shape[LBK_OPERAND_MAX];
    lbk_dtype type[LBK_OPERAND_MAX];
    const void *in[LBK_OPERAND_MAX];
    *out = room(n->dtype, n->shape, e->f64);
    if (!*out)
        return lbk_fail(n->g->ctx, LBK_ENOMEM, "%s: out of memory", n->op->name);
    for (int i = 0; i < n->n; i++)
        shape[i] = n->in[i]->shape, type[i] = n->in[i]->dtype, in[i] = value[n->in[i]->id];
    const struct lbk_ref r = { .n = n->n,
                               .in_shape = shape,
                               .in_t = type,
                               .in = in,
                               .params = n->params,
                               .out_shape = n->shape,
                               .out_t = n->dtype,
                               .out = *out,
                               .f64 = e->f64,
                               .seed = e->seed };
    return lbk__eval_op(n->g->ctx, n->op, &r);
}

static lbk_status run_one(const struct eval *e, const lbk_node *n, void *const value[], void **out)
{
    if (n->dtype == LBK_F16)
        return lbk_fail(n->g->ctx, LBK_EUNSUPPORTED, "evaluation of a value of type f16");
    if (n->kind == NODE_OP)
        return run_node(e, n, value, out);
    *out = copy_leaf(e, n);
    return *out ? LBK_OK
                : lbk_fail(n->g->ctx, LBK_EINVAL, "evaluation: %s has no value",
                           n->name ? n->name : "a constant");
}

static void need(const lbk_graph *g, bool *needed, int n, lbk_node *const target[])
{
    for (int i = 0; i < n; i++)
        needed[target[i]->id] = true;
    for (int64_t i = g->n_node - 1; i >= 0; i--)
        for (int k = 0; needed[i] && k < g->node[i]->n; k++)
            needed[g->node[i]->in[k]->id] = true;
}

lbk_status lbk__eval(lbk_graph *g, const struct eval *e, int n, lbk_node *const target[],
                     void ***value)
{
    bool *needed = calloc((size_t) g->n_node + 1, sizeof *needed);
    void **v = *value = calloc((size_t) g->n_node + 1, sizeof *v);
    lbk_status st =
        needed && v ? LBK_OK : lbk_fail(g->ctx, LBK_ENOMEM, "evaluation: out of memory");
    if (!st)
        need(g, needed, n, target);
    for (int64_t i = 0; i < g->n_node && !st; i++) {
        if (!needed[i])
            continue;
        st = run_one(e, g->node[i], v, &v[i]);
        if (!st && e->seen)
            st = e->seen(e->ud, g->node[i], v[i]);
    }
    free(needed);
    return st;
}

void lbk__eval_free(lbk_graph *g, void **value)
{
    for (int64_t i = 0; value && i < g->n_node; i++)
        free(value[i]);
    free(value);
}
