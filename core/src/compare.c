/* SPDX-License-Identifier: MIT */
/* Runs that were told the same are a group; a group is called by what sets it apart. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compare.h"
#include "ctx.h"
#include "file.h"
#include "stats.h"
#include "str.h"

enum { FEWEST = 3, LARGEST = 1 << 26 };

struct member {
    const char *dir;
    int64_t seed;
    double test, validation, seconds, speed;
};
struct pile {
    json_t *told;
    struct member *run;
    int n;
    bool plain;
};
struct work {
    lbk_ctx *ctx;
    struct lbk_comparison *io;
    const char *const *runs;
    int n_run, n;
    struct pile *pile;
    json_t **result;
    const char *data; /* hash of the test data of the first */
};

const char *lbk_verdict_name(enum lbk_verdict v)
{
    static const char *const names[] = { "baseline", "helped", "did not help", "hurt",
                                         "cannot tell" };
    return v <= LBK_CANNOT_TELL ? names[v] : "";
}

static void *get(struct work *w, size_t n, size_t each)
{
    return lbk__arena_get(&w->ctx->arena, (n + 1) * each);
}

static lbk_status no_memory(struct work *w)
{
    return lbk_fail(w->ctx, LBK_ENOMEM, "compare: out of memory");
}

/* ---- what a run was told ---- */

lbk_status lbk__result_read(lbk_ctx *ctx, const char *dir, json_t **out)
{
    char path[4096];
    unsigned char *text = NULL;
    size_t n;
    json_error_t e;
    *out = NULL;
    snprintf(path, sizeof path, "%s/result.json", dir);
    const lbk_status st = lbk__file_read(ctx, path, LARGEST, &text, &n);
    if (st)
        return st;
    *out = json_loadb((const char *) text, n, JSON_REJECT_DUPLICATES, &e);
    free(text);
    if (!*out)
        return lbk_fail(ctx, LBK_EFORMAT, "%s: line %d: %s", path, e.line, e.text);
    const char *metric = json_string_value(json_object_get(*out, "metric"));
    if (metric && json_is_number(json_object_get(*out, metric)) &&
        json_is_object(json_object_get(*out, "settings")))
        return LBK_OK;
    json_decref(*out);
    *out = NULL;
    return lbk_fail(ctx, LBK_EFORMAT, "%s: expected a metric, its value and settings", path);
}

static bool belongs(const char *key, const char *owner)
{
    const size_t n = strlen(owner);
    return n && !strncmp(key, owner, n) && key[n] == '.';
}

static bool listed(const char *list, const char *key)
{
    const char *item;
    size_t n;
    while (list && lbk__next_item(&list, ",", &item, &n) && item)
        if (strlen(key) == n && !strncmp(item, key, n))
            return true;
    return false;
}

/* What changes no bit of the result, or is meant to differ. */
static bool may_differ(const char *key, const char *ignore)
{
    static const char *const names[] = { "seed",
                                         "out",
                                         "threads",
                                         "plain",
                                         "strict", /* of a resumed run it is known */
                                         "loaders",
                                         "log_every",
                                         "samples",
                                         "samples_every",
                                         "tensorboard",
                                         "teacher_eval",
                                         "checkpoint_every",
                                         "checkpoint_seconds",
                                         "teacher_cache",
                                         "teacher_cache_dir",
                                         "teacher_cache_bytes" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(key, names[i]))
            return true;
    return listed(ignore, key);
}

/* Options of a method that is off do not count. */
static json_t *told(const json_t *result, const char *ignore)
{
    json_t *all = json_object(), *v;
    const char *key, *method = json_string_value(json_object_get(result, "method"));
    const bool plain = json_is_true(json_object_get(result, "plain"));
    json_object_foreach(json_object_get(result, "settings"), key,
                        v) if (!may_differ(key, ignore) &&
                               !(plain && method && belongs(key, method)))
        json_object_set(all, key, v);
    if (method)
        json_object_set_new(all, "method", json_string(method));
    if (plain)
        json_object_set_new(all, "plain", json_string("yes"));
    return all;
}

/* ---- piles ---- */

