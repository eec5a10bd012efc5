/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctx.h"
#include "opt.h"
#include "schedule.h"

enum { MAX_DEPTH = 8, MAX_TABLE = 16 };

static lbk_status no_memory(lbk_schedule *s)
{
    return s->status = lbk_fail(s->ctx, LBK_ENOMEM, "schedule: out of memory");
}

bool lbk_schedule_given(const lbk_schedule *s, const char *key)
{
    for (int i = 0; i < s->set->n; i++)
        if (!strcmp(s->set->at[i].name, key))
            return true;
    return false;
}

static const char *copy_text(lbk_schedule *s, const char *t)
{
    return t ? lbk__arena_str(&s->arena, "%s", t) : NULL;
}

static bool copy_tables(lbk_schedule *s, struct stage *t)
{
    static const struct lbk_stream train[] = { { .name = "train" }, { 0 } };
    const struct lbk_role *roles = t->d.roles;
    const struct lbk_stream *streams = t->d.streams && t->d.streams->name ? t->d.streams : train;
    while (roles && roles[t->n_roles].name && t->n_roles < MAX_TABLE)
        t->n_roles++;
    while (streams[t->n_streams].name && t->n_streams < MAX_TABLE)
        t->n_streams++;
    struct lbk_role *r = lbk__arena_get(&s->arena, (size_t) (t->n_roles + 1) * sizeof *r);
    struct lbk_stream *x = lbk__arena_get(&s->arena, (size_t) (t->n_streams + 1) * sizeof *x);
    for (int i = 0; r && i < t->n_roles; i++) {
        r[i] = roles[i];
        r[i].name = copy_text(s, roles[i].name), r[i].model = copy_text(s, roles[i].model);
    }
    for (int i = 0; x && i < t->n_streams; i++) {
        x[i] = streams[i];
        x[i].name = copy_text(s, streams[i].name), x[i].of = copy_text(s, streams[i].of);
    }
    t->d.roles = r, t->d.streams = x;
    t->d.name = copy_text(s, t->d.name), t->d.optim = copy_text(s, t->d.optim),
    t->d.best = copy_text(s, t->d.best);
    return r && x && t->d.name;
}

lbk_status lbk_schedule_add(lbk_schedule *s, const struct lbk_stage *st)
{
    if (s->status)
        return s->status;
    struct stage t = {
        .method = s->method, .cfg = s->cfg, .off = s->off, .n_binding = s->n_binding
    };
    memcpy(&t.d, st, st->size < sizeof t.d ? st->size : sizeof t.d);
    if (!t.d.name || (!t.d.objective && !t.d.sweep))
        return s->status =
                   lbk_fail(s->ctx, LBK_EINVAL, "method '%s': a stage lacks a name or an objective",
                            s->method->name);
    if (!copy_tables(s, &t) || !lbk__grow(&s->stage, s->n, &s->cap, sizeof *s->stage))
        return no_memory(s);
    for (int64_t i = 0; i < s->n; i++)
        if (!strcmp(s->stage[i].d.name, t.d.name))
            return s->status =
                       lbk_fail(s->ctx, LBK_EINVAL, "method '%s': stage '%s' is there twice",
                                s->method->name, t.d.name);
    s->stage[s->n++] = t;
    return LBK_OK;
}

lbk_status lbk_schedule_bind(lbk_schedule *s, const char *role, const char *model,
                             const char *artifact)
{
    if (s->status)
        return s->status;
    if (!lbk__grow(&s->binding, s->n_binding, &s->cap_binding, sizeof *s->binding))
        return no_memory(s);
    s->binding[s->n_binding++] =
        (struct binding){ copy_text(s, role), copy_text(s, model), copy_text(s, artifact) };
    return LBK_OK;
}

const struct binding *lbk__schedule_binding(const lbk_schedule *s, const struct stage *at,
                                            const char *role)
{
    for (int64_t i = at ? at->n_binding : 0; i > 0; i--)
        if (!strcmp(s->binding[i - 1].role, role))
            return &s->binding[i - 1];
    return NULL;
}

static bool has_weights(const struct lbk_opt *t)
{
    for (; t && t->type != LBK_OPT_END; t++)
        if (t->type == LBK_OPT_WEIGHT)
            return true;
    return false;
}

static lbk_status configure(lbk_schedule *s, const struct lbk_method *m, const char *text)
{
    lbk_opts *o = NULL;
    const char *const prefix[] = { m->name };
    if (!lbk__grow(&s->opts, s->n_opts, &s->cap_opts, sizeof *s->opts))
        return no_memory(s);
    lbk_status st = lbk__settings_opts(s->set, m->opts, m->cfg_size, m->name, text, 1, prefix, &o);
    if (!st && s->plain)
        st = lbk__opts_plain(o);
    if (st) {
        lbk_opts_destroy(&o);
        return s->status = st;
    }
    s->opts[s->n_opts++] = o;
    s->method = m;
    s->cfg = lbk_opts_cfg(o);
    /* What the user adds may look at frozen roles where nothing of the method does. */
    s->off = has_weights(m->opts) && lbk__opts_weights_off(o) &&
             (s->plain || !lbk__settings_any(s->set, "term"));
    const char *before = lbk__about(s->ctx, m->name);
    if (m->check)
        s->status = m->check(s->ctx, s->cfg);
    lbk__about(s->ctx, before);
    return s->status;
}

