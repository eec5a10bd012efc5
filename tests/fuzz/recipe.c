/* SPDX-License-Identifier: MIT */
#include "file.h"
#include "cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli c = { .quiet = true };
    cli_recipe_parse(&c, "recipe", data, size);
    cli_free(&c);
    return 0;
}
