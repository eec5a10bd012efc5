/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cli.h"

static json_t *scores_json(const struct lbk_progress *out)
{
    json_t *scores = json_object(), *o = json_object();
    for (int i = 0; i < out->n; i++)
        cli_json_add(scores, out->labels[i], json_real(out->values[i]));
    cli_json_add(o, "scores", scores);
    cli_json_add(o, "seconds", json_real(out->seconds));
    return o;
}

static int evaluate(struct cli *c, struct lbk_train_params *p)
{
    struct lbk_progress out = { .size = sizeof out };
    struct progress *g = cli_progress_create(c);
    p->resume = c->words[0];
    p->progress = cli_progress;
    p->ud = g;
    cli_signals_catch();
    const lbk_status st = lbk_evaluate(c->ctx, p, &out);
    cli_progress_end(g);
    if (st)
        return cli_exit_code(st);
    if (c->json)
        return cli_json_put(c, "eval", scores_json(&out));
    for (int i = 0; i < out.n; i++)
        printf("%-20s %.6g\n", out.labels[i], out.values[i]);
    return 0;
}

int cmd_eval(struct cli *c)
{
    struct lbk_train_params p;
    if (c->n_words != 1)
        return cli_fail(c, EXIT_USAGE, "%s: expected the directory of one run", c->command->name);
    const int bad = cli_train_params(c, &p);
    return bad ? bad : evaluate(c, &p);
}
