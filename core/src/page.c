/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include <limbeck/report.h>
#include "axis.h"
#include "file.h"
#include "page.h"

enum { MOST_RUNS = 64 };

static const char style[] =
    ":root{color-scheme:light dark}*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:72rem;padding:1rem;background:#fff;color:#1c2430;"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}"
    "h1{font-size:1.5rem;margin:.5rem 0 0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:0 0 "
    ".5rem}"
    "section{border-top:1px solid #e4e7eb;padding:1rem 0}.sub,.note{color:#5b6673;margin:.25rem 0}"
    ".note{font-size:.875rem}.tiles{display:flex;flex-wrap:wrap;gap:.75rem}"
    ".tile{flex:1 1 11rem;border:1px solid #e4e7eb;border-radius:.5rem;padding:.75rem 1rem}"
    ".tile span{display:block}.tile .k,.tile .m{color:#5b6673;font-size:.875rem}"
    ".tile .v{font-size:1.6rem;font-weight:600}.wide{overflow-x:auto}"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .9rem .3rem 0;"
    "border-bottom:1px solid "
    "#e4e7eb}th{font-weight:600;white-space:nowrap}td{overflow-wrap:anywhere}"
    "td.n{text-align:right}td.n,td.t{white-space:nowrap}thead th{color:#5b6673}.hash "
    "td{font-family:monospace;"
    "font-size:.8rem}.bar{min-width:10rem}.bar i{display:block;height:.7rem;margin-top:.35rem;"
    "background:#0a66b2;border-radius:2px}"
    "pre{overflow-x:auto;padding:.6rem .8rem;border-radius:.4rem;background:#f3f5f7}"
    ".panels{display:grid;gap:.5rem;"
    "grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr))}.panels svg{width:100%}"
    ".pictures figure{margin:0 0 1rem}.pictures img{max-width:100%;image-rendering:auto}"
    "figcaption{color:#5b6673;font-size:.8rem}.legend span{white-space:nowrap;margin-right:1rem;"
    "font-size:.875rem}.warn{color:#a8480a}.helped{color:#0b7a55;font-weight:600}"
    ".hurt{color:#c62828;font-weight:600}summary{cursor:pointer;font-weight:600;padding:.5rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#e8ebee}"
    ".sub,.note,figcaption,.tile .k,.tile .m,thead th{color:#a3adb8}"
    "section,.tile,th,td{border-color:#2a3038}pre{background:#1d232a}.bar i{background:#58a6f0}"
    ".warn{color:#f5985a}.helped{color:#4cc79d}.hurt{color:#ff7b72}}";

static void begin_page(struct text *t, const char *title, const char *subtitle)
{
    lbk__text_word(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    lbk__page_tag(t, "title", NULL, title);
    lbk__text_word(t, "\n<style>");
    lbk__text_word(t, style);
    lbk__svg_style(t);
    lbk__text_word(t, "</style>\n</head>\n<body>\n<header>");
    lbk__page_tag(t, "h1", NULL, title);
    lbk__page_tag(t, "p", "sub", subtitle);
    lbk__text_word(t, "</header>\n<main>\n");
}

static void end_page(struct text *t) { lbk__text_word(t, "</main>\n</body>\n</html>\n"); }

/* Frees it. */
static lbk_status save(lbk_ctx *ctx, const char *path, struct text *t)
{
    const lbk_status st = t->failed ? lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path)
                                    : lbk__file_write(ctx, path, t->at, t->n);
    lbk__text_free(t);
    return st;
}

static lbk_status one(lbk_ctx *ctx, const char *dir, json_t *result, const char *path)
{
    struct page_run r;
    struct text t = { 0 };
    lbk_status st = lbk__page_read(ctx, dir, result, &r);
    if (!st) {
        begin_page(&t, r.title, r.subtitle);
        lbk__page_run(&t, &r, 0);
        end_page(&t);
        st = save(ctx, path, &t);
    }
    lbk__page_free(&r);
    return st;
}

/* ---- several ---- */

static void spread(struct text *t, const struct lbk_spread *s)
{
    char mean[24], sd[24], all[64];
    snprintf(all, sizeof all, "%s%s%s", s->n ? lbk__axis_number(s->mean, mean) : "\xe2\x80\x93",
             s->n > 1 ? " \xc2\xb1 " : "", s->n > 1 ? lbk__axis_number(s->deviation, sd) : "");
    lbk__page_tag(t, "td", "n", all);
}

static void put_group(struct text *t, const struct lbk_run_group *g)
{
    static const char *const class[] = { "t", "t helped", "t", "t hurt", "t" };
    const struct lbk_difference *d = &g->difference;
    char mean[24], low[24], high[24], text[64] = "\xe2\x80\x93";
    lbk__text_word(t, "<tr>");
    lbk__page_tag(t, "th", NULL, g->label);
    lbk__text_add(t, "<td class=\"n\">%d</td>", g->n);
    spread(t, &g->test);
    spread(t, &g->validation);
    const bool base = g->verdict == LBK_BASELINE;
    if (!base && isfinite(d->low))
        snprintf(text, sizeof text, "%s [%s, %s]", lbk__axis_number(d->mean, mean),
                 lbk__axis_number(d->low, low), lbk__axis_number(d->high, high));
    else if (!base)
        lbk__axis_number(d->mean, text);
    lbk__page_tag(t, "td", "n", text);
    lbk__page_tag(t, "td", class[g->verdict], lbk_verdict_name(g->verdict));
    lbk__page_tag(t, "td", NULL, g->reason);
    lbk__text_word(t, "</tr>\n");
}