static struct pile *pile_of(struct work *w, json_t *settings)
{
    for (int i = 0; i < w->n; i++)
        if (json_equal(w->pile[i].told, settings))
            return &w->pile[i];
    struct pile *p = &w->pile[w->n];
    *p =
        (struct pile){ json_incref(settings), get(w, (size_t) w->n_run, sizeof *p->run), 0, false };
    p->plain =
        json_object_get(settings, "plain") || !strcmp("none", lbk__json_text(settings, "method"));
    w->n += p->run != NULL;
    return p->run ? p : NULL;
}

const char *lbk__json_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

double lbk__json_double(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void warn_of_data(struct work *w, const char *dir, const json_t *result)
{
    const char *hash = lbk__json_text(json_object_get(result, "data"), "train.test");
    if (!w->data)
        w->data = hash;
    else if (strcmp(hash, w->data))
        lbk_ctx_log(w->ctx, LBK_LOG_WARN, "%s: its test data are not those of %s", dir, w->runs[0]);
}

static lbk_status find_score(struct work *w, const char *dir, const json_t *result)
{
    struct lbk_comparison *io = w->io;
    const char *metric = lbk__json_text(result, "metric");
    const json_t *scores = json_object_get(result, "scores");
    if (!io->metric) {
        io->metric = lbk__arena_str(&w->ctx->arena, "%s", io->score ? io->score : metric);
        io->better = lbk__arena_str(&w->ctx->arena, "%s",
                                    lbk__json_text(json_object_get(scores, io->metric), "better"));
        if (!io->metric || !io->better)
            return no_memory(w);
    }
    if (!io->score && strcmp(metric, io->metric))
        return lbk_fail(w->ctx, LBK_EINVAL, "%s: its metric is %s, that of the others %s", dir,
                        metric, io->metric);
    if (!json_is_number(json_object_get(result, io->metric)))
        return lbk_fail(w->ctx, LBK_EINVAL, "%s: it has no score '%s'; its metric is %s", dir,
                        io->metric, metric);
    return LBK_OK;
}

static lbk_status add(struct work *w, int i)
{
    const json_t *result = w->result[i];
    const lbk_status st = find_score(w, w->runs[i], result);
    if (st)
        return st;
    warn_of_data(w, w->runs[i], result);
    json_t *settings = told(result, w->io->ignore);
    struct pile *p = pile_of(w, settings);
    json_decref(settings);
    if (!p)
        return no_memory(w);
    const json_t *score = json_object_get(json_object_get(result, "scores"), w->io->metric);
    p->run[p->n++] = (struct member){
        .dir = w->runs[i],
        .seed = json_integer_value(json_object_get(result, "seed")),
        .test = lbk__json_double(result, w->io->metric),
        .validation = lbk__json_double(score, "validation"),
        .seconds = lbk__json_double(result, "seconds"),
        .speed = lbk__json_double(result, "images_per_second"),
    };
    return LBK_OK;
}

/* By seed: pairs stand at the same place. */
static void sort(struct pile *p)
{
    for (int i = 1; i < p->n; i++) {
        for (int k = i; k > 0 && p->run[k].seed < p->run[k - 1].seed; k--) {
            const struct member m = p->run[k];
            p->run[k] = p->run[k - 1], p->run[k - 1] = m;
        }
    }
}

/* ---- names ---- */

/* Of a network that some run learns from, and that others do without. */
static bool of_teacher(const struct work *w, const char *key)
{
    const char *role;
    json_t *hash;
    for (int i = 0; i < w->n_run; i++)
        json_object_foreach(json_object_get(w->result[i], "teachers"), role,
                            hash) if (!strcmp(key, role) || belongs(key, role)) return true;
    return false;
}

/* No group sets it to anything else, but for those that it does not concern. */
static bool shared(const struct work *w, const char *key, const json_t *value)
{
    const bool teacher = of_teacher(w, key);
    for (int i = 0; i < w->n; i++) {
        const json_t *s = w->pile[i].told, *other = json_object_get(s, key);
        const bool off = json_object_get(s, "plain") && belongs(key, lbk__json_text(s, "method"));
        if (!off && !(other ? json_equal(other, value) : teacher))
            return false;
    }
    return true;
}

/* "kd plain batch=64" */
static const char *name_of(struct work *w, const struct pile *p)
{
    struct arena *a = &w->ctx->arena;
    const json_t *method = json_object_get(p->told, "method");
    const char *label = "", *key;
    json_t *value;
    if (method && !shared(w, "method", method))
        label = json_string_value(method);
    if (json_object_get(p->told, "plain"))
        label = lbk__arena_str(a, "%s%splain", label, *label ? " " : "");
    json_object_foreach(p->told, key, value)
    {
        const bool said = !strcmp(key, "method") || !strcmp(key, "plain");
        if (label && !said && json_is_string(value) && !shared(w, key, value))
            label = lbk__arena_str(a, "%s%s%s=%s", label, *label ? " " : "", key,
                                   json_string_value(value));
    }
    if (label && !*label)
        label = w->n > 1 && method ? json_string_value(method) : "all";
    return label ? lbk__arena_str(a, "%s", label) : NULL;
}

/* ---- verdicts ---- */

static int distinct(const struct pile *p)
{
    int n = 0;
    for (int i = 0; i < p->n; i++)
        n += !i || p->run[i].seed != p->run[i - 1].seed;
    return n;
}

static bool same_seeds(const struct pile *a, const struct pile *b)
{
    bool same = a->n == b->n && distinct(a) == a->n;
    for (int i = 0; same && i < a->n; i++)
        same = a->run[i].seed == b->run[i].seed;
    return same;
}

static lbk_status spread(struct work *w, const struct pile *p, struct lbk_run_group *g,
                         double **test)
{
    double *v = get(w, (size_t) p->n, sizeof *v);
    int n = 0;
    *test = get(w, (size_t) p->n, sizeof **test);
    if (!v || !*test)
        return no_memory(w);
    for (int i = 0; i < p->n; i++) {
        (*test)[i] = p->run[i].test;
        if (isfinite(p->run[i].validation))
            v[n++] = p->run[i].validation;
    }
    lbk__spread(p->n, *test, &g->test);
    lbk__spread(n, v, &g->validation);
    return LBK_OK;
}

static enum lbk_verdict judge(const struct work *w, const struct lbk_run_group *g, int seeds,
                              double deviation)
{
    const struct lbk_difference *d = &g->difference;
    const bool lower = !strcmp(w->io->better, "lower");
    const double least = lower ? -d->high : d->low, most = lower ? -d->low : d->high;
    if (seeds < FEWEST || !isfinite(least) || !*w->io->better)
        return LBK_CANNOT_TELL;
    return least > 0           ? LBK_HELPED
           : most < 0          ? LBK_HURT
           : most <= deviation ? LBK_NO_HELP
                               : LBK_CANNOT_TELL;
}

static const char *reason(struct work *w, const struct lbk_run_group *g, int seeds,
                          double deviation)
{
    struct arena *a = &w->ctx->arena;
    const struct lbk_difference *d = &g->difference;
    char low[32], high[32], sd[32];
    snprintf(low, sizeof low, "%+.4g", d->low), snprintf(high, sizeof high, "%+.4g", d->high);
    snprintf(sd, sizeof sd, "%.4g", deviation);
    const char *how = d->paired ? "paired by seed" : "Welch";
    if (!*w->io->better)
        return "the runs do not say which way is better";
    if (seeds < FEWEST)
        return lbk__arena_str(a, "%d %s, %d at least", seeds, seeds == 1 ? "seed" : "seeds",
                              FEWEST);
    if (g->verdict == LBK_HELPED || g->verdict == LBK_HURT)
        return lbk__arena_str(a, "the interval %s to %s leaves 0 out (%s)", low, high, how);
    if (g->verdict == LBK_NO_HELP)
        return lbk__arena_str(a,
                              "the interval %s to %s holds 0, and its better end is within the "
                              "%s that the baseline's runs deviate by (%s)",
                              low, high, sd, how);
    return lbk__arena_str(a, "the interval %s to %s holds 0 (%s)", low, high, how);
}

/* Against the first pile. */
static lbk_status against(struct work *w, int i, struct lbk_run_group *g,
                          const struct lbk_run_group *base, const double *a, const double *b)
{
    const struct pile *p = &w->pile[0], *q = &w->pile[i];
    const int m = distinct(p), n = distinct(q), seeds = m < n ? m : n;
    g->difference = same_seeds(p, q) ? lbk__paired(p->n, a, b) : lbk__welch(p->n, a, q->n, b);
    g->verdict = judge(w, g, seeds, base->test.deviation);
    g->reason = reason(w, g, seeds, base->test.deviation);
    return g->reason ? LBK_OK : no_memory(w);
}

static lbk_status fill(struct work *w, int i, struct lbk_run_group *g)
{
    const struct pile *p = &w->pile[i];
    const char **dirs = get(w, (size_t) p->n, sizeof *dirs);
    int64_t *seeds = get(w, (size_t) p->n, sizeof *seeds);
    *g = (struct lbk_run_group){ .size = sizeof *g, .n = p->n, .runs = dirs, .seeds = seeds };
    g->label = name_of(w, p);
    g->reason = "";
    if (!dirs || !seeds || !g->label)
        return no_memory(w);
    for (int k = 0; k < p->n; k++) {
        dirs[k] = lbk__arena_str(&w->ctx->arena, "%s", p->run[k].dir);
        seeds[k] = p->run[k].seed;
        g->seconds += p->run[k].seconds / p->n;
        g->images_per_second += p->run[k].speed / p->n;
        if (!dirs[k])
            return no_memory(w);
    }
    return LBK_OK;
}

static lbk_status put(struct work *w)
{
    struct lbk_run_group *g = get(w, (size_t) w->n, sizeof *g);
    double *base = NULL, *test;
    lbk_status st = g ? LBK_OK : no_memory(w);
    for (int i = 0; !st && i < w->n; i++) {
        st = fill(w, i, &g[i]);
        if (!st)
            st = spread(w, &w->pile[i], &g[i], i ? &test : &base);
        if (!st && i)
            st = against(w, i, &g[i], &g[0], base, test);
    }
    w->io->groups = g, w->io->n = st ? 0 : w->n;
    return st;
}

/* ---- the baseline ---- */

static bool holds(const struct pile *p, const char *dir)
{
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->run[i].dir, dir))
            return true;
    return false;
}

