/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctx.h"
#include "opt.h"
#include "setting.h"
#include "str.h"

static const char *const caches[] = { "off", "memory", "disk", NULL };
static const struct lbk_opt run_opts[] = {
    LBK_STRING(run_cfg, method, "none", "how the student learns"),
    LBK_STRING(run_cfg, data, "", "data set, as in fashion_mnist or idx,images=FILE,labels=FILE"),
    LBK_STRING(run_cfg, model, "", "network of the student"),
    LBK_INT(run_cfg, epochs, 0, 0, 1e6, "passes over the training data; 0 = as steps says"),
    LBK_INT(run_cfg, steps, 0, 0, 1e12, "optimiser steps instead of epochs"),
    LBK_INT(run_cfg, batch, 128, 1, 1e6, "samples to a step"),
    LBK_INT(run_cfg, eval_batch, 256, 1, 1e6, "samples to a step of evaluation, at most"),
    LBK_STRING(run_cfg, optim, "adam",
               "optimiser, as in sgd,momentum=0.9,wd=5e-4; <stage>.optim for one stage"),
    LBK_RAMP(run_cfg, lr, "0.001 cos 0",
             "learning rate, as in 0.1 x0.2 60e 120e; <stage>.lr for one stage"),
    LBK_STRING(run_cfg, augment, "", "the same as data.augment"),
    LBK_STRING(run_cfg, val, "", "the same as data.val"),
    LBK_INT(run_cfg, loaders, 1, 0, 256, "threads that prepare batches"),
    LBK_INT(run_cfg, log_every, 50, 1, 1e6,
            "steps from row to row of the metrics; a loss that is not finite is seen by then"),
    LBK_SPAN(run_cfg, eval_every, "1e", "steps or epochs from validation to validation"),
    LBK_SPAN(run_cfg, checkpoint_every, "1e", "steps or epochs from checkpoint to checkpoint"),
    LBK_INT(run_cfg, checkpoint_seconds, 120, 0, 1e9,
            "and at least every so many seconds; 0 = never"),
    LBK_ENUM(run_cfg, teacher_cache, "off", caches,
             "keeps what frozen roles give for samples: for the run, or on disk for others too"),
    LBK_STRING(run_cfg, teacher_cache_dir, "", "its folder on disk; ~/.cache/limbeck/teacher"),
    LBK_INT(run_cfg, teacher_cache_bytes, 2147483648, 0, 9e15,
            "the most it holds, in memory or in its folder; full, it keeps no more"),
    LBK_INT(run_cfg, samples, 6, 0, 64,
            "validation samples that are shown in samples/, four times as many of one class; 0 = "
            "none"),
    LBK_SPAN(run_cfg, samples_every, "5e", "steps or epochs from one picture of them to the next"),
    LBK_BOOL(run_cfg, tensorboard, false,
             "writes the metrics as a TensorBoard event file into the folder of the run, too"),
    LBK_BOOL(run_cfg, teacher_eval, true,
             "scores frozen roles on validation data before the first step"),
    LBK_INT(run_cfg, seed, 0, 0, 9e15, "of weights, order of data and augmentation"),
    LBK_INT(run_cfg, threads, 0, 0, 4096, "of the device; 0 = one per core"),
    LBK_STRING(run_cfg, device, "cpu",
               "what runs it, as in cpu,threads=2; auto = the best there is"),
    LBK_STRING(run_cfg, out, "", "folder of the run"),
    LBK_BOOL(run_cfg, strict, false, "an operator that the device cannot run is an error"),
    LBK_BOOL(run_cfg, plain, false,
             "every distillation weight off: the baseline of the same recipe"),
    LBK_OPTS_END,
};

const struct lbk_opt *lbk_train_options(void) { return run_opts; }

static lbk_status no_memory(lbk_ctx *ctx)
{
    return lbk_fail(ctx, LBK_ENOMEM, "settings: out of memory");
}

lbk_status lbk__settings_create(lbk_ctx *ctx, int n, const struct lbk_setting at[],
                                struct settings **out)
{
    struct settings *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return no_memory(ctx);
    s->ctx = ctx;
    s->at = lbk__arena_get(&s->arena, ((size_t) n + 1) * sizeof *s->at);
    s->taken = lbk__arena_get(&s->arena, (size_t) n + 1);
    for (int i = 0; s->at && s->taken && i < n; i++) {
        int k = 0;
        while (k < s->n && strcmp(s->at[k].name, at[i].name))
            k++;
        s->at[k].name = lbk__arena_str(&s->arena, "%s", at[i].name);
        s->at[k].value = lbk__arena_str(&s->arena, "%s", at[i].value ? at[i].value : "");
        s->n += k == s->n;
        if (!s->at[k].name || !s->at[k].value)
            s->at = NULL;
    }
    if (s->at && s->taken)
        return LBK_OK;
    lbk__settings_destroy(out);
    return no_memory(ctx);
}

void lbk__settings_destroy(struct settings **s)
{
    if (!*s)
        return;
    lbk__arena_finish(&(*s)->arena);
    free((*s)->known);
    free(*s);
    *s = NULL;
}

