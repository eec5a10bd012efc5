/* SPDX-License-Identifier: MIT */
/* The graph passes of a plan: each pass rebuilds the graph node by node into a smaller one. */
#include <stdlib.h>
#include <string.h>
#include "plan.h"

enum { FOLD_MAX = 4096, PASSES_MAX = 16 };

struct pass {
    struct plan *plan;
    lbk_graph *to;
    lbk_val **map;     /* old id -> new value */
    uint32_t *readers; /* of old nodes */
    uint32_t *bucket, n_bucket, *chain;
    int64_t cap_chain;              /* of new nodes, by what they compute */
    const char *where, *where_copy; /* the last path seen, and the new graph's copy of it */
    bool lowered;
};

bool lbk__is_pointwise(const lbk_node *n)
{
    return n->kind == NODE_OP && n->dtype == LBK_F32 &&
           (n->op->expr || !strcmp(n->op->name, "broadcast"));
}

static bool named(const lbk_node *n, const char *op)
{
    return n->kind == NODE_OP && !strcmp(n->op->name, op);
}

static int slice_axis(const lbk_node *n)
{
    const struct lbk_slice *s = n->params;
    return (int) (s->axis < 0 ? s->axis + n->shape.n : s->axis);
}

/* Only ones before the axis it cuts. */
static bool contiguous_slice(const lbk_node *n)
{
    if (!named(n, "slice"))
        return false;
    for (int i = 0; i < slice_axis(n); i++)
        if (n->shape.d[i] != 1)
            return false;
    return true;
}

bool lbk__is_view(const lbk_node *n)
{
    return n->kind == NODE_OP && (n->op->flags & LBK_OP_VIEW || contiguous_slice(n));
}

static size_t slice_skip(const lbk_node *n)
{
    const struct lbk_slice *s = n->params;
    const int axis = slice_axis(n);
    size_t each = lbk__dtype_size(n->dtype);
    for (int i = axis + 1; i < n->shape.n; i++)
        each *= (size_t) n->shape.d[i];
    return each * (size_t) (s->begin < 0 ? s->begin + n->in[0]->shape.d[axis] : s->begin);
}

lbk_node *lbk__storage_node(lbk_node *n, size_t *skip)
{
    if (skip)
        *skip = 0;
    for (; lbk__is_view(n); n = n->in[0])
        if (skip && !(n->op->flags & LBK_OP_VIEW))
            *skip += slice_skip(n);
    return n;
}

/* Is n a one-element f32 constant of value v? */
static bool is_number(const lbk_node *n, float v)
{
    while (n->kind == NODE_OP && !strcmp(n->op->name, "broadcast"))
        n = n->in[0];
    return n->kind == NODE_CONST && n->dtype == LBK_F32 && lbk_shape_count(n->shape) == 1 &&
           *(const float *) n->data == v;
}

/* The operand that n equals, or NULL. */
static lbk_node *identity(const lbk_node *n)
{
    lbk_node *a = n->in[0], *b = n->n > 1 ? n->in[1] : NULL;
    if (named(n, "stop_grad"))
        return a;
    if ((named(n, "broadcast") || named(n, "reshape") || named(n, "slice")) &&
        lbk__same_shape(n->shape, a->shape))
        return a;
    if (named(n, "reshape") && named(a, "reshape") && lbk__same_shape(n->shape, a->in[0]->shape))
        return a->in[0];
    if (named(n, "neg") && named(a, "neg"))
        return a->in[0];
    if (named(n, "cast") && n->dtype == a->dtype)
        return a;
    if ((named(n, "mul") || named(n, "div")) && is_number(b, 1) &&
        lbk__same_shape(n->shape, a->shape))
        return a;
    if (named(n, "mul") && is_number(a, 1) && lbk__same_shape(n->shape, b->shape))
        return b;
    if ((named(n, "add") || named(n, "sub")) && is_number(b, 0) &&
        lbk__same_shape(n->shape, a->shape))
        return a;
    if (named(n, "add") && is_number(a, 0) && lbk__same_shape(n->shape, b->shape))
        return b;
    return NULL;
}

static uint32_t hash_of(const lbk_node *n)
{
    uint64_t h = 1469598103934665603u ^ (uintptr_t) n->op;
    const unsigned char *p = n->params;
    for (size_t i = 0; i < n->op->params_size; i++)
        h = (h ^ p[i]) * 1099511628211u;
    for (int i = 0; i < n->n; i++)
        h = (h ^ n->in[i]->id) * 1099511628211u;
    return (uint32_t) (h ^ h >> 32);
}

static bool equal(const lbk_node *a, const lbk_node *b)
{
    if (a->op != b->op || a->n != b->n ||
        (a->op->params_size && memcmp(a->params, b->params, a->op->params_size)))
        return false;
    for (int i = 0; i < a->n; i++)
        if (a->in[i] != b->in[i])
            return false;
    return true;
}

