/* SPDX-License-Identifier: MIT */
/* Networks of a run: which model, with what options, how it wants its input, whence its weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ckpt.h>
#include "opdef.h"
#include "opt.h"
#include "run.h"
#include "sha256.h"

static const char *text_of(struct run *r, const char *a, int i)
{
    return i < 0 ? lbk__arena_str(&r->arena, "%s", a) : lbk__arena_str(&r->arena, "%s%d", a, i);
}

/* Item i of a list of names; NULL = past the end. */
static const char *item(struct run *r, const char *list, int i)
{
    for (; list && i > 0; i--) {
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    return list ? lbk__arena_str(&r->arena, "%.*s", (int) strcspn(list, ","), list) : NULL;
}

static const char *chosen(struct run *r, const char *role)
{
    const char *v = lbk__setting(r->set, "%s", role);
    if (!v && !strcmp(role, r->deliver))
        v = r->cfg->model;
    return v && *v ? v : NULL;
}

int lbk__role_count(struct run *r, const struct stage *at, const struct lbk_role *role)
{
    const struct binding *b = lbk__schedule_binding(r->schedule, at, role->name);
    if (b || role->model)
        return 1;
    const char *v = chosen(r, role->name);
    int n = v != NULL;
    for (; v && (role->flags & LBK_ROLE_MANY) && *v; v++)
        n += *v == ',';
    return n;
}

/* As many classes as the data has, unless the user says otherwise. */
static lbk_status classes_of(struct run *r, struct role *x, int n, const char *const prefix[])
{
    for (int i = 0; i < n; i++)
        if (lbk__setting(r->set, "%s.classes", prefix[i]))
            x->classes_by = lbk__arena_str(&r->arena, "%s.classes", prefix[i]);
    if (x->classes_by)
        return LBK_OK;
    if (!lbk__opts_has(x->opts, "classes") || !*r->cfg->data)
        return LBK_OK;
    struct source *s = lbk__source_get(r, "train", DATA_TRAIN);
    if (!s)
        return r->failed;
    const struct lbk_field *f = lbk__data_classes(s->data);
    char text[32];
    snprintf(text, sizeof text, "%lld", f ? (long long) f->classes : 0);
    return f ? lbk_opts_set(x->opts, "classes", text) : LBK_OK;
}

static lbk_status find_task(struct run *r, struct role *x)
{
    const void *found = NULL;
    const char *name = lbk__setting(r->set, "%s.task", x->name);
    if (!name)
        name = x->model->task;
    if (!name)
        return LBK_OK;
    lbk_status st = lbk__registry_need(r->ctx, LBK_TASKS, name, &found);
    x->task = found;
    const char *const prefix[] = { name };
    return st ? st
              : lbk__settings_opts(r->set, x->task->opts, x->task->cfg_size, name, NULL, 1, prefix,
                                   &x->task_opts);
}

/* The setting that says which model a role is. */
static const char *named_by(struct run *r, const char *role)
{
    return strcmp(role, r->deliver) || lbk__setting(r->set, "%s", role)
               ? lbk__arena_str(&r->arena, "%s", role)
               : "model";
}

static lbk_status configure(struct run *r, struct role *x, const char *base, const char *model)
{
    const void *found = NULL;
    const char *before = lbk__about(r->ctx, x->by);
    lbk_status st = lbk__registry_need(r->ctx, LBK_MODELS, model, &found);
    lbk__about(r->ctx, before);
    x->model = found;
    if (st)
        return st;
    const char *prefix[3] = { model, x->name, NULL };
    int n = strcmp(model, x->name) ? 2 : 1;
    if (!strcmp(base, r->deliver))
        prefix[n++] = "model";
    st = lbk__settings_opts(r->set, x->model->opts, x->model->cfg_size, model, NULL, n, prefix,
                            &x->opts);
    if (!st)
        st = classes_of(r, x, n, prefix);
    return st ? st : find_task(r, x);
}

static const char *model_of(struct run *r, const char *name, const char *fixed,
                            const struct binding *b, int i)
{
    const char *v = b ? b->model : chosen(r, name);
    if (b || !v)
        return b ? v : fixed;
    return i < 0 ? v : item(r, v, i);
}

static lbk_status no_model(struct run *r, const char *role)
{
    const char *setting = strcmp(role, r->deliver) ? role : "model";
    const char *before = lbk__about(r->ctx, "method");
    lbk_status st = lbk__settings_typo(r->set, setting);
    if (!st)
        st = lbk_fail(r->ctx, LBK_EINVAL, "role '%s' has no model: set %s=NAME", role, setting);
    lbk__about(r->ctx, before);
    return st;
}

struct role *lbk__role_get(struct run *r, const struct stage *at, const char *name,
                           const char *fixed, int i)
{
    const char *own = text_of(r, name, i);
    const struct binding *b = lbk__schedule_binding(r->schedule, at, name);
    for (struct role *x = r->roles; own && x; x = x->next)
        if (!strcmp(x->name, own) && x->bound == b)
            return x;
    const char *model = model_of(r, name, fixed, b, i);
    if (!model) {
        r->failed = no_model(r, name);
        return NULL;
    }
    struct role *x = own ? lbk__arena_get(&r->arena, sizeof *x) : NULL;
    if (!x) {
        r->failed = lbk_fail(r->ctx, LBK_ENOMEM, "role '%s': out of memory", name);
        return NULL;
    }
    *x = (struct role){ .name = own, .bound = b, .artifact = b ? b->artifact : NULL };
    x->path = x->artifact ? lbk__arena_str(&r->arena, "artifact/%s/", x->artifact)
                          : lbk__arena_str(&r->arena, "%s/", own);
    const char *files = b ? NULL : lbk__setting(r->set, "%s.weights", name);
    x->weights = i < 0 ? files : item(r, files, i);
    x->by = named_by(r, name), x->weights_by = lbk__arena_str(&r->arena, "%s.weights", name);
    x->next = r->roles;
    r->roles = x;
    r->failed = configure(r, x, name, model);
    return r->failed ? NULL : x;
}

/* ---- input ---- */

struct input_cfg {
    bool bgr;
    struct lbk_numbers mean, std;
    double scale;
};
static const struct lbk_opt input_opts[] = {
    LBK_BOOL(input_cfg, bgr, false, "channels in reverse order"),
    LBK_NUMBERS(input_cfg, mean, "", "taken off, after scaling"),
    LBK_NUMBERS(input_cfg, std, "", "what it is then divided by"),
    LBK_FLOAT(input_cfg, scale, 1, 0, 1e6, "what 1 becomes"),
    LBK_OPTS_END,
};

static lbk_val *per_channel(lbk_graph *g, struct lbk_numbers v)
{
    return lbk_numbers(g, LBK_SHAPE(v.n, 1, 1), v.v);
}

static lbk_val *reversed(lbk_graph *g, lbk_val *x)
{
    lbk_val *c[3];
    for (int64_t i = 0; i < 3; i++)
        c[i] = lbk_slice(g, x, (struct lbk_slice){ 1, 2 - i, 3 - i });
    return lbk_concat(g, 3, c, (struct lbk_axis){ 1 });
}

lbk_val *lbk__role_input(lbk_graph *g, const struct role *r, lbk_val *x)
{
    lbk_opts *o = NULL;
    if (!r->model->input || !x)
        return x;
    lbk_status st = lbk_opts_create(lbk_graph_ctx(g), input_opts, sizeof(struct input_cfg), &o);
    if (!st)
        st = lbk_opts_parse(o, r->model->input);
    if (st)
        lbk_graph_fail(g, st, "model '%s': input '%s' is malformed", r->model->name,
                       r->model->input);
    else {
        const struct input_cfg *c = lbk_opts_cfg(o);
        x = c->bgr ? reversed(g, x) : x;
        x = c->scale != 1 ? lbk_mul(g, x, lbk_scalar(g, c->scale)) : x;
        x = c->mean.n ? lbk_sub(g, x, per_channel(g, c->mean)) : x;
        x = c->std.n ? lbk_div(g, x, per_channel(g, c->std)) : x;
    }
    lbk_opts_destroy(&o);
    return x;
}

/* ---- weights ---- */

static bool begins(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

static const char *missing(const struct run *run, const struct role *r, const lbk_graph *g)
{
    for (int64_t i = 0; i < g->n_node; i++)
        if (g->node[i]->kind == NODE_STATE && begins(g->node[i]->name, r->path) &&
            !lbk_store_get(run->store, g->node[i]->name))
            return g->node[i]->name;
    return NULL;
}

static lbk_status no_weights(struct run *run, const struct role *r)
{
    const char *before = lbk__about(run->ctx, r->by);
    lbk_status st = lbk__settings_typo(run->set, r->weights_by);
    if (!st)
        st = lbk_fail(run->ctx, LBK_EINVAL, "role '%s' has no weights: set %s=FILE", r->name,
                      r->weights_by);
    lbk__about(run->ctx, before);
    return st;
}

/* What a file holds that a network can only make more of. */
static lbk_status check_finite(struct run *run, const struct role *r)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < run->store->n; i++) {
        const lbk_tensor *t = run->store->at[i].tensor;
        const int64_t n = lbk_shape_count(t->shape);
        if (t->dtype != LBK_F32 || !begins(run->store->at[i].name, r->path))
            continue;
        float *v = malloc(t->bytes + 1);
        st = v ? lbk_tensor_read(t, v, t->bytes)
               : lbk_fail(run->ctx, LBK_ENOMEM, "%s: out of memory", r->weights);
        for (int64_t k = 0; !st && k < n; k++)
            if (!isfinite(v[k]))
                st = lbk_fail(run->ctx, LBK_EFORMAT,
                              "%s: '%s' has %g as its element %lld, expected finite numbers",
                              r->weights, run->store->at[i].name, (double) v[k], (long long) k);
        free(v);
    }
    return st;
}

