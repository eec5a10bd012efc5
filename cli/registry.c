/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "cli.h"

#define COMMON(kind, options)                                                                      \
    static const char *kind##_key(const void *d) { return ((const struct lbk_##kind *) d)->name; } \
    static const char *kind##_doc(const void *d) { return ((const struct lbk_##kind *) d)->doc; }  \
    static const struct lbk_opt *kind##_opts(const void *d)                                        \
    {                                                                                              \
        return ((const struct lbk_##kind *) d)->options;                                           \
    }
COMMON(op, params)
COMMON(backend, opts)
COMMON(model, opts)
COMMON(loss, opts)
COMMON(method, opts)
COMMON(source, opts)
COMMON(transform, opts)
COMMON(task, opts)
COMMON(metric, opts)
#undef COMMON

static const char *joined(struct cli *c, const char *const *names)
{
    const char *s = "";
    for (int i = 0; names && names[i]; i++)
        s = cli_text(c, "%s%s%s", s, i ? ", " : "", names[i]);
    return s;
}

static void method_json(json_t *o, const void *d)
{
    const struct lbk_method *m = d;
    cli_json_text(o, "paper", m->paper);
    cli_json_add(o, "tasks", cli_json_names(m->tasks));
}

static void put_indented(void *ud, const char *line)
{
    printf("  %s\n", line);
}

static int method_text(struct cli *c, const void *d)
{
    const struct lbk_method *m = d;
    if (m->paper)
        printf("paper: %s\n", m->paper);
    printf("tasks: %s\nlosses:", m->tasks ? joined(c, m->tasks) : "any");
    const size_t n = strlen(m->name);
    for (const struct lbk_loss *l = NULL; (l = lbk_registry_next(c->ctx, LBK_LOSSES, l));) {
        if (!strncmp(l->name, m->name, n) && l->name[n] == '.')
            printf(" %s", l->name);
    }
    printf("\nstages:\n");
    return cli_exit_code(lbk_method_describe(c->ctx, m->name, 0, NULL, put_indented, NULL));
}

static void model_json(json_t *o, const void *d)
{
    const struct lbk_model *m = d;
    cli_json_text(o, "task", m->task);
    cli_json_text(o, "reads", m->reads ? m->reads : "image");
    cli_json_text(o, "input", m->input);
}

static void put_tap(void *ud, const char *name, lbk_shape shape)
{
    printf("  %-20s %s\n", name, cli_shape(ud, shape));
}

static int model_text(struct cli *c, const void *d)
{
    const struct lbk_model *m = d;
    printf("task: %s\nreads: %s\n", m->task ? m->task : "set by <role>.task",
           m->reads ? m->reads : "image");
    if (m->input)
        printf("input: %s\n", m->input);
    printf("taps, of an image of 3x32x32:\n");
    struct lbk_model_info info = { .size = sizeof info, .tap = put_tap, .ud = c };
    return cli_exit_code(lbk_model_describe(c->ctx, m->name, LBK_SHAPE(3, 32, 32), 0, NULL, &info));
}

static void loss_json(json_t *o, const void *d)
{
    const struct lbk_loss *l = d;
    json_t *a = json_array();
    for (int i = 0; l->inputs && l->inputs[i]; i++) {
        const size_t n = strlen(l->inputs[i]);
        const bool optional = n && l->inputs[i][n - 1] == '?';
        json_t *in = json_object();
        cli_json_add(in, "name", json_stringn(l->inputs[i], n - optional));
        cli_json_add(in, "optional", json_boolean(optional));
        cli_json_add(in, "shape", l->shapes ? json_string(l->shapes[i]) : json_null());
        json_array_append_new(a, in);
    }
    cli_json_add(o, "inputs", a);
}

static int loss_text(struct cli *c, const void *d)
{
    const struct lbk_loss *l = d;
    printf("inputs:\n");
    for (int i = 0; l->inputs && l->inputs[i]; i++)
        printf("  %-20s %s\n", l->inputs[i], l->shapes ? l->shapes[i] : "");
    return 0;
}

static void task_json(json_t *o, const void *d)
{
    const struct lbk_task *t = d;
    json_t *names = json_array();
    for (const struct lbk_field *f = t->fields; f && f->name; f++)
        json_array_append_new(names, json_string(f->name));
    cli_json_add(o, "fields", names);
    cli_json_add(o, "metrics", cli_json_names(t->metrics));
}

static int task_text(struct cli *c, const void *d)
{
    const struct lbk_task *t = d;
    const char *names = "";
    for (const struct lbk_field *f = t->fields; f && f->name; f++)
        names = cli_text(c, "%s%s%s", names, f == t->fields ? "" : ", ", f->name);
    printf("fields: %s\nmetrics: %s\n", names, joined(c, t->metrics));
    return 0;
}

static const char *op_form(const struct lbk_op *op)
{
    return op->expr ? "pointwise" : op->ref ? "primitive" : "composite";
}

static void op_json(json_t *o, const void *d)
{
    const struct lbk_op *op = d;
    cli_json_add(o, "operands_min", json_integer(op->n_min));
    cli_json_add(o, "operands_max", json_integer(op->n_max));
    cli_json_text(o, "form", op_form(op));
    cli_json_add(o, "differentiable", json_boolean(op->grad && !(op->flags & LBK_OP_NONDIFF)));
}

static int op_text(struct cli *c, const void *d)
{
    const struct lbk_op *op = d;
    printf("form: %s\noperands: %d", op_form(op), op->n_min);
    if (op->n_max != op->n_min)
        printf("..%d", op->n_max);
    printf("\ngradient: %s\n", op->grad && !(op->flags & LBK_OP_NONDIFF) ? "yes" : "no");
    return 0;
}

#define FNS(kind) kind##_key, kind##_doc, kind##_opts
const struct kind cli_kinds[] = {
    { "methods", "method", LBK_METHODS, FNS(method), method_json, method_text },
    { "models", "model", LBK_MODELS, FNS(model), model_json, model_text },
    { "losses", "loss", LBK_LOSSES, FNS(loss), loss_json, loss_text },
    { "sources", "source", LBK_SOURCES, FNS(source), NULL, NULL },
    { "transforms", "transform", LBK_TRANSFORMS, FNS(transform), NULL, NULL },
    { "tasks", "task", LBK_TASKS, FNS(task), task_json, task_text },
    { "metrics", "metric", LBK_METRICS, FNS(metric), NULL, NULL },
    { "ops", "op", LBK_OPS, FNS(op), op_json, op_text },
    { "backends", "backend", LBK_BACKENDS, FNS(backend), NULL, NULL },
    { NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL },
};
#undef FNS

const struct kind *cli_kind(const char *name)
{
    for (const struct kind *k = cli_kinds; k->name; k++) {
        if (!strcmp(k->name, name) || !strcmp(k->plural, name))
            return k;
    }
    return NULL;
}

const void *cli_need(struct cli *c, const struct kind *k, const char *name)
{
    lbk_plugin_load_all(c->ctx);
    const void *found = lbk_registry_find(c->ctx, k->which, name);
    if (found)
        return found;
    const char *names[1024];
    int n = 0;
    for (const void *d = NULL; n < 1024 && (d = lbk_registry_next(c->ctx, k->which, d));)
        names[n++] = k->key(d);
    const char *near = cli_nearest(name, names, n);
    cli_fail(c, EXIT_USAGE, "%s '%s' is unknown%s%s%s", k->name, name,
             near ? "; did you mean '" : "; see 'limbeck list ", near ? near : k->plural,
             near ? "'?" : "'");
    return NULL;
}
