/* SPDX-License-Identifier: MIT */
/* The order of the launches, and which states can be overwritten where they are. */
#include <stdlib.h>
#include <string.h>
#include "plan.h"

struct search { struct plan *p; bool *seen; };

/* Does group `from` have to wait for group `to`? */
static bool waits_for(struct search *s, uint32_t from, uint32_t to)
{
    struct plan *p = s->p;
    if (from == to)
        return true;
    if (from == NONE || s->seen[from])
        return false;
    s->seen[from] = true;
    for (int i = 0; i < p->group[from].g.n_arg; i++)
        if (waits_for(s, p->value[p->group[from].arg[i]].maker, to))
            return true;
    for (int64_t i = 0; i < p->n_before; i++)
        if (p->before[i].then == from && waits_for(s, p->before[i].first, to))
            return true;
    return false;
}

static bool reads(const struct group *g, uint32_t v)
{
    for (int i = 0; i < g->g.n_arg; i++)
        if (g->arg[i] == v)
            return true;
    return false;
}

/* The writer may read the old state only element by element. */
static bool reads_whole(const struct group *g, uint32_t v)
{
    for (int i = 0; i < g->g.n_arg; i++)
        if (g->arg[i] == v &&
            (g->skip[i] || lbk_shape_count(g->g.arg[i].shape) != lbk_shape_count(g->g.acc)))
            return false;
    return true;
}

static bool is_output(const struct plan *p, uint32_t v)
{
    for (int64_t i = 0; i < p->graph->n_output; i++)
        if (p->value_of[p->graph->output[i].v->id] == v)
            return true;
    return false;
}

/* All other readers of the state go before the writer, unless one of them waits for it. */
static bool readers_first(struct plan *p, uint32_t state, uint32_t writer)
{
    bool ok = true;
    struct search s = { p, malloc((size_t) p->n_group) };
    for (int64_t i = 0; s.seen && ok && i < p->n_group; i++)
        if (i != writer && reads(&p->group[i], state)) {
            memset(s.seen, 0, (size_t) p->n_group);
            ok = !waits_for(&s, (uint32_t) i, writer);
        }
    ok = ok && s.seen;
    free(s.seen);
    for (int64_t i = 0; ok && i < p->n_group; i++)
        if (i != writer && reads(&p->group[i], state)) {
            ok = lbk__grow(&p->before, p->n_before, &p->cap_before, sizeof *p->before);
            if (ok)
                p->before[p->n_before++] = (struct before) { (uint32_t) i, writer };
        }
    return ok;
}

static bool in_place(struct plan *p, lbk_node *node, uint32_t state, uint32_t v)
{
    struct value *x = &p->value[v];
    if (x->kind != VALUE_TEMP || x->home != NONE || lbk__is_view(node) || x->maker == NONE ||
        is_output(p, state))
        return false;
    struct group *g = &p->group[x->maker];
    if (g->anchor || g->fallback || !reads_whole(g, state) || !readers_first(p, state, x->maker))
        return false;
    x->home = state;
    return true;
}

static lbk_status overwrite(struct plan *p)
{
    for (int64_t i = 0; i < p->graph->n_assign; i++) {
        lbk_node *node = p->graph->assign[i].v;
        const uint32_t state = p->value_of[p->graph->assign[i].state->id],
                       v = p->value_of[node->id];
        if (in_place(p, node, state, v))
            continue;
        if (!lbk__grow(&p->copy, p->n_copy, &p->cap_copy, sizeof *p->copy))
            return lbk__plan_no_memory(p);
        size_t skip;
        lbk__storage_node(node, &skip);
        p->copy[p->n_copy++] = (struct state_copy) { state, v, skip };
    }
    for (int64_t i = 0; i < p->n_group; i++) {
        p->group[i].update = true;
        for (int k = 0; k < p->group[i].g.n_out; k++)
            p->group[i].update &= p->value[p->group[i].out[k]].home != NONE;
        if (p->group[i].update && !p->group[i].anchor)
            lbk__plan_ask(p, &p->group[i]);
    }
    return LBK_OK;
}

static void count_waits(const struct plan *p, uint32_t *waits)
{
    for (int64_t i = 0; i < p->n_group; i++)
        for (int k = 0; k < p->group[i].g.n_arg; k++)
            waits[i] += p->value[p->group[i].arg[k]].maker != NONE;
    for (int64_t i = 0; i < p->n_before; i++)
        waits[p->before[i].then]++;
}

static void release(const struct plan *p, uint32_t done, uint32_t *waits)
{
    for (int64_t i = 0; i < p->n_group; i++)
        for (int k = 0; k < p->group[i].g.n_arg; k++)
            waits[i] -= p->value[p->group[i].arg[k]].maker == done;
    for (int64_t i = 0; i < p->n_before; i++)
        waits[p->before[i].then] -= p->before[i].first == done;
}

/* Updates go as soon as they can, while the gradient is in the cache and so that its memory is free
 * again; where many can be one launch, they go last. */
static uint32_t next(const struct plan *p, const uint32_t *waits, const bool *placed)
{
    uint32_t best = NONE, late = NONE;
    for (int64_t i = 0; i < p->n_group; i++) {
        if (placed[i] || waits[i])
            continue;
        if (p->group[i].update && p->group[i].offer.also <= 1)
            return (uint32_t) i;
        if (p->group[i].update)
            late = late == NONE ? (uint32_t) i : late;
        else if (best == NONE || p->group[i].rank < p->group[best].rank)
            best = (uint32_t) i;
    }
    return best == NONE ? late : best;
}

static lbk_status schedule(struct plan *p)
{
    const size_t n = (size_t) p->n_group + 1;
    uint32_t *waits = calloc(n, sizeof *waits);
    bool *placed = calloc(n, sizeof *placed);
    p->order = malloc(n * sizeof *p->order);
    lbk_status st = waits && placed && p->order ? LBK_OK : lbk__plan_no_memory(p);
    if (!st)
        count_waits(p, waits);
    for (int64_t i = 0; !st && i < p->n_group; i++) {
        const uint32_t g = next(p, waits, placed);
        if (g == NONE) {
            st = lbk_fail(p->device->ctx, LBK_EINVAL, "plan: %lld groups wait for each other",
                          (long long) (p->n_group - i));
            break;
        }
        p->order[i] = g;
        placed[g] = true;
        release(p, g, waits);
    }
    free(waits), free(placed);
    return st;
}

lbk_status lbk__plan_order(struct plan *p)
{
    const lbk_status st = overwrite(p);
    return st ? st : schedule(p);
}
