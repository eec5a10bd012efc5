/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "opdef.h"

lbk_val *lbk__fit(lbk_graph *g, lbk_val *v, lbk_shape s)
{
    const lbk_shape f = lbk_shape_of(v);
    struct lbk_reduce r = { 0, false };
    struct lbk_dims d = { .n = s.n };
    if (!v || lbk__same_shape(f, s))
        return v;
    for (int i = 0; i < f.n; i++) {
        const int k = i - (f.n - s.n);
        if (k < 0 || (s.d[k] == 1 && f.d[i] != 1))
            r.axes |= (int64_t) 1 << i;
    }
    memcpy(d.d, s.d, sizeof d.d);
    v = r.axes ? lbk_sum(g, v, r) : v;
    if (v && lbk_shape_count(lbk_shape_of(v)) == lbk_shape_count(s))
        return lbk__same_shape(lbk_shape_of(v), s) ? v : lbk_reshape(g, v, d);
    return lbk_broadcast(g, v, d);
}

/* One sweep from y back to what is asked for. */
struct sweep {
    lbk_graph *g;
    uint32_t n;  /* nodes when it began: those that can have a gradient */
    bool *needs; /* leads back to one of wrt */
    bool *stop;  /* is one of wrt, and is not passed through */
    lbk_val **grad;
};

static lbk_status back(lbk_graph *g, lbk_val *y, lbk_val *gy, bool pass, int n,
                       lbk_val *const wrt[], lbk_val *out[]);

static void add_grad(struct sweep *s, const lbk_node *to, lbk_val *v)
{
    lbk_val **at = &s->grad[to->id];
    *at = *at ? lbk_add(s->g, *at, v) : v;
}

/* Through an operator that has no gradient of its own: that of what it is made of. */
static void through_lower(struct sweep *s, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    lbk_val *in[LBK_OPERAND_MAX], *y = n->op->lower(s->g, n);
    for (int k = 0; k < n->n; k++)
        in[k] = val_of(n->in[k]);
    if (y)
        back(s->g, y, gy, false, n->n, in, gx);
}

static bool local(struct sweep *s, const lbk_node *n, lbk_val *gy, lbk_val *gx[])
{
    if (n->op->grad) {
        const lbk_status st = n->op->grad(s->g, n, gy, gx);
        if (st && !s->g->status)
            lbk_graph_fail(s->g, st, "%s: gradient failed", n->op->name);
    } else if (n->op->lower) {
        through_lower(s, n, gy, gx);
    } else if (!(n->op->flags & LBK_OP_NONDIFF)) {
        lbk_graph_fail(s->g, LBK_EUNSUPPORTED,
                       "%s has no gradient, and one is needed of %s through it", n->op->name,
                       SHAPE(n->shape));
    }
    return !s->g->status;
}

static void visit(struct sweep *s, const lbk_node *n)
{
    lbk_val *gx[LBK_OPERAND_MAX] = { NULL };
    if (!local(s, n, s->grad[n->id], gx))
        return;
    for (int k = 0; k < n->n; k++) {
        const lbk_node *to = n->in[k];
        if (!gx[k] || !s->needs[to->id])
            continue;
        if (n->op->expr)
            gx[k] = lbk__fit(s->g, gx[k], to->shape);
        if (gx[k] && !lbk__same_shape(gx[k]->node.shape, to->shape))
            lbk_graph_fail(s->g, LBK_EINVAL, "%s: gradient of operand %d is %s, expected %s",
                           n->op->name, k, SHAPE(gx[k]->node.shape), SHAPE(to->shape));
        if (gx[k] && !s->g->status)
            add_grad(s, to, gx[k]);
    }
}

/* Integers do not pass a gradient on. */
static void mark(struct sweep *s, int n, lbk_val *const wrt[], bool pass)
{
    for (int i = 0; i < n; i++)
        if (wrt[i] && wrt[i]->node.id < s->n)
            s->needs[wrt[i]->node.id] = true, s->stop[wrt[i]->node.id] = !pass;
    for (uint32_t i = 0; i < s->n; i++) {
        const lbk_node *v = s->g->node[i];
        for (int k = 0; k < v->n && !s->needs[i]; k++)
            s->needs[i] = s->needs[v->in[k]->id] && v->in[k]->dtype == LBK_F32;
    }
}

static void sweep_back(struct sweep *s, uint32_t from)
{
    for (int64_t i = from; i >= 0 && !s->g->status; i--) {
        const lbk_node *n = s->g->node[i];
        if (s->grad[i] && s->needs[i] && !s->stop[i] && n->kind == NODE_OP)
            visit(s, n);
    }
}

static lbk_status back(lbk_graph *g, lbk_val *y, lbk_val *gy, bool pass, int n,
                       lbk_val *const wrt[], lbk_val *out[])
{
    struct sweep s = { .g = g, .n = (uint32_t) g->n_node };
    s.needs = calloc(s.n + 1u, 1);
    s.stop = calloc(s.n + 1u, 1);
    s.grad = calloc(s.n + 1u, sizeof *s.grad);
    if (s.needs && s.stop && s.grad) {
        mark(&s, n, wrt, pass);
        s.grad[y->node.id] = gy;
        sweep_back(&s, y->node.id);
        for (int i = 0; i < n; i++)
            out[i] = wrt[i] && wrt[i]->node.id < s.n ? s.grad[wrt[i]->node.id] : NULL;
    } else {
        lbk_graph_fail(g, LBK_ENOMEM, "gradient: out of memory");
    }
    free(s.needs);
    free(s.stop);
    free(s.grad);
    return g->status;
}

lbk_status lbk_grad(lbk_graph *g, lbk_val *y, int n, lbk_val *const wrt[], lbk_val *out[])
{
    for (int i = 0; i < n; i++)
        out[i] = NULL;
    if (g->status)
        return g->status;
    if (!y)
        return lbk_graph_fail(g, LBK_EINVAL, "gradient: there is no value");
    if (y->node.dtype != LBK_F32)
        return lbk_graph_fail(g, LBK_EINVAL, "gradient: of a value of type %s, expected f32",
                              lbk__dtype_name(y->node.dtype));
    if (back(g, y, lbk_filled(g, y->node.shape, 1), true, n, wrt, out))
        return g->status;
    for (int i = 0; i < n; i++)
        if (!out[i] && wrt[i])
            out[i] = lbk_filled(g, wrt[i]->node.shape, 0);
    return g->status;
}
