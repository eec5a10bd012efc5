/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "opdef.h"
#include "sha256.h"

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
    return n ? lbk_fail(g->ctx, st, "%.*s: %s", n, g->where, text)
             : lbk_fail(g->ctx, st, "%s", text);
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
    g->output[g->n_output++] = (struct graph_output){ copy, &v->node };
    return LBK_OK;
}

static lbk_status check_assign(lbk_graph *g, const lbk_node *s, const lbk_node *v)
{
    if (s->g != g || v->g != g)
        return lbk_graph_fail(g, LBK_EINVAL, "assign: value of another graph");
    if (s->kind != NODE_STATE)
        return lbk_graph_fail(g, LBK_EINVAL, "assign: the first operand is not a state");
    if (s->dtype != v->dtype)
        return lbk_graph_fail(g, LBK_EINVAL, "assign %s: value is %s, expected %s", s->name,
                              lbk__dtype_name(v->dtype), lbk__dtype_name(s->dtype));
    if (!lbk__same_shape(s->shape, v->shape))
        return lbk_graph_fail(g, LBK_EINVAL, "assign %s: value is %s, expected %s", s->name,
                              SHAPE(v->shape), SHAPE(s->shape));
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
    g->assign[g->n_assign++] = (struct graph_assign){ &state->node, &v->node };
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

struct digest {
    char hex[65];
};

static void add_text(struct sha256 *h, const char *s) { lbk__sha256_add(h, s, strlen(s) + 1); }

static void add_value(struct sha256 *h, const lbk_node *n)
{
    const int32_t head[3] = { n->kind, (int32_t) n->dtype, n->shape.n };
    lbk__sha256_add(h, head, sizeof head);
    lbk__sha256_add(h, n->shape.d, (size_t) n->shape.n * sizeof *n->shape.d);
}

/* What n computes, whatever its number. */
static struct digest digest_of(const lbk_node *n, const struct digest *d)
{
    struct sha256 h;
    struct digest out;
    size_t bytes;
    lbk__sha256_init(&h);
    add_value(&h, n);
    if (n->kind == NODE_OP) {
        add_text(&h, n->op->name);
        lbk__sha256_add(&h, n->params, n->op->params_size);
        for (int k = 0; k < n->n; k++)
            add_text(&h, d[n->in[k]->id].hex);
    } else if (n->kind == NODE_CONST && lbk__shape_bytes(n->dtype, n->shape, &bytes)) {
        lbk__sha256_add(&h, n->data, bytes);
    } else if (n->name) {
        add_text(&h, n->name);
    }
    lbk__sha256_hex(&h, out.hex);
    return out;
}

lbk_status lbk__graph_digest(const lbk_graph *g, const lbk_node *n, char out[65])
{
    bool *need = calloc((size_t) n->id + 1, sizeof *need);
    struct digest *d = malloc(((size_t) n->id + 1) * sizeof *d);
    if (need && d) {
        need[n->id] = true;
        for (int64_t i = n->id; i >= 0; i--)
            for (int k = 0; need[i] && k < g->node[i]->n; k++)
                need[g->node[i]->in[k]->id] = true;
        for (int64_t i = 0; i <= n->id; i++)
            if (need[i])
                d[i] = digest_of(g->node[i], d);
        memcpy(out, d[n->id].hex, sizeof d->hex);
    }
    const bool ok = need && d;
    free(need);
    free(d);
    return ok ? LBK_OK : lbk_fail(g->ctx, LBK_ENOMEM, "graph hash: out of memory");
}

static struct digest root(const char *what, const char *name, const struct digest *d)
{
    struct sha256 h;
    struct digest out;
    lbk__sha256_init(&h);
    add_text(&h, what);
    add_text(&h, name);
    add_text(&h, d->hex);
    lbk__sha256_hex(&h, out.hex);
    return out;
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void hash_roots(const lbk_graph *g, const struct digest *d, struct digest *roots,
                       struct digest *out)
{
    int64_t n = 0;
    struct sha256 h;
    for (int64_t i = 0; i < g->n_output; i++)
        roots[n++] = root("output", g->output[i].name, &d[g->output[i].v->id]);
    for (int64_t i = 0; i < g->n_assign; i++)
        roots[n++] = root("assign", g->assign[i].state->name, &d[g->assign[i].v->id]);
    qsort(roots, (size_t) n, sizeof *roots, by_text);
    lbk__sha256_init(&h);
    for (int64_t i = 0; i < n; i++)
        add_text(&h, roots[i].hex);
    lbk__sha256_hex(&h, out->hex);
}

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

void lbk_graph_hash(const lbk_graph *g, uint8_t out[32])
{
    struct digest all = { { 0 } };
    bool *live = malloc((size_t) g->n_node + 1);
    struct digest *d = malloc(((size_t) g->n_node + 1) * sizeof *d);
    struct digest *roots = malloc(((size_t) (g->n_output + g->n_assign) + 1) * sizeof *roots);
    memset(out, 0, 32);
    if (live && d && roots) {
        lbk__graph_live(g, live);
        for (int64_t i = 0; i < g->n_node; i++)
            if (live[i])
                d[i] = digest_of(g->node[i], d);
        hash_roots(g, d, roots, &all);
        for (int i = 0; i < 32; i++)
            out[i] = (uint8_t) (nibble(all.hex[2 * i]) << 4 | nibble(all.hex[2 * i + 1]));
    } else {
        lbk_fail(g->ctx, LBK_ENOMEM, "graph hash: out of memory");
    }
    free(live);
    free(d);
    free(roots);
}