static void know(struct settings *s, const char *name)
{
    for (int64_t i = 0; i < s->n_known; i++)
        if (!strcmp(s->known[i], name))
            return;
    const char *own = lbk__arena_str(&s->arena, "%s", name);
    if (own && lbk__grow(&s->known, s->n_known + 1, &s->cap_known, sizeof *s->known))
        s->known[s->n_known++] = own;
}

static const char *take(struct settings *s, const char *name)
{
    know(s, name);
    for (int i = 0; i < s->n; i++) {
        if (!strcmp(s->at[i].name, name)) {
            s->taken[i] = true;
            return s->at[i].value;
        }
    }
    return NULL;
}

const char *lbk__setting(struct settings *s, const char *fmt, ...)
{
    char name[256];
    va_list v;
    va_start(v, fmt);
    vsnprintf(name, sizeof name, fmt, v);
    va_end(v);
    return take(s, name);
}

lbk_status lbk__settings_fill(struct settings *s, const char *prefix, lbk_opts *o)
{
    lbk_status st = LBK_OK;
    for (const struct lbk_opt *t = lbk__opts_table(o); !st && t && t->type != LBK_OPT_END; t++) {
        const char *v = *prefix ? lbk__setting(s, "%s.%s", prefix, t->name) : take(s, t->name);
        if (v)
            st = lbk_opts_set(o, t->name, v);
    }
    return st;
}

lbk_status lbk__settings_opts(struct settings *s, const struct lbk_opt *table, size_t size,
                              const char *owner, const char *text, int n,
                              const char *const prefix[], lbk_opts **out)
{
    static const struct lbk_opt none[] = { LBK_OPTS_END };
    lbk_status st = lbk_opts_create(s->ctx, table ? table : none, size, out);
    if (!st && *owner)
        st = lbk__opts_prefix(*out, owner);
    if (!st)
        st = lbk_opts_parse(*out, text);
    for (int i = 0; !st && i < n; i++) {
        st = *prefix[i] ? lbk__opts_prefix(*out, prefix[i]) : LBK_OK;
        if (!st)
            st = lbk__settings_fill(s, prefix[i], *out);
    }
    if (!st && *owner)
        st = lbk__opts_prefix(*out, owner);
    if (st)
        lbk_opts_destroy(out);
    return st;
}

static bool below(const char *name, const char *prefix)
{
    const size_t n = strlen(prefix);
    return !strncmp(name, prefix, n) && name[n] == '.';
}

int lbk__settings_list(struct settings *s, const char *prefix, const struct lbk_setting **out)
{
    struct lbk_setting *list = lbk__arena_get(&s->arena, ((size_t) s->n + 1) * sizeof *list);
    int n = 0;
    for (int i = 0; list && i < s->n; i++) {
        if (!below(s->at[i].name, prefix))
            continue;
        list[n++] = (struct lbk_setting){ s->at[i].name + strlen(prefix) + 1, s->at[i].value };
        s->taken[i] = true;
    }
    *out = list;
    return n;
}

bool lbk__settings_any(const struct settings *s, const char *prefix)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->at[i].name, prefix) || below(s->at[i].name, prefix))
            return true;
    return false;
}

lbk_status lbk__settings_unknown(struct settings *s, const char *name)
{
    if (!lbk__grow(&s->known, s->n_known + 1, &s->cap_known, sizeof *s->known))
        return no_memory(s->ctx);
    s->known[s->n_known] = NULL;
    const char *near = lbk__nearest(name, s->known);
    return lbk_fail(s->ctx, LBK_ENOENT, "%s: no such setting%s%s%s", name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool is_known(const struct settings *s, const char *name)
{
    for (int64_t i = 0; i < s->n_known; i++)
        if (!strcmp(s->known[i], name))
            return true;
    return false;
}

lbk_status lbk__settings_typo(struct settings *s, const char *name)
{
    const int room = lbk__distance_max(name);
    for (int i = 0; i < s->n; i++)
        if (!s->taken[i] && !is_known(s, s->at[i].name) &&
            lbk__distance(s->at[i].name, name, room) <= room)
            return lbk_fail(s->ctx, LBK_ENOENT, "%s: no such setting; did you mean '%s'?",
                            s->at[i].name, name);
    return LBK_OK;
}

const char *lbk__settings_valued(const struct settings *s, const char *value)
{
    const size_t n = strlen(value);
    for (int i = 0; i < s->n && n; i++)
        for (const char *at = s->at[i].value; (at = strstr(at, value)); at++) {
            const bool begins = at == s->at[i].value || strchr(", [", at[-1]);
            if (begins && strchr(", ]@", at[n]))
                return s->at[i].name;
        }
    return NULL;
}

lbk_status lbk__settings_done(struct settings *s)
{
    for (int i = 0; i < s->n; i++)
        if (!s->taken[i])
            return lbk__settings_unknown(s, s->at[i].name);
    return LBK_OK;
}
