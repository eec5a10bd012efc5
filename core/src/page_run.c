/* SPDX-License-Identifier: MIT */
/* What a page says of one run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "axis.h"
#include "page.h"

enum { LEGENDS = 12 };

/* ---- elements ---- */

void lbk__page_tag(struct text *t, const char *tag, const char *class, const char *text)
{
    if (class)
        lbk__text_add(t, "<%s class=\"%s\">", tag, class);
    else
        lbk__text_add(t, "<%s>", tag);
    lbk__text_escaped(t, text);
    lbk__text_add(t, "</%s>", tag);
}

void lbk__page_cell(struct text *t, double v)
{
    char number[24];
    lbk__page_tag(t, "td", "n", isnan(v) ? "\xe2\x80\x93" : lbk__axis_number(v, number));
}

void lbk__page_begin_table(struct text *t, const char *const heads[])
{
    lbk__text_word(t, "<div class=\"wide\"><table><thead><tr>");
    for (int i = 0; heads[i]; i++)
        lbk__page_tag(t, "th", NULL, heads[i]);
    lbk__text_word(t, "</tr></thead><tbody>\n");
}

void lbk__page_end_table(struct text *t) { lbk__text_word(t, "</tbody></table></div>\n"); }

static void begin_section(struct text *t, const char *title)
{
    lbk__text_word(t, "<section>");
    lbk__page_tag(t, "h2", NULL, title);
    lbk__text_word(t, "\n");
}

static void end_section(struct text *t) { lbk__text_word(t, "</section>\n"); }

/* A row of a name and a text; none without a text. */
static void pair(struct text *t, const char *name, const char *value)
{
    if (!*value)
        return;
    lbk__text_word(t, "<tr>");
    lbk__page_tag(t, "th", NULL, name);
    lbk__page_tag(t, "td", NULL, value);
    lbk__text_word(t, "</tr>\n");
}

static const char *duration(double s, char buf[48])
{
    const long long n = llround(s);
    if (!(s >= 0))
        snprintf(buf, 48, "\xe2\x80\x93");
    else if (s < 10)
        snprintf(buf, 48, "%lld.%lld s", llround(s * 10) / 10, llround(s * 10) % 10);
    else if (s < 100)
        snprintf(buf, 48, "%lld s", n);
    else if (s < 3600)
        snprintf(buf, 48, "%lld min %02lld s", n / 60, n % 60);
    else
        snprintf(buf, 48, "%lld h %02lld min", n / 3600, n / 60 % 60);
    return buf;
}

/* "1.5 MB" */
static const char *sized(double v, const char *unit, char buf[48])
{
    char number[24];
    size_t n;
    if (isnan(v))
        return "";
    lbk__axis_number(v, number);
    n = strcspn(number, "kMGT");
    snprintf(buf, 48, "%.*s %s%s", (int) n, number, number + n, unit);
    return buf;
}

/* ---- what came out ---- */

static void tile(struct text *t, const char *name, const char *value, const char *more)
{
    lbk__text_word(t, "<div class=\"tile\">");
    lbk__page_tag(t, "span", "k", name);
    lbk__page_tag(t, "span", "v", value);
    lbk__page_tag(t, "span", "m", more);
    lbk__text_word(t, "</div>\n");
}

static const json_t *first_teacher(const struct page_run *r)
{
    return json_array_get(json_object_get(json_object_get(r->teacher, "teacher"), "roles"), 0);
}

static void put_teacher_tile(struct text *t, const struct page_run *r, const char *metric)
{
    const json_t *x = first_teacher(r), *all = json_object_get(r->teacher, "teacher");
    char v[24], more[128];
    if (!x)
        return;
    snprintf(more, sizeof more, "%.60s, %s before training", lbk__json_text(x, "model"),
             strcmp(lbk__json_text(all, "part"), "val") ? "on test" : "on validation");
    tile(t, lbk__json_text(x, "role"),
         lbk__axis_number(lbk__json_double(json_object_get(x, "scores"), metric), v), more);
}

