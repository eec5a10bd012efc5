/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "cli.h"

static bool has_option(const struct lbk_opt *o, const char *name)
{
    for (; o && o->type != LBK_OPT_END; o++) {
        if (!strcmp(o->name, name))
            return true;
    }
    return false;
}

/* Threads are an option of those devices that have them. */
static int choose_device(struct cli *c, const char **spec)
{
    const char *device = cli_take(c, "device"), *threads = cli_take(c, "threads");
    char *own = cli_alloc(c, LBK_DEVICE_SPEC);
    lbk_status st = lbk_device_choose(c->ctx, device ? device : "cpu", own, LBK_DEVICE_SPEC);
    if (st)
        return cli_exit_code(st);
    *spec = own;
    if (!threads || strchr(*spec, ','))
        return 0;
    const char *name = cli_text(c, "%.*s", (int) strcspn(*spec, ":"), *spec);
    st = lbk_plugin_load(c->ctx, name);
    if (st)
        return cli_exit_code(st);
    const struct lbk_backend *b = lbk_registry_find(c->ctx, LBK_BACKENDS, name);
    if (b && has_option(b->opts, "threads"))
        *spec = cli_text(c, "%s,threads=%s", *spec, threads);
    return 0;
}

int cli_device(struct cli *c, const char **spec)
{
    c->about = "device";
    const int bad = choose_device(c, spec);
    c->about = NULL;
    return bad;
}

/* The trainer reads and keeps every setting; a device gets its threads here. */
int cli_train_params(struct cli *c, struct lbk_train_params *p)
{
    *p = (struct lbk_train_params) { .size = sizeof *p };
    p->settings = cli_all(c, &p->n_settings);
    p->out_dir = cli_take(c, "out");
    const bool named = cli_take(c, "device") || strcmp(c->command->name, "resume");
    return named ? cli_device(c, &p->device) : 0;
}
