/* SPDX-License-Identifier: MIT */
/* The groups that follow from what is stored. */
#include <stdlib.h>
#include <string.h>
#include "group.h"

enum {
    TINY = 4096, /* elements up to which maps are joined for the launch alone */
    LOOK_BACK = 12,
    PATH_BUDGET = 5000, /* groups: of a deep network with its teacher too */
};

static lbk_status add_use(struct work *w, lbk_node *of, lbk_node *reader)
{
    if (!lbk__grow(&w->use, w->n_use, &w->cap_use, sizeof *w->use))
        return lbk__plan_no_memory(w->p);
    w->use[w->n_use] = (struct use){ reader, w->uses[of->id] };
    w->uses[of->id] = (uint32_t) w->n_use++;
    return LBK_OK;
}

/* Must group `to` run before `value` is there? Runs out of budget as yes. */
static bool path(struct work *w, uint32_t value, uint32_t to, int *budget)
{
    const uint32_t maker = w->p->value[value].maker;
    if (maker == NONE)
        return false;
    if (maker == to || --*budget < 0)
        return true;
    if (w->stamp[maker] == w->now)
        return false;
    w->stamp[maker] = w->now;
    for (int i = 0; i < w->p->group[maker].g.n_arg; i++)
        if (path(w, w->p->group[maker].arg[i], to, budget))
            return true;
    return false;
}

/* The group would wait for itself if an arg of the root, other than what the group makes, came from
 * behind it. */
static bool may_join(struct work *w, const struct group *with, uint32_t into)
{
    const struct group *g = &w->p->group[into];
    int budget = PATH_BUDGET;
    w->now++;
    for (int i = 0; i < with->g.n_arg; i++) {
        bool own = false;
        for (int k = 0; k < g->g.n_out; k++)
            own |= g->out[k] == with->arg[i];
        if (!own && path(w, with->arg[i], into, &budget))
            return false;
    }
    return true;
}

static bool reads_out(const struct group *a, const struct group *b)
{
    for (int i = 0; i < a->g.n_arg; i++)
        for (int k = 0; k < b->g.n_out; k++)
            if (a->arg[i] == b->out[k])
                return true;
    return false;
}

/* All roots of a map again, with n added; registers are shared. */
static bool build_map(struct work *w, struct group *to, int n_root, lbk_node *const root[])
{
    lbk_node *keep[LBK_OUT_MAX];
    memcpy(keep, root, (size_t) n_root * sizeof *keep);
    memset(to, 0, sizeof *to);
    to->g.size = sizeof to->g;
    to->g.acc = keep[n_root - 1]->shape;
    for (int i = 0; i < n_root; i++)
        if (keep[i]->shape.n > to->g.acc.n)
            to->g.acc = keep[i]->shape;
    struct builder b = { .w = w, .to = to, .shape = to->g.acc, .e = &to->g.epi };
    for (int i = 0; i < n_root; i++) {
        int r = lbk__put_node(&b, keep[i], true);
        lbk__group_out(to, i, keep[i], lbk__value_for(w, keep[i]), r);
    }
    return !b.full && !reads_out(to, to); /* through a view it would */
}

/* An operand as large as the result: reading it once is what is saved. */
static bool shares_arg(const struct group *a, const struct group *b)
{
    for (int i = 0; i < a->g.n_arg; i++)
        for (int k = 0; k < b->g.n_arg; k++)
            if (a->arg[i] == b->arg[k] && lbk__same_shape(a->g.arg[i].shape, a->g.acc))
                return true;
    return false;
}

static bool join(struct work *w, struct group *alone, lbk_node *n)
{
    struct group *both = malloc(sizeof *both);
    bool done = false;
    const int64_t from = w->p->n_group - 1, to = from - LOOK_BACK;
    for (int64_t i = from; both && !done && i >= 0 && i > to; i--) {
        struct group *g = &w->p->group[i];
        lbk_node *root[LBK_OUT_MAX];
        if (g->anchor || g->g.n_out == LBK_OUT_MAX || is_broadcast(n) || is_broadcast(g->root[0]) ||
            !lbk__same_shape(g->g.acc, alone->g.acc))
            continue;
        if (!reads_out(alone, g) && !shares_arg(alone, g) && lbk_shape_count(g->g.acc) > TINY)
            continue;
        memcpy(root, g->root, (size_t) g->g.n_out * sizeof *root);
        root[g->g.n_out] = n;
        if (!may_join(w, alone, (uint32_t) i) || !build_map(w, both, g->g.n_out + 1, root))
            continue;
        both->rank = g->rank;
        *g = *both;
        w->p->made_by[n->id] = w->p->value[g->out[g->g.n_out - 1]].maker = (uint32_t) i;
        done = true;
    }
    free(both);
    return done;
}

static lbk_status commit(struct work *w, const struct group *made, lbk_node *node)
{
    struct group *g = lbk__plan_add_group(w->p);
    if (!g)
        return lbk__plan_no_memory(w->p);
    *g = *made;
    const uint32_t id = (uint32_t) (w->p->n_group - 1);
    w->p->made_by[node->id] = id;
    for (int k = 0; k < g->g.n_out; k++)
        w->p->made_by[g->root[k]->id] = w->p->value[g->out[k]].maker = id;
    return LBK_OK;
}

