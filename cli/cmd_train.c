/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cli.h"

static int no_words(struct cli *c)
{
    return c->n_words
               ? cli_fail(c, EXIT_USAGE, "%s: '%s' is not key=value", c->command->name, c->words[0])
               : 0;
}

static int run(struct cli *c, struct lbk_train_params *p)
{
    struct progress *g = cli_progress_create(c);
    p->progress = cli_progress;
    p->ud = g;
    cli_signals_catch();
    const lbk_status st = lbk_train(c->ctx, p);
    cli_progress_end(g);
    return cli_exit_code(st);
}

int cmd_train(struct cli *c)
{
    struct lbk_train_params p;
    int bad = no_words(c);
    if (!bad)
        bad = cli_train_params(c, &p);
    if (bad)
        return bad;
    if (c->dry_run)
        return cli_exit_code(lbk_check(c->ctx, &p, cli_line, stdout));
    if (!p.out_dir)
        return cli_fail(c, EXIT_USAGE, "train: out=DIR is missing");
    return run(c, &p);
}

int cmd_resume(struct cli *c)
{
    struct lbk_train_params p;
    if (c->n_words != 1)
        return cli_fail(c, EXIT_USAGE, "resume: expected the directory of one run");
    const int bad = cli_train_params(c, &p);
    if (bad)
        return bad;
    p.resume = c->words[0];
    return run(c, &p);
}
