/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <limbeck/rng.h>
#include "opdef.h"
#include "scope.h"

uint64_t lbk__name_key(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, spread by the finalizer */
    for (; *name; name++)
        h = (h ^ (unsigned char) *name) * 0x100000001b3u;
    return lbk_mix(h, 0);
}

static void *out_of_memory(lbk_graph *g)
{
    lbk_graph_fail(g, LBK_ENOMEM, "scope: out of memory");
    return NULL;
}

static lbk_scope *scope_at(struct net *n, const char *path)
{
    lbk_scope *s = path ? lbk__arena_get(&n->g->arena, sizeof *s) : NULL;
    if (!s)
        return out_of_memory(n->g);
    *s = (lbk_scope){ n, path };
    return s;
}

lbk_scope *lbk__scope_root(struct net *n) { return scope_at(n, n->path); }

lbk_scope *lbk_scope_sub(lbk_scope *s, const char *fmt, ...)
{
    char part[256];
    va_list v;
    if (!s)
        return NULL;
    va_start(v, fmt);
    const int n = vsnprintf(part, sizeof part, fmt, v);
    va_end(v);
    if (n <= 0 || n >= (int) sizeof part) {
        lbk_graph_fail(s->net->g, LBK_EINVAL, "scope: expected a name of 1..255 bytes, got %d", n);
        return NULL;
    }
    return scope_at(s->net, lbk__arena_str(&s->net->g->arena, "%s%s/", s->path, part));
}

lbk_graph *lbk_scope_graph(const lbk_scope *s) { return s ? s->net->g : NULL; }

bool lbk_scope_training(const lbk_scope *s) { return s && s->net->mode == LBK_TRAINED; }

const char *lbk__scope_enter(lbk_graph *g, const char *path)
{
    const char *before = g->where;
    g->where = path;
    return before;
}

void lbk__scope_leave(lbk_graph *g, const char *before) { g->where = before; }

static lbk_val *state(lbk_scope *s, const char *name, lbk_dtype t, lbk_shape shape, bool trainable,
                      struct lbk_init init)
{
    if (!s)
        return NULL;
    lbk_graph *g = s->net->g;
    const char *path = lbk__arena_str(&g->arena, "%s%s", s->path, name);
    if (!path)
        return out_of_memory(g);
    if (shape.n < 0) {
        if (s->net->shape_of)
            shape = s->net->shape_of(s->net->ud, path);
        if (shape.n < 0) {
            lbk_graph_fail(
                g, LBK_ENOENT,
                "weight '%s' is missing: it has no shape but that of a file or an artifact", path);
            return NULL;
        }
    }
    const char *before = lbk__scope_enter(g, s->path);
    const int64_t n = g->n_node;
    lbk_val *v = lbk__state(g, path, t, shape, trainable, &init);
    lbk__scope_leave(g, before);
    if (v) /* other passes may share it */
        v->node.settled = s->net->settled && (g->n_node > n || v->node.settled);
    return v;
}

lbk_val *lbk_weight(lbk_scope *s, const char *name, lbk_shape shape, struct lbk_init init)
{
    const int64_t n = s ? s->net->g->n_node : 0;
    lbk_val *v = state(s, name, LBK_F32, shape, lbk_scope_training(s), init);
    if (v && v->node.id >= n)
        s->net->parameters += lbk_shape_count(v->node.shape);
    return v;
}

lbk_val *lbk_buffer(lbk_scope *s, const char *name, lbk_dtype t, lbk_shape shape,
                    struct lbk_init init)
{
    return state(s, name, t, shape, false, init);
}

lbk_val *lbk_uniform(lbk_scope *s, const char *name, lbk_shape shape)
{
    if (!s)
        return NULL;
    lbk_graph *g = s->net->g;
    const char *path = lbk__arena_str(&g->arena, "%s%s", s->path, name);
    if (!path)
        return out_of_memory(g);
    struct lbk_random p = { .key = (int64_t) lbk__name_key(path), .n = shape.n };
    memcpy(p.d, shape.d, sizeof p.d);
    return lbk_random(g, lbk_input(g, "step", LBK_I32, (lbk_shape){ 0 }), p);
}

struct tap *lbk__net_tap(const struct net *n, const char *name)
{
    for (struct tap *t = n->taps; t; t = t->next)
        if (!strcmp(t->name, name))
            return t;
    return NULL;
}

/* The role's own path is no part of the name of a tap. */
void lbk_tap(lbk_scope *s, const char *name, lbk_val *v)
{
    if (!s || !v)
        return;
    struct net *n = s->net;
    const char *inside = s->path + strlen(n->path);
    char *full = lbk__arena_str(&n->g->arena, "%s%s", inside, name);
    struct tap *t = full ? lbk__arena_get(&n->g->arena, sizeof *t) : NULL;
    if (!t) {
        out_of_memory(n->g);
        return;
    }
    if (!*name && *full)
        full[strlen(full) - 1] = 0;
    if (lbk__net_tap(n, full)) {
        lbk_graph_fail(n->g, LBK_EINVAL, "tap '%s' is set twice", full);
        return;
    }
    *t = (struct tap){ full, v, NULL };
    if (!n->last_tap)
        n->last_tap = &n->taps;
    *n->last_tap = t;
    n->last_tap = &t->next;
}

void lbk__scope_drift(lbk_scope *s, lbk_val *state_, lbk_val *to, double momentum)
{
    struct net *n = s->net;
    struct drift *d = state_ && to ? lbk__arena_get(&n->g->arena, sizeof *d) : NULL;
    if (!d) {
        if (state_ && to)
            out_of_memory(n->g);
        return;
    }
    *d = (struct drift){ state_, to, momentum, NULL };
    if (!n->last_drift)
        n->last_drift = &n->drifts;
    *n->last_drift = d;
    n->last_drift = &d->next;
}

static bool first_of(int i, struct net *const net[], const struct drift *d)
{
    for (int k = 0; k <= i; k++)
        for (struct drift *e = net[k]->drifts; e && e != d; e = e->next)
            if (e->state == d->state)
                return false;
    return true;
}

/* All that happens to one state, from its first drift on. */
static lbk_val *chain(lbk_graph *g, int n, struct net *const net[], lbk_val *state_)
{
    lbk_val *v = state_;
    for (int i = 0; i < n; i++)
        for (struct drift *d = net[i]->drifts; d; d = d->next)
            if (d->state == state_)
                v = lbk_add(g, lbk_mul(g, v, lbk_scalar(g, 1 - d->momentum)),
                            lbk_mul(g, d->to, lbk_scalar(g, d->momentum)));
    return v;
}

lbk_status lbk__nets_assign(lbk_graph *g, int n, struct net *const net[])
{
    for (int i = 0; i < n; i++)
        for (struct drift *d = net[i]->drifts; d; d = d->next)
            if (first_of(i, net, d))
                lbk_assign(g, d->state, chain(g, n, net, d->state));
    return lbk_graph_status(g);
}
