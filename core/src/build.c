/* SPDX-License-Identifier: MIT */
/* From terms to the graph of a step: what the sum needs, its gradients, the update. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective.h"
#include "opdef.h"
#include "optim.h"

static const char *name_of(const lbk_objective *o) { return o->stage ? o->stage->d.name : "alone"; }

static lbk_val *weighted(lbk_objective *o, struct obj_term *t)
{
    lbk_graph *g = o->g;
    char name[160];
    if (t->constant && t->value == 1)
        return t->v;
    snprintf(name, sizeof name, "ramp/%s", t->label);
    t->by = t->constant ? lbk_scalar(g, t->value) : lbk_input(g, name, LBK_F32, (lbk_shape){ 0 });
    return lbk_mul(g, t->v, t->by);
}

static void sum_terms(lbk_objective *o)
{
    for (int i = 0; i < o->n_term; i++) {
        lbk_val *v = weighted(o, &o->term[i]);
        o->total = o->total ? lbk_add(o->g, o->total, v) : v;
    }
}

/* ---- what is needed ---- */

void lbk__objective_mark(const lbk_graph *g, bool *live)
{
    for (int64_t i = g->n_node - 1; i >= 0; i--)
        for (int k = 0; live[i] && k < g->node[i]->n; k++)
            live[g->node[i]->in[k]->id] = true;
}

static bool needed(const lbk_graph *g, const struct piece *p, const bool *live)
{
    for (int64_t i = p->node[0]; i < p->node[1] && i < g->n_node; i++)
        if (live[i] && g->node[i]->kind == NODE_OP)
            return true;
    return false;
}

/* Pieces keep their assigns, and what an assign needs is needed. */
static void keep_pieces(lbk_objective *o, bool *live)
{
    struct piece *all[OBJ_PASSES + OBJ_SCOPES];
    int n = 0;
    for (int i = 0; i < o->n_pass; i++)
        if (o->pass[i]->built)
            all[n++] = &o->pass[i]->piece;
    for (int i = 0; i < o->n_piece; i++)
        all[n++] = o->piece[i];
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < n; i++) {
            if (all[i]->kept || !needed(o->g, all[i], live))
                continue;
            all[i]->kept = more = true;
            for (int64_t k = all[i]->assign[0]; k < all[i]->assign[1] && k < o->g->n_assign; k++)
                live[o->g->assign[k].v->id] = true;
            lbk__objective_mark(o->g, live);
        }
    }
    int64_t kept = 0;
    for (int64_t k = 0; k < o->g->n_assign; k++) {
        bool own = false, keep = false;
        for (int i = 0; i < n; i++) {
            const bool inside = k >= all[i]->assign[0] && k < all[i]->assign[1];
            own = own || inside;
            keep = keep || (inside && all[i]->kept);
        }
        if (keep || !own)
            o->g->assign[kept++] = o->g->assign[k];
    }
    o->g->n_assign = kept;
}

static bool *live_nodes(lbk_objective *o)
{
    bool *live = calloc((size_t) o->g->n_node + 1, sizeof *live);
    if (!live) {
        lbk_graph_fail(o->g, LBK_ENOMEM, "objective: out of memory");
        return NULL;
    }
    if (o->total)
        live[o->total->node.id] = true;
    for (int i = 0; i < o->n_read; i++)
        live[o->read[i].v->node.id] = true;
    lbk__objective_mark(o->g, live);
    keep_pieces(o, live);
    return live;
}

/* A watch keeps nothing alive: its leaves must be needed anyway. */
bool lbk__objective_may_watch(const lbk_graph *g, const lbk_val *v, const bool *live)
{
    bool *own = calloc((size_t) g->n_node + 1, sizeof *own), ok = own != NULL;
    if (own)
        own[v->node.id] = true, lbk__objective_mark(g, own);
    for (int64_t i = 0; ok && i <= v->node.id; i++)
        ok = !own[i] || live[i] || g->node[i]->kind == NODE_OP || g->node[i]->kind == NODE_CONST;
    free(own);
    return ok;
}

/* ---- outputs ---- */

static lbk_val *one(lbk_graph *g, lbk_val *v)
{
    return lbk_reshape(g, v, (struct lbk_dims){ 1, { 1 } });
}

