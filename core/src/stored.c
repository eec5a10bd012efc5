/* SPDX-License-Identifier: MIT */
/* Which pointwise values are stored and which are recomputed where they are read. */
#include <stdlib.h>
#include <string.h>
#include "group.h"

enum {
    PROLOGUE_WORDS = 12, /* an operand expression longer than this is stored */
    TWICE_WORDS = 12,    /* likewise a value that two groups would recompute */
    MAP_WORDS = 16,      /* and one that two roots of the same map would */
    WORDS = LBK_EXPR_MAX - 8,
    LOADS = LBK_ARG_MAX - 4,
    LEAVES = 4, /* different full-size values that are counted in one expression */
    BUDGET = 200,
};

static bool costly(const lbk_node *n)
{
    static const char *const names[] = { "exp",      "log", "tanh", "sigmoid",
                                         "softplus", "pow", "sqrt", NULL };
    for (int i = 0; names[i]; i++)
        if (n->kind == NODE_OP && !strcmp(n->op->name, names[i]))
            return true;
    return false;
}

static bool mixes_shapes(const struct work *w, const lbk_node *n)
{
    for (uint32_t u = w->uses[n->id]; u != NONE; u = w->use[u].next)
        if (lbk__is_pointwise(w->use[u].reader) && !same_count(w->use[u].reader, n))
            return true;
    return false;
}

static int words_of(const struct work *w, const lbk_node *n, int depth)
{
    if (!inlined(w, n) || depth > WORDS)
        return 1;
    int sum = 1;
    for (int i = 0; i < n->n && sum <= WORDS; i++)
        sum += words_of(w, n->in[i], depth + 1);
    return sum;
}

/* The different values as large as x that its expression reads, from have on; LEAVES = that many
 * or more. */
static int leaves_of(const struct work *w, const lbk_node *x, lbk_node *at, lbk_node *leaf[LEAVES],
                     int have, int *budget)
{
    if (--*budget < 0)
        return LEAVES;
    if (inlined(w, at)) {
        for (int i = 0; i < at->n && have < LEAVES; i++)
            have = leaves_of(w, x, at->in[i], leaf, have, budget);
        return have;
    }
    if (is_number(at) || !same_count(x, at))
        return have;
    for (int i = 0; i < have; i++)
        if (leaf[i] == at)
            return have;
    if (have < LEAVES)
        leaf[have++] = at;
    return have;
}

/* Does n serve nothing but x, which is pointwise and as large? */
static bool only_for(const struct work *w, const lbk_node *n, const lbk_node *x, int *budget)
{
    for (uint32_t u = w->uses[n->id]; u != NONE; u = w->use[u].next) {
        const lbk_node *r = w->use[u].reader;
        if (r == x)
            continue;
        if (--*budget < 0 || !inlined(w, r) || !same_count(r, n) || !only_for(w, r, x, budget))
            return false;
    }
    return w->uses[n->id] != NONE;
}

static bool is_operand(const lbk_node *of, const lbk_node *n)
{
    for (int i = 0; i < of->n; i++)
        if (of->in[i] == n)
            return true;
    return false;
}

/* May n compute its operand x as it loads it? It then reads no more bytes than it would of x
 * stored, or of its other operands. A driver learns the shape of an operand from a leaf. Not when x
 * can be the epilogue of what makes a leaf, which then is stored nowhere. */
static bool worth_recomputing(const struct work *w, const lbk_node *n, lbk_node *x)
{
    lbk_node *leaf[LEAVES];
    int budget = BUDGET, walk = BUDGET, more = 0;
    const int leaves = leaves_of(w, x, x, leaf, 0, &budget);
    bool epilogue = false;
    for (int i = 0; i < leaves && leaves < LEAVES; i++) {
        more += !is_operand(n, leaf[i]);
        epilogue |= is_anchor(leaf[i]) && only_for(w, leaf[i], x, &walk);
    }
    return leaves > 0 && leaves < LEAVES && more <= 1 && !epilogue && !costly(x) &&
           words_of(w, x, 0) <= PROLOGUE_WORDS;
}