/* What a method fails in is put down to its name, but for its options. */
static lbk_status add_stages(lbk_schedule *s)
{
    const char *before = lbk__about(s->ctx, "method");
    const lbk_status st = s->method->schedule(s->ctx, s->cfg, s);
    lbk__about(s->ctx, before);
    return st;
}

static lbk_status find_method(lbk_schedule *s, const char *name, const void **out)
{
    const char *before = lbk__about(s->ctx, "method");
    const lbk_status st = lbk__registry_need(s->ctx, LBK_METHODS, name, out);
    lbk__about(s->ctx, before);
    return st;
}

static lbk_status run_method(lbk_schedule *s, const char *name, const char *text)
{
    const void *found = NULL;
    const unsigned errors = s->ctx->errors;
    if (++s->depth > MAX_DEPTH)
        return s->status = lbk_fail(s->ctx, LBK_EINVAL,
                                    "method '%s': methods that use each other more than %d deep",
                                    name, MAX_DEPTH);
    lbk_status st = find_method(s, name, &found);
    if (!st)
        st = configure(s, found, text);
    if (!st && !lbk__grow(&s->used, s->n_used, &s->cap_used, sizeof *s->used))
        return no_memory(s);
    if (!st) {
        s->used[s->n_used++].method = found;
        st = add_stages(s);
    }
    if (st && s->ctx->errors == errors)
        lbk_fail(s->ctx, st, "method '%s': its schedule failed without saying why", name);
    s->depth--;
    if (!s->status)
        s->status = st;
    return s->status;
}

lbk_status lbk_schedule_method(lbk_schedule *s, const char *method, const char *fmt, ...)
{
    char text[1024] = "";
    if (s->status)
        return s->status;
    if (fmt) {
        va_list v;
        va_start(v, fmt);
        vsnprintf(text, sizeof text, fmt, v);
        va_end(v);
    }
    const struct lbk_method *method_before = s->method;
    const void *cfg = s->cfg;
    const bool off = s->off;
    run_method(s, method, text);
    s->method = method_before, s->cfg = cfg, s->off = off;
    return s->status;
}

static const char *first_trained(const struct stage *t)
{
    for (int i = 0; i < t->n_roles; i++)
        if (t->d.roles[i].mode == LBK_TRAINED)
            return t->d.roles[i].name;
    return NULL;
}

const char *lbk__stage_delivers(const lbk_schedule *s)
{
    const char *role = s->n ? first_trained(&s->stage[s->n - 1]) : NULL;
    return role ? role : "student";
}

static bool trains(const struct stage *t, const char *role)
{
    for (int i = 0; i < t->n_roles; i++)
        if (t->d.roles[i].mode == LBK_TRAINED && !strcmp(t->d.roles[i].name, role))
            return !t->d.sweep;
    return false;
}

/* Stages that do not run go behind those that do. With every weight off nothing looks at what the
 * other stages leave. */
static void drop_unused(lbk_schedule *s)
{
    const char *role = lbk__stage_delivers(s);
    bool off = s->n > 0;
    for (int64_t i = 0; i < s->n; i++) {
        s->stage[i].delivers = trains(&s->stage[i], role);
        off = off && (!s->stage[i].delivers || s->stage[i].off);
    }
    s->n_all = s->n;
    for (int64_t i = 0, n = s->n; i < n; i++) {
        const struct stage t = s->stage[i];
        if (!(t.d.flags & LBK_STAGE_SKIP) && (t.delivers || !off))
            continue;
        memmove(s->stage + i, s->stage + i + 1, (size_t) (s->n_all - i - 1) * sizeof t);
        s->stage[s->n_all - 1] = t;
        s->n--, n--, i--;
    }
}

lbk_status lbk__schedule_create(lbk_ctx *ctx, struct settings *set, const char *method, bool plain,
                                lbk_schedule **out)
{
    lbk_schedule *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return lbk_fail(ctx, LBK_ENOMEM, "schedule: out of memory");
    s->ctx = ctx, s->set = set, s->plain = plain;
    lbk_status st = run_method(s, method, NULL);
    if (!st && !s->n)
        st = lbk_fail(ctx, LBK_EINVAL, "method '%s': it has no stages", method);
    if (!st)
        drop_unused(s);
    if (st)
        lbk__schedule_destroy(out);
    return st;
}

void lbk__schedule_destroy(lbk_schedule **sp)
{
    lbk_schedule *s = *sp;
    if (!s)
        return;
    for (int64_t i = 0; i < s->n_opts; i++)
        lbk_opts_destroy(&s->opts[i]);
    free(s->opts);
    free(s->stage);
    free(s->binding);
    free(s->used);
    lbk__arena_finish(&s->arena);
    free(s);
    *sp = NULL;
}
