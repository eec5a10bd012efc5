/* SPDX-License-Identifier: MIT */
/* Frozen passes taken out of a graph, to be run apart from it or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective.h"
#include "opdef.h"

static bool inside(const struct piece *p, int64_t id)
{
    return id >= p->node[0] && id < p->node[1];
}

/* ---- which passes ---- */

/* NULL: the value of n is a function of a sample and of the role's weights, else why not. */
static const char *bound_to(const lbk_objective *o, const struct lbk_pass *p, const lbk_node *n)
{
    const struct obj_stream *s = &o->stream[p->stream];
    const size_t name = strlen(s->name);
    if (n->kind == NODE_OP)
        return strcmp(n->op->name, "random") ? NULL : "it draws random numbers";
    if (n->kind == NODE_CONST)
        return NULL;
    if (n->kind == NODE_STATE) {
        for (int64_t i = 0; i < o->g->n_assign; i++)
            if (o->g->assign[i].state == n)
                return "it changes a state";
        return !n->trainable && !strncmp(n->name, p->role->path, strlen(p->role->path))
                   ? NULL
                   : "it reads a state that is not its own";
    }
    for (int i = 0; i < s->layout->n; i++)
        if (!strncmp(n->name, s->name, name) && n->name[name] == '/' &&
            !strcmp(n->name + name + 1, s->layout->fields[i].name))
            return lbk__encoder_made(s->encoder, s->layout->fields[i].name)
                       ? "it reads what a task makes of a sample's fields"
                       : NULL;
    return "it reads more than a sample's fields";
}

static const char *check_tap(const lbk_objective *o, const struct lbk_pass *p, const lbk_node *n)
{
    const struct batch *b = o->stream[p->stream].layout;
    const char *wrong = NULL;
    if (!b->n || n->shape.n < 1 || n->shape.d[0] != b->fields[0].shape.d[0])
        return "a value of it has no row for each sample";
    bool *need = calloc((size_t) o->g->n_node + 1, sizeof *need);
    if (!need)
        return "out of memory";
    need[n->id] = true;
    lbk__objective_mark(o->g, need);
    for (int64_t i = 0; !wrong && i <= n->id; i++)
        wrong = need[i] ? bound_to(o, p, o->g->node[i]) : NULL;
    free(need);
    return wrong;
}

static const char *check_pass(const lbk_objective *o, const struct lbk_pass *p, const bool *read)
{
    int n = o->n_tap;
    const char *wrong = NULL;
    if (p->piece.net.mode != LBK_FROZEN)
        return "it normalises by the batch";
    if (o->run->cfg->teacher_cache == CACHE_MEMORY && o->stream[p->stream].once)
        return "each epoch draws its samples anew: set train.views, or teacher_cache=disk for "
               "later runs of the same seed";
    for (int64_t i = p->piece.node[0]; !wrong && i < p->piece.node[1]; i++)
        if (read[i] && o->g->node[i]->kind == NODE_OP)
            wrong =
                n++ < OBJ_READS ? check_tap(o, p, o->g->node[i]) : "too many values of it are read";
    return wrong;
}

/* ---- cutting ---- */

static void cut_node(lbk_objective *o, const struct lbk_pass *p, lbk_node *n)
{
    struct obj_tap *t = &o->tap[o->n_tap];
    *t = (struct obj_tap){ .node = n->id, .pass = p };
    const char *name = lbk__arena_str(&o->g->arena, "@tap/%d", o->n_tap);
    const lbk_status st = name ? lbk__graph_digest(o->g, n, t->digest) : LBK_ENOMEM;
    if (st) {
        lbk_graph_fail(o->g, st, "objective: out of memory");
        return;
    }
    n->kind = NODE_INPUT, n->name = name;
    n->op = NULL, n->params = NULL, n->n = 0, n->in = NULL;
    o->n_tap++;
}

static void cut_pass(lbk_objective *o, const struct lbk_pass *p, const bool *read, bool *live)
{
    const char *wrong = check_pass(o, p, read);
    if (wrong) {
        lbk_ctx_log(o->ctx, LBK_LOG_WARN, "teacher_cache: not of role '%s': %s", p->name, wrong);
        return;
    }
    /* each digest is of the whole way from the sample, so the later nodes come first */
    for (int64_t i = p->piece.node[1] - 1; i >= p->piece.node[0] && !o->g->status; i--)
        if (read[i] && o->g->node[i]->kind == NODE_OP) {
            cut_node(o, p, o->g->node[i]);
            live[i] = true;
        }
}

/* read: what others than the pass itself look at, watches too. */
static void mark_read(const lbk_objective *o, const struct lbk_pass *p, const bool *seen,
                      bool *read)
{
    for (int64_t i = 0; i < o->g->n_node; i++)
        for (int k = 0; seen[i] && !inside(&p->piece, i) && k < o->g->node[i]->n; k++)
            read[o->g->node[i]->in[k]->id] = true;
    for (int i = 0; i < o->n_watch; i++)
        if (seen[o->watch[i].v->node.id])
            read[o->watch[i].v->node.id] = true;
}

void lbk__objective_cut(lbk_objective *o, bool *live)
{
    const size_t n = (size_t) o->g->n_node + 1;
    bool *seen = calloc(n, sizeof *seen), *read = calloc(n, sizeof *read);
    if (!seen || !read)
        lbk_graph_fail(o->g, LBK_ENOMEM, "objective: out of memory");
    for (int i = 0; seen && i < o->n_watch; i++)
        seen[o->watch[i].v->node.id] = lbk__objective_may_watch(o->g, o->watch[i].v, live);
    for (size_t i = 0; seen && i + 1 < n; i++)
        seen[i] = seen[i] || live[i];
    if (seen)
        lbk__objective_mark(o->g, seen);
    for (int i = 0; seen && read && i < o->n_pass && !o->g->status; i++) {
        const struct lbk_pass *p = o->pass[i];
        if (!p->role || !p->built || !p->piece.kept || p->piece.net.mode == LBK_TRAINED)
            continue;
        memset(read, 0, n * sizeof *read);
        mark_read(o, p, seen, read);
        cut_pass(o, p, read, live);
    }
    free(seen);
    free(read);
}

/* ---- the other part ---- */

lbk_status lbk__objective_taps(lbk_objective *o, const lbk_objective *cut)
{
    lbk_graph *g = o->g;
    o->n_term = o->n_watch = o->n_read = 0, g->n_assign = 0;
    for (int i = 0; i < cut->n_tap && !g->status; i++) {
        char digest[65] = "";
        const struct obj_tap *t = &cut->tap[i];
        lbk_node *n = t->node < g->n_node ? g->node[t->node] : NULL;
        if (!n || lbk__graph_digest(g, n, digest) || strcmp(digest, t->digest)) {
            lbk_graph_fail(g, LBK_EINVAL,
                           "stage '%s': its objective builds another graph each time",
                           o->stage->d.name);
            break;
        }
        o->read[o->n_read++] = (struct obj_read){ lbk__arena_str(&g->arena, "%d", i), val_of(n) };
    }
    return lbk__objective_finish(o, NULL);
}
