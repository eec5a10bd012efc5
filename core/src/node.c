/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "opdef.h"

int lbk_node_n(const lbk_node *n) { return n->n; }

lbk_val *lbk_node_in(const lbk_node *n, int i) { return val_of(n->in[i]); }

lbk_val *lbk_node_out(const lbk_node *n) { return val_of((lbk_node *) (uintptr_t) n); }

const void *lbk_node_params(const lbk_node *n) { return n->params; }

lbk_shape lbk_shape_of(const lbk_val *v) { return v ? v->node.shape : (lbk_shape) { 0 }; }

lbk_dtype lbk_dtype_of(const lbk_val *v) { return v ? v->node.dtype : LBK_F32; }

int64_t lbk_range_of(const lbk_val *v) { return v ? v->node.range : 0; }

bool lbk__same_shape(lbk_shape a, lbk_shape b)
{
    return a.n == b.n && !memcmp(a.d, b.d, (size_t) a.n * sizeof *a.d);
}

bool lbk__broadcast(lbk_shape a, lbk_shape b, lbk_shape *out)
{
    lbk_shape o = { .n = a.n > b.n ? a.n : b.n };
    for (int i = 0; i < o.n; i++) {
        const int ia = i - (o.n - a.n), ib = i - (o.n - b.n);
        const int64_t x = ia < 0 ? 1 : a.d[ia], y = ib < 0 ? 1 : b.d[ib];
        if (x != y && x != 1 && y != 1)
            return false;
        o.d[i] = x == 1 ? y : x;
    }
    *out = o;
    return true;
}

static lbk_val *out_of_memory(lbk_graph *g)
{
    lbk_graph_fail(g, LBK_ENOMEM, "graph: out of memory");
    return NULL;
}

static lbk_val *new_node(lbk_graph *g, enum node_kind kind, lbk_dtype t, lbk_shape s)
{
    if (g->status)
        return NULL;
    lbk_val *v = lbk__arena_get(&g->arena, sizeof *v);
    if (!v || g->n_node == UINT32_MAX ||
        !lbk__grow(&g->node, g->n_node, &g->cap_node, sizeof *g->node))
        return out_of_memory(g);
    v->node.g = g;
    v->node.id = (uint32_t) g->n_node;
    v->node.kind = (uint8_t) kind;
    v->node.dtype = t;
    v->node.shape.n = s.n;
    memcpy(v->node.shape.d, s.d, (size_t) s.n * sizeof *s.d);
    v->node.where = g->where;
    g->node[g->n_node++] = &v->node;
    return v;
}

/* dtype, rank and size are such that a tensor can be made of them. */
static bool storable(lbk_graph *g, const char *what, const char *name, lbk_dtype t, lbk_shape s,
                     size_t *bytes)
{
    if (t < LBK_F32 || t > LBK_U8)
        lbk_graph_fail(g, LBK_EINVAL, "%s %s: element type %d is unknown", what, name, (int) t);
    else if (s.n < 0 || s.n > LBK_MAX_DIMS)
        lbk_graph_fail(g, LBK_EINVAL, "%s %s: rank %d, expected 0 to %d", what, name, s.n,
                       LBK_MAX_DIMS);
    else if (!lbk__shape_bytes(t, s, bytes))
        lbk_graph_fail(g, LBK_EINVAL, "%s %s: shape %s is negative or too large", what, name,
                       SHAPE(s));
    else
        return true;
    return false;
}

/* An input or a state: found by name, or made. */
static lbk_val *leaf(lbk_graph *g, enum node_kind kind, const char *what, const char *name,
                     lbk_dtype t, lbk_shape s)
{
    size_t bytes;
    if (g->status)
        return NULL;
    lbk_node *old = lbk__graph_find(g, kind, name);
    if (old && s.n == -1 && old->dtype == t)
        return val_of(old);
    if (!storable(g, what, name, t, s, &bytes))
        return NULL;
    if (old && (old->dtype != t || !lbk__same_shape(old->shape, s))) {
        lbk_graph_fail(g, LBK_EINVAL, "%s %s: asked for as %s %s, but it is %s %s", what, name,
                       lbk__dtype_name(t), SHAPE(s), lbk__dtype_name(old->dtype),
                       SHAPE(old->shape));
        return NULL;
    }
    if (old)
        return val_of(old);
    lbk_val *v = new_node(g, kind, t, s);
    if (v && !(v->node.name = lbk__arena_str(&g->arena, "%s", name)))
        return out_of_memory(g);
    return v;
}

