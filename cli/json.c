/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include "cli.h"

void cli_json_add(json_t *o, const char *key, json_t *v)
{
    if (v)
        json_object_set_new(o, key, v);
}

void cli_json_text(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

json_t *cli_json_number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *cli_json_names(const char *const *names)
{
    json_t *a = json_array();
    for (int i = 0; names && names[i]; i++)
        json_array_append_new(a, json_string(names[i]));
    return a;
}

static const char *const types[] = {
    [LBK_OPT_BOOL] = "bool",       [LBK_OPT_INT] = "int",       [LBK_OPT_FLOAT] = "float",
    [LBK_OPT_ENUM] = "enum",       [LBK_OPT_STRING] = "string", [LBK_OPT_LIST] = "list",
    [LBK_OPT_NUMBERS] = "numbers", [LBK_OPT_SPAN] = "span",     [LBK_OPT_RAMP] = "ramp",
    [LBK_OPT_WEIGHT] = "weight",
};

static json_t *standard(const struct lbk_opt *o)
{
    switch (o->type) {
    case LBK_OPT_BOOL: return json_boolean(o->def != 0);
    case LBK_OPT_INT: return json_integer((json_int_t) o->def);
    case LBK_OPT_FLOAT: return json_real(o->def);
    default: return o->sdef ? json_string(o->sdef) : json_null();
    }
}

json_t *cli_json_options(const struct lbk_opt *table)
{
    json_t *a = json_array();
    for (const struct lbk_opt *o = table; o && o->type != LBK_OPT_END; o++) {
        json_t *j = json_object();
        cli_json_text(j, "name", o->name);
        cli_json_text(j, "type", types[o->type]);
        cli_json_add(j, "default", standard(o));
        if (o->min != o->max && (o->type == LBK_OPT_INT || o->type == LBK_OPT_FLOAT)) {
            cli_json_add(j, "min", json_real(o->min));
            cli_json_add(j, "max", json_real(o->max));
        }
        if (o->names)
            cli_json_add(j, "choices", cli_json_names(o->names));
        cli_json_text(j, "help", o->help);
        json_array_append_new(a, j);
    }
    return a;
}

int cli_json_put(struct cli *c, const char *what, json_t *o)
{
    json_t *all = json_object();
    cli_json_add(all, "schema", json_string(cli_text(c, "limbeck.%s/1", what)));
    json_object_update(all, o);
    json_decref(o);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(all);
    putchar('\n');
    return 0; /* cli_flush() finds what could not be written */
}

static void add_error(struct cli *c, json_t *o, int code)
{
    json_t *e = json_object();
    cli_json_add(e, "code", json_integer(code));
    cli_json_add(e, "message", json_string_nocheck(c->error));
    cli_json_add(o, "error", e);
}

int cli_json_put_failed(struct cli *c, const char *what, json_t *o)
{
    add_error(c, o, c->failed_code);
    cli_json_put(c, what, o);
    c->answered = true;
    return c->failed_code;
}

void cli_json_error(struct cli *c, int code)
{
    if (c->answered)
        return;
    json_t *o = json_object();
    add_error(c, o, code);
    cli_json_put(c, "error", o);
}
