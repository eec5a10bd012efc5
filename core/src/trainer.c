/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <limbeck/ckpt.h>
#include "opened.h"
#include "opt.h"
#include "trainer.h"

static lbk_status all_stages(struct trainer *t)
{
    const lbk_schedule *s = t->run->schedule;
    lbk_status st = LBK_OK;
    if (s->n > MAX_STAGES)
        return lbk_fail(t->ctx, LBK_EINVAL, "a run of %lld stages, expected %d at most",
                        (long long) s->n, MAX_STAGES);
    while (!st && t->at.stage < s->n) {
        const struct stage *d = &s->stage[t->at.stage];
        const unsigned errors = t->ctx->errors;
        st = d->d.sweep ? lbk__stage_sweep(t) : lbk__stage_train(t);
        if (st && st != LBK_ECANCELLED && t->ctx->errors == errors)
            lbk_fail(t->ctx, st, "stage '%s': it failed without saying why", d->d.name);
        if (st)
            break;
        t->at.stage++;
        t->at.step = 0;
        if (t->dir)
            st = lbk__save_checkpoint(t);
    }
    return st;
}

/* ---- pre-flight ---- */

static lbk_status rehearse(lbk_ctx *ctx, const struct lbk_train_params *p,
                           void (*put)(void *ud, const char *line), void *ud)
{
    struct run *r;
    const char *dir = p->resume ? p->resume : p->out_dir;
    lbk_status st = lbk__run_open(ctx, p, &r);
    if (st)
        return st;
    struct trainer t = { .run = r, .ctx = ctx, .put = put, .ud = ud };
    r->rehearsal = true;
    st = dir ? lbk__out_check(ctx, dir, p->resume != NULL, 0) : LBK_OK;
    if (!st)
        st = lbk__terms_check(r);
    if (!st)
        st = all_stages(&t);
    if (!st)
        st = lbk__judged_begin(&t);
    if (!st)
        st = lbk__settings_done(r->set);
    if (!st && dir)
        st = lbk__out_check(ctx, dir, p->resume != NULL, lbk__out_bytes(r->store));
    if (!st)
        lbk__rehearsed_end(&t);
    lbk__run_close(&r);
    return st;
}

lbk_status lbk_check(lbk_ctx *ctx, const struct lbk_train_params *p,
                     void (*put)(void *ud, const char *line), void *ud)
{
    struct lbk_train_params q = *p;
    q.progress = NULL;
    return rehearse(ctx, &q, put, ud);
}

/* ---- training ---- */

static lbk_status measure(struct trainer *t, const struct evaluator *e)
{
    struct sized **end = &t->nets;
    for (struct role *x = t->run->roles; x; x = x->next) {
        if (x->task != e->role->task || (x != e->role && !x->weights))
            continue;
        struct sized *n = lbk__arena_get(&t->run->arena, sizeof *n);
        if (!n)
            return lbk_fail(t->ctx, LBK_ENOMEM, "role '%s': out of memory", x->name);
        const lbk_status st = lbk__evaluator_size(e, x, &n->size);
        if (st)
            return st;
        n->role = x;
        *end = n, end = &n->next;
    }
    return LBK_OK;
}

static lbk_status deliver(struct trainer *t)
{
    const double begun = lbk__now();
    struct run *r = t->run;
    struct evaluator *e = NULL;
    struct lbk_scores test = { 0 };
    char path[4096];
    struct role *x = lbk__role_get(r, NULL, r->deliver, NULL, -1);
    lbk_status st = x ? lbk__evaluator_create(r, x, DATA_TEST, &e) : r->failed;
    if (e)
        e->keep = &r->arena;
    if (!st && e)
        st = lbk__evaluator_run(e, &test);
    if (!st && e)
        st = measure(t, e);
    lbk__evaluator_destroy(&e);
    snprintf(path, sizeof path, "%s/%s.safetensors", t->dir, r->deliver);
    const char *const meta[][2] = { { "model", x ? x->model->name : "" }, { "format", "pt" } };
    lbk__store_drop(r->store, lbk__is_optim);
    if (!st)
        st = lbk_ckpt_save(r->store, path, x->path, 2, meta);
    if (!st)
        lbk__log_scores(t, "test", 0, t->at.best_epoch, &test);
    if (!st)
        st = lbk__curves_draw(t, true);
    lbk__spent(t, PHASE_FINISH, begun, st);
    return st ? st : lbk__save_result(t, &test);
}

static lbk_status train(lbk_ctx *ctx, const struct lbk_train_params *p, const char *dir,
                        double begun)
{
    struct run *r;
    lbk_status st = lbk__run_open(ctx, p, &r);
    if (st)
        return st;
    struct trainer t = { .run = r, .ctx = ctx, .dir = dir };
    t.saved = lbk__now();
    st = lbk__save_begin(&t);
    if (!st && p->resume)
        st = lbk__save_restore(&t);
    lbk__spent(&t, PHASE_PREPARE, begun, st);
    begun = lbk__now();
    if (!st)
        st = lbk__spent(&t, PHASE_JUDGE, begun, lbk__judged_begin(&t));
    if (!st)
        st = all_stages(&t);
    if (!st)
        st = deliver(&t);
    const lbk_status ended = lbk__save_end(&t);
    lbk__run_close(&r);
    return st ? st : ended;
}

