/* SPDX-License-Identifier: MIT */
/* Tables that metrics leave: what was taken for what, and scores of classes. */
#include <math.h>
#include <stdio.h>
#include "axis.h"
#include "page.h"

static double greatest(const json_t *values)
{
    double most = 0;
    json_t *v;
    size_t i;
    json_array_foreach(values, i, v) most =
        json_is_number(v) ? fmax(most, json_number_value(v)) : most;
    return most;
}

/* Darker where the value is nearer to the greatest. */
static void put_cell(struct text *t, const json_t *v, double most)
{
    const double x = json_is_number(v) ? json_number_value(v) : NAN;
    const int share = x > 0 && most > 0 ? (int) lround(60 * fmin(1, x / most)) : 0;
    char number[24];
    lbk__text_add(t, "<td class=\"n\" style=\"background:rgba(10,102,178,.%02d)\">%s</td>", share,
                  isnan(x) ? "\xe2\x80\x93" : lbk__axis_number(x, number));
}

static void put_name(struct text *t, const json_t *v)
{
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long) json_integer_value(v));
    lbk__page_tag(t, "th", NULL, json_is_string(v) ? json_string_value(v) : number);
}

static void put_table(struct text *t, const json_t *table)
{
    const json_t *rows = json_object_get(table, "rows"), *values = json_object_get(table, "values");
    json_t *name, *row, *v;
    size_t i, k;
    double column = 0;
    lbk__text_word(t, "<div class=\"wide\"><table><thead><tr><td></td>");
    json_array_foreach(json_object_get(table, "columns"), i, name) put_name(t, name);
    lbk__text_word(t, "</tr></thead><tbody>\n");
    json_array_foreach(values, i, row) column = fmax(column, greatest(row));
    json_array_foreach(values, i, row)
    {
        lbk__text_word(t, "<tr>");
        put_name(t, json_array_get(rows, i));
        json_array_foreach(row, k, v)
            put_cell(t, v, json_array_size(row) > 1 ? greatest(row) : column);
        lbk__text_word(t, "</tr>\n");
    }
    lbk__page_end_table(t);
}

void lbk__page_tables(struct text *t, const json_t *tables)
{
    const char *name;
    json_t *v;
    if (!json_object_size(tables))
        return;
    lbk__text_word(t, "<section><h2>Tables, on test data</h2>\n");
    json_object_foreach((json_t *) (uintptr_t) tables, name, v)
    {
        lbk__text_word(t, "<details open>");
        lbk__page_tag(t, "summary", NULL, name);
        lbk__text_word(t, "\n");
        put_table(t, v);
        lbk__text_word(t, "</details>\n");
    }
    lbk__text_word(t, "</section>\n");
}
