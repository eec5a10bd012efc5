/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

struct view {
    struct cli *c;
    json_t *meta, *tensors, *taps;
};

static void put_meta(void *ud, const char *key, const char *value)
{
    struct view *v = ud;
    if (v->c->json)
        cli_json_text(v->meta, key, value);
    else
        printf("%s = %s\n", key, value);
}

static void put_tensor(void *ud, const struct lbk_ckpt_tensor *t)
{
    struct view *v = ud;
    json_t *shape = json_array(), *o = json_object();
    const char *text = t->rank ? "" : "scalar";
    for (int i = 0; i < t->rank; i++) {
        json_array_append_new(shape, json_integer((json_int_t) t->dim[i]));
        text = cli_text(v->c, "%s%s%" PRIu64, text, i ? "x" : "", t->dim[i]);
    }
    if (!v->c->json)
        printf("%-40s %-4s %s\n", t->name, t->dtype, text);
    cli_json_text(o, "name", t->name);
    cli_json_text(o, "dtype", t->dtype);
    cli_json_add(o, "shape", shape);
    cli_json_add(o, "bytes", json_integer((json_int_t) t->bytes));
    json_array_append_new(v->tensors, o);
}

static int file(struct cli *c, const char *path)
{
    if (c->n_settings)
        return cli_fail(c, EXIT_USAGE, "inspect: a file takes no '%s='", c->settings[0].key);
    struct view v = { .c = c, .meta = json_object(), .tensors = json_array() };
    const struct lbk_ckpt_seen seen = { .meta = put_meta, .tensor = put_tensor, .ud = &v };
    const lbk_status st = lbk_ckpt_list(c->ctx, path, &seen);
    json_t *o = json_object();
    cli_json_text(o, "file", path);
    cli_json_add(o, "metadata", v.meta);
    cli_json_add(o, "tensors", v.tensors);
    if (!st && c->json)
        return cli_json_put(c, "inspect.file", o);
    json_decref(o);
    return cli_exit_code(st);
}

static json_t *shape_json(lbk_shape s)
{
    json_t *a = json_array();
    for (int i = 0; i < s.n; i++)
        json_array_append_new(a, json_integer(s.d[i]));
    return a;
}

static void put_weight(void *ud, const char *name, lbk_shape shape, bool trainable)
{
    struct view *v = ud;
    json_t *o = json_object();
    if (!v->c->json)
        printf("%-40s %-16s %s\n", name, cli_shape(v->c, shape), trainable ? "" : "buffer");
    cli_json_text(o, "name", name);
    cli_json_add(o, "shape", shape_json(shape));
    cli_json_add(o, "trainable", json_boolean(trainable));
    json_array_append_new(v->tensors, o);
}

static void put_tap(void *ud, const char *name, lbk_shape shape)
{
    struct view *v = ud;
    json_t *o = json_object();
    if (!v->c->json)
        printf("tap %-36s %s\n", name, cli_shape(v->c, shape));
    cli_json_text(o, "name", name);
    cli_json_add(o, "shape", shape_json(shape));
    json_array_append_new(v->taps, o);
}

static int model(struct cli *c, const char *name)
{
    lbk_shape input;
    const char *text = cli_take(c, "input");
    const int bad = cli_shape_parse(c, "input", text ? text : "3x32x32", &input);
    if (bad || !cli_need(c, cli_kind("model"), name))
        return bad ? bad : c->failed_code;
    int n;
    const struct lbk_setting *options = cli_rest(c, &n);
    struct view v = { .c = c, .tensors = json_array(), .taps = json_array() };
    struct lbk_model_info info = {
        .size = sizeof info, .weight = put_weight, .tap = put_tap, .ud = &v
    };
    const lbk_status st = lbk_model_describe(c->ctx, name, input, n, options, &info);
    json_t *o = json_object();
    cli_json_text(o, "model", name);
    cli_json_add(o, "input", shape_json(input));
    cli_json_add(o, "parameters", json_integer(info.parameters));
    cli_json_add(o, "buffers", json_integer(info.buffers));
    cli_json_add(o, "multiply_adds", json_integer((json_int_t) info.multiply_adds));
    cli_json_add(o, "weights", v.tensors);
    cli_json_add(o, "taps", v.taps);
    if (!st && c->json)
        return cli_json_put(c, "inspect.model", o);
    json_decref(o);
    if (!st)
        printf("%" PRId64 " parameters, %" PRId64
               " numbers in buffers, %.6g million multiply-adds\n",
               info.parameters, info.buffers, 1e-6 * info.multiply_adds);
    return cli_exit_code(st);
}

int cmd_inspect(struct cli *c)
{
    if (c->n_words == 2 && !strcmp(c->words[0], "model"))
        return model(c, c->words[1]);
    if (c->n_words == 1)
        return file(c, c->words[0]);
    return cli_fail(c, EXIT_USAGE, "inspect: expected a file, or 'model' and its name");
}
