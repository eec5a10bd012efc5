/* SPDX-License-Identifier: MIT */
/* Runs whose resolved settings differ by seed and directory alone form a group. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

int cmd_compare(struct cli *c)
{
    return cli_fail(c, EXIT_FAILED, "compare: not here yet");
}