lbk_status lbk__role_load(struct run *run, struct role *r, const lbk_graph *g, bool fresh)
{
    const char *lacks = missing(run, r, g);
    if (lacks && !r->weights && !fresh)
        return no_weights(run, r);
    lbk_status st = lbk__store_fill_under(run->store, g, r->path);
    if (st || !r->weights || r->loaded)
        return st;
    const char *before = lbk__about(run->ctx, r->weights_by);
    st = lbk_ckpt_load(run->store, r->weights, r->path, r->model->renames, true);
    if (!st && run->rehearsal)
        st = check_finite(run, r);
    lbk__about(run->ctx, before);
    r->loaded = !st;
    return st;
}

lbk_status lbk__store_hash(const lbk_store *s, const char *prefix, char out[65])
{
    struct sha256 h;
    lbk_status st = LBK_OK;
    lbk__sha256_init(&h);
    for (int64_t i = 0; !st && i < s->n; i++) {
        const lbk_tensor *t = s->at[i].tensor;
        if (!begins(s->at[i].name, prefix) || strchr(s->at[i].name, '@'))
            continue;
        void *v = malloc(t->bytes + 1);
        st = v ? LBK_OK : lbk_fail(s->device->ctx, LBK_ENOMEM, "hash of weights: out of memory");
        if (!st && t->bytes)
            st = lbk_tensor_read(t, v, t->bytes);
        if (!st) {
            lbk__sha256_add(&h, s->at[i].name, strlen(s->at[i].name) + 1);
            lbk__sha256_add(&h, v, t->bytes);
        }
        free(v);
    }
    lbk__sha256_hex(&h, out);
    return st;
}
