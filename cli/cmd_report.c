/* SPDX-License-Identifier: MIT */
#include <limbeck/report.h>
#include <stdio.h>
#include "cli.h"

int cmd_report(struct cli *c)
{
    const char *out = cli_take(c, "out");
    if (c->n_words == 0)
        return cli_fail(c, EXIT_USAGE, "report: expected directories of runs");
    const int bad = cli_no_rest(c);
    if (bad)
        return bad;
    const lbk_status st = lbk_report(c->ctx, c->n_words, c->words, out);
    if (!st && out)
        printf("%s\n", out);
    else if (!st)
        printf("%s%sreport.html\n", c->n_words > 1 ? "" : c->words[0], c->n_words > 1 ? "" : "/");
    return cli_exit_code(st);
}
