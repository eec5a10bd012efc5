/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine.h"
#include "opdef.h"
#include "opt.h"

static lbk_status no_memory(const struct engine *e)
{
    return lbk_fail(e->o->ctx, LBK_ENOMEM, "step: out of memory");
}

/* Which stream, field or number the input of that name is. */
static bool feed_of(const lbk_objective *o, const char *name, struct feed *f)
{
    if (!strcmp(name, "step") || !strcmp(name, "lr")) {
        f->kind = *name == 's' ? FEED_STEP : FEED_LR;
        return true;
    }
    if (!strncmp(name, "ramp/", 5)) {
        for (int i = 0; i < o->n_term; i++)
            if (!strcmp(o->term[i].label, name + 5)) {
                *f = (struct feed){ .kind = FEED_RAMP, .term = i };
                return true;
            }
        return false;
    }
    if (!strncmp(name, "@tap/", 5)) {
        *f = (struct feed){ .kind = FEED_TAP, .term = atoi(name + 5) };
        return true;
    }
    for (int i = 0; i < o->n_stream; i++) {
        const size_t n = strlen(o->stream[i].name);
        if (strncmp(name, o->stream[i].name, n) || name[n] != '/')
            continue;
        const char *field = lbk__arena_str(&o->g->arena, "%s", name + n + 1);
        *f = (struct feed){ strcmp(name + n + 1, "index") ? FEED_FIELD : FEED_INDEX, i, 0, field };
        return field != NULL;
    }
    return false;
}

static lbk_status add_input(struct engine *e, const lbk_node *n)
{
    if (e->n_in == 128 || !feed_of(e->o, n->name, &e->feed[e->n_in]))
        return lbk_fail(e->o->ctx, LBK_EINVAL, "input '%s': nothing feeds it", n->name);
    struct feed *f = &e->feed[e->n_in];
    struct lbk_bind *in = &e->in[e->n_in++];
    in->name = n->name;
    const lbk_status st = lbk__exec_tensor(e->exec, n->dtype, n->shape, &in->tensor);
    if (st || f->kind != FEED_INDEX)
        return st;
    f->index = malloc(in->tensor->bytes + 1);
    return f->index ? LBK_OK : no_memory(e);
}

static lbk_status add_inputs(struct engine *e)
{
    lbk_graph *g = e->o->g;
    bool *live = calloc((size_t) g->n_node + 1, sizeof *live);
    lbk_status st = live ? LBK_OK : no_memory(e);
    if (live)
        lbk__graph_live(g, live);
    for (int64_t i = 0; !st && i < g->n_node; i++) {
        const lbk_node *n = g->node[i];
        if (n->kind == NODE_INPUT && live[i])
            st = add_input(e, n);
    }
    free(live);
    return st;
}

static lbk_status add_outputs(struct engine *e)
{
    lbk_graph *g = e->o->g;
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < g->n_output; i++) {
        const lbk_node *v = g->output[i].v;
        lbk_tensor *t = NULL;
        st = lbk__exec_tensor(e->exec, v->dtype, v->shape, &t);
        if (st)
            break;
        void *host = calloc(1, t->bytes + 1);
        if (!strcmp(g->output[i].name, "values"))
            e->values = t, e->host = host;
        else
            e->rows[e->n_out - (e->values != NULL)] = host;
        e->out[e->n_out++] = (struct lbk_bind){ g->output[i].name, t };
        if (!host)
            st = no_memory(e);
    }
    return st;
}

lbk_status lbk__engine_create(lbk_objective *o, struct engine **out)
{
    struct engine *e = calloc(1, sizeof *e);
    *out = e;
    if (!e) {
        lbk_ctx *ctx = o->ctx;
        lbk__objective_destroy(&o);
        return lbk_fail(ctx, LBK_ENOMEM, "step: out of memory");
    }
    e->o = o;
    const struct run *r = o->run;
    const struct lbk_compile_params p = { .size = sizeof p,
                                          .strict = r->cfg->strict || r->p->strict };
    lbk_status st = lbk__store_fill(r->store, o->g);
    if (!st)
        st = lbk_compile(o->g, r->store, &p, &e->exec);
    if (!st)
        st = add_inputs(e);
    if (!st)
        st = add_outputs(e);
    if (st)
        lbk__engine_destroy(out);
    return st;
}

