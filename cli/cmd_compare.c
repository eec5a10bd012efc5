/* SPDX-License-Identifier: MIT */
/* Runs whose settings differ by seed and directory alone form a group; a group is called by what
 * sets it apart. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

struct group {
    const char *label;
    json_t *settings;
    int n;
    double sum, squares, least, most, seconds, speed;
};
struct table { struct cli *c; const char *metric; int n; struct group *groups; };

static int read_result(struct cli *c, const char *run, json_t **out)
{
    json_error_t e;
    const char *path = cli_text(c, "%s/result.json", run);
    *out = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!*out)
        return cli_fail(
            c, json_error_code(&e) == json_error_cannot_open_file ? EXIT_USAGE : EXIT_DAMAGED,
            "%s: %s", path, e.text);
    const char *metric = json_string_value(json_object_get(*out, "metric"));
    if (metric && json_is_number(json_object_get(*out, metric)) &&
        json_is_object(json_object_get(*out, "settings")))
        return 0;
    json_decref(*out);
    return cli_fail(c, EXIT_DAMAGED, "%s: expected a metric, its value and settings", path);
}

static void drop_prefixed(json_t *settings, const char *prefix)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(settings, next, key, value) {
        const size_t n = strlen(prefix);
        if (!strncmp(key, prefix, n) && key[n] == '.')
            json_object_del(settings, key);
    }
}

/* What a run was told, without what may differ inside a group. Options of a method that is off do
 * not count. */
static json_t *told(const json_t *result)
{
    json_t *s = json_copy(json_object_get(result, "settings"));
    const char *method = json_string_value(json_object_get(result, "method"));
    static const char *const not[] = { "seed", "out", "threads", "plain" };
    for (int i = 0; i < 4; i++)
        json_object_del(s, not[i]);
    if (method)
        json_object_set_new(s, "method", json_string(method));
    if (json_is_true(json_object_get(result, "plain"))) {
        json_object_set_new(s, "plain", json_string("yes"));
        drop_prefixed(s, method ? method : "");
    }
    return s;
}

static struct group *group_of(struct table *t, json_t *settings)
{
    for (int i = 0; i < t->n; i++) {
        if (json_equal(t->groups[i].settings, settings))
            return &t->groups[i];
    }
    struct group *g = &t->groups[t->n++];
    *g = (struct group) { .settings = json_incref(settings), .least = INFINITY, .most = -INFINITY };
    return g;
}

static int add(struct table *t, const char *run)
{
    json_t *result;
    const int bad = read_result(t->c, run, &result);
    if (bad)
        return bad;
    const char *metric = cli_text(t->c, "%s", json_string_value(json_object_get(result, "metric")));
    if (t->metric && strcmp(metric, t->metric)) {
        json_decref(result);
        return cli_fail(t->c, EXIT_USAGE, "%s: its metric is %s, that of the others %s", run,
                        metric, t->metric);
    }
    t->metric = metric;
    json_t *settings = told(result);
    struct group *g = group_of(t, settings);
    const double v = json_number_value(json_object_get(result, metric));
    g->n++;
    g->sum += v;
    g->squares += v * v;
    g->least = fmin(g->least, v);
    g->most = fmax(g->most, v);
    g->seconds += json_number_value(json_object_get(result, "seconds"));
    g->speed += json_number_value(json_object_get(result, "images_per_second"));
    json_decref(settings);
    json_decref(result);
    return 0;
}

/* No group sets it to anything else, but for those that it does not concern. */
static bool shared(const struct table *t, const char *key, const json_t *value)
{
    for (int i = 0; i < t->n; i++) {
        const json_t *s = t->groups[i].settings, *other = json_object_get(s, key);
        const char *method = json_string_value(json_object_get(s, "method"));
        const size_t n = method ? strlen(method) : 0;
        const bool off =
            json_object_get(s, "plain") && n && !strncmp(key, method, n) && key[n] == '.';
        if (!off && !(other && json_equal(other, value)))
            return false;
    }
    return true;
}

static void name_groups(struct table *t)
{
    for (int i = 0; i < t->n; i++) {
        const char *label = "", *key;
        json_t *value;
        json_object_foreach(t->groups[i].settings, key, value) {
            if (!shared(t, key, value) && json_is_string(value))
                label = cli_text(t->c, "%s%s%s=%s", label, *label ? " " : "", key,
                                 json_string_value(value));
        }
        t->groups[i].label = *label ? label : "all";
    }
}

/* Sample standard deviation; of one run there is none. */
static double deviation(const struct group *g)
{
    const double mean = g->sum / g->n;
    return g->n > 1 ? sqrt(fmax(0, g->squares - g->n * mean * mean) / (g->n - 1)) : NAN;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static int put_json(struct table *t)
{
    json_t *all = json_array(), *o = json_object();
    for (int i = 0; i < t->n; i++) {
        const struct group *g = &t->groups[i];
        json_t *row = json_object();
        cli_json_text(row, "label", g->label);
        cli_json_add(row, "runs", json_integer(g->n));
        cli_json_add(row, "mean", number(g->sum / g->n));
        cli_json_add(row, "deviation", number(deviation(g)));
        cli_json_add(row, "least", number(g->least));
        cli_json_add(row, "most", number(g->most));
        cli_json_add(row, "seconds", number(g->seconds / g->n));
        cli_json_add(row, "images_per_second", number(g->speed / g->n));
        json_array_append_new(all, row);
    }
    cli_json_text(o, "metric", t->metric);
    cli_json_add(o, "groups", all);
    return cli_json_put(t->c, "compare", o);
}

static void put_text(const struct table *t)
{
    int width = 5;
    for (int i = 0; i < t->n; i++)
        width = (int) fmax(width, (double) strlen(t->groups[i].label));
    printf("%-*s  runs  %10s      sd   least    most  seconds  images/s\n", width, "", t->metric);
    for (int i = 0; i < t->n; i++) {
        const struct group *g = &t->groups[i];
        char sd[16] = "-";
        if (g->n > 1)
            snprintf(sd, sizeof sd, "%.4f", deviation(g));
        printf("%-*s  %4d  %10.4f  %6s  %6.4f  %6.4f  %7.1f  %8.0f\n", width, g->label, g->n,
               g->sum / g->n, sd, g->least, g->most, g->seconds / g->n, g->speed / g->n);
    }
}

int cmd_compare(struct cli *c)
{
    if (c->n_words == 0)
        return cli_fail(c, EXIT_USAGE, "compare: expected directories of runs");
    struct table t = { .c = c, .groups = cli_alloc(c, (size_t) c->n_words * sizeof *t.groups) };
    int bad = 0;
    for (int i = 0; i < c->n_words && !bad; i++)
        bad = add(&t, c->words[i]);
    if (!bad) {
        name_groups(&t);
        if (c->json)
            bad = put_json(&t);
        else
            put_text(&t);
    }
    for (int i = 0; i < t.n; i++)
        json_decref(t.groups[i].settings);
    return bad;
}