/* The settings of the run that goes on, under what is said now. */
lbk_status lbk__run_settings(lbk_ctx *ctx, const struct lbk_train_params *p, struct arena *a,
                             struct lbk_train_params *q)
{
    struct lbk_setting *old, *all;
    int n;
    lbk_status st = lbk__save_settings(ctx, p->resume, a, &n, &old);
    if (st)
        return st;
    all = lbk__arena_get(a, ((size_t) n + (size_t) p->n_settings + 1) * sizeof *all);
    if (!all)
        return lbk_fail(ctx, LBK_ENOMEM, "settings: out of memory");
    memcpy(all, old, (size_t) n * sizeof *all);
    if (p->n_settings)
        memcpy(all + n, p->settings, (size_t) p->n_settings * sizeof *all);
    *q = *p;
    q->settings = all, q->n_settings = n + p->n_settings;
    for (int i = 0; i < n; i++) {
        if (!strcmp(old[i].name, "device") && !p->device)
            q->device = old[i].value;
    }
    return LBK_OK;
}

lbk_status lbk_train(lbk_ctx *ctx, const struct lbk_train_params *p)
{
    const uint64_t seed = ctx->params.seed;
    const double begun = lbk__now();
    struct arena a = { NULL };
    struct lbk_train_params q = *p;
    const char *dir = p->resume ? p->resume : p->out_dir;
    if (!dir)
        return lbk_fail(ctx, LBK_EINVAL, "train: no folder for the run: set out=DIR");
    lbk_status st = p->resume ? lbk__run_settings(ctx, p, &a, &q) : LBK_OK;
    ctx->warnings = lbk__arena_get(&a, sizeof *ctx->warnings); /* NULL: they are only said */
    lbk__opened_hold(ctx);
    if (!st)
        st = lbk_check(ctx, &q, NULL, NULL);
    if (!st)
        st = train(ctx, &q, dir, begun);
    lbk__opened_release(ctx);
    ctx->warnings = NULL;
    ctx->params.seed = seed;
    lbk__arena_finish(&a);
    return st;
}

/* ---- evaluation of a run ---- */

lbk_status lbk__scores_tell(lbk_ctx *ctx, const struct lbk_scores *s, double seconds,
                            struct lbk_progress *out)
{
    const char **label = lbk__arena_get(&ctx->arena, (size_t) (s->n + 1) * sizeof *label);
    double *v = lbk__arena_get(&ctx->arena, (size_t) (s->n + 1) * sizeof *v);
    if (!label || !v)
        return lbk_fail(ctx, LBK_ENOMEM, "evaluation: out of memory");
    for (int i = 0; i < s->n; i++) {
        label[i] = lbk__arena_str(&ctx->arena, "%s", s->at[i].name);
        v[i] = s->at[i].v;
    }
    out->seconds = seconds, out->n = s->n, out->labels = label, out->values = v;
    out->tables = lbk__arena_copy(&ctx->arena, s->table, sizeof s->table);
    out->n_tables = out->tables ? s->n_table : 0;
    return LBK_OK;
}

struct role *lbk__run_delivered(struct run *r, const char *dir, const char *file)
{
    struct role *x = lbk__role_get(r, NULL, r->deliver, NULL, -1);
    if (!x)
        return NULL;
    /* The settings may name the file that training began with. */
    x->weights = file ? lbk__arena_str(&r->arena, "%s", file)
                      : lbk__arena_str(&r->arena, "%s/%s.safetensors", dir, r->deliver);
    if (!x->weights)
        r->failed = lbk_fail(r->ctx, LBK_ENOMEM, "role '%s': out of memory", x->name);
    else if (!file && access(x->weights, F_OK))
        r->failed =
            lbk_fail(r->ctx, LBK_ENOENT,
                     "%s: expected a run that has ended, found no %s.safetensors", dir, r->deliver);
    else if (!x->task || !x->task->predict)
        r->failed = lbk_fail(r->ctx, LBK_EINVAL, "role '%s' has no task to answer", x->name);
    else
        return x;
    return NULL;
}

/* Weights that were asked for now. */
static const char *other_weights(const struct run *r, const struct lbk_train_params *p)
{
    char name[128];
    const char *file = NULL;
    snprintf(name, sizeof name, "%s.weights", r->deliver);
    for (int i = 0; i < p->n_settings; i++)
        if (!strcmp(p->settings[i].name, name))
            file = p->settings[i].value;
    return file;
}

static lbk_status evaluate(struct run *r, const struct lbk_train_params *p, struct lbk_scores *s)
{
    struct role *x = lbk__run_delivered(r, p->resume, other_weights(r, p));
    return x ? lbk__role_scores(r, x, DATA_TEST, &r->ctx->arena, s) : r->failed;
}

lbk_status lbk_evaluate(lbk_ctx *ctx, const struct lbk_train_params *p, struct lbk_progress *out)
{
    struct arena a = { NULL };
    struct lbk_train_params q = *p;
    struct run *r = NULL;
    struct lbk_scores s = { 0 };
    const uint64_t seed = ctx->params.seed;
    const double begun = lbk__now();
    if (!p->resume)
        return lbk_fail(ctx, LBK_EINVAL, "evaluation: expected the folder of a run");
    lbk_status st = lbk__run_settings(ctx, p, &a, &q);
    if (!st)
        st = lbk__run_open(ctx, &q, &r);
    if (!st)
        st = evaluate(r, p, &s);
    lbk__run_close(&r);
    ctx->params.seed = seed;
    lbk__arena_finish(&a);
    return st ? st : lbk__scores_tell(ctx, &s, lbk__now() - begun, out);
}
