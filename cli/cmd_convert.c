/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

/* The value is the first of two words, the second, or absent, which means the first. */
static int take_choice(struct cli *c, const char *key, const char *const word[2], bool *second)
{
    const char *text = cli_take(c, key);
    *second = text && !strcmp(text, word[1]);
    if (!text || *second || !strcmp(text, word[0]))
        return 0;
    return cli_fail(c, EXIT_USAGE, "%s: expected %s or %s, got '%s'", key, word[0], word[1], text);
}

static int take_params(struct cli *c, struct lbk_convert_params *p)
{
    static const char *const to[2] = { "limbeck", "torch" }, *const last[2] = { "keep", "new" };
    const char *input = cli_take(c, "input");
    *p = (struct lbk_convert_params){ .size = sizeof *p, .in = c->words[0] };
    p->model = cli_take(c, "model");
    p->out = cli_take(c, "out");
    if (!p->model || !p->out)
        return cli_fail(c, EXIT_USAGE, "convert: %s is missing",
                        p->model ? "out=FILE" : "model=NAME");
    int bad = take_choice(c, "to", to, &p->back);
    if (!bad)
        bad = take_choice(c, "last", last, &p->anew);
    if (!bad)
        bad = cli_shape_parse(c, "input", input ? input : "3x32x32", &p->input);
    p->options = cli_rest(c, &p->n_options);
    return bad;
}

int cmd_convert(struct cli *c)
{
    struct lbk_convert_params p;
    struct lbk_converted done = { .size = sizeof done };
    if (c->n_words != 1)
        return cli_fail(c, EXIT_USAGE, "convert: expected one safetensors file");
    const int bad = take_params(c, &p);
    if (bad || !cli_need(c, cli_kind("model"), p.model))
        return bad ? bad : c->failed_code;
    const lbk_status st = lbk_convert(c->ctx, &p, &done);
    if (st)
        return cli_exit_code(st);
    printf("%s: %" PRId64 " tensors", p.out, done.tensors);
    if (done.renamed)
        printf(", %" PRId64 " of them under another name", done.renamed);
    if (done.classes)
        printf(", %" PRId64 " classes", done.classes);
    if (done.anew)
        printf(", %" PRId64 " tensors anew", done.anew);
    printf("\n");
    return 0;
}
