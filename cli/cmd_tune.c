/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cli.h"

int cmd_tune(struct cli *c)
{
    const char *spec = cli_take(c, "device");
    lbk_device *d;
    if (!spec || c->n_words)
        return cli_fail(c, EXIT_USAGE, "tune: expected device=SPEC and nothing else");
    const int bad = cli_no_rest(c);
    if (bad)
        return bad;
    lbk_status st = lbk_device_open(c->ctx, spec, &d);
    if (st)
        return cli_exit_code(st);
    st = lbk_device_tune(d, cli_line, stdout);
    lbk_device_close(&d);
    return cli_exit_code(st);
}
