/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cli.h"

int cmd_version(struct cli *c)
{
    if (!c->json) {
        printf("limbeck %s, plugin ABI %d.%d\n", LBK_VERSION, LBK_ABI_MAJOR, LBK_ABI_MINOR);
        return 0;
    }
    json_t *o = json_object();
    cli_json_text(o, "version", LBK_VERSION);
    cli_json_add(o, "abi_major", json_integer(LBK_ABI_MAJOR));
    cli_json_add(o, "abi_minor", json_integer(LBK_ABI_MINOR));
    return cli_json_put(c, "version", o);
}