void lbk__engine_destroy(struct engine **ep)
{
    struct engine *e = *ep;
    if (!e)
        return;
    for (int i = 0; i < e->n_in; i++) {
        lbk_tensor_unref(&e->in[i].tensor);
        free(e->feed[i].index);
    }
    for (int i = 0; i < e->n_out; i++)
        lbk_tensor_unref(&e->out[i].tensor);
    for (int i = 0; i < OBJ_READS; i++)
        free(e->rows[i]);
    free(e->host);
    lbk_exec_destroy(&e->exec);
    lbk__objective_destroy(&e->o);
    free(e);
    *ep = NULL;
}

/* ---- a step ---- */

static const struct batch_field *field_of(const struct batch *b, const char *name)
{
    for (int i = 0; i < b->n; i++)
        if (!strcmp(b->fields[i].name, name))
            return &b->fields[i];
    return NULL;
}

static lbk_status write_index(int32_t *v, lbk_tensor *t, const struct batch *b)
{
    for (int64_t i = 0; i < lbk_shape_count(t->shape); i++)
        v[i] = (int32_t) b->index[i < b->count ? i : b->count - 1];
    return lbk_tensor_write(t, v, t->bytes);
}

static lbk_status write_input(struct engine *e, int i, const struct batch *const batch[],
                              const struct step_now *now)
{
    const struct feed *f = &e->feed[i];
    lbk_tensor *t = e->in[i].tensor;
    const int32_t step = (int32_t) now->step;
    float v = (float) now->lr;
    if (f->kind == FEED_TAP)
        return LBK_OK; /* lbk__teacher_feed has */
    if (f->kind == FEED_STEP)
        return lbk_tensor_write(t, &step, sizeof step);
    if (f->kind == FEED_RAMP)
        v = (float) lbk__ramp_at(e->o->term[f->term].weight, (double) now->step, now->epoch_steps,
                                 now->clock_steps);
    if (f->kind == FEED_RAMP || f->kind == FEED_LR)
        return lbk_tensor_write(t, &v, sizeof v);
    const struct batch *b = batch[f->stream];
    if (f->kind == FEED_INDEX)
        return write_index(f->index, t, b);
    const struct batch_field *x = field_of(b, f->field);
    return x ? lbk_tensor_write(t, x->data, t->bytes)
             : lbk_fail(e->o->ctx, LBK_EINVAL, "step: no field '%s'", f->field);
}

lbk_status lbk__engine_feed(struct engine *e, const struct batch *const batch[],
                            const struct step_now *now)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < e->n_in; i++)
        st = write_input(e, i, batch, now);
    return st;
}

lbk_status lbk__engine_run(struct engine *e, const struct batch *const batch[],
                           const struct step_now *now)
{
    const lbk_status st = lbk__engine_feed(e, batch, now);
    return st ? st : lbk_run(e->exec, e->n_in, e->in, e->n_out, e->out);
}

lbk_status lbk__engine_look(struct engine *e, int64_t *unsound)
{
    const lbk_status st = lbk_tensor_read(e->values, e->host, e->values->bytes);
    *unsound = !st && e->o->unsound ? (int64_t) e->host[e->o->n_label] : 0;
    return st;
}

lbk_status lbk__engine_rows(struct engine *e, const struct batch *b)
{
    lbk_status st = LBK_OK;
    for (int i = 0, k = 0; !st && i < e->n_out; i++) {
        const lbk_tensor *t = e->out[i].tensor;
        if (t == e->values)
            continue;
        char *rows = e->rows[k++];
        st = lbk_tensor_read(t, rows, t->bytes);
        lbk_shape s = { t->shape.n - 1, { 0 } };
        memcpy(s.d, t->shape.d + 1, (size_t) s.n * sizeof *s.d);
        const size_t each = t->bytes / (size_t) (t->shape.d[0] ? t->shape.d[0] : 1);
        for (int64_t j = 0; !st && j < b->count; j++) {
            void *to = lbk_record_put(b->records[j], e->out[i].name + strlen("read/"), t->dtype, s);
            if (!to)
                st = LBK_ENOMEM;
            else
                memcpy(to, rows + (size_t) j * each, each);
        }
    }
    return st;
}

