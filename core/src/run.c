/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "opt.h"
#include "run.h"

/* ---- data ---- */

/* "data.x" of the stream "train", and of its parts; "<stream>.x" of another. */
static int data_settings(struct run *r, const char *stream, const struct lbk_setting **out)
{
    const bool main = !strcmp(stream, "train");
    int n = lbk__settings_list(r->set, main ? "data" : stream, out);
    if (!main || !*out)
        return n;
    struct lbk_setting *list = lbk__arena_get(&r->arena, ((size_t) n + 3) * sizeof *list);
    if (!list)
        return n;
    memcpy(list, *out, (size_t) n * sizeof *list);
    if (*r->cfg->augment)
        list[n++] = (struct lbk_setting){ "augment", r->cfg->augment };
    if (*r->cfg->val)
        list[n++] = (struct lbk_setting){ "val", r->cfg->val };
    *out = list;
    return n;
}

static lbk_status open_pipeline(struct run *r, struct source *s, bool training)
{
    const char *option = training ? "augment" : "prepare";
    const char *name = lbk__arena_str(&r->arena, "%s.%s", s->by, option);
    const char *before = lbk__about(r->ctx, name ? name : s->by);
    char *steps = lbk__data_pipeline(s->data, training);
    const lbk_status st =
        steps ? lbk__pipeline_create(r->ctx, steps, training ? &s->moving : &s->still)
              : lbk_fail(r->ctx, LBK_ENOMEM, "data: out of memory");
    free(steps);
    lbk__about(r->ctx, before);
    return st;
}

/* What fails in training alone comes from what training adds. */
static lbk_status open_source(struct run *r, struct source *s, const char *text)
{
    const struct lbk_setting *list;
    const int n = data_settings(r, s->name, &list);
    const char *before = lbk__about(r->ctx, s->by);
    lbk_status st = lbk__data_open(r->ctx, text, n, list, s->split, &s->data);
    lbk__about(r->ctx, before);
    if (!st)
        st = open_pipeline(r, s, false);
    return st ? st : open_pipeline(r, s, true);
}

/* A part with other classes would have its labels taken for those of training. */
static lbk_status check_classes(struct run *r, const struct source *s)
{
    const struct source *t = r->sources;
    while (t && (t->split != DATA_TRAIN || strcmp(t->name, s->name) || !t->data))
        t = t->next;
    const struct lbk_field *a = t && t != s ? lbk__data_classes(t->data) : NULL,
                           *b = a ? lbk__data_classes(s->data) : NULL;
    if (!a || !b)
        return LBK_OK;
    if (a->classes != b->classes)
        return lbk_fail(r->ctx, LBK_EFORMAT,
                        "%s: expected the %lld classes of training in part '%s', found %lld", s->by,
                        (long long) a->classes, lbk__split_names[s->split], (long long) b->classes);
    for (int64_t k = 0; a->names && b->names && k < a->classes; k++)
        if (strcmp(a->names[k], b->names[k]))
            return lbk_fail(r->ctx, LBK_EFORMAT,
                            "%s: expected class %lld of part '%s' to be '%s' as in training, found "
                            "'%s'",
                            s->by, (long long) k, lbk__split_names[s->split], a->names[k],
                            b->names[k]);
    return LBK_OK;
}

static lbk_status no_data(struct run *r, const char *stream, const char *setting)
{
    lbk_status st = lbk__settings_typo(r->set, setting);
    return st ? st
              : lbk_fail(r->ctx, LBK_EINVAL, "%s: stream '%s' has no data: set %s=NAME", setting,
                         stream, setting);
}

struct source *lbk__source_get(struct run *r, const char *stream, enum data_split split)
{
    for (struct source *s = r->sources; s; s = s->next)
        if (!strcmp(s->name, stream) && s->split == split)
            return s;
    const bool main = !strcmp(stream, "train");
    const char *text = main ? r->cfg->data : lbk__setting(r->set, "%s", stream);
    if (!text || !*text) {
        r->failed = no_data(r, stream, main ? "data" : stream);
        return NULL;
    }
    struct source *s = lbk__arena_get(&r->arena, sizeof *s);
    const char *name = lbk__arena_str(&r->arena, "%s", stream);
    if (!s || !name) {
        r->failed = lbk_fail(r->ctx, LBK_ENOMEM, "stream '%s': out of memory", stream);
        return NULL;
    }
    *s = (struct source){
        .name = name, .by = main ? "data" : name, .split = split, .next = r->sources
    };
    r->sources = s;
    r->failed = open_source(r, s, text);
    if (!r->failed)
        r->failed = check_classes(r, s);
    return r->failed ? NULL : s;
}

lbk_status lbk__source_loader(struct run *r, struct source *s, const struct loader_params *p,
                              struct loader **out)
{
    struct loader_params q = *p;
    q.data = s->data;
    q.by = s->by;
    q.seed = r->ctx->params.seed;
    q.threads = r->rehearsal ? 0 : (int) r->cfg->loaders;
    q.depth = r->rehearsal ? 1 : 0;
    q.cache = r->rehearsal ? 0 : (size_t) 1 << 30;
    return lbk__loader_create(r->ctx, &q, out);
}

/* ---- run ---- */

static lbk_status open_device(struct run *r, const char *spec)
{
    const char *before = lbk__about(r->ctx, "device");
    const lbk_status st = lbk_device_open(r->ctx, spec, &r->device);
    lbk__about(r->ctx, before);
    return st ? st : lbk_store_create(r->device, &r->store);
}

