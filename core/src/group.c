/* SPDX-License-Identifier: MIT */
/* Which pointwise values are stored and which are recomputed where they are read, and the groups
 * that follow from it. */
#include <stdlib.h>
#include <string.h>
#include "group.h"

enum {
    PROLOGUE_WORDS = 12, /* an operand expression longer than this is stored */
    TWICE_WORDS = 8,     /* likewise a value that two groups would recompute */
    MAP_WORDS = 16,      /* and one that two roots of the same map would */
    WORDS = LBK_EXPR_MAX - 8,
    LOADS = LBK_ARG_MAX - 4,
    TINY = 4096, /* elements up to which maps are joined for the launch alone */
    LOOK_BACK = 12,
    PATH_BUDGET = 400,
};

/* ---- facts about nodes ---- */

static bool is_anchor(const lbk_node *n)
{
    return n->kind == NODE_OP && !lbk__is_pointwise(n) && !lbk__is_view(n);
}

static bool costly(const lbk_node *n)
{
    static const char *const names[] = { "exp",      "log", "tanh", "sigmoid",
                                         "softplus", "pow", "sqrt", NULL };
    for (int i = 0; names[i]; i++)
        if (n->kind == NODE_OP && !strcmp(n->op->name, names[i]))
            return true;
    return false;
}

static lbk_status add_use(struct work *w, lbk_node *of, lbk_node *reader)
{
    if (!lbk__grow(&w->use, w->n_use, &w->cap_use, sizeof *w->use))
        return lbk__plan_no_memory(w->p);
    w->use[w->n_use] = (struct use){ reader, w->uses[of->id] };
    w->uses[of->id] = (uint32_t) w->n_use++;
    return LBK_OK;
}

/* ---- which values are stored ---- */

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

static bool expr_operands(struct work *w, struct group *to, lbk_node *n)
{
    if (n->n > LBK_OPERAND_MAX)
        return false;
    for (int i = 0; i < n->n; i++) {
        to->g.operand[i].n = 0;
        struct builder b = { .w = w, .to = to, .shape = n->in[i]->shape, .e = &to->g.operand[i] };
        if (is_number(n->in[i]))
            lbk__put_load(&b, n->in[i]);
        else
            lbk__put_node(&b, n->in[i], false);
        if (b.full)
            return false;
    }
    to->g.n_operand = n->n;
    return true;
}

static void set_anchor(struct work *w, struct group *to, lbk_node *n)
{
    to->anchor = n;
    to->g.size = sizeof to->g;
    to->g.op = n->op, to->g.params = n->params;
    to->g.acc = n->shape;
    to->g.seed = w->p->device->ctx->params.seed;
}

static void set_out(struct group *to, int i, lbk_node *root, uint32_t v, int result)
{
    to->root[i] = root;
    to->out[i] = v;
    to->g.out[i] = (struct lbk_arg){ .dtype = root->dtype, .shape = to->g.acc };
    to->g.result[i] = (uint8_t) result;
    to->g.n_out = i + 1;
}

static void set_plain_out(struct group *to, lbk_node *root, uint32_t v)
{
    to->g.epi = (struct lbk_expr){ 1, { { .kind = LBK_WORD_ACC } } };
    set_out(to, 0, root, v, 0);
}

bool lbk__plan_ask(struct plan *p, struct group *to)
{
    memset(&to->offer, 0, sizeof to->offer);
    to->offer.size = sizeof to->offer;
    return p->device->fns.supports(p->device->drv, &to->g, &to->offer) != 0;
}

bool lbk__plan_takes(struct plan *p, const lbk_node *n)
{
    struct group *to = calloc(1, sizeof *to);
    bool yes = to && n->n <= LBK_OPERAND_MAX;
    if (yes) {
        to->g.size = sizeof to->g;
        to->g.op = n->op, to->g.params = n->params, to->g.acc = n->shape;
        for (int i = 0; i < n->n; i++) {
            int k = 0;
            while (k < i && n->in[k] != n->in[i])
                k++;
            if (k == i) {
                k = to->g.n_arg++;
                to->g.arg[k] =
                    (struct lbk_arg){ .dtype = n->in[i]->dtype, .shape = n->in[i]->shape };
            } else {
                k = to->g.operand[k].w[0].arg;
            }
            to->g.operand[i] =
                (struct lbk_expr){ 1, { { .kind = LBK_WORD_ARG, .arg = (uint8_t) k } } };
        }
        to->g.n_operand = n->n;
        to->anchor = NULL;
        to->g.epi = (struct lbk_expr){ 1, { { .kind = LBK_WORD_ACC } } };
        to->g.out[0] = (struct lbk_arg){ .dtype = n->dtype, .shape = n->shape };
        to->g.n_out = 1;
        yes = lbk__plan_ask(p, to);
    }
    free(to);
    return yes;
}

