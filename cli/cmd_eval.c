/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include "cli.h"

static json_t *names_json(int64_t n, const char *const *names)
{
    json_t *all = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(all, names ? json_string(names[i]) : json_integer(i));
    return all;
}

static json_t *table_json(const struct lbk_table *t)
{
    json_t *o = json_object(), *values = json_array();
    cli_json_add(o, "rows", names_json(t->rows, t->row));
    cli_json_add(o, "columns", names_json(t->columns, t->column));
    for (int64_t r = 0; r < t->rows; r++) {
        json_t *row = json_array();
        for (int64_t c = 0; c < t->columns; c++)
            json_array_append_new(row, cli_json_number(t->v[r * t->columns + c]));
        json_array_append_new(values, row);
    }
    cli_json_add(o, "values", values);
    return o;
}

static void print_columns(const struct lbk_table *t)
{
    printf("%-20s", t->name);
    for (int64_t c = 0; c < t->columns; c++)
        printf(" %9s", t->column[c]);
    for (int64_t r = 0; r < t->rows; r++) {
        printf("\n  %-18s", t->row[r]);
        for (int64_t c = 0; c < t->columns; c++) {
            const double v = t->v[r * t->columns + c];
            if (isfinite(v))
                printf(" %9.4g", v);
            else
                printf(" %9s", "-");
        }
    }
    printf("\n");
}

/* One of a single column, which are scores in all but name, and a narrow one whose rows and columns
 * have names; another is for programs. */
static void print_table(const struct lbk_table *t)
{
    enum { NARROW = 8 };
    if (t->columns > 1 && t->columns <= NARROW && t->row && t->column)
        print_columns(t);
    for (int64_t r = 0; t->columns == 1 && r < t->rows; r++) {
        char name[96];
        if (t->row)
            snprintf(name, sizeof name, "%s %s", t->name, t->row[r]);
        else
            snprintf(name, sizeof name, "%s %lld", t->name, (long long) r);
        printf("%-20s %.6g\n", name, t->v[r]);
    }
}

static json_t *scores_json(const struct lbk_progress *out)
{
    json_t *scores = json_object(), *tables = json_object(), *o = json_object();
    for (int i = 0; i < out->n; i++)
        cli_json_add(scores, out->labels[i], cli_json_number(out->values[i]));
    for (int i = 0; i < out->n_tables; i++)
        cli_json_add(tables, out->tables[i].name, table_json(&out->tables[i]));
    cli_json_add(o, "scores", scores);
    cli_json_add(o, "tables", tables);
    cli_json_add(o, "seconds", json_real(out->seconds));
    return o;
}

static int evaluate(struct cli *c, struct lbk_train_params *p)
{
    struct lbk_progress out = { .size = sizeof out };
    struct progress *g = cli_progress_create(c);
    p->resume = c->words[0];
    p->progress = cli_progress;
    p->ud = g;
    cli_signals_catch();
    const lbk_status st = lbk_evaluate(c->ctx, p, &out);
    cli_progress_end(g);
    if (st)
        return cli_exit_code(st);
    if (c->json)
        return cli_json_put(c, "eval", scores_json(&out));
    for (int i = 0; i < out.n; i++)
        printf("%-20s %.6g\n", out.labels[i], out.values[i]);
    for (int i = 0; i < out.n_tables; i++)
        print_table(&out.tables[i]);
    return 0;
}

int cmd_eval(struct cli *c)
{
    struct lbk_train_params p;
    if (c->n_words != 1)
        return cli_fail(c, EXIT_USAGE, "%s: expected the directory of one run", c->command->name);
    const int bad = cli_train_params(c, &p);
    return bad ? bad : evaluate(c, &p);
}