lbk_val *lbk_input(lbk_graph *g, const char *name, lbk_dtype t, lbk_shape s)
{
    return leaf(g, NODE_INPUT, "input", name, t, s);
}

/* The caller's init with what it points to copied; a state of its first use. */
static bool set_init(lbk_node *n, const struct lbk_init *init)
{
    struct lbk_init *copy = lbk__arena_copy(&n->g->arena, init, sizeof *init);
    size_t bytes;
    if (copy && copy->kind == LBK_INIT_DATA) {
        lbk__shape_bytes(n->dtype, n->shape, &bytes);
        copy->data = lbk__arena_copy(&n->g->arena, init->data, bytes);
        copy = copy->data ? copy : NULL;
    }
    n->init = copy;
    return copy != NULL;
}

lbk_val *lbk__state(lbk_graph *g, const char *name, lbk_dtype t, lbk_shape s, bool trainable,
                    const struct lbk_init *init)
{
    static const struct lbk_init zeros = { .kind = LBK_INIT_ZEROS };
    lbk_val *v = leaf(g, NODE_STATE, "state", name, t, s);
    if (!v || v->node.init)
        return v;
    v->node.trainable = trainable;
    return set_init(&v->node, init ? init : &zeros) ? v : out_of_memory(g);
}

lbk_val *lbk_state(lbk_graph *g, const char *name, lbk_dtype t, lbk_shape s, bool trainable)
{
    return lbk__state(g, name, t, s, trainable, NULL);
}

lbk_val *lbk_const(lbk_graph *g, lbk_dtype t, lbk_shape s, const void *data)
{
    size_t bytes;
    if (g->status || !storable(g, "constant", "", t, s, &bytes))
        return NULL;
    lbk_val *v = new_node(g, NODE_CONST, t, s);
    if (v && !(v->node.data = lbk__arena_copy(&g->arena, data, bytes)))
        return out_of_memory(g);
    return v;
}

lbk_val *lbk_numbers(lbk_graph *g, lbk_shape s, const double *v)
{
    size_t bytes;
    if (g->status || !storable(g, "constant", "", LBK_F32, s, &bytes))
        return NULL;
    lbk_val *c = new_node(g, NODE_CONST, LBK_F32, s);
    float *f = lbk__arena_get(&g->arena, bytes ? bytes : 1);
    if (!c || !f)
        return out_of_memory(g);
    for (int64_t i = 0, n = lbk_shape_count(s); i < n; i++)
        f[i] = (float) v[i];
    c->node.data = f;
    return c;
}

lbk_val *lbk_scalar(lbk_graph *g, double v) { return lbk_numbers(g, (lbk_shape) { 0 }, &v); }

lbk_val *lbk_filled(lbk_graph *g, lbk_shape s, double v)
{
    lbk_val *c = lbk_scalar(g, v);
    return s.n == 0 || !c ? c : lbk__fit(g, c, s);
}

static size_t field_size(enum lbk_opt_type t)
{
    switch (t) {
    case LBK_OPT_BOOL: return sizeof(bool);
    case LBK_OPT_INT: return sizeof(int64_t);
    case LBK_OPT_FLOAT: return sizeof(double);
    case LBK_OPT_ENUM: return sizeof(int);
    default: return 0;
    }
}

/* Field by field into zeroed memory: equal parameters are equal bytes. */
static const void *copy_params(lbk_graph *g, const struct lbk_op *op, const void *params)
{
    char *to = lbk__arena_get(&g->arena, op->params_size);
    for (const struct lbk_opt *o = op->params; to && o && o->type; o++)
        memcpy(to + o->offset, (const char *) params + o->offset, field_size(o->type));
    return to;
}

static const char *const letters[][3] = { { "x" }, { "x" }, { "a", "b" }, { "a", "b", "c" } };

bool lbk__want_type(struct lbk_infer *i, int k, const char *name, lbk_dtype t)
{
    if (i->in_t[k] != t)
        lbk_graph_fail(i->g, LBK_EINVAL, "%s: %s is %s, expected %s", i->op->name, name,
                       lbk__dtype_name(i->in_t[k]), lbk__dtype_name(t));
    return i->in_t[k] == t;
}

