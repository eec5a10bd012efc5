/* SPDX-License-Identifier: MIT */
#include <limbeck/report.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

static void add_spread(json_t *o, const struct lbk_spread *s)
{
    cli_json_add(o, "mean", cli_json_number(s->mean));
    cli_json_add(o, "deviation", cli_json_number(s->deviation));
    cli_json_add(o, "least", cli_json_number(s->least));
    cli_json_add(o, "most", cli_json_number(s->most));
}

static json_t *difference_json(const struct lbk_difference *d)
{
    json_t *o = json_object();
    cli_json_text(o, "method", d->paired ? "paired" : "welch");
    cli_json_add(o, "mean", cli_json_number(d->mean));
    cli_json_add(o, "low", cli_json_number(d->low));
    cli_json_add(o, "high", cli_json_number(d->high));
    cli_json_add(o, "freedom", cli_json_number(d->freedom));
    return o;
}

static json_t *group_json(const struct lbk_run_group *g)
{
    json_t *o = json_object(), *val = json_object(), *runs = json_array(), *seeds = json_array();
    for (int i = 0; i < g->n; i++) {
        json_array_append_new(runs, json_string_nocheck(g->runs[i]));
        json_array_append_new(seeds, json_integer(g->seeds[i]));
    }
    cli_json_text(o, "label", g->label);
    cli_json_add(o, "runs", json_integer(g->n));
    cli_json_add(o, "folders", runs);
    cli_json_add(o, "seeds", seeds);
    add_spread(o, &g->test);
    cli_json_add(val, "runs", json_integer(g->validation.n));
    add_spread(val, &g->validation);
    cli_json_add(o, "validation", val);
    cli_json_add(o, "difference",
                 g->verdict == LBK_BASELINE ? json_null() : difference_json(&g->difference));
    cli_json_text(o, "verdict", lbk_verdict_name(g->verdict));
    cli_json_text(o, "reason", g->reason);
    cli_json_add(o, "seconds", cli_json_number(g->seconds));
    cli_json_add(o, "images_per_second", cli_json_number(g->images_per_second));
    return o;
}

static int put_json(struct cli *c, const struct lbk_comparison *k)
{
    json_t *all = json_array(), *o = json_object();
    for (int i = 0; i < k->n; i++)
        json_array_append_new(all, group_json(&k->groups[i]));
    cli_json_text(o, "metric", k->metric);
    cli_json_text(o, "better", k->better);
    cli_json_add(o, "confidence", json_real(0.95));
    cli_json_add(o, "groups", all);
    return cli_json_put(c, "compare", o);
}

/* ---- for people ---- */

static void spread_text(char out[32], const struct lbk_spread *s)
{
    if (!s->n)
        snprintf(out, 32, "-");
    else if (s->n > 1)
        snprintf(out, 32, "%.4f +-%.4f", s->mean, s->deviation);
    else
        snprintf(out, 32, "%.4f", s->mean);
}

static void put_row(const struct lbk_run_group *g, int width)
{
    char test[32], val[32], difference[16] = "-", interval[48] = "-";
    const struct lbk_difference *d = &g->difference;
    spread_text(test, &g->test);
    spread_text(val, &g->validation);
    if (g->verdict != LBK_BASELINE)
        snprintf(difference, sizeof difference, "%+.4f", d->mean);
    if (g->verdict != LBK_BASELINE && isfinite(d->low))
        snprintf(interval, sizeof interval, "%+.4f .. %+.4f", d->low, d->high);
    printf("%-*s  %4d  %-16s  %-16s  %10s  %-18s  %7.1f  %8.0f  %s\n", width, g->label, g->n, test,
           val, difference, interval, g->seconds, g->images_per_second,
           lbk_verdict_name(g->verdict));
}

static void put_text(const struct lbk_comparison *k)
{
    int width = 5;
    for (int i = 0; i < k->n; i++)
        width = (int) fmax(width, (double) strlen(k->groups[i].label));
    printf("%s%s%s%s\n\n", k->metric, *k->better ? ", " : "", k->better,
           *k->better ? " is better; mean +- deviation over runs, difference on test data" : "");
    printf("%-*s  runs  %-16s  %-16s  difference  %-18s  seconds  images/s  verdict\n", width, "",
           "test", "validation", "95 % interval");
    for (int i = 0; i < k->n; i++)
        put_row(&k->groups[i], width);
    if (k->n > 1)
        printf("\n");
    for (int i = 1; i < k->n; i++)
        printf("%s: %s: %s\n", k->groups[i].label, lbk_verdict_name(k->groups[i].verdict),
               k->groups[i].reason);
}

int cmd_compare(struct cli *c)
{
    struct lbk_comparison k = { .size = sizeof k,
                                .score = cli_take(c, "score"),
                                .baseline = cli_take(c, "baseline"),
                                .ignore = cli_take(c, "ignore") };
    if (c->n_words == 0)
        return cli_fail(c, EXIT_USAGE, "compare: expected directories of runs");
    const int bad = cli_no_rest(c);
    if (bad)
        return bad;
    const lbk_status st = lbk_compare(c->ctx, c->n_words, c->words, &k);
    if (st)
        return cli_exit_code(st);
    if (c->json)
        return put_json(c, &k);
    put_text(&k);
    return 0;
}