static void put_tiles(struct text *t, const struct page_run *r)
{
    const char *metric = lbk__json_text(r->result, "metric");
    const json_t *scores = json_object_get(json_object_get(r->result, "scores"), metric);
    const double epoch = lbk__json_double(r->result, "best_epoch");
    char v[24], more[160], time[48], speed[24];
    lbk__text_word(t, "<div class=\"tiles\">");
    snprintf(more, sizeof more, "on test; %s is better", lbk__json_text(scores, "better"));
    tile(t, metric, lbk__axis_number(lbk__json_double(r->result, metric), v), more);
    snprintf(more, sizeof more, "picked at epoch %lld", isnan(epoch) ? 0LL : llround(epoch));
    if (json_is_number(json_object_get(scores, "validation")))
        tile(t, "validation", lbk__axis_number(lbk__json_double(scores, "validation"), v), more);
    put_teacher_tile(t, r, metric);
    lbk__axis_number(lbk__json_double(r->result, "images_per_second"), speed);
    snprintf(more, sizeof more, "%s images a second", speed);
    tile(t, "training took", duration(lbk__json_double(r->result, "seconds"), time), more);
    lbk__text_word(t, "</div>\n");
}

/* In a sentence: has the student kept up with its teacher? */
static void put_gap(struct text *t, const struct page_run *r)
{
    const json_t *all = json_object_get(r->result, "teacher"), *x = first_teacher(r);
    const char *metric = lbk__json_text(all, "metric");
    const double student = lbk__json_double(all, "student"),
                 teacher = lbk__json_double(json_object_get(x, "scores"), metric);
    char a[24], b[24], c[24];
    if (isnan(student) || isnan(teacher))
        return;
    const bool lower = !strcmp(lbk__json_text(all, "better"), "lower");
    const double gap = lower ? student - teacher : teacher - student;
    lbk__text_word(t, "<p>");
    lbk__text_add(t, "On %s data the teacher scores %s %s and the student %s",
                  strcmp(lbk__json_text(all, "part"), "val") ? "test" : "validation",
                  lbk__axis_number(teacher, a), "", lbk__axis_number(student, b));
    lbk__text_add(t,
                  gap > 0 ? ": the student is %s behind it.</p>\n"
                          : ": the student is %s ahead of it.</p>\n",
                  lbk__axis_number(fabs(gap), c));
}

static void put_outcome(struct text *t, const struct page_run *r)
{
    begin_section(t, "What came out");
    if (r->result) {
        put_tiles(t, r);
        put_gap(t, r);
    } else {
        lbk__page_tag(t, "p", "warn",
                      "This run has not ended: there is no result.json yet. 'limbeck resume' goes "
                      "on with it.");
        lbk__text_word(t, "\n");
    }
    end_section(t);
}

static void put_scores(struct text *t, const struct page_run *r)
{
    const char *heads[] = {
        "score", "better", "validation, picked", "validation, last", "test, picked", "test, last",
        NULL,    NULL
    };
    static const char *const keys[] = { "validation", "last_validation", "test", "last_test" };
    const json_t *all = json_object_get(r->result, "scores"), *teacher = first_teacher(r);
    json_t *v;
    const char *name;
    if (!all)
        return;
    heads[6] = teacher ? "teacher" : NULL;
    begin_section(t, "Scores");
    lbk__page_begin_table(t, heads);
    json_object_foreach((json_t *) (uintptr_t) all, name, v)
    {
        lbk__text_word(t, "<tr>");
        lbk__page_tag(t, "th", NULL, name);
        lbk__page_tag(t, "td", NULL, lbk__json_text(v, "better"));
        for (int i = 0; i < 4; i++)
            lbk__page_cell(t, lbk__json_double(v, keys[i]));
        if (teacher)
            lbk__page_cell(t, lbk__json_double(json_object_get(teacher, "scores"), name));
        lbk__text_word(t, "</tr>\n");
    }
    lbk__page_end_table(t);
    lbk__page_tag(
        t, "p", "note",
        "Validation data picks the weights that are kept; test data only reports. 'Picked' "
        "is of those weights, 'last' of the last step's.");
    if (teacher)
        lbk__page_tag(t, "p", "note", "The teacher was scored before the first step.");
    end_section(t);
}

/* ---- curves ---- */

static void put_legend(struct text *t, const struct figure *f)
{
    struct legend_mark mark[LEGENDS];
    const int n = lbk__figure_legend(f, LEGENDS, mark);
    lbk__text_word(t, "<p class=\"legend\">");
    for (int i = 0; i < n; i++) {
        lbk__text_word(t, "<span>");
        lbk__text_add(t,
                      mark[i].dot ? "<svg width=\"22\" height=\"10\" viewBox=\"0 0 22 10\"><circle "
                                    "class=\"f%d\" cx=\"11\" cy=\"5\" r=\"4\"/></svg> "
                                  : "<svg width=\"22\" height=\"10\" viewBox=\"0 0 22 10\"><path "
                                    "class=\"ln l%d\" stroke-width=\"2\" d=\"M1 5H21\"%s/></svg> ",
                      mark[i].ink, mark[i].dashed ? " stroke-dasharray=\"4 3\"" : "");
        lbk__text_escaped(t, mark[i].text);
        lbk__text_word(t, "</span> ");
    }
    lbk__text_word(t, "</p>\n");
}