/* An earlier node that computes the same, or n itself, from now on found by the next. */
static lbk_node *common(struct pass *s, lbk_node *n)
{
    uint32_t *b = &s->bucket[hash_of(n) & (s->n_bucket - 1)];
    for (uint32_t i = *b; i != NONE; i = s->chain[i])
        if (equal(s->to->node[i], n))
            return s->to->node[i];
    while (n->id >= s->cap_chain)
        if (!lbk__grow(&s->chain, s->cap_chain, &s->cap_chain, sizeof *s->chain))
            return n;
    s->chain[n->id] = *b;
    *b = n->id;
    return n;
}

static bool foldable(const lbk_node *n)
{
    if (n->dtype != LBK_F32 || lbk_shape_count(n->shape) > FOLD_MAX || named(n, "broadcast") ||
        !n->n)
        return false;
    for (int i = 0; i < n->n; i++)
        if (n->in[i]->kind != NODE_CONST)
            return false;
    return true;
}

static lbk_val *fold(struct pass *s, lbk_node *n)
{
    lbk_shape shape[LBK_OPERAND_MAX];
    lbk_dtype type[LBK_OPERAND_MAX];
    const void *data[LBK_OPERAND_MAX];
    size_t bytes;
    if (n->n > LBK_OPERAND_MAX || !lbk__shape_bytes(n->dtype, n->shape, &bytes))
        return val_of(n);
    void *out = lbk__arena_get(&s->to->arena, bytes ? bytes : 1);
    if (!out)
        return val_of(n);
    for (int i = 0; i < n->n; i++)
        shape[i] = n->in[i]->shape, type[i] = n->in[i]->dtype, data[i] = n->in[i]->data;
    const struct lbk_ref r = { n->n,     shape,    type, data,  n->params,
                               n->shape, n->dtype, out,  false, s->plan->device->ctx->params.seed };
    return lbk__eval_op(s->to->ctx, n->op, &r) ? val_of(n)
                                               : lbk_const(s->to, n->dtype, n->shape, out);
}

/* A pointwise operand that is only there to stretch: the operator does that itself when another
 * operand has the shape. */
static bool stretches(const lbk_node *n, lbk_val *const in[], int i)
{
    if (!named(&in[i]->node, "broadcast"))
        return false;
    for (int k = 0; k < n->n; k++)
        if (k != i && lbk__same_shape(in[k]->node.shape, n->shape) &&
            !named(&in[k]->node, "broadcast"))
            return true;
    return false;
}

/* ---- batch norms of frozen networks ---- */

static bool is_settled(const lbk_node *n, int depth)
{
    if (n->kind != NODE_OP || depth > 16)
        return n->kind == NODE_CONST || (n->kind == NODE_STATE && n->settled);
    for (int i = 0; i < n->n; i++)
        if (!is_settled(n->in[i], depth + 1))
            return false;
    return true;
}

static bool is_each_channel(const lbk_node *a, int64_t channels)
{
    return a->shape.n >= 3 && a->shape.d[a->shape.n - 3] == channels &&
           lbk_shape_count(a->shape) == channels;
}

/* conv(x, w) * a, of a number a for each channel that is the same in every run, is
 * conv(x, w * a). It takes memory for the weights once more; where they are larger than what the
 * convolution gives there is little to multiply, and a is applied as that is stored. */
static lbk_val *scaled_conv(struct pass *s, const lbk_node *n, const lbk_node *v)
{
    for (int i = 0; named(v, "mul") && i < 2; i++) {
        lbk_node *c = v->in[i], *a = v->in[1 - i];
        if (!named(c, "conv2d") || s->readers[n->in[i]->id] > 1 || !is_settled(c->in[1], 0) ||
            lbk_shape_count(c->in[1]->shape) > lbk_shape_count(c->shape) ||
            !is_each_channel(a, c->shape.d[1]) || !is_settled(a, 0))
            continue;
        const struct lbk_dims d = { 4, { c->shape.d[1], 1, 1, 1 } };
        lbk_val *w = lbk_mul(s->to, val_of(c->in[1]), lbk_reshape(s->to, val_of(a), d));
        s->lowered = true; /* the convolution of before is dead */
        return lbk_apply(s->to, c->op, 2, (lbk_val *[]){ val_of(c->in[0]), w }, c->params);
    }
    return NULL;
}

static void count_readers(struct pass *s, const lbk_graph *from, const bool *live)
{
    for (int64_t i = 0; i < from->n_node; i++)
        for (int k = 0; live[i] && k < from->node[i]->n; k++)
            s->readers[from->node[i]->in[k]->id]++;
    for (int64_t i = 0; i < from->n_output; i++)
        s->readers[from->output[i].v->id]++;
    for (int64_t i = 0; i < from->n_assign; i++)
        s->readers[from->assign[i].v->id]++;
}

static const char *keep(struct pass *s, const char *where)
{
    if (where != s->where) {
        s->where = where;
        s->where_copy = where ? lbk__arena_copy(&s->to->arena, where, strlen(where) + 1) : NULL;
    }
    return s->where_copy ? s->where_copy : "";
}