static void store_operands(struct work *w, lbk_node *n)
{
    const bool may = is_anchor(n) && !w->p->params.no_fusion;
    bool any = false;
    for (int i = 0; i < n->n; i++) {
        lbk_node *x = n->in[i];
        if (!inlined(w, x))
            continue;
        w->stored[x->id] = !may || !worth_recomputing(w, n, x);
        any |= !w->stored[x->id];
    }
    if (!any || lbk__group_takes(w, n))
        return;
    for (int i = 0; i < n->n; i++)
        if (inlined(w, n->in[i]))
            w->stored[n->in[i]->id] = true;
}

int lbk__group_roots(const struct work *w, lbk_node *n, lbk_node *found[3], int have, int *budget)
{
    for (uint32_t u = w->uses[n->id]; u != NONE && have < 3 && (*budget)-- > 0;
         u = w->use[u].next) {
        lbk_node *r = w->use[u].reader;
        if (inlined(w, r)) {
            have = lbk__group_roots(w, r, found, have, budget);
            continue;
        }
        bool seen = false;
        for (int i = 0; i < have; i++)
            seen |= found[i] == r;
        if (!seen)
            found[have++] = r;
    }
    return *budget > 0 ? have : 3;
}

/* Roots that one map may compute together share n in a register. */
static bool one_map(const lbk_node *n, lbk_node *const root[], int n_root)
{
    bool yes = true;
    for (int i = 0; i < n_root; i++)
        yes &= lbk__is_pointwise(root[i]) && same_count(root[i], n);
    return yes;
}

/* Of those that no operand decided: n is stored when too much would be computed or read again. */
static void store_shared(struct work *w, lbk_node *n)
{
    lbk_node *found[3], *leaf[LEAVES];
    int budget = BUDGET, walk = BUDGET;
    const int roots = lbk__group_roots(w, n, found, 0, &budget);
    const int words = words_of(w, n, 0);
    if (roots == 2 && one_map(n, found, roots) && words <= MAP_WORDS)
        return;
    /* As many bytes are read for it as of it. */
    if (roots > 1 && words <= PROLOGUE_WORDS && !costly(n) &&
        leaves_of(w, n, n, leaf, 0, &walk) == 1)
        return;
    if (roots > 2 || (roots > 1 && (costly(n) || words > TWICE_WORDS)))
        w->stored[n->id] = true;
}

static int loads_of(const struct work *w, const lbk_node *n, int depth)
{
    if (!inlined(w, n) || depth > WORDS)
        return is_number(n) ? 0 : 1;
    int sum = 0;
    for (int i = 0; i < n->n && sum <= LOADS; i++)
        sum += loads_of(w, n->in[i], depth + 1);
    return sum;
}

/* Expressions that have grown too long are cut at their longest operand. */
static void store_long(struct work *w, lbk_node *n)
{
    for (;;) {
        int words = 1, loads = 0, most = 0;
        lbk_node *longest = NULL;
        for (int i = 0; i < n->n; i++) {
            const int k = words_of(w, n->in[i], 0);
            words += k;
            loads += loads_of(w, n->in[i], 0);
            if (inlined(w, n->in[i]) && k > most)
                most = k, longest = n->in[i];
        }
        if (!longest || (words <= WORDS && loads <= LOADS))
            return;
        w->stored[longest->id] = true;
    }
}

void lbk__group_decide(struct work *w)
{
    lbk_graph *g = w->p->graph;
    for (int64_t i = 0; i < g->n_output; i++)
        w->stored[lbk__storage_node(g->output[i].v, NULL)->id] = true;
    for (int64_t i = 0; i < g->n_assign; i++)
        w->stored[lbk__storage_node(g->assign[i].v, NULL)->id] = true;
    for (int64_t i = 0; i < w->n; i++) {
        lbk_node *n = g->node[i];
        if (n->kind != NODE_OP)
            continue;
        if (lbk__is_view(n))
            w->stored[lbk__storage_node(n, NULL)->id] = true;
        if (!lbk__is_pointwise(n) || w->p->params.no_fusion || mixes_shapes(w, n))
            w->stored[i] = true;
    }
    for (int64_t i = 0; i < w->n; i++)
        if (g->node[i]->kind == NODE_OP && !lbk__is_pointwise(g->node[i]))
            store_operands(w, g->node[i]);
    for (int64_t i = w->n; i-- > 0;)
        if (inlined(w, g->node[i]))
            store_shared(w, g->node[i]);
    for (int64_t i = 0; i < w->n; i++)
        if (lbk__is_pointwise(g->node[i]))
            store_long(w, g->node[i]);
}
