/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/rng.h>
#include "arena.h"
#include "ctx.h"
#include "opt.h"
#include "str.h"
#include "transform.h"

/* Cuts text at the next separator outside of brackets of any kind; false at its end. An unbalanced
 * bracket swallows the rest, which then fails as an unknown name or value. */
static bool cut(const char **text, char separator, const char **item, size_t *n)
{
    const char *p = *text;
    int depth = 0;
    if (!p)
        return false;
    *item = p;
    for (; *p && (depth || *p != separator); p++)
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
    *n = (size_t) (p - *item);
    *text = *p ? p + 1 : NULL;
    lbk__trim(item, n);
    return true;
}

static char *copy(const char *s, size_t n)
{
    lbk__trim(&s, &n);
    lbk__unwrap(&s, &n);
    return strndup(s, n);
}

static lbk_status set(const struct step *s, lbk_ctx *ctx, const char *name, const char *value,
                      size_t n)
{
    char *text = copy(value, n);
    if (!text)
        return lbk_fail(ctx, LBK_ENOMEM, "transforms: out of memory");
    const lbk_status st = lbk_opts_set(s->opts, name, text);
    free(text);
    return st;
}

/* "32:4", by the order of the table. */
static lbk_status set_placed(const struct step *s, lbk_ctx *ctx, const char *values)
{
    const struct lbk_opt *o = s->transform->opts;
    const char *item;
    size_t n;
    lbk_status st = LBK_OK;
    for (; !st && cut(&values, ':', &item, &n); o++) {
        if (!o || !o->name)
            return lbk_fail(ctx, LBK_EINVAL, "transform '%s': expected fewer values, got '%s'",
                            s->transform->name, item);
        st = set(s, ctx, o->name, item, n);
    }
    return st;
}

/* "size=32,pad=4" */
static lbk_status set_named(const struct step *s, lbk_ctx *ctx, const char *values)
{
    const char *item;
    size_t n;
    lbk_status st = LBK_OK;
    while (!st && cut(&values, ',', &item, &n)) {
        const char *eq = memchr(item, '=', n);
        char name[64];
        if (!eq || (size_t) (eq - item) >= sizeof name)
            return lbk_fail(ctx, LBK_EINVAL, "transform '%s': expected name=value, got '%.*s'",
                            s->transform->name, (int) n, item);
        snprintf(name, sizeof name, "%.*s", (int) (eq - item), item);
        st = set(s, ctx, name, eq + 1, n - (size_t) (eq + 1 - item));
    }
    return st;
}

static lbk_status make_step(struct pipeline *p, char *text)
{
    const size_t n = strlen(text), name = strcspn(text, "=(");
    const char mark = text[name];
    const void *found = NULL;
    struct step s = { 0 };
    if (mark == '(' && text[n - 1] != ')')
        return lbk_fail(p->ctx, LBK_EINVAL, "transforms: a bracket is not closed in '%s'", text);
    if (mark == '(')
        text[n - 1] = 0;
    text[name] = 0;
    lbk_status st = lbk__registry_need(p->ctx, LBK_TRANSFORMS, text, &found);
    if (st)
        return st;
    s.transform = found;
    st = lbk_opts_create(p->ctx, s.transform->opts, s.transform->cfg_size, &s.opts);
    if (!st)
        st = lbk__opts_prefix(s.opts, s.transform->name);
    if (!st && mark)
        st = (mark == '=' ? set_placed : set_named)(&s, p->ctx, text + name + 1);
    if (!st && !lbk__grow(&p->at, p->n, &p->cap, sizeof s))
        st = lbk_fail(p->ctx, LBK_ENOMEM, "transforms: out of memory");
    if (st) {
        lbk_opts_destroy(&s.opts);
        return st;
    }
    p->at[p->n++] = s;
    return LBK_OK;
}

static lbk_status make_steps(struct pipeline *p, const char *text)
{
    const char *item;
    size_t n;
    lbk_status st = LBK_OK;
    while (!st && cut(&text, ',', &item, &n)) {
        if (!n || (n == 4 && !memcmp(item, "none", 4)))
            continue;
        char *step = strndup(item, n);
        st = step ? make_step(p, step) : lbk_fail(p->ctx, LBK_ENOMEM, "transforms: out of memory");
        free(step);
    }
    while (p->fixed < p->n && p->at[p->fixed].transform->fixed)
        p->fixed++;
    return st;
}

lbk_status lbk__pipeline_create(lbk_ctx *ctx, const char *text, struct pipeline **out)
{
    struct pipeline *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return lbk_fail(ctx, LBK_ENOMEM, "transforms: out of memory");
    p->ctx = ctx;
    const lbk_status st = make_steps(p, text ? text : "");
    if (st)
        lbk__pipeline_destroy(&p);
    *out = p;
    return st;
}

void lbk__pipeline_destroy(struct pipeline **pipeline)
{
    struct pipeline *p = *pipeline;
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        lbk_opts_destroy(&p->at[i].opts);
    free(p->at);
    free(p);
    *pipeline = NULL;
}

lbk_status lbk__pipeline_run(const struct pipeline *p, int from, int to, lbk_record *r,
                             uint64_t key)
{
    for (int i = from; i < to; i++) {
        const struct step *s = &p->at[i];
        const lbk_status st =
            s->transform->apply(r, lbk_mix(key, (uint64_t) i), lbk_opts_cfg(s->opts));
        if (st)
            return st;
    }
    return LBK_OK;
}