static lbk_status baseline_first(struct work *w)
{
    const char *want = w->io->baseline;
    int at = 0;
    while (at < w->n && !(want ? holds(&w->pile[at], want) : w->pile[at].plain))
        at++;
    if (at == w->n && want)
        return lbk_fail(w->ctx, LBK_EINVAL, "baseline: expected one of the runs, found '%s'", want);
    if (at == w->n)
        return LBK_OK;
    const struct pile p = w->pile[at];
    memmove(&w->pile[1], &w->pile[0], (size_t) at * sizeof p);
    w->pile[0] = p;
    return LBK_OK;
}

lbk_status lbk_compare(lbk_ctx *ctx, int n, const char *const runs[], struct lbk_comparison *io)
{
    struct work w = { .ctx = ctx, .io = io, .runs = runs, .n_run = n };
    w.pile = get(&w, (size_t) n, sizeof *w.pile);
    w.result = get(&w, (size_t) n, sizeof *w.result);
    io->metric = NULL, io->better = NULL, io->n = 0;
    lbk_status st = n < 1 ? lbk_fail(ctx, LBK_EINVAL, "compare: expected folders of runs")
                    : w.pile && w.result ? LBK_OK
                                         : no_memory(&w);
    for (int i = 0; !st && i < n; i++)
        st = lbk__result_read(ctx, runs[i], &w.result[i]);
    for (int i = 0; !st && i < n; i++)
        st = add(&w, i);
    for (int i = 0; i < w.n; i++)
        sort(&w.pile[i]);
    if (!st)
        st = baseline_first(&w);
    if (!st)
        st = put(&w);
    for (int i = 0; i < w.n; i++)
        json_decref(w.pile[i].told);
    for (int i = 0; w.result && i < n; i++)
        json_decref(w.result[i]);
    return st;
}