static lbk_status add_map(struct work *w, lbk_node *n)
{
    struct group *alone = malloc(sizeof *alone);
    if (!alone)
        return lbk__plan_no_memory(w->p);
    lbk_status st = LBK_OK;
    if (!build_map(w, alone, 1, &n)) {
        st = lbk_fail(w->p->device->ctx, LBK_EUNSUPPORTED, "plan: expression of '%s' is too long",
                      n->op->name);
    } else if (w->p->params.no_fusion || !join(w, alone, n)) {
        alone->rank = n->id;
        st = commit(w, alone, n);
    }
    free(alone);
    return st;
}

/* Whoever reads n is pointwise and as large. */
static bool all_pointwise(const struct work *w, const lbk_node *n)
{
    for (uint32_t u = w->uses[n->id]; u != NONE; u = w->use[u].next)
        if (!lbk__is_pointwise(w->use[u].reader) || !same_count(w->use[u].reader, n))
            return false;
    return true;
}

/* The one stored pointwise node that an anchor flows into, when nothing else looks at the anchor.
 */
static lbk_node *epilogue_root(struct work *w, lbk_node *n)
{
    lbk_node *found[3], *at = n;
    int budget = 200;
    if (!all_pointwise(w, n) || w->uses[n->id] == NONE || w->p->params.no_fusion ||
        w->p->value_of[n->id] != NONE)
        return NULL;
    at = lbk__group_roots(w, n, found, 0, &budget) == 1 ? found[0] : NULL;
    return at && lbk__is_pointwise(at) && lbk__same_shape(at->shape, n->shape) &&
                   at->dtype == LBK_F32
               ? at
               : NULL;
}

static bool seen_outside(const struct work *w, const lbk_node *n)
{
    const lbk_graph *g = w->p->graph;
    for (int64_t i = 0; i < g->n_output; i++)
        if (lbk__storage_node(g->output[i].v, NULL) == n)
            return true;
    for (int64_t i = 0; i < g->n_assign; i++)
        if (lbk__storage_node(g->assign[i].v, NULL) == n)
            return true;
    return false;
}

/* An anchor's result is replaced by root's; root's other loads must not need the anchor, and they
 * cannot: all that reads the anchor is inlined into root. They may however come later than the
 * anchor, so the group is built at root. */
static bool build_epilogue(struct work *w, struct group *to, lbk_node *n, lbk_node *root)
{
    memset(to, 0, sizeof *to);
    lbk__group_anchor(w, to, n);
    if (!lbk__group_operands(w, to, n))
        return false;
    struct builder b = { .w = w, .to = to, .shape = n->shape, .e = &to->g.epi, .acc = n };
    const int r = lbk__put_node(&b, root, true);
    lbk__group_out(to, 0, root, lbk__value_for(w, root), r);
    return !b.full && !is_broadcast(root) && lbk__plan_ask(w->p, to);
}

/* May the reduction m of root follow a group that is made now? What else it reads is there. */
static enum lbk_tail tail_of(const struct work *w, const lbk_node *root, const lbk_node *m)
{
    if (m->kind != NODE_OP || w->p->made_by[m->id] != NONE || m->in[0] != root)
        return LBK_TAIL_NONE;
    if (!strcmp(m->op->name, "bn_stats"))
        return LBK_TAIL_BN_STATS;
    bool ready = !strcmp(m->op->name, "bn_sums") && m->in[1] != root;
    for (int i = 1; ready && i < m->n; i++)
        ready = m->in[i]->kind == NODE_OP && w->p->made_by[m->in[i]->id] != NONE;
    return ready ? LBK_TAIL_BN_SUMS : LBK_TAIL_NONE;
}

static bool put_tail(struct work *w, struct group *to, lbk_node *m, enum lbk_tail tail)
{
    const int k = to->g.n_out;
    bool fits = true;
    to->g.tail = tail, to->g.tail_params = m->params;
    for (int i = 1; i < m->n; i++) {
        to->g.tail_arg[i - 1] = lbk__group_arg(w, to, m->in[i]);
        fits &= to->g.tail_arg[i - 1] >= 0;
    }
    lbk__group_out(to, k, m, lbk__value_for(w, m), 0);
    to->g.out[k].shape = m->shape;
    return fits && to->out[k] != NONE;
}

/* A reduction of what the group stores, taken along when the device will. */
static void add_tail(struct work *w, struct group *to, const lbk_node *root)
{
    const struct group without = *to;
    for (uint32_t u = w->uses[root->id]; u != NONE; u = w->use[u].next) {
        lbk_node *m = w->use[u].reader;
        const enum lbk_tail tail = tail_of(w, root, m);
        const int64_t before = w->p->n_value;
        if (!tail || root->shape.n != 4 || w->p->params.no_fusion)
            continue;
        if (put_tail(w, to, m, tail) && lbk__plan_ask(w->p, to) && to->offer.tail)
            return;
        *to = without;
        lbk__group_forget(w, before);
    }
}