lbk_status lbk__engine_sweep(struct engine *e, struct loader *l, int64_t most,
                             lbk_status (*each)(void *ud, lbk_record *r), void *ud)
{
    const struct batch *b;
    const struct step_now now = { .step = 0 };
    lbk_status st = lbk__loader_seek(l, 0, 0);
    for (int64_t k = 0; !st && (!most || k < most); k++) {
        st = lbk__loader_next(l, &b);
        if (st || !b)
            break;
        if (e)
            st = lbk__engine_run(e, &b, &now);
        if (!st && e)
            st = lbk__engine_rows(e, b);
        for (int64_t j = 0; !st && each && j < b->count; j++)
            st = each(ud, b->records[j]);
    }
    return st;
}

/* ---- what is not finite ---- */

/* Larger steps are not run on the host: operators as they are written down there take a second for
 * some 1e8. */
static const double host_flops = 1e9;

struct blame {
    struct engine *e;
    void **copy;
    int64_t step;
    const char *stage;
};

static const void *leaf(void *ud, const lbk_node *n)
{
    struct blame *b = ud;
    const lbk_tensor *t = NULL;
    if (n->kind == NODE_STATE)
        t = lbk_store_get(b->e->o->run->store, n->name);
    for (int i = 0; n->kind == NODE_INPUT && i < b->e->n_in; i++)
        if (!strcmp(b->e->in[i].name, n->name))
            t = b->e->in[i].tensor;
    if (!t)
        return NULL;
    if (!b->copy[n->id])
        b->copy[n->id] = malloc(t->bytes + 1);
    if (b->copy[n->id])
        lbk_tensor_read(t, b->copy[n->id], t->bytes);
    return b->copy[n->id];
}

static lbk_status seen(void *ud, const lbk_node *n, const void *value)
{
    const struct blame *b = ud;
    const float *v = value;
    if (n->dtype != LBK_F32)
        return LBK_OK;
    for (int64_t i = 0, m = lbk_shape_count(n->shape); i < m; i++) {
        if (isfinite(v[i]))
            continue;
        const char *what = n->op ? n->op->name : n->name ? n->name : "constant";
        return lbk_fail(b->e->o->ctx, LBK_EDIVERGED,
                        "stage '%s', step %lld: %s%s is %g, expected a finite number", b->stage,
                        (long long) b->step, n->where ? n->where : "", what, (double) v[i]);
    }
    return LBK_OK;
}

/* The first term that is not finite; NULL: each is, and their sum is not. One alone is the sum. */
static const char *bad_term(const struct engine *e, double *value)
{
    const float *v = e->host + (e->o->n_term > 1);
    for (int i = 0; i < e->o->n_term; i++)
        if (!isfinite(v[i])) {
            *value = (double) v[i];
            return e->o->term[i].label;
        }
    return NULL;
}

static lbk_status blame_term(const struct engine *e, int64_t step, const char *stage)
{
    double v = 0;
    const char *term = bad_term(e, &v);
    if (term)
        return lbk_fail(e->o->ctx, LBK_EDIVERGED,
                        "stage '%s', step %lld: term '%s' is %g, expected a finite number", stage,
                        (long long) step, term, v);
    return lbk_fail(e->o->ctx, LBK_EDIVERGED, "stage '%s', step %lld: the loss is not finite",
                    stage, (long long) step);
}

lbk_status lbk__engine_blame(struct engine *e, int64_t step, const char *stage)
{
    lbk_graph *g = e->o->g;
    struct lbk_exec_info info = { .size = sizeof info };
    lbk_exec_info(e->exec, &info);
    if (info.flops > host_flops)
        return blame_term(e, step, stage);
    struct blame b = { e, calloc((size_t) g->n_node + 1, sizeof *b.copy), step, stage };
    const struct eval v = { .seed = e->o->ctx->params.seed, .leaf = leaf, .seen = seen, .ud = &b };
    void **value = NULL;
    lbk_node *target = node_of(e->o->total);
    const int64_t n = g->n_node;
    lbk_status st = b.copy ? lbk__eval(g, &v, 1, &target, &value) : no_memory(e);
    if (!st)
        st = blame_term(e, step, stage);
    if (value)
        lbk__eval_free(g, value);
    for (int64_t i = 0; b.copy && i < n; i++)
        free(b.copy[i]);
    free(b.copy);
    return st;
}
