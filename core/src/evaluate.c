/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evaluate.h"
#include "plan.h"

void lbk_scores_put(lbk_scores *s, const char *name, enum lbk_sense better, double v)
{
    struct score *x = s->n < MAX_SCORES ? &s->at[s->n++] : NULL;
    if (x) {
        snprintf(x->name, sizeof x->name, "%s%s%s", s->metric ? s->metric : "",
                 s->metric ? "." : "", name);
        x->better = better, x->v = v;
    }
}

const struct score *lbk__scores_pick(const struct lbk_scores *s, const char *name)
{
    const char *want = name ? name : s->n ? s->at[0].name : "";
    want = strncmp(want, "val/", 4) ? want : want + 4;
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->at[i].name, want))
            return &s->at[i];
    return NULL;
}

/* What the task of a role wants to know of it. */
static lbk_status predict(struct run *r, struct role *role, const struct obj_stream *stream,
                          enum lbk_mode mode, lbk_objective **out)
{
    const lbk_status st = lbk__objective_create(r, NULL, out);
    if (st)
        return st;
    (*out)->n_stream = 1;
    (*out)->stream[0] = *stream;
    lbk_pass *p = lbk__objective_pass(*out, role, role->name, mode, 0);
    if (p)
        role->task->predict(p, lbk_opts_cfg(role->task_opts));
    return lbk__objective_finish(*out, NULL);
}

lbk_status lbk__answers_create(struct run *r, struct role *role, const struct obj_stream *stream,
                               struct engine **out)
{
    lbk_objective *o = NULL;
    *out = NULL;
    lbk_status st = predict(r, role, stream, LBK_FROZEN, &o);
    if (!st)
        st = lbk__role_load(r, role, o->g, true);
    if (st) {
        lbk__objective_destroy(&o);
        return st;
    }
    return lbk__engine_create(o, out);
}

static bool copy_names(struct arena *a, int64_t n, const char *const **names)
{
    const char **own = *names ? lbk__arena_get(a, ((size_t) n + 1) * sizeof *own) : NULL;
    bool ok = own || !*names;
    for (int64_t i = 0; own && i < n; i++)
        ok = (own[i] = lbk__arena_str(a, "%s", (*names)[i])) && ok;
    *names = own;
    return ok;
}

/* A table that there is no memory for is left out, as scores past the last are. */
void lbk_scores_table(lbk_scores *s, const struct lbk_table *t)
{
    struct lbk_table own = *t;
    if (!s->keep || s->n_table == MAX_TABLES)
        return;
    own.name = lbk__arena_str(s->keep, "%s%s%s", s->metric ? s->metric : "", s->metric ? "." : "",
                              t->name);
    own.v = lbk__arena_copy(s->keep, t->v, (size_t) (t->rows * t->columns) * sizeof *t->v);
    if (own.name && own.v && copy_names(s->keep, t->rows, &own.row) &&
        copy_names(s->keep, t->columns, &own.column))
        s->table[s->n_table++] = own;
}

static struct obj_stream stream_of(const struct evaluator *e)
{
    return (struct obj_stream){ "eval",
                                e->source->by,
                                e->source->data->fields,
                                lbk__loader_layout(e->loader),
                                e->source->data->n,
                                false,
                                e->encoder };
}

static lbk_status build(struct evaluator *e)
{
    const struct obj_stream s = stream_of(e);
    return lbk__answers_create(e->run, e->role, &s, &e->engine);
}

/* A part that fits into less than a batch is not padded to one. */
static int64_t batch_of(const struct evaluator *e)
{
    const int64_t most = e->run->cfg->eval_batch, n = e->source ? e->source->data->n : most;
    return n > 0 && n < most ? n : most;
}

lbk_status lbk__evaluator_create(struct run *r, struct role *role, enum data_split split,
                                 struct evaluator **out)
{
    *out = NULL;
    if (!role->task || !role->task->predict)
        return LBK_OK;
    struct evaluator *e = calloc(1, sizeof *e);
    if (!e)
        return lbk_fail(r->ctx, LBK_ENOMEM, "evaluation: out of memory");
    *e = (struct evaluator){ .run = r, .role = role };
    e->source = lbk__source_get(r, "train", split);
    const char *before = lbk__about_memory(r->ctx, "eval_batch");
    struct loader_params p = { .batch = batch_of(e),
                               .pad = true,
                               .records = true,
                               .epochs = 1,
                               .pipeline = e->source ? e->source->still : NULL };
    lbk_status st = e->source ? lbk__source_encoder(r, e->source, role, &p) : r->failed;
    e->encoder = p.ud;
    if (!st)
        st = lbk__source_loader(r, e->source, &p, &e->loader);
    if (!st)
        st = build(e);
    lbk__about_memory(r->ctx, before);
    if (st)
        lbk__evaluator_destroy(&e);
    *out = e;
    return st;
}

void lbk__evaluator_destroy(struct evaluator **e)
{
    if (!*e)
        return;
    lbk__engine_destroy(&(*e)->engine);
    lbk__loader_destroy(&(*e)->loader);
    free(*e);
    *e = NULL;
}