static void put_comparison(struct text *t, const struct lbk_comparison *k)
{
    static const char *const heads[] = {
        "group",   "runs",    "test", "validation", "difference on test [95 %]",
        "verdict", "because", NULL
    };
    char text[300];
    lbk__text_word(t, "<section><h2>Comparison</h2>\n");
    snprintf(text, sizeof text,
             "%.90s%s%s%s. Mean and standard deviation over runs; differences are to the "
             "first row.",
             k->metric, *k->better ? ", " : "", k->better, *k->better ? " is better" : "");
    lbk__page_tag(t, "p", "note", text);
    lbk__page_begin_table(t, heads);
    for (int i = 0; i < k->n; i++)
        put_group(t, &k->groups[i]);
    lbk__page_end_table(t);
    lbk__text_word(t, "</section>\n");
}

static const char *name_of(const struct page_run *r)
{
    const char *slash = strrchr(r->dir, '/');
    return slash && slash[1] ? slash + 1 : r->dir;
}

static int group_of(const struct lbk_comparison *k, const char *dir)
{
    for (int g = 0; g < k->n; g++)
        for (int i = 0; i < k->groups[g].n; i++)
            if (!strcmp(k->groups[g].runs[i], dir))
                return g;
    return 0;
}

/* In the colours of their groups; without a comparison each in its own. */
static void put_curves(struct text *t, int n, const struct page_run run[],
                       const struct lbk_comparison *k)
{
    const struct history *h[MOST_RUNS];
    const char *label[MOST_RUNS];
    int group[MOST_RUNS];
    for (int i = 0; i < n; i++) {
        h[i] = &run[i].history;
        group[i] = k->n ? group_of(k, run[i].dir) : i;
        label[i] = name_of(&run[i]);
    }
    for (int g = 0; g < k->n; g++)
        label[g] = k->groups[g].label;
    lbk__page_curves(t, &(struct figure){ .title = "",
                                          .subtitle = "All runs over each other, by group.",
                                          .n = n,
                                          .run = h,
                                          .group = group,
                                          .n_group = k->n ? k->n : n,
                                          .label = label });
}

static void put_runs(struct text *t, int n, const struct page_run run[])
{
    for (int i = 0; i < n; i++) {
        char text[700];
        lbk__text_word(t, "<details>");
        snprintf(text, sizeof text, "%.100s: %s", name_of(&run[i]), run[i].title);
        lbk__page_tag(t, "summary", NULL, text);
        lbk__text_word(t, "\n");
        lbk__page_run(t, &run[i], i + 1);
        lbk__text_word(t, "</details>\n");
    }
}

static lbk_status several(lbk_ctx *ctx, int n, const char *const dirs[], const char *path)
{
    struct page_run *run = calloc((size_t) n, sizeof *run);
    struct lbk_comparison k = { .size = sizeof k };
    struct text t = { 0 };
    char title[64];
    bool ended = true;
    int read = 0;
    lbk_status st = run ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "report: out of memory");
    for (; !st && read < n; read++) {
        st = lbk__page_read(ctx, dirs[read], NULL, &run[read]);
        ended = ended && run[read].result;
    }
    if (!st && ended)
        st = lbk_compare(ctx, n, dirs, &k);
    if (!st) {
        snprintf(title, sizeof title, "%d runs", n);
        begin_page(&t, title,
                   ended ? "" : "Not all of them have ended: there is no comparison yet.");
        if (ended)
            put_comparison(&t, &k);
        put_curves(&t, n, run, &k);
        put_runs(&t, n, run);
        end_page(&t);
        st = save(ctx, path, &t);
    }
    for (int i = 0; i < read; i++)
        lbk__page_free(&run[i]);
    free(run);
    return st;
}

lbk_status lbk_report(lbk_ctx *ctx, int n, const char *const runs[], const char *path)
{
    char own[4096];
    if (n < 1 || n > MOST_RUNS)
        return lbk_fail(ctx, LBK_EINVAL, "report: expected 1..%d folders of runs, got %d",
                        MOST_RUNS, n);
    snprintf(own, sizeof own, "%s/report.html", runs[0]);
    if (n == 1)
        return one(ctx, runs[0], NULL, path ? path : own);
    return several(ctx, n, runs, path ? path : "report.html");
}

lbk_status lbk__page_write(lbk_ctx *ctx, const char *dir, const char *result)
{
    char path[4096];
    json_t *o = json_loads(result, 0, NULL);
    if (!o)
        return lbk_fail(ctx, LBK_ENOMEM, "report.html: out of memory");
    snprintf(path, sizeof path, "%s/report.html", dir);
    const lbk_status st = one(ctx, dir, o, path);
    json_decref(o);
    return st;
}