static void put_values(lbk_objective *o, const bool *live, lbk_val *norm)
{
    lbk_val *v[2 * OBJ_TERMS + 2];
    int n = 0;
    if (!o->total)
        return;
    o->label[n] = "loss", v[n++] = one(o->g, o->total);
    for (int i = 0; o->n_term > 1 && i < o->n_term; i++)
        o->label[n] = o->term[i].label, v[n++] = one(o->g, o->term[i].v);
    for (int i = 0; i < o->n_watch && n < 2 * OBJ_TERMS - 1; i++)
        if (lbk__objective_may_watch(o->g, o->watch[i].v, live))
            o->label[n] = o->watch[i].label, v[n++] = one(o->g, o->watch[i].v);
    if (norm)
        o->label[n] = "grad_norm", v[n++] = one(o->g, norm);
    o->n_label = n;
    if (o->unsound)
        v[n++] = one(o->g, o->unsound);
    lbk_output(o->g, "values", n > 1 ? lbk_concat(o->g, n, v, (struct lbk_axis){ 0 }) : v[0]);
}

/* 1 while every loss has been finite, then 0 for good: from then on no weight changes, and the host
 * need not look after every step to see it, and where it began. */
static lbk_val *soundness(lbk_objective *o)
{
    lbk_graph *g = o->g;
    lbk_val *before = lbk_state(g, "step@unsound", LBK_F32, (lbk_shape){ 0 }, false);
    lbk_val *sound = lbk_select(g, before, lbk_scalar(g, 0), lbk_finite(g, o->total));
    o->unsound = lbk_add(g, before, lbk_sub(g, lbk_scalar(g, 1), sound));
    lbk_assign(g, before, o->unsound);
    return sound;
}

static void put_reads(lbk_objective *o)
{
    char name[160];
    for (int i = 0; i < o->n_read; i++) {
        snprintf(name, sizeof name, "read/%s", o->read[i].name);
        lbk_output(o->g, name, o->read[i].v);
    }
}

/* The norm of the gradients, where the optimiser asks for it. */
static lbk_val *update(lbk_objective *o, const char *optim, lbk_val *sound, const bool *live,
                       int64_t n_before)
{
    lbk_graph *g = o->g;
    lbk_val **w = calloc((size_t) n_before + 1, sizeof *w),
            **dw = calloc((size_t) n_before + 1, sizeof *dw), *norm = NULL;
    int n = 0;
    for (int64_t i = 0; w && i < n_before; i++)
        if (live[i] && g->node[i]->kind == NODE_STATE && g->node[i]->trainable)
            w[n++] = val_of(g->node[i]);
    if (!w || !dw)
        lbk_graph_fail(g, LBK_ENOMEM, "objective: out of memory");
    else if (!n)
        lbk_graph_fail(g, LBK_EINVAL, "stage '%s': the loss needs no weight that is trained",
                       name_of(o));
    else if (!lbk_grad(g, o->total, n, w, dw)) {
        lbk_val *lr = lbk_input(g, "lr", LBK_F32, (lbk_shape){ 0 }),
                *step = lbk_input(g, "step", LBK_I32, (lbk_shape){ 0 });
        norm = lbk__optim_build(g, optim, lr, sound, step, n, w, dw);
    }
    free(w);
    free(dw);
    return norm;
}

/* Statistics of passes, in the order of the streams. */
static void drift(lbk_objective *o)
{
    struct net *net[OBJ_PASSES + OBJ_SCOPES];
    int n = 0;
    for (int s = 0; s < o->n_stream; s++)
        for (int i = 0; i < o->n_pass; i++)
            if (o->pass[i]->stream == s && o->pass[i]->piece.kept)
                net[n++] = &o->pass[i]->piece.net;
    for (int i = 0; i < o->n_piece; i++)
        if (o->piece[i]->kept)
            net[n++] = &o->piece[i]->net;
    lbk__nets_assign(o->g, n, net);
}

lbk_status lbk__objective_finish(lbk_objective *o, const char *optim)
{
    lbk_graph *g = o->g;
    if (lbk_graph_status(g))
        return lbk_graph_status(g);
    sum_terms(o);
    if (optim && !o->total)
        return lbk_graph_fail(g, LBK_EINVAL, "stage '%s': nothing to minimise", name_of(o));
    const int64_t n = g->n_node;
    bool *live = lbk_graph_status(g) ? NULL : live_nodes(o);
    if (live && o->cut)
        lbk__objective_cut(o, live);
    if (live) {
        lbk_val *norm = NULL;
        if (optim) {
            lbk_val *sound = soundness(o);
            drift(o);
            norm = update(o, optim, sound, live, n);
        }
        put_values(o, live, norm);
        put_reads(o);
    }
    free(live);
    return lbk_graph_status(g);
}
