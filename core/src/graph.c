/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "opdef.h"

lbk_status lbk_graph_create(lbk_ctx *ctx, lbk_graph **out)
{
    lbk_graph *g = calloc(1, sizeof *g);
    *out = g;
    if (!g)
        return lbk_fail(ctx, LBK_ENOMEM, "graph: out of memory");
    g->ctx = ctx;
    g->where = "";
    return LBK_OK;
}

void lbk_graph_destroy(lbk_graph **g)
{
    if (!*g)
        return;
    lbk__arena_finish(&(*g)->arena);
    free((*g)->node);
    free((*g)->output);
    free((*g)->assign);
    free(*g);
    *g = NULL;
}

lbk_status lbk_graph_status(const lbk_graph *g) { return g->status; }

lbk_ctx *lbk_graph_ctx(const lbk_graph *g) { return g->ctx; }

lbk_status lbk_graph_fail(lbk_graph *g, lbk_status st, const char *fmt, ...)
{
    char text[960];
    va_list v;
    if (g->status)
        return g->status;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    g->status = st;
    int n = g->where ? (int) strlen(g->where) : 0;
    if (n && g->where[n - 1] == '/')
        n--;
    return n ? lbk_fail(g->ctx, st, "%.*s: %s", n, g->where, text) : lbk_fail(g->ctx, st, "%s", text);
}

lbk_status lbk_output(lbk_graph *g, const char *name, lbk_val *v)
{
    if (g->status)
        return g->status;
    if (!v)
        return lbk_graph_fail(g, LBK_EINVAL, "output %s: there is no value", name);
    if (v->node.g != g)
        return lbk_graph_fail(g, LBK_EINVAL, "output %s: value of another graph", name);
    for (int64_t i = 0; i < g->n_output; i++)
        if (!strcmp(g->output[i].name, name))
            return lbk_graph_fail(g, LBK_EINVAL, "output %s is given twice", name);
    char *copy = lbk__arena_str(&g->arena, "%s", name);
    if (!copy || !lbk__grow(&g->output, g->n_output, &g->cap_output, sizeof *g->output))
        return lbk_graph_fail(g, LBK_ENOMEM, "graph: out of memory");
    g->output[g->n_output++] = (struct graph_output) { copy, &v->node };
    return LBK_OK;
}

static lbk_status check_assign(lbk_graph *g, const lbk_node *s, const lbk_node *v)
{
    if (s->g != g || v->g != g)
        return lbk_graph_fail(g, LBK_EINVAL, "assign: value of another graph");
    if (s->kind != NODE_STATE)
        return lbk_graph_fail(g, LBK_EINVAL, "assign: the first operand is not a state");
    if (s->dtype != v->dtype)
        return lbk_graph_fail(g, LBK_EINVAL, "assign %s: value is %s, expected %s", s->name, lbk__dtype_name(v->dtype),
            lbk__dtype_name(s->dtype));
    if (!lbk__same_shape(s->shape, v->shape))
        return lbk_graph_fail(g, LBK_EINVAL, "assign %s: value is %s, expected %s", s->name, SHAPE(v->shape),
            SHAPE(s->shape));
    for (int64_t i = 0; i < g->n_assign; i++)
        if (g->assign[i].state == s)
            return lbk_graph_fail(g, LBK_EINVAL, "assign %s: assigned twice", s->name);
    return LBK_OK;
}

lbk_status lbk_assign(lbk_graph *g, lbk_val *state, lbk_val *v)
{
    if (g->status)
        return g->status;
    if (!state || !v)
        return lbk_graph_fail(g, LBK_EINVAL, "assign: there is no value");
    if (check_assign(g, &state->node, &v->node))
        return g->status;
    if (!lbk__grow(&g->assign, g->n_assign, &g->cap_assign, sizeof *g->assign))
        return lbk_graph_fail(g, LBK_ENOMEM, "graph: out of memory");
    g->assign[g->n_assign++] = (struct graph_assign) { &state->node, &v->node };
    return LBK_OK;
}

lbk_node *lbk__graph_find(const lbk_graph *g, enum node_kind kind, const char *name)
{
    for (int64_t i = 0; i < g->n_node; i++)
        if (g->node[i]->kind == kind && g->node[i]->name && !strcmp(g->node[i]->name, name))
            return g->node[i];
    return NULL;
}

void lbk__graph_live(const lbk_graph *g, bool *live)
{
    memset(live, 0, (size_t) g->n_node * sizeof *live);
    for (int64_t i = 0; i < g->n_output; i++)
        live[g->output[i].v->id] = true;
    for (int64_t i = 0; i < g->n_assign; i++)
        live[g->assign[i].v->id] = live[g->assign[i].state->id] = true;
    for (int64_t i = g->n_node - 1; i >= 0; i--)
        for (int k = 0; live[i] && k < g->node[i]->n; k++)
            live[g->node[i]->in[k]->id] = true;
}
