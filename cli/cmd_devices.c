/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

enum { MAX_DEVICES = 32 };

static json_t *described(struct cli *c, const char *spec, const struct lbk_device_info *d)
{
    json_t *o = json_object();
    cli_json_text(o, "device", spec);
    cli_json_text(o, "name", d->name);
    cli_json_text(o, "vendor", d->vendor);
    cli_json_add(o, "memory", json_integer((json_int_t) d->memory));
    cli_json_add(o, "max_alloc", json_integer((json_int_t) d->max_alloc));
    cli_json_add(o, "cpu", json_boolean(d->is_cpu));
    cli_json_add(o, "unusable", json_boolean(d->unusable));
    cli_json_add(o, "host", json_boolean(d->is_host));
    cli_json_add(o, "unified", json_boolean(d->unified));
    cli_json_add(o, "fp16", json_boolean(d->fp16));
    return o;
}

static void print(const char *spec, const struct lbk_device_info *d)
{
    printf("%-12s %s, %s, %.1f GiB%s\n", spec, d->name, d->vendor, (double) d->memory / (1 << 30),
           d->unusable ? ", cannot be used"
           : d->fp16   ? ", fp16"
                       : "");
}

static int answer(struct cli *c, json_t *devices)
{
    json_t *o = json_object();
    cli_json_add(o, "devices", devices);
    if (c->json)
        return cli_json_put(c, "devices", o);
    json_decref(o);
    return 0;
}

int cli_devices(struct cli *c)
{
    const lbk_status st = lbk_plugin_load_all(c->ctx);
    if (st)
        return cli_exit_code(st);
    json_t *all = json_array();
    for (const struct lbk_backend *b = NULL; (b = lbk_registry_next(c->ctx, LBK_BACKENDS, b));) {
        struct lbk_device_info d[MAX_DEVICES];
        const int n = lbk_device_list(c->ctx, b->name, d, MAX_DEVICES);
        for (int i = 0; i < n && i < MAX_DEVICES; i++) {
            const char *spec = i ? cli_text(c, "%s:%d", b->name, i) : b->name;
            if (!c->json)
                print(spec, &d[i]);
            json_array_append_new(all, described(c, spec, &d[i]));
        }
    }
    if (json_array_size(all) > 0)
        return answer(c, all);
    json_decref(all);
    return cli_fail(c, EXIT_DEVICE, "no device was found; see 'limbeck doctor'");
}

/* ---- one of them, with all that is known about it ---- */

struct reported {
    struct cli *c;
    json_t *report;
};

static void put_pair(void *ud, const char *key, const char *value)
{
    struct reported *r = ud;
    if (!r->c->json)
        printf("  %-24s %s\n", key, value);
    cli_json_text(r->report, key, value);
}

static int one(struct cli *c, const char *word)
{
    char spec[LBK_DEVICE_SPEC];
    struct lbk_device_info d[MAX_DEVICES];
    lbk_status st = lbk_device_choose(c->ctx, word, spec, sizeof spec);
    if (st)
        return cli_exit_code(st);
    const size_t name = strcspn(spec, ":,");
    const char *backend = cli_text(c, "%.*s", (int) name, spec);
    const long index = spec[name] == ':' ? strtol(spec + name + 1, NULL, 10) : 0;
    if (!cli_need(c, cli_kind("backend"), backend))
        return c->failed_code;
    const int n = lbk_device_list(c->ctx, backend, d, MAX_DEVICES);
    const bool there = index >= 0 && index < n && index < MAX_DEVICES;
    struct reported r = { c, json_object() };
    if (there && !c->json)
        print(spec, &d[index]);
    st = lbk_device_report(c->ctx, spec, put_pair, &r);
    json_t *all = json_array(), *o = there ? described(c, spec, &d[index]) : json_object();
    cli_json_add(o, "report", r.report);
    json_array_append_new(all, o);
    if (!st && there)
        return answer(c, all);
    json_decref(all);
    return st ? cli_exit_code(st)
              : cli_fail(c, EXIT_USAGE, "device '%s': there are %d of that kind", spec, n);
}

int cmd_devices(struct cli *c)
{
    if (c->n_words > 1)
        return cli_fail(c, EXIT_USAGE, "devices: expected one device at most");
    return c->n_words ? one(c, c->words[0]) : cli_devices(c);
}