void lbk__page_curves(struct text *t, const struct figure *f)
{
    struct panel panel[FIGURE_PANELS];
    const int n = lbk__figure_panels(f, panel);
    begin_section(t, "Curves");
    lbk__page_tag(t, "p", "note", f->subtitle);
    put_legend(t, f);
    lbk__text_word(t, "<div class=\"panels\">\n");
    for (int i = 0; i < n; i++) {
        struct svg svg = { t, false };
        const struct pen pen = lbk__svg_pen(&svg);
        pen.begin(pen.ud, PANEL_WIDTH, PANEL_HEIGHT);
        lbk__panel_draw(f, &panel[i], &pen, (struct point){ 0, 0 });
        pen.end(pen.ud);
    }
    lbk__text_word(t, "</div>\n");
    end_section(t);
}

/* ---- networks, troubles, time ---- */

static void put_networks(struct text *t, const struct page_run *r)
{
    static const char *const heads[] = { "role", "network",      "parameters", "MACs a sample",
                                         "size", "weights from", NULL };
    const json_t *all = json_object_get(r->result, "networks");
    json_t *x;
    size_t i;
    if (!json_array_size(all))
        return;
    begin_section(t, "Networks");
    lbk__page_begin_table(t, heads);
    json_array_foreach(all, i, x)
    {
        char text[48];
        lbk__text_word(t, "<tr>");
        lbk__page_tag(t, "th", NULL, lbk__json_text(x, "role"));
        lbk__page_tag(t, "td", NULL, lbk__json_text(x, "model"));
        lbk__text_add(t, "<td class=\"n\">%lld</td>",
                      (long long) json_integer_value(json_object_get(x, "parameters")));
        lbk__page_tag(t, "td", "n", sized(lbk__json_double(x, "macs"), "", text));
        lbk__page_tag(t, "td", "n", sized(lbk__json_double(x, "bytes"), "B", text));
        lbk__page_tag(t, "td", NULL, lbk__json_text(x, "weights"));
        lbk__text_word(t, "</tr>\n");
    }
    lbk__page_end_table(t);
    end_section(t);
}

static void put_warnings(struct text *t, const struct page_run *r)
{
    const json_t *all = json_object_get(r->result, "warnings");
    const long long fallbacks = json_integer_value(json_object_get(r->result, "fallbacks"));
    json_t *x;
    size_t i;
    if (!r->result)
        return;
    begin_section(t, "Warnings and fallbacks");
    lbk__text_add(t,
                  fallbacks
                      ? "<p class=\"warn\">%lld operators had no kernel on the device and ran "
                        "on the host; 'limbeck train --dry-run' names them.</p>\n"
                      : "<p>Every operator ran on the device.</p>\n",
                  fallbacks);
    lbk__text_word(t, json_array_size(all) ? "<ul>\n" : "<p>No warnings.</p>\n");
    json_array_foreach(all, i, x)
    {
        lbk__page_tag(t, "li", "warn", json_string_value(x) ? json_string_value(x) : "");
        lbk__text_word(t, "\n");
    }
    if (json_array_size(all))
        lbk__text_word(t, "</ul>\n");
    end_section(t);
}

static void time_row(struct text *t, const char *name, double seconds, double all)
{
    char text[48];
    lbk__text_word(t, "<tr>");
    lbk__page_tag(t, "th", NULL, name);
    lbk__page_tag(t, "td", "n", duration(seconds, text));
    lbk__text_add(t, "<td class=\"bar\"><i style=\"width:%d%%\"></i></td></tr>\n",
                  (int) llround(100 * fmin(1, seconds / all)));
}