static lbk_status try_epilogue(struct work *w, lbk_node *n, bool *done)
{
    lbk_status st = LBK_OK;
    lbk_node *root = seen_outside(w, n) ? NULL : epilogue_root(w, n);
    struct group *to = root ? malloc(sizeof *to) : NULL;
    bool yes = false;
    if (to && w->p->made_by[root->id] == NONE) {
        const int64_t before = w->p->n_value;
        yes = build_epilogue(w, to, n, root);
        if (!yes)
            lbk__group_forget(w, before);
    }
    if (yes) {
        add_tail(w, to, root);
        to->rank = root->id, to->flops = lbk__node_flops(n);
        st = commit(w, to, n);
    }
    free(to);
    *done = yes;
    return st;
}

static lbk_status add_anchor(struct work *w, lbk_node *n)
{
    bool done;
    lbk_status st = try_epilogue(w, n, &done);
    if (st || done)
        return st;
    struct group *to = calloc(1, sizeof *to);
    if (!to)
        st = lbk__plan_no_memory(w->p);
    if (to) {
        lbk__group_anchor(w, to, n);
        const bool fits = lbk__group_operands(w, to, n);
        lbk__group_plain(to, n, lbk__value_for(w, n));
        to->rank = n->id, to->flops = lbk__node_flops(n);
        if (!fits)
            st = lbk_fail(w->p->device->ctx, LBK_EUNSUPPORTED,
                          "plan: '%s' has %d operands, expected at most %d", n->op->name, n->n,
                          LBK_OPERAND_MAX);
        else if (!lbk__plan_ask(w->p, to))
            to->fallback = true, w->p->n_fallback++;
        else
            add_tail(w, to, n);
        if (!st)
            st = commit(w, to, n);
    }
    free(to);
    return st;
}

static lbk_status make_groups(struct work *w)
{
    lbk_graph *g = w->p->graph;
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < w->n; i++) {
        lbk_node *n = g->node[i];
        if (n->kind != NODE_OP || w->p->made_by[i] != NONE || lbk__is_view(n) ||
            (w->uses[i] == NONE && !seen_outside(w, n)))
            continue;
        if (is_anchor(n))
            st = add_anchor(w, n);
        else if (w->stored[i])
            st = add_map(w, n);
        if (!st && w->p->n_group > w->cap_stamp &&
            !lbk__grow(&w->stamp, w->cap_stamp, &w->cap_stamp, sizeof *w->stamp))
            st = lbk__plan_no_memory(w->p);
        if (!st && w->p->n_group)
            w->stamp[w->p->n_group - 1] = 0;
    }
    return st;
}

static lbk_status find_uses(struct work *w)
{
    lbk_graph *g = w->p->graph;
    bool *live = calloc((size_t) w->n + 1, sizeof *live);
    lbk_status st = live ? LBK_OK : lbk__plan_no_memory(w->p);
    if (live)
        lbk__graph_live(g, live);
    for (int64_t i = 0; !st && i < w->n; i++)
        for (int k = 0; live[i] && !st && k < g->node[i]->n; k++)
            st = add_use(w, g->node[i]->in[k], g->node[i]);
    free(live);
    return st;
}

/* Outputs and assigned values that are leaves or views have no group; they still need a value. */
static lbk_status value_ends(struct work *w)
{
    lbk_graph *g = w->p->graph;
    bool ok = true;
    for (int64_t i = 0; i < g->n_output; i++) {
        const uint32_t v = lbk__value_for(w, g->output[i].v);
        ok &= v != NONE;
        if (v != NONE)
            w->p->value[v].row_major = true;
    }
    for (int64_t i = 0; i < g->n_assign; i++) {
        const uint32_t v = lbk__value_for(w, g->assign[i].v);
        ok &= v != NONE && lbk__value_for(w, g->assign[i].state) != NONE;
        if (v != NONE)
            w->p->value[v].row_major = true;
    }
    return ok ? LBK_OK : lbk__plan_no_memory(w->p);
}

lbk_status lbk__plan_group(struct plan *p)
{
    struct work w = { .p = p, .n = p->graph->n_node };
    const size_t n = (size_t) w.n + 1;
    w.uses = malloc(n * sizeof *w.uses);
    w.stored = calloc(n, sizeof *w.stored);
    p->value_of = malloc(n * sizeof *p->value_of);
    p->made_by = malloc(n * sizeof *p->made_by);
    lbk_status st = LBK_OK;
    if (!w.uses || !w.stored || !p->value_of || !p->made_by) {
        st = lbk__plan_no_memory(p);
    } else {
        memset(w.uses, 0xff, n * sizeof *w.uses);
        memset(p->value_of, 0xff, n * sizeof *p->value_of);
        memset(p->made_by, 0xff, n * sizeof *p->made_by);
        st = find_uses(&w);
    }
    if (!st) {
        lbk__group_decide(&w);
        st = make_groups(&w);
    }
    if (!st)
        st = value_ends(&w);
    free(w.uses), free(w.use), free(w.stored), free(w.stamp);
    return st;
}