/* Forgets values made for a group that came to nothing. */
static void rollback(struct work *w, int64_t n_value)
{
    for (int64_t i = 0; i < w->n; i++)
        if (w->p->value_of[i] != NONE && w->p->value_of[i] >= n_value)
            w->p->value_of[i] = NONE;
    w->p->n_value = n_value;
}

/* Would the device compute the pointwise operands of this anchor as it loads them? */
static bool takes_prologue(struct work *w, lbk_node *n)
{
    struct group *to = calloc(1, sizeof *to);
    const int64_t before = w->p->n_value;
    bool yes = false;
    if (to) {
        set_anchor(w, to, n);
        if (expr_operands(w, to, n)) {
            set_plain_out(to, n, NONE);
            yes = lbk__plan_ask(w->p, to);
        }
    }
    free(to);
    rollback(w, before);
    return yes;
}

/* Is one of the args of x's expression as large as x? A driver learns the shape of an operand from
 * them. */
static bool has_full_arg(const struct work *w, const lbk_node *x, const lbk_node *at)
{
    bool full = !inlined(w, at) && same_count(x, at);
    for (int i = 0; inlined(w, at) && i < at->n && !full; i++)
        full = has_full_arg(w, x, at->in[i]);
    return full;
}

static void store_operands(struct work *w, lbk_node *n)
{
    bool any = false, small = true;
    for (int i = 0; i < n->n; i++) {
        lbk_node *x = n->in[i];
        if (!lbk__is_pointwise(x) || w->stored[x->id])
            continue;
        any = true;
        small = small && words_of(w, x, 0) <= PROLOGUE_WORDS && !costly(x) && has_full_arg(w, x, x);
    }
    if (!any || (small && is_anchor(n) && !w->p->params.no_fusion && takes_prologue(w, n)))
        return;
    for (int i = 0; i < n->n; i++)
        if (lbk__is_pointwise(n->in[i]))
            w->stored[n->in[i]->id] = true;
}

/* The first two different stored nodes that would recompute n; how many there are, at most 3. */
static int roots_of(const struct work *w, lbk_node *n, lbk_node *found[3], int have, int *budget)
{
    for (uint32_t u = w->uses[n->id]; u != NONE && have < 3 && (*budget)-- > 0;
         u = w->use[u].next) {
        lbk_node *r = w->use[u].reader;
        if (inlined(w, r)) {
            have = roots_of(w, r, found, have, budget);
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

static void store_shared(struct work *w, lbk_node *n)
{
    lbk_node *found[3];
    int budget = 200;
    const int roots = roots_of(w, n, found, 0, &budget);
    const int words = words_of(w, n, 0);
    if (roots == 2 && one_map(n, found, roots) && words <= MAP_WORDS)
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

static void decide(struct work *w)
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

/* ---- groups ---- */

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
        set_out(to, i, keep[i], lbk__value_for(w, keep[i]), r);
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
    w->p->made_by[node->id] = w->p->made_by[g->root[0]->id] = w->p->value[g->out[0]].maker = id;
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

/* The one stored pointwise node that an anchor flows into, when nothing else looks at the anchor.
 */
static lbk_node *epilogue_root(struct work *w, lbk_node *n)
{
    lbk_node *found[3], *at = n;
    int budget = 200;
    for (uint32_t u = w->uses[n->id]; u != NONE; u = w->use[u].next)
        if (!lbk__is_pointwise(w->use[u].reader) || !same_count(w->use[u].reader, n))
            return NULL;
    if (w->uses[n->id] == NONE || w->p->params.no_fusion || w->p->value_of[n->id] != NONE)
        return NULL;
    at = roots_of(w, n, found, 0, &budget) == 1 ? found[0] : NULL;
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
    set_anchor(w, to, n);
    if (!expr_operands(w, to, n))
        return false;
    struct builder b = { .w = w, .to = to, .shape = n->shape, .e = &to->g.epi, .acc = n };
    const int r = lbk__put_node(&b, root, true);
    set_out(to, 0, root, lbk__value_for(w, root), r);
    return !b.full && !is_broadcast(root) && lbk__plan_ask(w->p, to);
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
            rollback(w, before);
    }
    if (yes) {
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
        set_anchor(w, to, n);
        const bool fits = expr_operands(w, to, n);
        set_plain_out(to, n, lbk__value_for(w, n));
        to->rank = n->id, to->flops = lbk__node_flops(n);
        if (!fits)
            st = lbk_fail(w->p->device->ctx, LBK_EUNSUPPORTED,
                          "plan: '%s' has %d operands, expected at most %d", n->op->name, n->n,
                          LBK_OPERAND_MAX);
        else if (!lbk__plan_ask(w->p, to))
            to->fallback = true, w->p->n_fallback++;
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
        decide(&w);
        st = make_groups(&w);
    }
    if (!st)
        st = value_ends(&w);
    free(w.uses), free(w.use), free(w.stored), free(w.stamp);
    return st;
}
