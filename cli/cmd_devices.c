/* SPDX-License-Identifier: MIT */
#include <stdio.h>
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
    cli_json_add(o, "host", json_boolean(d->is_host));
    cli_json_add(o, "unified", json_boolean(d->unified));
    cli_json_add(o, "fp16", json_boolean(d->fp16));
    return o;
}

int cmd_devices(struct cli *c)
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
                printf("%-12s %s, %s, %.1f GiB%s\n", spec, d[i].name, d[i].vendor,
                       (double) d[i].memory / (1 << 30), d[i].fp16 ? ", fp16" : "");
            json_array_append_new(all, described(c, spec, &d[i]));
        }
    }
    const bool none = json_array_size(all) == 0;
    json_t *o = json_object();
    cli_json_add(o, "devices", all);
    if (none) {
        json_decref(o);
        return cli_fail(c, EXIT_DEVICE, "no device was found");
    }
    if (c->json)
        return cli_json_put(c, "devices", o);
    json_decref(o);
    return 0;
}
