/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cli.h"

int cmd_loss(struct cli *c)
{
    if (c->n_words != 1)
        return cli_fail(c, EXIT_USAGE, "loss: expected the name of one loss");
    const char *in = cli_take(c, "in"), *out = cli_take(c, "out"), *device;
    if (!in || !out)
        return cli_fail(c, EXIT_USAGE, "loss: %s is missing",
                        in ? "out=FILE.safetensors" : "in=FILE.safetensors");
    const int bad = cli_device(c, &device);
    if (bad || !cli_need(c, cli_kind("loss"), c->words[0]))
        return bad ? bad : c->failed_code;
    int n;
    double value;
    const struct lbk_setting *options = cli_rest(c, &n);
    const lbk_status st = lbk_loss_eval(c->ctx, device, c->words[0], in, out, n, options, &value);
    if (st)
        return cli_exit_code(st);
    if (!c->json) {
        printf("%.9g\n", value);
        return 0;
    }
    json_t *o = json_object();
    cli_json_text(o, "name", c->words[0]);
    cli_json_add(o, "loss", json_real(value));
    cli_json_text(o, "out", out);
    return cli_json_put(c, "loss", o);
}