static lbk_val *rebuild(struct pass *s, const lbk_node *n)
{
    lbk_val *in[LBK_OPERAND_MAX * 8];
    if (n->n > (int) (sizeof in / sizeof *in)) {
        lbk_graph_fail(s->to, LBK_EUNSUPPORTED, "%s: %d operands, expected at most %d", n->op->name,
                       n->n, (int) (sizeof in / sizeof *in));
        return NULL;
    }
    for (int i = 0; i < n->n; i++)
        in[i] = s->map[n->in[i]->id];
    for (int i = 0; n->op->expr && i < n->n; i++) {
        if (stretches(n, in, i))
            in[i] = val_of(in[i]->node.in[0]);
        if (in[i] && in[i]->node.dtype != LBK_F32)
            in[i] = lbk_cast(s->to, in[i], (struct lbk_cast){ LBK_F32 });
    }
    s->to->where = keep(s, n->where);
    return lbk_apply(s->to, n->op, n->n, in, n->params);
}

static lbk_val *state(struct pass *s, const lbk_node *n)
{
    lbk_val *v = lbk__state(s->to, n->name, n->dtype, n->shape, n->trainable, n->init);
    if (v)
        v->node.settled = n->settled;
    return v;
}

static lbk_val *visit(struct pass *s, const lbk_node *n)
{
    switch (n->kind) {
    case NODE_INPUT: return lbk_input(s->to, n->name, n->dtype, n->shape);
    case NODE_STATE: return state(s, n);
    case NODE_CONST: return lbk_const(s->to, n->dtype, n->shape, n->data);
    }
    lbk_val *v = rebuild(s, n);
    if (!v)
        return NULL;
    lbk_node *same = identity(&v->node);
    if (same)
        return val_of(same);
    same = common(s, &v->node);
    if (same != &v->node)
        return val_of(same);
    if (foldable(same))
        return fold(s, same);
    lbk_val *conv = scaled_conv(s, n, same);
    if (conv)
        return conv;
    if (lbk__is_pointwise(same) || lbk__is_view(same) || !same->op->lower ||
        lbk__plan_takes(s->plan, same))
        return v;
    s->lowered = true;
    lbk_val *low = same->op->lower(s->to, same);
    if (!low && !lbk_graph_status(s->to))
        lbk_graph_fail(s->to, LBK_EINVAL, "%s: lowering gave nothing", same->op->name);
    return low;
}

static lbk_status copy_ends(struct pass *s, const lbk_graph *from)
{
    for (int64_t i = 0; i < from->n_output; i++)
        lbk_output(s->to, from->output[i].name, s->map[from->output[i].v->id]);
    for (int64_t i = 0; i < from->n_assign; i++)
        lbk_assign(s->to, s->map[from->assign[i].state->id], s->map[from->assign[i].v->id]);
    return lbk_graph_status(s->to);
}

static lbk_status run(struct pass *s, const lbk_graph *from)
{
    bool *live = calloc((size_t) from->n_node + 1, sizeof *live);
    lbk_status st = live ? LBK_OK : lbk__plan_no_memory(s->plan);
    if (live) {
        lbk__graph_live(from, live);
        count_readers(s, from, live);
    }
    for (int64_t i = 0; !st && i < from->n_node; i++)
        if (live[i] && !(s->map[i] = visit(s, from->node[i])))
            st = lbk_graph_status(s->to) ? lbk_graph_status(s->to) : lbk__plan_no_memory(s->plan);
    free(live);
    return st ? st : copy_ends(s, from);
}

static lbk_status pass(struct plan *p, const lbk_graph *from, lbk_graph **to, bool *again)
{
    struct pass s = { .plan = p, .n_bucket = 64 };
    while (s.n_bucket < from->n_node)
        s.n_bucket *= 2;
    lbk_status st = lbk_graph_create(from->ctx, &s.to);
    if (st)
        return st;
    s.map = calloc((size_t) from->n_node + 1, sizeof(lbk_val *));
    s.bucket = malloc(s.n_bucket * sizeof *s.bucket);
    s.readers = calloc((size_t) from->n_node + 1, sizeof *s.readers);
    if (s.map && s.bucket && s.readers) {
        memset(s.bucket, 0xff, s.n_bucket * sizeof *s.bucket);
        st = run(&s, from);
    } else {
        st = lbk__plan_no_memory(p);
    }
    free(s.map), free(s.bucket), free(s.chain), free(s.readers);
    if (st)
        lbk_graph_destroy(&s.to);
    *to = s.to;
    *again = s.lowered;
    return st;
}

lbk_status lbk__plan_simplify(struct plan *p, const lbk_graph *from)
{
    bool *live = calloc((size_t) from->n_node + 1, sizeof *live);
    if (!live)
        return lbk__plan_no_memory(p);
    lbk__graph_live(from, live);
    for (int64_t i = 0; i < from->n_node; i++)
        p->n_node_before += live[i];
    free(live);
    lbk_status st = LBK_OK;
    /* One more pass after the last that lowered: it drops what the lowering left behind. */
    bool again = true, lowered = true;
    for (int i = 0; !st && (again || lowered) && i < PASSES_MAX; i++) {
        lbk_graph *old = p->graph;
        lowered = again;
        st = pass(p, old ? old : from, &p->graph, &again);
        lbk_graph_destroy(&old);
    }
    return st;
}
