/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "cli.h"

struct lines { struct cli *c; json_t *all; };

static void put(void *ud, const char *line)
{
    struct lines *l = ud;
    if (!l->c->json)
        printf("%s\n", line);
    json_array_append_new(l->all, json_string(line));
}

int cmd_plugin(struct cli *c)
{
    if (c->n_words != 2 || strcmp(c->words[0], "check"))
        return cli_fail(c, EXIT_USAGE, "plugin: expected 'check' and a file");
    const int bad = cli_no_rest(c);
    if (bad)
        return bad;
    struct lines l = { c, json_array() };
    const char *path = c->words[1];
    /* A bare file name is meant as a file here, never as a name to search for. */
    if (!strchr(path, '/'))
        path = cli_text(c, "./%s", path);
    const lbk_status st = lbk_plugin_check(c->ctx, path, put, &l);
    json_t *o = json_object();
    cli_json_text(o, "plugin", path);
    cli_json_add(o, "lines", l.all);
    cli_json_add(o, "passed", json_boolean(st == LBK_OK));
    if (!st && c->json)
        return cli_json_put(c, "plugin.check", o);
    json_decref(o);
    return cli_exit_code(st);
}