static void count_states(const lbk_graph *g, const char *path, struct net_size *out)
{
    for (int64_t i = 0; i < g->n_node; i++) {
        const lbk_node *n = g->node[i];
        size_t bytes = 0;
        if (n->kind != NODE_STATE || strncmp(n->name, path, strlen(path)))
            continue;
        *(n->trainable ? &out->parameters : &out->buffers) += lbk_shape_count(n->shape);
        lbk__shape_bytes(n->dtype, n->shape, &bytes);
        out->bytes += (int64_t) bytes;
    }
}

lbk_status lbk__evaluator_size(const struct evaluator *e, struct role *x, struct net_size *out)
{
    const struct obj_stream s = stream_of(e);
    lbk_objective *o = NULL;
    *out = (struct net_size){ 0 };
    /* a network that is not trained has no parameters */
    lbk_status st = predict(e->run, x, &s, LBK_TRAINED, &o);
    if (!st) {
        const double flops = lbk__graph_flops(o->g, node_of(lbk_pass_out(o->pass[0])));
        count_states(o->g, x->path, out);
        out->macs = 0.5 * flops / (double) batch_of(e);
        if (flops < 0)
            st = lbk_fail(e->run->ctx, LBK_ENOMEM, "role '%s': out of memory", x->name);
    }
    lbk__objective_destroy(&o);
    return st;
}

static lbk_status add_metric(struct scoring *c, const char *name)
{
    const void *found = NULL;
    const int i = c->n;
    lbk_status st = lbk__registry_need(c->run->ctx, LBK_METRICS, name, &found);
    if (st)
        return st;
    const char *const prefix[] = { name };
    c->metric[i] = found;
    st = lbk__settings_opts(c->run->set, c->metric[i]->opts, c->metric[i]->cfg_size, name, NULL, 1,
                            prefix, &c->opts[i]);
    c->state[i] = st ? NULL : calloc(1, c->metric[i]->state_size + 1);
    if (!st && !c->state[i])
        st = lbk_fail(c->run->ctx, LBK_ENOMEM, "metric '%s': out of memory", name);
    if (!st)
        c->n++;
    else
        lbk_opts_destroy(&c->opts[i]);
    return st;
}

lbk_status lbk__scoring_begin(struct run *r, struct role *role, struct scoring *out)
{
    const char *const *names = role->task->metrics;
    lbk_status st = LBK_OK;
    *out = (struct scoring){ .run = r, .role = role };
    for (int i = 0; !st && names && names[i] && i < MAX_METRICS; i++)
        st = add_metric(out, names[i]);
    return st;
}

lbk_status lbk__scoring_add(struct scoring *c, const lbk_record *r)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < c->n; i++)
        st = c->metric[i]->add(c->run->ctx, lbk_opts_cfg(c->opts[i]), c->state[i], r);
    return st;
}

lbk_status lbk__scoring_end(struct scoring *c, lbk_status st, struct lbk_scores *out)
{
    for (int i = 0; i < c->n; i++) {
        out->metric = i ? c->metric[i]->name : NULL;
        const lbk_status s =
            c->metric[i]->end(c->run->ctx, lbk_opts_cfg(c->opts[i]), c->state[i], st ? NULL : out);
        st = st ? st : s;
        free(c->state[i]);
        lbk_opts_destroy(&c->opts[i]);
    }
    return st;
}

lbk_status lbk__answer_post(const struct role *role, lbk_record *r)
{
    return role->task->post ? role->task->post(r, lbk_opts_cfg(role->task_opts)) : LBK_OK;
}

struct counting {
    struct evaluator *e;
    struct scoring scoring;
    lbk_status (*look)(void *ud, const lbk_record *r);
    void *ud;
};

static lbk_status count(void *ud, lbk_record *r)
{
    struct counting *c = ud;
    lbk_status st = lbk__answer_post(c->e->role, r);
    if (!st)
        st = lbk__scoring_add(&c->scoring, r);
    return !st && c->look ? c->look(c->ud, r) : st;
}

lbk_status lbk__evaluator_look(struct evaluator *e, struct lbk_scores *out,
                               lbk_status (*look)(void *ud, const lbk_record *r), void *ud)
{
    struct counting c = { .e = e, .look = look, .ud = ud };
    *out = (struct lbk_scores){ .keep = e->keep };
    lbk_status st = lbk__scoring_begin(e->run, e->role, &c.scoring);
    if (!st)
        st = lbk__engine_sweep(e->engine, e->loader, e->run->rehearsal, count, &c);
    return lbk__scoring_end(&c.scoring, st, out);
}

lbk_status lbk__evaluator_run(struct evaluator *e, struct lbk_scores *out)
{
    return lbk__evaluator_look(e, out, NULL, NULL);
}

bool lbk__score_beats(const struct score *s, double v)
{
    return s->better == LBK_HIGHER ? s->v > v : s->v < v;
}

lbk_status lbk__role_scores(struct run *r, struct role *role, enum data_split split,
                            struct arena *keep, struct lbk_scores *out)
{
    struct evaluator *e = NULL;
    lbk_status st = lbk__evaluator_create(r, role, split, &e);
    *out = (struct lbk_scores){ 0 };
    if (e)
        e->keep = keep;
    if (!st && e)
        st = lbk__evaluator_run(e, out);
    lbk__evaluator_destroy(&e);
    return st;
}