static void put_time(struct text *t, const struct page_run *r)
{
    static const char *const outside[] = { "preparing", "teachers", "finishing" };
    json_t *v;
    const json_t *phases = json_object_get(r->result, "phases");
    const char *name;
    size_t i;
    char speed[24], peak[48];
    double all = lbk__json_double(r->result, "seconds");
    if (!phases)
        return;
    for (int k = 0; k < 3; k++)
        all += fmax(0, lbk__json_double(phases, outside[k]));
    begin_section(t, "Time");
    lbk__text_word(t, "<div class=\"wide\"><table><tbody>\n");
    json_object_foreach((json_t *) (uintptr_t) phases, name, v)
        time_row(t, name, json_number_value(v), all);
    json_array_foreach(json_object_get(r->result, "stages"), i, v)
    {
        char stage[96];
        snprintf(stage, sizeof stage, "stage '%.60s'", lbk__json_text(v, "name"));
        time_row(t, stage, lbk__json_double(v, "seconds"), all);
    }
    lbk__page_end_table(t);
    lbk__text_word(t, "<p class=\"note\">");
    lbk__axis_number(lbk__json_double(r->result, "images_per_second"), speed);
    lbk__text_add(t, "%s images a second in training stages; ", speed);
    lbk__text_add(t, "at most %s of memory.</p>\n",
                  sized(lbk__json_double(r->result, "peak_bytes"), "B", peak));
    end_section(t);
}

/* ---- what it was told, where, and how to do it again ---- */

static void put_settings(struct text *t, const struct page_run *r)
{
    begin_section(t, "What was asked");
    lbk__text_word(t, "<div class=\"wide\"><table><tbody>\n");
    for (int i = 0; i < r->n_setting; i++)
        pair(t, r->setting[i].name, r->setting[i].value);
    lbk__page_end_table(t);
    lbk__page_tag(t, "p", "note", "All else is at its default: 'limbeck help settings'.");
    end_section(t);
}

static void put_machine(struct text *t, const struct page_run *r)
{
    char text[48], threads[32];
    const json_t *e = r->env;
    if (!e)
        return;
    begin_section(t, "Machine");
    lbk__text_word(t, "<div class=\"wide\"><table><tbody>\n");
    pair(t, "device", lbk__json_text(e, "device"));
    pair(t, "its name", lbk__json_text(e, "device_name"));
    pair(t, "processor", lbk__json_text(e, "cpu"));
    snprintf(threads, sizeof threads, "%lld",
             (long long) json_integer_value(json_object_get(e, "threads")));
    pair(t, "threads", threads);
    pair(t, "memory", sized(lbk__json_double(e, "memory_bytes"), "B", text));
    pair(t, "system", lbk__json_text(e, "system"));
    pair(t, "limbeck", lbk__json_text(e, "version"));
    pair(t, "compiler", lbk__json_text(e, "compiler"));
    lbk__page_end_table(t);
    end_section(t);
}

static void put_hashes(struct text *t, const json_t *all, const char *what)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *) (uintptr_t) all, name, v)
    {
        char key[200];
        snprintf(key, sizeof key, "%s %.120s", what, name);
        pair(t, key, json_string_value(v) ? json_string_value(v) : "");
    }
}

static void put_repeat(struct text *t, const struct page_run *r)
{
    begin_section(t, "How to repeat it");
    lbk__text_word(t, "<pre>limbeck train -c ");
    lbk__text_escaped(t, r->dir);
    lbk__text_word(t, "/config.yaml out=");
    lbk__text_escaped(t, r->dir);
    lbk__text_word(t, "-again</pre>\n");
    lbk__page_tag(
        t, "p", "note",
        "The same build, device and files end in the same weights, whatever the number of "
        "threads. These are the SHA-256 of what went in and came out:");
    lbk__text_word(t, "<div class=\"wide\"><table class=\"hash\"><tbody>\n");
    pair(t, "weights of the student", lbk__json_text(r->result, "weights_sha256"));
    put_hashes(t, json_object_get(r->result, "teachers"), "weights of");
    put_hashes(t, json_object_get(r->result ? r->result : r->env, "data"), "data");
    put_hashes(t, json_object_get(r->result ? r->result : r->env, "plugins"), "module");
    lbk__page_end_table(t);
    end_section(t);
}

void lbk__page_run(struct text *t, const struct page_run *r, int n)
{
    put_outcome(t, r);
    put_scores(t, r);
    if (!n) {
        const struct history *h = &r->history;
        lbk__page_curves(t, &(struct figure){ r->title, r->subtitle, 1, &h, .n_level = r->n_level,
                                              .level = r->level });
    }
    lbk__page_pictures(t, r->dir);
    lbk__page_tables(t, json_object_get(r->result, "tables"));
    put_networks(t, r);
    put_warnings(t, r);
    put_time(t, r);
    put_settings(t, r);
    put_machine(t, r);
    put_repeat(t, r);
}
