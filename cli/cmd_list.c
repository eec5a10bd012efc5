/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "cli.h"

static json_t *described(const struct kind *k, const void *d)
{
    json_t *o = json_object();
    cli_json_text(o, "name", k->key(d));
    cli_json_text(o, "doc", k->doc(d));
    if (k->json)
        k->json(o, d);
    cli_json_add(o, "options", cli_json_options(k->opts(d)));
    return o;
}

static int list_json(struct cli *c, const struct kind *k)
{
    json_t *all = json_array(), *o = json_object();
    for (const void *d = NULL; (d = lbk_registry_next(c->ctx, k->which, d));)
        json_array_append_new(all, described(k, d));
    cli_json_add(o, k->plural, all);
    return cli_json_put(c, cli_text(c, "list.%s", k->plural), o);
}

int cmd_list(struct cli *c)
{
    const char *all =
        "methods, models, losses, sources, transforms, tasks, metrics, ops, backends or devices";
    if (c->n_words != 1)
        return cli_fail(c, EXIT_USAGE, "list: expected one of %s", all);
    if (!strcmp(c->words[0], "devices"))
        return cli_devices(c);
    const struct kind *k = cli_kind(c->words[0]);
    if (!k)
        return cli_fail(c, EXIT_USAGE, "list: expected one of %s, got '%s'", all, c->words[0]);
    const lbk_status st = lbk_plugin_load_all(c->ctx);
    if (st)
        return cli_exit_code(st);
    if (c->json)
        return list_json(c, k);
    for (const void *d = NULL; (d = lbk_registry_next(c->ctx, k->which, d));)
        printf("%-20s %s\n", k->key(d), k->doc(d) ? k->doc(d) : "");
    return 0;
}