static lbk_status configure(struct run *r)
{
    static const char *const bare[] = { "" };
    const struct lbk_train_params *p = r->p;
    lbk_status st = lbk__settings_create(r->ctx, p->n_settings, p->settings, &r->set);
    if (!st)
        st = lbk__settings_opts(r->set, lbk_train_options(), sizeof(struct run_cfg), "", NULL, 1,
                                bare, &r->opts);
    if (st)
        return st;
    r->cfg = lbk_opts_cfg(r->opts);
    if (lbk__setting(r->set, "seed"))
        r->ctx->params.seed = (uint64_t) r->cfg->seed;
    const char *method = p->method ? p->method : r->cfg->method;
    if (!strcmp(method, "plain"))
        method = "none";
    return lbk__schedule_create(r->ctx, r->set, method, p->plain || r->cfg->plain, &r->schedule);
}

static lbk_status know_role(struct run *r, const struct stage *t, const struct lbk_role *role,
                            bool used)
{
    const struct lbk_setting *list;
    lbk__setting(r->set, "%s", role->name), lbk__setting(r->set, "%s.weights", role->name);
    if (!used || (t->off && role->mode != LBK_TRAINED)) {
        lbk__settings_list(r->set, role->name, &list);
        return LBK_OK;
    }
    const int n = lbk__role_count(r, t, role);
    if (role->mode == LBK_TRAINED && !n)
        return lbk__role_get(r, t, role->name, role->model, -1) ? LBK_OK : r->failed;
    for (int m = 0; m < n; m++)
        if (!lbk__role_get(r, t, role->name, role->model, n > 1 ? m : -1))
            return r->failed;
    return LBK_OK;
}

/* Names that nobody can know, before anything is opened: without a dot, or below the name of a
 * method. */
static lbk_status check_names(struct run *r)
{
    const lbk_schedule *s = r->schedule;
    for (int64_t i = 0; i < s->n_all; i++) {
        const struct stage *t = &s->stage[i];
        for (int k = 0; k < t->n_roles; k++)
            lbk__setting(r->set, "%s", t->d.roles[k].name),
                lbk__setting(r->set, "%s.weights", t->d.roles[k].name);
        for (int k = 0; k < t->n_streams; k++)
            lbk__setting(r->set, "%s", t->d.streams[k].name);
    }
    for (const struct lbk_opt *o = lbk__data_opts; o->name; o++)
        lbk__setting(r->set, "data.%s", o->name);
    for (int i = 0; i < r->set->n; i++) {
        const char *name = r->set->at[i].name;
        bool own = !strchr(name, '.');
        for (int64_t k = 0; k < s->n_used; k++) {
            const size_t n = strlen(s->used[k].method->name);
            own = own || (!strncmp(name, s->used[k].method->name, n) && name[n] == '.');
        }
        if (own && !r->set->taken[i])
            return lbk__settings_unknown(r->set, name);
    }
    return LBK_OK;
}

/* Every stream and role of every stage, so that no setting is left that nobody knows. */
static lbk_status know_all(struct run *r)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < r->schedule->n_all; i++) {
        const struct stage *t = &r->schedule->stage[i];
        lbk__setting(r->set, "%s.optim", t->d.name), lbk__setting(r->set, "%s.lr", t->d.name);
        for (int k = 0; !st && k < t->n_roles; k++)
            st = know_role(r, t, &t->d.roles[k], i < r->schedule->n);
    }
    return st;
}

static lbk_status open_all(struct run *r)
{
    lbk_status st = configure(r);
    if (st)
        return st;
    r->deliver = lbk__stage_delivers(r->schedule);
    st = check_names(r);
    if (!st && !lbk__source_get(r, "train", DATA_TRAIN))
        return r->failed;
    if (!st)
        st = know_all(r);
    if (!st)
        st = open_device(r, r->p->device ? r->p->device : r->cfg->device);
    return st;
}

lbk_status lbk__run_open(lbk_ctx *ctx, const struct lbk_train_params *p, struct run **out)
{
    struct run *r = calloc(1, sizeof *r);
    *out = r;
    if (!r)
        return lbk_fail(ctx, LBK_ENOMEM, "run: out of memory");
    r->ctx = ctx, r->p = p;
    const lbk_status st = open_all(r);
    if (st)
        lbk__run_close(out);
    return st;
}

void lbk__run_close(struct run **rp)
{
    struct run *r = *rp;
    if (!r)
        return;
    for (struct source *s = r->sources; s; s = s->next) {
        for (struct encoder *e = s->encoders, *next; e; e = next) {
            next = e->next;
            lbk__encoder_destroy(&e);
        }
        lbk__pipeline_destroy(&s->moving);
        lbk__pipeline_destroy(&s->still);
        lbk__data_close(&s->data);
    }
    for (struct role *x = r->roles; x; x = x->next) {
        lbk_opts_destroy(&x->opts);
        lbk_opts_destroy(&x->task_opts);
    }
    lbk_store_destroy(&r->store);
    lbk_device_close(&r->device);
    lbk__schedule_destroy(&r->schedule);
    lbk_opts_destroy(&r->opts);
    lbk__settings_destroy(&r->set);
    lbk__arena_finish(&r->arena);
    free(r);
    *rp = NULL;
}