bool lbk__want_rank(struct lbk_infer *i, int k, const char *name, int rank)
{
    if (i->in[k].n != rank)
        lbk_graph_fail(i->g, LBK_EINVAL, "%s: %s is %s, expected rank %d", i->op->name, name,
                       SHAPE(i->in[k]), rank);
    return i->in[k].n == rank;
}

bool lbk__want_shape(struct lbk_infer *i, int k, const char *name, lbk_shape s, const char *why)
{
    const bool same = lbk__same_shape(i->in[k], s);
    if (!same)
        lbk_graph_fail(i->g, LBK_EINVAL, "%s: %s is %s, expected %s%s%s", i->op->name, name,
                       SHAPE(i->in[k]), SHAPE(s), why ? " " : "", why ? why : "");
    return same;
}

bool lbk__want_axis(struct lbk_infer *i, int k, int64_t axis)
{
    const bool fits = axis >= -i->in[k].n && axis < i->in[k].n;
    if (!fits)
        lbk_graph_fail(i->g, LBK_EINVAL, "%s: axis %lld, expected one of the %d axes of %s",
                       i->op->name, (long long) axis, i->in[k].n, SHAPE(i->in[k]));
    return fits;
}

static lbk_status infer_broadcast(struct lbk_infer *i)
{
    i->out = i->in[0];
    i->out_t = LBK_F32;
    for (int k = 0; k < i->n; k++) {
        const char *name = letters[i->n][k];
        if (!lbk__want_type(i, k, name, LBK_F32))
            return LBK_EINVAL;
        if (!lbk__broadcast(i->out, i->in[k], &i->out))
            return lbk_graph_fail(i->g, LBK_EINVAL,
                                  "%s: %s is %s, which does not broadcast with %s", i->op->name,
                                  name, SHAPE(i->in[k]), SHAPE(i->out));
    }
    return LBK_OK;
}

static bool infer(struct lbk_infer *i)
{
    size_t bytes;
    const lbk_status st = i->op->infer ? i->op->infer(i) : infer_broadcast(i);
    if (st && !i->g->status)
        lbk_graph_fail(i->g, st, "%s: operands do not fit", i->op->name);
    return !i->g->status && storable(i->g, "result of", i->op->name, i->out_t, i->out, &bytes);
}

/* Of integers that are moved, not changed. */
static int64_t range_of(const lbk_node *n)
{
    return n->dtype == LBK_I32 && n->in[0]->dtype == LBK_I32 ? n->in[0]->range : 0;
}

static lbk_val *apply(struct lbk_infer *i, lbk_val *const in[])
{
    lbk_graph *g = i->g;
    lbk_node **operand = lbk__arena_get(&g->arena, (size_t) i->n * sizeof *operand + 1);
    if (!operand)
        return out_of_memory(g);
    for (int k = 0; k < i->n; k++)
        operand[k] = &in[k]->node;
    lbk_val *v = new_node(g, NODE_OP, i->out_t, i->out);
    if (!v)
        return NULL;
    v->node.op = i->op;
    v->node.params = i->params;
    v->node.n = i->n;
    v->node.in = operand;
    v->node.range = i->n ? range_of(&v->node) : 0;
    return v;
}

lbk_val *lbk_apply(lbk_graph *g, const struct lbk_op *op, int n, lbk_val *const in[],
                   const void *params)
{
    lbk_shape shape[LBK_OPERAND_MAX];
    lbk_dtype type[LBK_OPERAND_MAX];
    if (g->status)
        return NULL;
    if (n < op->n_min || n > op->n_max || n > LBK_OPERAND_MAX) {
        lbk_graph_fail(g, LBK_EINVAL, "%s: %d operands, expected %d to %d", op->name, n, op->n_min,
                       op->n_max);
        return NULL;
    }
    for (int k = 0; k < n; k++) {
        if (!in[k])
            return NULL;
        if (in[k]->node.g != g)
            lbk_graph_fail(g, LBK_EINVAL, "%s: operand %d is of another graph", op->name, k);
        shape[k] = in[k]->node.shape, type[k] = in[k]->node.dtype;
    }
    const void *copy = op->params_size ? copy_params(g, op, params) : NULL;
    if (op->params_size && !copy)
        return out_of_memory(g);
    struct lbk_infer i = { .g = g, .op = op, .n = n, .in = shape, .in_t = type, .params = copy };
    return g->status || !infer(&i) ? NULL : apply(&i, in);
}
